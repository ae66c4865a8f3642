/**
 * x87: the floating-point unit (SDM vol. 1 ch. 8).
 *
 * One helper per operation (x87/*.ts) works on the registers; a row brings memory operands to `X87.value`
 * and results from there, so that faults are ordinary ones.
 */

import type { LoadOp } from '../../ops/index.ts';
import type { Insn, Mem } from '../insn.ts';
import type { Condition, Lift, Lifter } from '../lift.ts';
import { i } from '../row.ts';
import type { Feature, Row } from '../row.ts';
import { CPU } from '../state.ts';
import { FABS, FCHS, FCMOV, FDECSTP, FFREE, FFREEP, FINCSTP, FLD_STI, FRNDINT, FSCALE, FSQRT, FSTPNCE, FTST, FXAM, FXCH, FXTRACT, arithmetic } from '../x87/arithmetic.ts';
import type { Arithmetic } from '../x87/arithmetic.ts';
import { X87 } from '../x87/state.ts';
import { FLDCW, FNCLEX, FNINIT } from '../x87/transfer.ts';
import { F2XM1, FCOS, FPATAN, FPTAN, FSIN, FSINCOS, FYL2X, FYL2XP1 } from '../x87/transcendental.ts';

const call = (name: string): Lift => (b) => b.helper(name);

/** The stack register that the last `STi` operand names. */
function stackIndex(x: Insn, fallback: number): number {
  const named = x.ops.filter((o) => o.kind === 'st');
  for (const o of named) if (o.index !== 0) return o.index;
  return named.length > 0 ? named[0].index : fallback;
}

/** Calls a helper on ST(i). */
const onSti = (name: string, fallback = 1): Lift => (b, x) => {
  b.cpuStore('i32.store', X87.index, b.i32(stackIndex(x, fallback)));
  b.helper(name);
};

const memory = (x: Insn): Mem => x.ops[0] as Mem;
const LOAD: Record<number, LoadOp> = { 2: 'i32.load16_u', 4: 'i32.load', 8: 'i64.load' };

/** Brings `bytes` of memory to `X87.value`. */
function fetch(b: Lifter, x: Insn, bytes: 2 | 4 | 8 | 10): void {
  const address = b.address(memory(x));
  if (bytes === 10) {
    const low = b.load('i64.load', address);
    const high = b.load('i32.load16_u', b.op('i64.add', address, b.i64(8)));
    b.cpuStore('i64.store', X87.value, low);
    b.cpuStore('i32.store16', X87.value + 8, high);
  } else {
    const value = b.load(LOAD[bytes], address);
    b.cpuStore(bytes === 8 ? 'i64.store' : 'i32.store', X87.value, value);
  }
}

const from = (name: string, bytes: 2 | 4 | 8 | 10): Lift => (b, x) => {
  fetch(b, x, bytes);
  b.helper(name);
};

/** Stores a helper's result, then puts its status and tag words in force. */
const to = (name: string, bytes: 2 | 4 | 8 | 10): Lift => (b, x) => {
  b.helper(name);
  const address = b.address(memory(x));
  if (bytes === 2) b.store('i32.store16', address, b.cpuLoad('i32.load', X87.value));
  else if (bytes === 4) b.store('i32.store', address, b.cpuLoad('i32.load', X87.value));
  else if (bytes === 8) b.store('i64.store', address, b.cpuLoad('i64.load', X87.value));
  else {
    // The last two bytes first: where the operand crosses into an unmapped page, nothing of it is written.
    b.store('i32.store16', b.op('i64.add', address, b.i64(8)), b.cpuLoad('i32.load16_u', X87.value + 8));
    b.store('i64.store', address, b.cpuLoad('i64.load', X87.value));
  }
  b.cpuStore('i32.store', CPU.x87Status, b.cpuLoad('i32.load', X87.status));
  b.cpuStore('i32.store', CPU.x87Tag, b.cpuLoad('i32.load', X87.tag));
};

/** `fcomi` and its kin: ZF, PF, CF; the others are cleared. */
const compareFlags = (name: string): Lift => (b, x) => {
  onSti(name)(b, x);
  const flags = b.cpuLoad('i32.load', X87.flags);
  const bit = (n: number) => () => b.op('i32.and', b.op('i32.shr_u', flags, b.i32(n)), b.i32(1));
  const no = () => b.i32(0);
  b.setFlag('cf', bit(0));
  b.setFlag('pf', bit(2));
  b.setFlag('zf', bit(6));
  b.setFlag('af', no);
  b.setFlag('sf', no);
  b.setFlag('of', no);
};

const fcmov = (code: Condition): Lift => (b, x) => {
  b.cpuStore('i32.store', X87.flags, b.condition(code));
  onSti(FCMOV)(b, x);
};

const fnstsw: Lift = (b, x) => b.write(x.ops[0], b.op('i32.and', b.cpuLoad('i32.load', CPU.x87Status), b.i32(0xffff)));
const fnstcw: Lift = (b, x) => b.write(x.ops[0], b.op('i32.and', b.cpuLoad('i32.load', CPU.x87Control), b.i32(0xffff)));
const fwait: Lift = (b) => b.trapIf(b.op('i32.and', b.cpuLoad('i32.load', CPU.x87Status), b.i32(0x80)), 'mf');

/** Copies `bytes` between memory and the image area, 8 bytes at a time, then 4, then 2. */
function* pieces(bytes: number): Iterable<readonly [number, 8 | 4 | 2]> {
  let at = 0;
  for (; at + 8 <= bytes; at += 8) yield [at, 8];
  if (at + 4 <= bytes) yield [at, 4], (at += 4);
  if (at + 2 <= bytes) yield [at, 2];
}
const imageOut = (name: string, narrow: number, wide: number, afterwards?: string): Lift => (b, x) => {
  const is16 = x.size === 2;
  b.helper(`${name}.${is16 ? '16' : '32'}`);
  const address = b.address(memory(x));
  for (const [at, size] of pieces(is16 ? narrow : wide)) {
    const where = b.op('i64.add', address, b.i64(at));
    if (size === 8) b.store('i64.store', where, b.cpuLoad('i64.load', CPU.fxsave + at));
    else b.store(size === 4 ? 'i32.store' : 'i32.store16', where, b.cpuLoad('i32.load', CPU.fxsave + at));
  }
  if (afterwards !== undefined) b.helper(afterwards);
  else b.cpuStore('i32.store', CPU.x87Control, b.op('i32.or', b.cpuLoad('i32.load', CPU.x87Control), b.i32(0x3f)));
};
const imageIn = (name: string, narrow: number, wide: number): Lift => (b, x) => {
  const is16 = x.size === 2;
  const address = b.address(memory(x));
  for (const [at, size] of pieces(is16 ? narrow : wide)) {
    const where = b.op('i64.add', address, b.i64(at));
    if (size === 8) b.cpuStore('i64.store', CPU.fxsave + at, b.load('i64.load', where));
    else b.cpuStore(size === 4 ? 'i32.store' : 'i32.store16', CPU.fxsave + at, b.load(size === 4 ? 'i32.load' : 'i32.load16_u', where));
  }
  b.helper(`${name}.${is16 ? '16' : '32'}`);
};

const fldcw: Lift = (b, x) => {
  fetch(b, x, 2);
  b.helper(FLDCW);
};

const OPERATIONS: readonly Arithmetic[] = ['fadd', 'fmul', 'fsub', 'fsubr', 'fdiv', 'fdivr'];
const DIGIT: Readonly<Record<Arithmetic, number>> = { fadd: 0, fmul: 1, fsub: 4, fsubr: 5, fdiv: 6, fdivr: 7 };
const hex = (n: number): string => n.toString(16).toUpperCase();
/** Rows of one source: memory by `/n`. */
const arithmeticFrom = (opcode: string, code: string, source: 'm32' | 'm64' | 'i16' | 'i32', bytes: 2 | 4 | 8, prefix: 'f' | 'fi'): Row[] =>
  OPERATIONS.map((name) => i(name.replace('f', prefix), `${opcode} /${DIGIT[name]}`, code, 'X87', from(arithmetic(name, source), bytes)));
/** Rows between stack registers. In DC and DE the reversed forms stand first (SDM vol. 2A FSUB, FSUBR). */
const arithmeticOn = (opcode: string, source: 'st0_sti' | 'sti_st0' | 'sti_st0_pop'): Row[] =>
  OPERATIONS.map((name) => {
    const digit = source === 'st0_sti' || DIGIT[name] < 4 ? DIGIT[name] : DIGIT[name] ^ 1;
    const mnemonic = source === 'sti_st0_pop' ? `${name}p` : name;
    return i(mnemonic, `${opcode} ${hex(0xc0 + 8 * digit)}+i`, source === 'st0_sti' ? 'ST0,STi' : 'STi,ST0', 'X87', onSti(arithmetic(name, source)));
  });
const x = (mnemonic: string, encoding: string, operands: string, lift: Lift, feature: Feature = 'X87'): Row => i(mnemonic, encoding, operands, feature, lift);

// biome-ignore format: a table
export const X87_ROWS: readonly Row[] = [
  ...arithmeticFrom('D8', 'Md', 'm32', 4, 'f'),
  x('fcom',     'D8 /2',       'Md',       from('x87.fcom.m32.0', 4)),
  x('fcomp',    'D8 /3',       'Md',       from('x87.fcom.m32.1', 4)),
  ...arithmeticOn('D8', 'st0_sti'),
  x('fcom',     'D8 D0+i',     'STi',      onSti('x87.fcom.sti.0')),
  x('fcomp',    'D8 D8+i',     'STi',      onSti('x87.fcom.sti.1')),

  x('fld',      'D9 /0',       'Md',       from('x87.fld.m32', 4)),
  x('fst',      'D9 /2',       'Md',       to('x87.fst.m32.0', 4)),
  x('fstp',     'D9 /3',       'Md',       to('x87.fst.m32.1', 4)),
  x('fldenv',   'D9 /4',       'M',        imageIn('x87.fldenv', 14, 28)),
  x('fldcw',    'D9 /5',       'Mw',       fldcw),
  x('fnstenv',  'D9 /6',       'M',        imageOut('x87.fnstenv', 14, 28)),
  x('fnstcw',   'D9 /7',       'Mw',       fnstcw),
  x('fld',      'D9 C0+i',     'STi',      onSti(FLD_STI)),
  x('fxch',     'D9 C8+i',     'STi',      onSti(FXCH)),
  x('fnop',     'D9 D0',       '',         () => {}),
  x('fstpnce',  'D9 D8+i',     'STi',      onSti(FSTPNCE)),
  x('fchs',     'D9 E0',       '',         call(FCHS)),
  x('fabs',     'D9 E1',       '',         call(FABS)),
  x('ftst',     'D9 E4',       '',         call(FTST)),
  x('fxam',     'D9 E5',       '',         call(FXAM)),
  x('fld1',     'D9 E8',       '',         call('x87.fld1')),
  x('fldl2t',   'D9 E9',       '',         call('x87.fldl2t')),
  x('fldl2e',   'D9 EA',       '',         call('x87.fldl2e')),
  x('fldpi',    'D9 EB',       '',         call('x87.fldpi')),
  x('fldlg2',   'D9 EC',       '',         call('x87.fldlg2')),
  x('fldln2',   'D9 ED',       '',         call('x87.fldln2')),
  x('fldz',     'D9 EE',       '',         call('x87.fldz')),
  x('f2xm1',    'D9 F0',       '',         call(F2XM1)),
  x('fyl2x',    'D9 F1',       '',         call(FYL2X)),
  x('fptan',    'D9 F2',       '',         call(FPTAN)),
  x('fpatan',   'D9 F3',       '',         call(FPATAN)),
  x('fxtract',  'D9 F4',       '',         call(FXTRACT)),
  x('fprem1',   'D9 F5',       '',         call('x87.fprem1')),
  x('fdecstp',  'D9 F6',       '',         call(FDECSTP)),
  x('fincstp',  'D9 F7',       '',         call(FINCSTP)),
  x('fprem',    'D9 F8',       '',         call('x87.fprem')),
  x('fyl2xp1',  'D9 F9',       '',         call(FYL2XP1)),
  x('fsqrt',    'D9 FA',       '',         call(FSQRT)),
  x('fsincos',  'D9 FB',       '',         call(FSINCOS)),
  x('frndint',  'D9 FC',       '',         call(FRNDINT)),
  x('fscale',   'D9 FD',       '',         call(FSCALE)),
  x('fsin',     'D9 FE',       '',         call(FSIN)),
  x('fcos',     'D9 FF',       '',         call(FCOS)),

  ...arithmeticFrom('DA', 'Md', 'i32', 4, 'fi'),
  x('ficom',    'DA /2',       'Md',       from('x87.fcom.i32.0', 4)),
  x('ficomp',   'DA /3',       'Md',       from('x87.fcom.i32.1', 4)),
  x('fcmovb',   'DA C0+i',     'ST0,STi',  fcmov('b'), 'CMOV'),
  x('fcmove',   'DA C8+i',     'ST0,STi',  fcmov('e'), 'CMOV'),
  x('fcmovbe',  'DA D0+i',     'ST0,STi',  fcmov('be'), 'CMOV'),
  x('fcmovu',   'DA D8+i',     'ST0,STi',  fcmov('p'), 'CMOV'),
  x('fucompp',  'DA E9',       '',         onSti('x87.fucom.sti.2')),

  x('fild',     'DB /0',       'Md',       from('x87.fld.i32', 4)),
  x('fisttp',   'DB /1',       'Md',       to('x87.fisttp.i32', 4), 'SSE3'),
  x('fist',     'DB /2',       'Md',       to('x87.fist.i32.0', 4)),
  x('fistp',    'DB /3',       'Md',       to('x87.fist.i32.1', 4)),
  x('fld',      'DB /5',       'Mt',       from('x87.fld.m80', 10)),
  x('fstp',     'DB /7',       'Mt',       to('x87.fst.m80.1', 10)),
  x('fcmovnb',  'DB C0+i',     'ST0,STi',  fcmov('ae'), 'CMOV'),
  x('fcmovne',  'DB C8+i',     'ST0,STi',  fcmov('ne'), 'CMOV'),
  x('fcmovnbe', 'DB D0+i',     'ST0,STi',  fcmov('a'), 'CMOV'),
  x('fcmovnu',  'DB D8+i',     'ST0,STi',  fcmov('np'), 'CMOV'),
  x('fnclex',   'DB E2',       '',         call(FNCLEX)),
  x('fninit',   'DB E3',       '',         call(FNINIT)),
  x('fucomi',   'DB E8+i',     'ST0,STi',  compareFlags('x87.fucomi.0'), 'CMOV'),
  x('fcomi',    'DB F0+i',     'ST0,STi',  compareFlags('x87.fcomi.0'), 'CMOV'),

  ...arithmeticFrom('DC', 'Mq', 'm64', 8, 'f'),
  x('fcom',     'DC /2',       'Mq',       from('x87.fcom.m64.0', 8)),
  x('fcomp',    'DC /3',       'Mq',       from('x87.fcom.m64.1', 8)),
  ...arithmeticOn('DC', 'sti_st0'),

  x('fld',      'DD /0',       'Mq',       from('x87.fld.m64', 8)),
  x('fisttp',   'DD /1',       'Mq',       to('x87.fisttp.i64', 8), 'SSE3'),
  x('fst',      'DD /2',       'Mq',       to('x87.fst.m64.0', 8)),
  x('fstp',     'DD /3',       'Mq',       to('x87.fst.m64.1', 8)),
  x('frstor',   'DD /4',       'M',        imageIn('x87.frstor', 94, 108)),
  x('fnsave',   'DD /6',       'M',        imageOut('x87.fnsave', 94, 108, FNINIT)),
  x('fnstsw',   'DD /7',       'Mw',       fnstsw),
  x('ffree',    'DD C0+i',     'STi',      onSti(FFREE)),
  x('fst',      'DD D0+i',     'STi',      onSti('x87.fst.sti.0')),
  x('fstp',     'DD D8+i',     'STi',      onSti('x87.fst.sti.1')),
  x('fucom',    'DD E0+i',     'STi',      onSti('x87.fucom.sti.0')),
  x('fucomp',   'DD E8+i',     'STi',      onSti('x87.fucom.sti.1')),

  ...arithmeticFrom('DE', 'Mw', 'i16', 2, 'fi'),
  x('ficom',    'DE /2',       'Mw',       from('x87.fcom.i16.0', 2)),
  x('ficomp',   'DE /3',       'Mw',       from('x87.fcom.i16.1', 2)),
  ...arithmeticOn('DE', 'sti_st0_pop'),
  x('fcompp',   'DE D9',       '',         onSti('x87.fcom.sti.2')),

  x('fild',     'DF /0',       'Mw',       from('x87.fld.i16', 2)),
  x('fisttp',   'DF /1',       'Mw',       to('x87.fisttp.i16', 2), 'SSE3'),
  x('fist',     'DF /2',       'Mw',       to('x87.fist.i16.0', 2)),
  x('fistp',    'DF /3',       'Mw',       to('x87.fist.i16.1', 2)),
  x('fbld',     'DF /4',       'Mt',       from('x87.fbld', 10)),
  x('fild',     'DF /5',       'Mq',       from('x87.fld.i64', 8)),
  x('fbstp',    'DF /6',       'Mt',       to('x87.fbstp', 10)),
  x('fistp',    'DF /7',       'Mq',       to('x87.fist.i64.1', 8)),
  x('ffreep',   'DF C0+i',     'STi',      onSti(FFREEP)),
  x('fnstsw',   'DF E0',       'AX',       fnstsw),
  x('fucomip',  'DF E8+i',     'ST0,STi',  compareFlags('x87.fucomi.1'), 'CMOV'),
  x('fcomip',   'DF F0+i',     'ST0,STi',  compareFlags('x87.fcomi.1'), 'CMOV'),

  x('fwait',    '9B',          '',         fwait),
];
