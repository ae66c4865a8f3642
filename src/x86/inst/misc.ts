/** Conversions in the accumulator, flag control, hints, fences, identification and time (SDM vol. 1 §7.3). */

import { cpuid } from '../cpuid.ts';
import { defineHelper } from '../helpers.ts';
import type { Lift } from '../lift.ts';
import { GPR } from '../operands.ts';
import { i } from '../row.ts';
import type { Row } from '../row.ts';
import { RAX, RBX, RCX, RDX } from '../state.ts';
import { rdtsc, rdtscp } from '../tsc.ts';
import { raw, resizeSigned, signExtended } from './integer.ts';

const SIZE_LOG2 = { 2: 1, 4: 2, 8: 3 } as const;
/** AX ← AL, EAX ← AX, RAX ← EAX with the sign. */
const widen: Lift = (b, x) => {
  const to = SIZE_LOG2[x.size];
  const from = (x.size / 2) as 1 | 2 | 4;
  b.write(GPR[to][RAX], resizeSigned(b, from, x.size, b.read(GPR[to - 1][RAX])));
};
/** rDX ← the sign of rAX. */
const spread: Lift = (b, x) => {
  const registers = GPR[SIZE_LOG2[x.size]];
  const wide = signExtended(b, x.size, b.read(registers[RAX]));
  const sign = raw(b, x.size, 'shr_s', wide, x.size === 8 ? b.i64(63) : b.i32(31));
  b.write(registers[RDX], x.size === 2 ? b.op('i32.and', sign, b.i32(0xffff)) : sign);
};

const nop: Lift = () => {};
const carry = (value: 0 | 1): Lift => (b) => b.setFlag('cf', () => b.i32(value));
const cmc: Lift = (b) => {
  const old = b.flagLater('cf');
  b.setFlag('cf', () => b.op('i32.eqz', old()));
};
const direction = (value: 0 | 1): Lift => (b) => b.writeDf(b.i32(value));

const bits = (...registers: number[]): number => registers.reduce((mask, register) => mask | (1 << register), 0);
const helper = (name: string): Lift => (b) => b.helper(name);
const CPUID = defineHelper({ name: 'cpuid', reads: bits(RAX, RCX), writes: bits(RAX, RBX, RCX, RDX), memory: 'none', run: cpuid });
const RDTSC = defineHelper({ name: 'rdtsc', reads: 0, writes: bits(RAX, RDX), memory: 'none', run: rdtsc });
const RDTSCP = defineHelper({ name: 'rdtscp', reads: 0, writes: bits(RAX, RCX, RDX), memory: 'none', run: rdtscp });

// biome-ignore format: a table
export const MISC: readonly Row[] = [
  i('nop',            '90',             '',    'I386', nop),
  i('pause',          'F3 90',          '',    'SSE2', nop),
  i('cbw/cwde/cdqe',  '98',             '',    'I386', widen),
  i('cwd/cdq/cqo',    '99',             '',    'I386', spread),
  i('cmc',            'F5',             '',    'I386', cmc),
  i('clc',            'F8',             '',    'I386', carry(0)),
  i('stc',            'F9',             '',    'I386', carry(1)),
  i('cld',            'FC',             '',    'I386', direction(0)),
  i('std',            'FD',             '',    'I386', direction(1)),
  i('rdtscp',         '0F 01 F9',       '',    'RDTSCP', helper(RDTSCP)),
  i('prefetch',       '0F 0D /0',       'M',   'PREFETCHW', nop),
  i('prefetchw',      '0F 0D /1',       'M',   'PREFETCHW', nop),
  i('prefetchwt1',    '0F 0D /2',       'M',   'PREFETCHW', nop),
  i('prefetch',       '0F 0D /3',       'M',   'PREFETCHW', nop),
  i('prefetch',       '0F 0D /4',       'M',   'PREFETCHW', nop),
  i('prefetch',       '0F 0D /5',       'M',   'PREFETCHW', nop),
  i('prefetch',       '0F 0D /6',       'M',   'PREFETCHW', nop),
  i('prefetch',       '0F 0D /7',       'M',   'PREFETCHW', nop),
  i('prefetchnta',    '0F 18 /0',       'M',   'SSE', nop),
  i('prefetcht0',     '0F 18 /1',       'M',   'SSE', nop),
  i('prefetcht1',     '0F 18 /2',       'M',   'SSE', nop),
  i('prefetcht2',     '0F 18 /3',       'M',   'SSE', nop),
  ...[4, 5, 6, 7].map((digit) => i('nop', `0F 18 /${digit}`, 'Ev', 'I386', nop)),
  ...[0, 1, 2, 3].map((digit) => i('nop', `0F 18 /${digit}`, 'Rv', 'I386', nop)),
  ...['19', '1A', '1B', '1C', '1D', '1E'].map((opcode) => i('nop', `0F ${opcode} /r`, 'Ev,Gv', 'I386', nop)),
  i('endbr64',        'F3 0F 1E FA',    '',    'I386', nop),
  i('endbr32',        'F3 0F 1E FB',    '',    'I386', nop),
  i('nop',            '0F 1F /0',       'Ev',  'I386', nop),
  ...[1, 2, 3, 4, 5, 6, 7].map((digit) => i('nop', `0F 1F /${digit}`, 'Ev', 'I386', nop)),
  i('rdtsc',          '0F 31',          '',    'RDTSC', helper(RDTSC)),
  i('cpuid',          '0F A2',          '',    'CPUID', helper(CPUID)),
  ...[0, 1, 2, 3, 4, 5, 6, 7].flatMap((n) => [
    i('lfence', `NP 0F AE E${8 + n < 10 ? 8 + n : (8 + n).toString(16).toUpperCase()}`, '', 'SSE2', nop),
    i('mfence', `NP 0F AE F${n}`, '', 'SSE2', nop),
    i('sfence', `NP 0F AE F${n < 2 ? 8 + n : (8 + n).toString(16).toUpperCase()}`, '', 'SSE', nop),
  ]),
  i('clflush',        'NP 0F AE /7',    'Mb',  'CLFLUSH', nop),
];
