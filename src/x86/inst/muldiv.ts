/** Multiplication and division (SDM vol. 1 §7.3.2). */

import { defineHelper } from '../helpers.ts';
import type { Lift, Lifter, Value } from '../lift.ts';
import { GPR, HIGH } from '../operands.ts';
import { i } from '../row.ts';
import type { Row } from '../row.ts';
import { AF, CF, CPU, OF, PF, RAX, RDX, SF, ZF } from '../state.ts';
import type { CpuState } from '../state.ts';
import { bitsOf, clean, isZero, narrow, raw, setFlags, signTo64, sizeOf, zeroTo64 } from './integer.ts';

/** The upper 64 bits of an unsigned 64 × 64 product, from four of 32 × 32. */
function highUnsigned(b: Lifter, a: Value, c: Value): Value {
  const mask = b.i64(0xffff_ffff);
  const half = b.i64(32);
  const low = (v: Value): Value => b.op('i64.and', v, mask);
  const high = (v: Value): Value => b.op('i64.shr_u', v, half);
  const [a0, a1, c0, c1] = [low(a), high(a), low(c), high(c)];
  const u = b.op('i64.add', b.op('i64.mul', a1, c0), high(b.op('i64.mul', a0, c0)));
  const v = b.op('i64.add', b.op('i64.mul', a0, c1), low(u));
  return b.op('i64.add', b.op('i64.mul', a1, c1), b.op('i64.add', high(u), high(v)));
}
function highSigned(b: Lifter, a: Value, c: Value): Value {
  const sign = (v: Value): Value => b.op('i64.shr_s', v, b.i64(63));
  const corrections = b.op('i64.add', b.op('i64.and', sign(a), c), b.op('i64.and', sign(c), a));
  return b.op('i64.sub', highUnsigned(b, a, c), corrections);
}

function setOverflow(b: Lifter, overflow: () => Value): void {
  setFlags(b, { cf: overflow, of: overflow, sf: () => b.i32(0), zf: () => b.i32(0), af: () => b.i32(0), pf: () => b.i32(0) });
}

/** rDX:rAX ← rAX × operand (AX for bytes). */
const multiply = (sign: 'u' | 's'): Lift => (b, x) => {
  const size = sizeOf(x.ops[0]);
  const extend = sign === 'u' ? zeroTo64 : signTo64;
  const c = b.read(x.ops[0]);
  if (size === 8) {
    const a = b.readGpr(RAX);
    const low = b.op('i64.mul', a, c);
    const high = (sign === 'u' ? highUnsigned : highSigned)(b, a, c);
    b.writeGpr(RAX, low);
    b.writeGpr(RDX, high);
    return setOverflow(b, () => b.op('i64.ne', high, sign === 'u' ? b.i64(0) : b.op('i64.shr_s', low, b.i64(63))));
  }
  const a = b.read(GPR[Math.log2(size)][RAX]);
  const product = b.op('i64.mul', extend(b, size, a), extend(b, size, c));
  const low = narrow(b, size, product);
  if (size === 1) b.write(GPR[1][RAX], narrow(b, 2, product));
  else {
    b.write(GPR[Math.log2(size)][RAX], low);
    b.write(GPR[Math.log2(size)][RDX], narrow(b, size, b.op('i64.shr_u', product, b.i64(bitsOf(size)))));
  }
  setOverflow(b, () => b.op('i64.ne', product, extend(b, size, low)));
};

/** destination ← first × second, truncated. */
const imul: Lift = (b, x) => {
  const size = sizeOf(x.ops[0]);
  const [first, second] = x.ops.length === 2 ? [x.ops[0], x.ops[1]] : [x.ops[1], x.ops[2]];
  const a = b.read(first);
  const c = b.read(second);
  const result = clean(b, size, raw(b, size, 'mul', a, c));
  b.write(x.ops[0], result);
  setOverflow(b, () =>
    size === 8
      ? b.op('i64.ne', highSigned(b, a, c), b.op('i64.shr_s', result, b.i64(63)))
      : b.op('i64.ne', b.op('i64.mul', signTo64(b, size, a), signTo64(b, size, c)), signTo64(b, size, result)));
};

/**
 * 128 by 64 bits, for quotients whose dividend does not fit in 64. Scratch: low, high, divisor (i64), 1 if there
 * is anything to do (i32, at 32); back: quotient, remainder, 1 for overflow (i32, at 36).
 */
const WANTED = CPU.scratch + 32;
const OVERFLOW = CPU.scratch + 36;
function divideUnsigned(cpu: CpuState): void {
  cpu.i32[OVERFLOW / 4] = 0;
  if (cpu.i32[WANTED / 4] === 0) return;
  const at = CPU.scratch / 8;
  const [low, high, divisor] = [cpu.u64[at], cpu.u64[at + 1], cpu.u64[at + 2]];
  if (divisor === 0n || high >= divisor) {
    cpu.i32[OVERFLOW / 4] = 1;
    return;
  }
  const dividend = (high << 64n) | low;
  cpu.u64[at] = dividend / divisor;
  cpu.u64[at + 1] = dividend % divisor;
}
function divideSigned(cpu: CpuState): void {
  cpu.i32[OVERFLOW / 4] = 0;
  if (cpu.i32[WANTED / 4] === 0) return;
  const at = CPU.scratch / 8;
  const dividend = (cpu.i64[at + 1] << 64n) | cpu.u64[at];
  const divisor = cpu.i64[at + 2];
  const quotient = divisor === 0n ? 0n : dividend / divisor;
  if (divisor === 0n || quotient !== BigInt.asIntN(64, quotient)) {
    cpu.i32[OVERFLOW / 4] = 1;
    return;
  }
  cpu.i64[at] = quotient;
  cpu.i64[at + 1] = dividend % divisor;
}
const HELPER = {
  u: defineHelper({ name: 'div_u128', reads: 0, writes: 0, memory: 'none', run: divideUnsigned }),
  s: defineHelper({ name: 'div_s128', reads: 0, writes: 0, memory: 'none', run: divideSigned }),
} as const;

function divide64(b: Lifter, sign: 'u' | 's', divisor: Value): void {
  const low = b.readGpr(RAX);
  const high = b.readGpr(RDX);
  b.trapIf(b.op('i64.eqz', divisor), 'de');
  const fits = b.op('i64.eq', high, sign === 'u' ? b.i64(0) : b.op('i64.shr_s', low, b.i64(63)));
  // −2^63 ÷ −1 overflows, in the quotient here and as a trap of the operation: the helper reports it.
  const simple = sign === 'u' ? fits : b.op('i32.and', fits, b.op('i64.ne', divisor, b.i64(-1)));
  b.cpuStore('i64.store', CPU.scratch, low);
  b.cpuStore('i64.store', CPU.scratch + 8, high);
  b.cpuStore('i64.store', CPU.scratch + 16, divisor);
  b.cpuStore('i32.store', WANTED, b.op('i32.eqz', simple));
  b.helper(HELPER[sign]);
  b.trapIf(b.cpuLoad('i32.load', OVERFLOW), 'de');
  const safe = b.select(simple, divisor, b.i64(1));
  b.writeGpr(RAX, b.select(simple, b.op(`i64.div_${sign}`, low, safe), b.cpuLoad('i64.load', CPU.scratch)));
  b.writeGpr(RDX, b.select(simple, b.op(`i64.rem_${sign}`, low, safe), b.cpuLoad('i64.load', CPU.scratch + 8)));
}

/** rAX, rDX ← quotient and remainder of rDX:rAX (AL, AH of AX for bytes). */
const divide = (sign: 'u' | 's'): Lift => (b, x) => {
  const size = sizeOf(x.ops[0]);
  const c = b.read(x.ops[0]);
  if (size === 8) return divide64(b, sign, c);
  b.trapIf(isZero(b, size, c), 'de');
  const extend = sign === 'u' ? zeroTo64 : signTo64;
  const registers = GPR[Math.log2(size)];
  const dividend = size === 1
    ? extend(b, 2, b.read(GPR[1][RAX]))
    : b.op('i64.or', b.op('i64.shl', extend(b, size, b.read(registers[RDX])), b.i64(bitsOf(size))), zeroTo64(b, size, b.read(registers[RAX])));
  const divisor = extend(b, size, c);
  if (sign === 's' && size === 4) {
    // The only quotient that overflows 64 bits.
    const lowest = b.op('i64.eq', dividend, b.i64(-0x8000_0000_0000_0000n));
    b.trapIf(b.op('i32.and', lowest, b.op('i64.eq', divisor, b.i64(-1))), 'de');
  }
  const quotient = b.op(`i64.div_${sign}`, dividend, divisor);
  const remainder = b.op(`i64.rem_${sign}`, dividend, divisor);
  const small = narrow(b, size, quotient);
  b.trapIf(b.op('i64.ne', quotient, extend(b, size, small)), 'de');
  b.write(registers[RAX], small);
  b.write(size === 1 ? HIGH[RAX] : registers[RDX], narrow(b, size, remainder));
};

const M = { undefinedFlags: SF | ZF | AF | PF };
const D = { undefinedFlags: CF | OF | SF | ZF | AF | PF };
const mul = multiply('u'), imul1 = multiply('s'), div = divide('u'), idiv = divide('s');

// biome-ignore format: a table
export const MULDIV: readonly Row[] = [
  i('imul', '69 /r id', 'Gv,Ev,Iz',  'I386', imul, M),
  i('imul', '6B /r ib', 'Gv,Ev,sIb', 'I386', imul, M),
  i('mul',  'F6 /4',    'Eb',        'I386', mul, M),
  i('imul', 'F6 /5',    'Eb',        'I386', imul1, M),
  i('div',  'F6 /6',    'Eb',        'I386', div, D),
  i('idiv', 'F6 /7',    'Eb',        'I386', idiv, D),
  i('mul',  'F7 /4',    'Ev',        'I386', mul, M),
  i('imul', 'F7 /5',    'Ev',        'I386', imul1, M),
  i('div',  'F7 /6',    'Ev',        'I386', div, D),
  i('idiv', 'F7 /7',    'Ev',        'I386', idiv, D),
  i('imul', '0F AF /r', 'Gv,Ev',     'I386', imul, M),
];
