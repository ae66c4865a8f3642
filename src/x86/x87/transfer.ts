/**
 * Helpers that move numbers between memory and the register stack, and the FPU's images in memory.
 *
 * A store is made in two steps, so that a fault in it changes nothing: the helper leaves the bytes in
 * `X87.value` and the status and tag words that follow in `X87.status` and `X87.tag`; the row stores the
 * bytes and only then puts those words in force.
 */

import { CPU } from '../state.ts';
import type { CpuState } from '../state.ts';
import { define, memoryOperand } from './arithmetic.ts';
import { loadDouble, storeDouble } from './fast.ts';
import { DOUBLE, ES, IE, INDEFINITE, RC_ZERO, SINGLE, fromInteger, isUnsupported, make, toBits, toInteger } from './float80.ts';
import { X87, control, environment, isEmpty, pop, push, raise, readRaw, setStatus, st, status, underflow, writeRaw } from './state.ts';

for (const source of ['m32', 'm64', 'i16', 'i32', 'i64'] as const) {
  define(`fld.${source}`, (cpu) => {
    if (source === 'm64' && loadDouble(cpu)) return;
    const env = environment(cpu);
    const value = memoryOperand(cpu, source, env);
    push(cpu, value, env.raised);
  });
}
define('fld.m80', (cpu) => push(cpu, readRaw(cpu, X87.value), 0));

const tagWord = CPU.x87Tag / 4;

/** Runs `body` on the status and tag words, then hands the new ones to the row and restores the old. */
function deferred(cpu: CpuState, pops: number, body: () => void): void {
  const oldStatus = status(cpu),
    oldTags = cpu.i32[tagWord];
  body();
  if (pops === 1 && (status(cpu) & ~control(cpu) & IE) === 0) pop(cpu);
  cpu.i32[X87.status / 4] = status(cpu);
  cpu.i32[X87.tag / 4] = cpu.i32[tagWord];
  setStatus(cpu, oldStatus);
  cpu.i32[tagWord] = oldTags;
}

const SIZES = { m32: SINGLE, m64: DOUBLE } as const;
for (const pops of [0, 1]) {
  for (const [name, format] of Object.entries(SIZES)) {
    define(`fst.${name}.${pops}`, (cpu) => {
      if (format === DOUBLE && storeDouble(cpu, pops)) return;
      deferred(cpu, pops, () => {
        const env = environment(cpu);
        if (isEmpty(cpu, 0)) underflow(cpu);
        cpu.u64[X87.value / 8] = toBits(isEmpty(cpu, 0) ? INDEFINITE : st(cpu, 0), format, env);
        if (!isEmpty(cpu, 0)) raise(cpu, env.raised);
      });
    });
  }
}
define('fst.m80.1', (cpu) =>
  deferred(cpu, 1, () => {
    if (isEmpty(cpu, 0)) underflow(cpu);
    else raise(cpu, 0);
    writeRaw(cpu, X87.value, isEmpty(cpu, 0) ? INDEFINITE : st(cpu, 0));
  }),
);

/** What fits is rounded; the rest becomes the most negative integer and raises IE alone. */
function integerOf(cpu: CpuState, bits: bigint, rc: number): bigint {
  const least = -(1n << (bits - 1n));
  if (isEmpty(cpu, 0)) {
    underflow(cpu);
    return least;
  }
  const env = environment(cpu);
  const value = toInteger(st(cpu, 0), rc, env);
  if (value === undefined || value < least || value >= -least) {
    raise(cpu, IE);
    return least;
  }
  raise(cpu, env.raised);
  return value;
}
for (const [name, bits] of [
  ['i16', 16n],
  ['i32', 32n],
  ['i64', 64n],
] as const) {
  for (const pops of [0, 1]) {
    define(`fist.${name}.${pops}`, (cpu) =>
      deferred(cpu, pops, () => {
        cpu.i64[X87.value / 8] = integerOf(cpu, bits, environment(cpu).rc);
      }),
    );
  }
  define(`fisttp.${name}`, (cpu) =>
    deferred(cpu, 1, () => {
      cpu.i64[X87.value / 8] = integerOf(cpu, bits, RC_ZERO);
    }),
  );
}

// Packed decimal: 18 digits, two a byte, and a sign byte (SDM vol. 1 §4.7).

define('fbld', (cpu) => {
  let value = 0n;
  for (let at = 8; at >= 0; at--) {
    const byte = cpu.u8[X87.value + at];
    value = value * 100n + BigInt((byte >> 4) * 10 + (byte & 15));
  }
  const number = fromInteger(value);
  push(cpu, make(cpu.u8[X87.value + 9] >> 7, number.exp, number.sig), 0);
});

const DECIMAL_LIMIT = 10n ** 18n;
function decimalOf(cpu: CpuState): void {
  const indefinite = (): void => {
    cpu.u64[X87.value / 8] = 0xc000_0000_0000_0000n;
    cpu.u16[(X87.value + 8) / 2] = 0xffff;
  };
  if (isEmpty(cpu, 0)) {
    underflow(cpu);
    return indefinite();
  }
  const env = environment(cpu);
  const number = st(cpu, 0);
  const value = toInteger(number, env.rc, env);
  const magnitude = value === undefined ? DECIMAL_LIMIT : value < 0n ? -value : value;
  if (magnitude >= DECIMAL_LIMIT) {
    raise(cpu, IE);
    return indefinite();
  }
  raise(cpu, env.raised);
  let rest = magnitude;
  for (let at = 0; at < 9; at++) {
    const pair = Number(rest % 100n);
    cpu.u8[X87.value + at] = (Math.floor(pair / 10) << 4) | (pair % 10);
    rest /= 100n;
  }
  cpu.u8[X87.value + 9] = number.sign << 7;
}
define('fbstp', (cpu) => deferred(cpu, 1, () => decimalOf(cpu)));

// The environment: control, status, full tag word, pointers (SDM vol. 1 §8.1.10, protected-mode 32-bit format; 16-bit format).

/** Two bits a register: valid 0, zero 1, special 2, empty 3. */
export function fullTags(cpu: CpuState): number {
  let word = 0;
  for (let at = 0; at < 8; at++) {
    let tag = 3;
    if ((cpu.i32[tagWord] >> at) & 1) {
      const value = readRaw(cpu, CPU.x87 + 16 * at);
      if (value.exp === 0 && value.sig === 0n) tag = 1;
      else tag = value.exp === 0 || value.exp === 0x7fff || isUnsupported(value) ? 2 : 0;
    }
    word |= tag << (2 * at);
  }
  return word;
}

function setFullTags(cpu: CpuState, word: number): void {
  let abridged = 0;
  for (let at = 0; at < 8; at++) if (((word >> (2 * at)) & 3) !== 3) abridged |= 1 << at;
  cpu.i32[tagWord] = abridged;
}

/** Puts a control word in force: reserved bits as hardware keeps them; pending exceptions are judged anew. */
export function setControl(cpu: CpuState, word: number): void {
  cpu.i32[CPU.x87Control / 4] = (word & 0x1f3f) | 0x40;
  const unmasked = status(cpu) & ~word & 0x3f;
  setStatus(cpu, unmasked === 0 ? status(cpu) & ~(ES | 0x8000) : status(cpu) | ES | 0x8000);
}

const image = CPU.fxsave;
const register = (cpu: CpuState, index: number): number => CPU.x87 + 16 * (((status(cpu) >> 11) + index) & 7);

/** Registers in stack order, 10 bytes each, from the end of the environment. */
function registersOut(cpu: CpuState, from: number, step: number): void {
  for (let at = 0; at < 8; at++) cpu.u8.copyWithin(from + step * at, register(cpu, at), register(cpu, at) + 10);
}
function registersIn(cpu: CpuState, from: number, step: number): void {
  for (let at = 0; at < 8; at++) cpu.u8.copyWithin(register(cpu, at), from + step * at, from + step * at + 10);
}

for (const wide of [false, true]) {
  const bytes = wide ? 28 : 14;
  const name = wide ? '32' : '16';
  const put = (cpu: CpuState, at: number, value: number): void => {
    const offset = image + at * (wide ? 4 : 2);
    if (wide) cpu.u32[offset / 4] = (value | 0xffff_0000) >>> 0;
    else cpu.u16[offset / 2] = value;
  };
  const environmentOut = (cpu: CpuState): void => {
    put(cpu, 0, control(cpu));
    put(cpu, 1, status(cpu));
    put(cpu, 2, fullTags(cpu));
    for (let at = 3; at < 7; at++) put(cpu, at, 0);
    if (wide) {
      for (let at = 3; at < 6; at++) cpu.u32[image / 4 + at] = 0;
    }
  };
  const environmentIn = (cpu: CpuState): void => {
    const get = (at: number): number => (wide ? cpu.u16[image / 2 + 2 * at] : cpu.u16[image / 2 + at]);
    setFullTags(cpu, get(2));
    setStatus(cpu, get(1));
    setControl(cpu, get(0));
  };
  define(`fnstenv.${name}`, environmentOut);
  define(`fldenv.${name}`, environmentIn);
  define(`fnsave.${name}`, (cpu) => {
    environmentOut(cpu);
    registersOut(cpu, image + bytes, 10);
  });
  define(`frstor.${name}`, (cpu) => {
    environmentIn(cpu);
    registersIn(cpu, image + bytes, 10);
  });
}

export const FNINIT = define('fninit', (cpu) => {
  cpu.i32[CPU.x87Control / 4] = 0x37f;
  setStatus(cpu, 0);
  cpu.i32[tagWord] = 0;
});
export const FNCLEX = define('fnclex', (cpu) => setStatus(cpu, status(cpu) & 0x7f00));
export const FLDCW = define('fldcw', (cpu) => setControl(cpu, cpu.i32[X87.value / 4]));

/** Bytes 0 to 159 of the FXSAVE image (SDM vol. 1, table 10-2); the row adds the XMM registers. */
export const FXSAVE = define('fxsave', (cpu) => {
  cpu.u8.fill(0, image, image + 160);
  cpu.u16[image / 2] = control(cpu);
  cpu.u16[image / 2 + 1] = status(cpu);
  cpu.u8[image + 4] = cpu.i32[tagWord];
  cpu.u32[(image + 24) / 4] = cpu.u32[CPU.mxcsr / 4];
  cpu.u32[(image + 28) / 4] = 0xffff;
  registersOut(cpu, image + 32, 16);
});
export const FXRSTOR = define('fxrstor', (cpu) => {
  cpu.i32[tagWord] = cpu.u8[image + 4];
  setStatus(cpu, cpu.u16[image / 2 + 1]);
  setControl(cpu, cpu.u16[image / 2]);
  cpu.u32[CPU.mxcsr / 4] = cpu.u32[(image + 24) / 4];
  registersIn(cpu, image + 32, 16);
});
