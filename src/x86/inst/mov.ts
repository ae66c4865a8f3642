/** Data movement between general registers, memory and immediates; exchanges (SDM vol. 1 §7.3.1). */

import type { Mem } from '../insn.ts';
import { CONDITIONS } from '../lift.ts';
import type { Condition, Lift } from '../lift.ts';
import { i } from '../row.ts';
import type { Row } from '../row.ts';
import { RAX, RBX, RCX, RDX } from '../state.ts';
import { at, constant, int, isZero, loadInt, narrow, raw, resizeSigned, resizeUnsigned, sizeOf, storeInt, zeroTo64 } from './integer.ts';
import { GPR } from '../operands.ts';

const mov: Lift = (b, x) => b.write(x.ops[0], b.read(x.ops[1]));
const movzx: Lift = (b, x) => b.write(x.ops[0], resizeUnsigned(b, sizeOf(x.ops[1]), sizeOf(x.ops[0]), b.read(x.ops[1])));
const movsx: Lift = (b, x) => b.write(x.ops[0], resizeSigned(b, sizeOf(x.ops[1]), sizeOf(x.ops[0]), b.read(x.ops[1])));
const lea: Lift = (b, x) => {
  const size = sizeOf(x.ops[0]);
  b.write(x.ops[0], narrow(b, size, b.address(at(x.ops[1] as Mem, { segment: undefined }))));
};

/** Linux's user selectors: cs 33, ss 2b, the others null. */
const SELECTOR = [0, 0x33, 0x2b, 0, 0, 0] as const;
const fromSegment: Lift = (b, x) => {
  const value = SELECTOR[x.ops[1].kind === 'seg' ? x.ops[1].index : 0];
  b.write(x.ops[0], constant(b, sizeOf(x.ops[0]), value));
};
/** Null and the user data segment load; bases of fs and gs become those of the descriptors, zero. */
const toSegment: Lift = (b, x) => {
  const segment = x.ops[0].kind === 'seg' ? x.ops[0].index : 0;
  if (segment === 1) return b.trap('ud');
  const size = sizeOf(x.ops[1]);
  const selector = resizeUnsigned(b, size, 2, b.read(x.ops[1]));
  const isData = b.op('i32.eq', selector, b.i32(0x2b));
  const isNull = b.op('i32.lt_u', selector, b.i32(segment === 2 ? 0 : 4));
  b.trapIf(b.op('i32.eqz', b.op('i32.or', isData, isNull)), 'gp');
  if (segment >= 4) b.writeSegmentBase(segment === 4 ? 'fs' : 'gs', b.i64(0));
};

const xchg: Lift = (b, x) => {
  const first = b.read(x.ops[0]);
  const second = b.read(x.ops[1]);
  b.write(x.ops[0], second);
  b.write(x.ops[1], first);
};
const xadd: Lift = (b, x) => {
  const size = sizeOf(x.ops[0]);
  const first = b.read(x.ops[0]);
  const second = b.read(x.ops[1]);
  const sum = int(b, size, 'add', first, second);
  if (x.ops[0].kind === 'mem') {
    b.write(x.ops[0], sum);
    b.write(x.ops[1], first);
  } else {
    b.write(x.ops[1], first);
    b.write(x.ops[0], sum);
  }
  b.flagsAdd(size, first, second, sum);
};
const cmpxchg: Lift = (b, x) => {
  const size = sizeOf(x.ops[0]);
  const accumulator = GPR[size === 1 ? 0 : size === 2 ? 1 : size === 4 ? 2 : 3][RAX];
  const expected = b.read(accumulator);
  const found = b.read(x.ops[0]);
  const source = b.read(x.ops[1]);
  const equal = raw(b, size, 'eq', expected, found);
  const difference = int(b, size, 'sub', expected, found);
  // Of a 32-bit pair only the register that changes is written, and its upper half cleared.
  const [target] = x.ops;
  if (target.kind === 'mem') b.write(target, b.select(equal, source, found));
  if (size === 4) b.writeGpr(RAX, b.select(equal, b.readGpr(RAX), zeroTo64(b, 4, found)));
  else b.write(accumulator, b.select(equal, b.read(accumulator), found));
  if (target.kind === 'gpr' && size === 4) b.writeGpr(target.index, b.select(equal, zeroTo64(b, 4, source), b.readGpr(target.index)));
  else if (target.kind === 'gpr') b.write(target, b.select(equal, source, b.read(target)));
  b.flagsSub(size, expected, found, difference);
};
const cmpxchgWide = (half: 4 | 8): Lift => (b, x) => {
  const low = b.address(x.ops[0] as Mem);
  if (half === 8) b.trapIf(b.op('i32.wrap_i64', b.op('i64.and', low, b.i64(15))), 'gp');
  const high = b.op('i64.add', low, b.i64(half));
  const foundLow = loadInt(b, half, low);
  const foundHigh = loadInt(b, half, high);
  const registers = half === 8 ? GPR[3] : GPR[2];
  const [a, d, c, bx] = [RAX, RDX, RCX, RBX].map((index) => b.read(registers[index]));
  const different = raw(b, half, 'or', raw(b, half, 'xor', foundLow, a), raw(b, half, 'xor', foundHigh, d));
  const equal = isZero(b, half, different);
  storeInt(b, half, low, b.select(equal, bx, foundLow));
  storeInt(b, half, high, b.select(equal, c, foundHigh));
  const oldA = b.readGpr(RAX);
  const oldD = b.readGpr(RDX);
  b.writeGpr(RAX, b.select(equal, oldA, zeroTo64(b, half, foundLow)));
  b.writeGpr(RDX, b.select(equal, oldD, zeroTo64(b, half, foundHigh)));
  b.setFlag('zf', () => equal);
};

const cmov = (code: Condition): Lift => (b, x) => {
  const source = b.read(x.ops[1]);
  b.write(x.ops[0], b.select(b.condition(code), source, b.read(x.ops[0])));
};
const set = (code: Condition): Lift => (b, x) => b.write(x.ops[0], b.condition(code));

/** On hardware the 16-bit form gives 0. */
const bswap: Lift = (b, x) => {
  const size = sizeOf(x.ops[0]);
  if (size === 2) return b.write(x.ops[0], b.i32(0));
  const value = b.read(x.ops[0]);
  const swap32 = (word: typeof value): typeof value =>
    b.op('i32.or', b.op('i32.and', b.op('i32.rotl', word, b.i32(8)), b.i32(0x00ff00ff)), b.op('i32.and', b.op('i32.rotr', word, b.i32(8)), b.i32(0xff00ff00 | 0)));
  if (size === 4) return b.write(x.ops[0], swap32(value));
  const low = swap32(b.op('i32.wrap_i64', value));
  const high = swap32(b.op('i32.wrap_i64', b.op('i64.shr_u', value, b.i64(32))));
  b.write(x.ops[0], b.op('i64.or', b.op('i64.shl', b.op('i64.extend_i32_u', low), b.i64(32)), b.op('i64.extend_i32_u', high)));
};
/** `xlatb` reads [rbx + al]; its operand carries the segment. */
const xlat: Lift = (b, x) => {
  const table = at(x.ops[0] as Mem, { base: RBX });
  const index = b.op('i64.extend_i32_u', b.read(GPR[0][RAX]));
  const address = x.addressSize === 8 ? b.op('i64.add', b.address(table), index) : b.op('i64.and', b.op('i64.add', b.address(table), index), b.i64(0xffff_ffff));
  b.write(GPR[0][RAX], loadInt(b, 1, address));
};

const hex = (value: number): string => value.toString(16).toUpperCase().padStart(2, '0');
const L = { lockable: true };

// biome-ignore format: a table
export const MOV: readonly Row[] = [
  i('movsxd',    '63 /r',           'Gv,Ez',     'X86_64', movsx),
  i('xchg',      '86 /r',           'Eb,Gb',     'I386', xchg, L),
  i('xchg',      '87 /r',           'Ev,Gv',     'I386', xchg, L),
  i('mov',       '88 /r',           'Eb,Gb',     'I386', mov),
  i('mov',       '89 /r',           'Ev,Gv',     'I386', mov),
  i('mov',       '8A /r',           'Gb,Eb',     'I386', mov),
  i('mov',       '8B /r',           'Gv,Ev',     'I386', mov),
  i('mov',       '8C /r',           'Rv/Mw,Sw',  'I386', fromSegment),
  i('lea',       '8D /r',           'Gv,M',      'I386', lea),
  i('mov',       '8E /r',           'Sw,Ew',     'I386', toSegment),
  i('xchg',      '90+r',            'Zv,rAX',    'I386', xchg),
  i('mov',       'A0 mo',           'AL,Ob',     'I386', mov),
  i('mov',       'A1 mo',           'rAX,Ov',    'I386', mov),
  i('mov',       'A2 mo',           'Ob,AL',     'I386', mov),
  i('mov',       'A3 mo',           'Ov,rAX',    'I386', mov),
  i('mov',       'B0+r ib',         'Zb,Ib',     'I386', mov),
  i('mov',       'B8+r iv',         'Zv,Iv',     'I386', mov),
  i('mov',       'C6 /0 ib',        'Eb,Ib',     'I386', mov),
  i('mov',       'C7 /0 id',        'Ev,Iz',     'I386', mov),
  i('xlatb',     'D7',              'Xb',        'I386', xlat),
  ...CONDITIONS.map((code, n) => i(`cmov${code}`, `0F ${hex(0x40 + n)} /r`, 'Gv,Ev', 'CMOV', cmov(code))),
  ...CONDITIONS.map((code, n) => i(`set${code}`,  `0F ${hex(0x90 + n)} /r`, 'Eb',    'I386', set(code))),
  i('cmpxchg',   '0F B0 /r',        'Eb,Gb',     'I386', cmpxchg, L),
  i('cmpxchg',   '0F B1 /r',        'Ev,Gv',     'I386', cmpxchg, L),
  i('movzx',     '0F B6 /r',        'Gv,Eb',     'I386', movzx),
  i('movzx',     '0F B7 /r',        'Gv,Ew',     'I386', movzx),
  i('movsx',     '0F BE /r',        'Gv,Eb',     'I386', movsx),
  i('movsx',     '0F BF /r',        'Gv,Ew',     'I386', movsx),
  i('xadd',      '0F C0 /r',        'Eb,Gb',     'I386', xadd, L),
  i('xadd',      '0F C1 /r',        'Ev,Gv',     'I386', xadd, L),
  i('movnti',    'NP 0F C3 /r',     'My,Gy',     'SSE2', mov),
  i('cmpxchg8b', '0F C7 /1',        'Mq',        'CX8',  cmpxchgWide(4), L),
  i('cmpxchg16b', 'REX.W 0F C7 /1', 'Mdq',       'CX16', cmpxchgWide(8), L),
  i('bswap',     '0F C8+r',         'Zv',        'I386', bswap),
];
