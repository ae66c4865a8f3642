/**
 * Helpers of arithmetic, comparison and control on the register stack (SDM vol. 2, F… pages).
 *
 * A stack operand's number stands in `X87.index`, a memory operand in `X87.value`. Unmasked exceptions leave
 * the operands alone where the manual says so (invalid, denormal, zero divide) and set ES; #MF is raised by the
 * next FWAIT only (docs/divergences.md).
 */

import { defineHelper } from '../helpers.ts';
import type { CpuState } from '../state.ts';
import {
  C0,
  C1,
  C2,
  C3,
  DE,
  DOUBLE,
  IE,
  INDEFINITE,
  SINGLE,
  ZE,
  add,
  denormals,
  div,
  extract,
  fromBits,
  fromInteger,
  isDenormal,
  isInfinity,
  isNaN80,
  isSignaling,
  isUnsupported,
  isZero,
  make,
  mul,
  negate,
  order,
  remainder,
  roundToIntegral,
  scale,
  sqrt,
  sub,
  zero,
} from './float80.ts';
import { addOrSubtract, multiply } from './fast.ts';
import type { Env, F80 } from './float80.ts';
import { X87, environment, free, isEmpty, pop, push, raise, setSt, setStatus, setTop, st, status, underflow } from './state.ts';

export function define(name: string, run: (cpu: CpuState) => void): string {
  return defineHelper({ name: `x87.${name}`, reads: 0, writes: 0, memory: 'none', run });
}

export type Arithmetic = 'fadd' | 'fmul' | 'fsub' | 'fsubr' | 'fdiv' | 'fdivr';
export type Source = 'st0_sti' | 'sti_st0' | 'sti_st0_pop' | 'm32' | 'm64' | 'i16' | 'i32';

const OPERATION: Readonly<Record<Arithmetic, (a: F80, b: F80, env: Env) => F80>> = {
  fadd: add,
  fmul: mul,
  fsub: sub,
  fsubr: (a, b, env) => sub(b, a, env),
  fdiv: div,
  fdivr: (a, b, env) => div(b, a, env),
};

/** The memory operand as an extended number. */
export function memoryOperand(cpu: CpuState, source: 'm32' | 'm64' | 'i16' | 'i32' | 'i64', env: Env): F80 {
  switch (source) {
    case 'm32':
      return fromBits(BigInt(cpu.u32[X87.value / 4]), SINGLE, env);
    case 'm64':
      return fromBits(cpu.u64[X87.value / 8], DOUBLE, env);
    case 'i16':
      return fromInteger(BigInt((cpu.i32[X87.value / 4] << 16) >> 16));
    case 'i32':
      return fromInteger(BigInt(cpu.i32[X87.value / 4]));
    case 'i64':
      return fromInteger(cpu.i64[X87.value / 8]);
  }
}

/** A float in memory as an operand of arithmetic: signaling NaNs stay visible, so that the rules for two NaNs see them. */
function signalingOperand(cpu: CpuState, source: 'm32' | 'm64' | 'i16' | 'i32', env: Env): F80 {
  const value = memoryOperand(cpu, source, env);
  if ((env.raised & IE) !== 0) return make(value.sign, value.exp, value.sig & ~(1n << 62n));
  return value;
}

/** Puts a result where `write` says unless an unmasked exception forbids it. */
function finish(cpu: CpuState, env: Env, result: F80, index: number): boolean {
  if (!raise(cpu, env.raised)) return false;
  setSt(cpu, index, result);
  return true;
}

/** The common cases of `OPERATION`, on registers. */
const QUICK: Readonly<Record<string, (cpu: CpuState, target: number, other: number) => boolean>> = {
  fadd: (cpu, target, other) => addOrSubtract(cpu, target, target, other, 0),
  fmul: multiply,
  fsub: (cpu, target, other) => addOrSubtract(cpu, target, target, other, 0x8000),
  fsubr: (cpu, target, other) => addOrSubtract(cpu, target, other, target, 0x8000),
};

for (const [name, operate] of Object.entries(OPERATION)) {
  const quick = QUICK[name];
  for (const source of ['m32', 'm64', 'i16', 'i32'] as const) {
    define(`${name}.${source}`, (cpu) => {
      if (isEmpty(cpu, 0)) return void (underflow(cpu) && setSt(cpu, 0, INDEFINITE));
      const env = environment(cpu);
      const value = signalingOperand(cpu, source, env);
      const before = env.raised;
      const result = operate(st(cpu, 0), value, env);
      if (isNaN80(st(cpu, 0)) || (env.raised & ~before & (IE | ZE)) !== 0) env.raised &= ~DE;
      finish(cpu, env, result, 0);
    });
  }
  for (const source of ['st0_sti', 'sti_st0', 'sti_st0_pop'] as const) {
    define(`${name}.${source}`, (cpu) => {
      const index = cpu.i32[X87.index / 4];
      const target = source === 'st0_sti' ? 0 : index;
      const other = source === 'st0_sti' ? index : 0;
      if (quick !== undefined && quick(cpu, target, other)) {
        if (source === 'sti_st0_pop') pop(cpu);
        return;
      }
      if (isEmpty(cpu, 0) || isEmpty(cpu, index)) {
        if (!underflow(cpu)) return;
        setSt(cpu, target, INDEFINITE);
      } else {
        const env = environment(cpu);
        if (!finish(cpu, env, operate(st(cpu, target), st(cpu, other), env), target)) return;
      }
      if (source === 'sti_st0_pop') pop(cpu);
    });
  }
}
export const arithmetic = (name: Arithmetic, source: Source): string => `x87.${name}.${source}`;

/** Instructions from ST(0) to ST(0). */
function unary(name: string, operate: (a: F80, env: Env) => F80): string {
  return define(name, (cpu) => {
    if (isEmpty(cpu, 0)) return void (underflow(cpu) && setSt(cpu, 0, INDEFINITE));
    const env = environment(cpu);
    finish(cpu, env, operate(st(cpu, 0), env), 0);
  });
}
export const FCHS = unary('fchs', negate);
export const FABS = unary('fabs', (a) => make(0, a.exp, a.sig));
export const FSQRT = unary('fsqrt', sqrt);
export const FRNDINT = unary('frndint', roundToIntegral);

export const FSCALE = define('fscale', (cpu) => {
  if (isEmpty(cpu, 0) || isEmpty(cpu, 1)) return void (underflow(cpu) && setSt(cpu, 0, INDEFINITE));
  const env = environment(cpu);
  finish(cpu, env, scale(st(cpu, 0), st(cpu, 1), env), 0);
});

export const FXTRACT = define('fxtract', (cpu) => {
  if (isEmpty(cpu, 0)) {
    if (!underflow(cpu)) return;
    setSt(cpu, 0, INDEFINITE);
    push(cpu, INDEFINITE, 0);
    setStatus(cpu, status(cpu) & ~C1);
    return;
  }
  if (!isEmpty(cpu, 7)) {
    if (!raise(cpu, IE | 64 | C1)) return;
    setSt(cpu, 0, INDEFINITE);
    setStatus(cpu, (status(cpu) & ~0x3800) | ((status(cpu) - 0x800) & 0x3800));
    setSt(cpu, 0, INDEFINITE);
    return;
  }
  const env = environment(cpu);
  const { exponent, significand } = extract(st(cpu, 0), env);
  if (!finish(cpu, env, exponent, 0)) return;
  push(cpu, significand, 0);
});

for (const name of ['fprem', 'fprem1'] as const) {
  define(name, (cpu) => {
    // C2 is cleared in any case, C0 and C3 only by a quotient.
    setStatus(cpu, status(cpu) & ~C2);
    if (isEmpty(cpu, 0) || isEmpty(cpu, 1)) return void (underflow(cpu) && setSt(cpu, 0, INDEFINITE));
    const env = environment(cpu);
    const { result, quotient, partial } = remainder(st(cpu, 0), st(cpu, 1), name === 'fprem1', env);
    env.raised &= ~C1;
    if (!finish(cpu, env, result, 0) || isNaN80(result)) return;
    setStatus(cpu, status(cpu) & ~(C0 | C3));
    const low = Number(quotient & 7n);
    setStatus(cpu, status(cpu) | (low & 4 ? C0 : 0) | (low & 2 ? C3 : 0) | (low & 1 ? C1 : 0) | (partial ? C2 : 0));
  });
}

const CODES = new Map<number | undefined, number>([
  [1, 0],
  [-1, C0],
  [0, C3],
  [undefined, C0 | C2 | C3],
]);

/** Compares; `quietly` accepts quiet NaNs. Gives the condition code, or undefined where an unmasked exception stops it. */
function comparison(cpu: CpuState, a: F80, b: F80, quietly: boolean, env: Env): number | undefined {
  if (isUnsupported(a) || isUnsupported(b) || isSignaling(a) || isSignaling(b)) env.raised |= IE;
  else if (isNaN80(a) || isNaN80(b)) env.raised |= quietly ? 0 : IE;
  else denormals(a, b, env);
  if ((env.raised & IE) !== 0 || isNaN80(a) || isNaN80(b)) env.raised &= ~DE;
  const code = CODES.get(order(a, b)) as number;
  return raise(cpu, env.raised) ? code : undefined;
}

/** Into C0, C2, C3; then pops. */
function intoStatus(cpu: CpuState, code: number | undefined, pops: number): void {
  if (code === undefined) return;
  setStatus(cpu, (status(cpu) & ~(C0 | C2 | C3)) | code);
  for (let at = 0; at < pops; at++) pop(cpu);
}

function unorderedUnderflow(cpu: CpuState): number | undefined {
  return underflow(cpu) ? C0 | C2 | C3 : undefined;
}

for (const quietly of [false, true]) {
  for (const pops of [0, 1, 2]) {
    define(`${quietly ? 'fucom' : 'fcom'}.sti.${pops}`, (cpu) => {
      const index = cpu.i32[X87.index / 4];
      const empty = isEmpty(cpu, 0) || isEmpty(cpu, index);
      intoStatus(cpu, empty ? unorderedUnderflow(cpu) : comparison(cpu, st(cpu, 0), st(cpu, index), quietly, environment(cpu)), pops);
    });
    if (pops === 2) continue;
    define(`${quietly ? 'fucomi' : 'fcomi'}.${pops}`, (cpu) => {
      const index = cpu.i32[X87.index / 4];
      const empty = isEmpty(cpu, 0) || isEmpty(cpu, index);
      const c1 = status(cpu) & C1;
      const code = empty ? unorderedUnderflow(cpu) : comparison(cpu, st(cpu, 0), st(cpu, index), quietly, environment(cpu));
      // AMD's processors leave C1 alone here, Intel's manual clears it.
      if (!empty) setStatus(cpu, status(cpu) | c1);
      if (code === undefined) return;
      cpu.i32[X87.flags / 4] = (code & C0 ? 1 : 0) | (code & C2 ? 4 : 0) | (code & C3 ? 64 : 0);
      if (pops === 1) pop(cpu);
    });
  }
}
for (const source of ['m32', 'm64', 'i16', 'i32'] as const) {
  for (const pops of [0, 1]) {
    define(`fcom.${source}.${pops}`, (cpu) => {
      if (isEmpty(cpu, 0)) return intoStatus(cpu, unorderedUnderflow(cpu), pops);
      const env = environment(cpu);
      const value = signalingOperand(cpu, source, env);
      intoStatus(cpu, comparison(cpu, st(cpu, 0), value, false, env), pops);
    });
  }
}
export const FTST = define('ftst', (cpu) => {
  intoStatus(cpu, isEmpty(cpu, 0) ? unorderedUnderflow(cpu) : comparison(cpu, st(cpu, 0), zero(0), false, environment(cpu)), 0);
});

export const FXAM = define('fxam', (cpu) => {
  const value = st(cpu, 0);
  let code: number;
  if (isEmpty(cpu, 0)) code = C3 | C0;
  else if (isUnsupported(value)) code = 0;
  else if (isNaN80(value)) code = C0;
  else if (isInfinity(value)) code = C2 | C0;
  else if (isZero(value)) code = C3;
  else if (isDenormal(value)) code = C3 | C2;
  else code = C2;
  setStatus(cpu, (status(cpu) & ~(C0 | C1 | C2 | C3)) | code | (value.sign ? C1 : 0));
});

// Moves on the stack.

export const FLD_STI = define('fld.sti', (cpu) => {
  const index = cpu.i32[X87.index / 4];
  if (!isEmpty(cpu, index)) return push(cpu, st(cpu, index), 0);
  if (!underflow(cpu)) return;
  setTop(cpu, (status(cpu) >> 11) - 1);
  setSt(cpu, 0, INDEFINITE);
});
for (const pops of [0, 1]) {
  define(`fst.sti.${pops}`, (cpu) => {
    const index = cpu.i32[X87.index / 4];
    if (isEmpty(cpu, 0)) {
      if (!underflow(cpu)) return;
      setSt(cpu, index, INDEFINITE);
    } else {
      raise(cpu, 0);
      setSt(cpu, index, st(cpu, 0));
    }
    if (pops === 1) pop(cpu);
  });
}
/** The undocumented alias D9 D8+i: an empty ST(0) is no fault. */
export const FSTPNCE = define('fstpnce', (cpu) => {
  raise(cpu, 0);
  if (!isEmpty(cpu, 0)) setSt(cpu, cpu.i32[X87.index / 4], st(cpu, 0));
  pop(cpu);
});
export const FXCH = define('fxch', (cpu) => {
  const index = cpu.i32[X87.index / 4];
  if (isEmpty(cpu, 0) || isEmpty(cpu, index)) {
    if (!underflow(cpu)) return;
    if (isEmpty(cpu, 0)) setSt(cpu, 0, INDEFINITE);
    if (isEmpty(cpu, index)) setSt(cpu, index, INDEFINITE);
  } else raise(cpu, 0);
  const first = st(cpu, 0);
  setSt(cpu, 0, st(cpu, index));
  setSt(cpu, index, first);
});
/** The condition stands in `X87.flags`. */
export const FCMOV = define('fcmov', (cpu) => {
  const index = cpu.i32[X87.index / 4];
  if (isEmpty(cpu, 0) || isEmpty(cpu, index)) {
    if (underflow(cpu)) setSt(cpu, 0, INDEFINITE);
    return;
  }
  if (cpu.i32[X87.flags / 4] !== 0) setSt(cpu, 0, st(cpu, index));
});
export const FFREE = define('ffree', (cpu) => {
  raise(cpu, 0);
  free(cpu, cpu.i32[X87.index / 4]);
});
export const FFREEP = define('ffreep', (cpu) => {
  raise(cpu, 0);
  free(cpu, cpu.i32[X87.index / 4]);
  pop(cpu);
});
export const FINCSTP = define('fincstp', (cpu) => setStatus(cpu, (status(cpu) & ~(0x3800 | C1)) | ((status(cpu) + 0x800) & 0x3800)));
export const FDECSTP = define('fdecstp', (cpu) => setStatus(cpu, (status(cpu) & ~(0x3800 | C1)) | ((status(cpu) - 0x800) & 0x3800)));

/** Constants: significand rounded to nearest, and what directed rounding changes (SDM vol. 2A FLD1). */
const CONSTANTS = {
  fld1: [16383, 0x8000_0000_0000_0000n, [0, 0, 0, 0]],
  fldl2t: [16384, 0xd49a_784b_cd1b_8afen, [0, 0, 1, 0]],
  fldl2e: [16383, 0xb8aa_3b29_5c17_f0bcn, [0, -1, 0, -1]],
  fldpi: [16384, 0xc90f_daa2_2168_c235n, [0, -1, 0, -1]],
  fldlg2: [16381, 0x9a20_9a84_fbcf_f799n, [0, -1, 0, -1]],
  fldln2: [16382, 0xb172_17f7_d1cf_79acn, [0, -1, 0, -1]],
  fldz: [0, 0n, [0, 0, 0, 0]],
} as const;
for (const [name, [exp, sig, step]] of Object.entries(CONSTANTS)) {
  const values = step.map((by) => make(0, exp, sig + BigInt(by)));
  define(name, (cpu) => push(cpu, values[environment(cpu).rc], 0));
}
