/** Jumps, calls, returns, loops, system calls, and what may not be run in user mode (SDM vol. 1 §7.3.8, §7.3.13). */

import { CONDITIONS } from '../lift.ts';
import type { Lift, Lifter, TrapKind, Value } from '../lift.ts';
import type { Insn, Operand } from '../insn.ts';
import { i } from '../row.ts';
import type { Row } from '../row.ts';
import { R11, RCX } from '../state.ts';

const next = (x: Insn): number => x.pc + x.length;
const target = (b: Lifter, operand: Operand): number | Value => (operand.kind === 'rel' ? operand.target : b.read(operand));
const relative = (x: Insn): number => {
  const [operand] = x.ops;
  if (operand.kind !== 'rel') throw new Error(`${x.row.mnemonic} takes a relative target`);
  return operand.target;
};

const jmp: Lift = (b, x) => b.jump(target(b, x.ops[0]));
const call: Lift = (b, x) => b.call(target(b, x.ops[0]));
const ret: Lift = (b, x) => b.ret(x.ops[0]?.kind === 'imm' ? Number(x.ops[0].value) : 0);
const trap = (kind: TrapKind): Lift => (b) => b.trap(kind);
const general = trap('gp');
/** Two vectors may be called from user mode. */
const interrupt: Lift = (b, x) => b.trap(x.ops[0].kind === 'imm' && x.ops[0].value === 3n ? 'bp' : x.ops[0].kind === 'imm' && x.ops[0].value === 4n ? 'of' : 'gp');

const counter = (b: Lifter, x: Insn): Value => (x.addressSize === 8 ? b.readGpr(RCX) : b.op('i64.and', b.readGpr(RCX), b.i64(0xffff_ffff)));
const jrcxz: Lift = (b, x) => b.branch(b.op('i64.eqz', counter(b, x)), relative(x));
/** Counts down; `also` is the condition on ZF. */
const loop = (also?: 'e' | 'ne'): Lift => (b, x) => {
  const left = b.op('i64.sub', counter(b, x), b.i64(1));
  const count = x.addressSize === 8 ? left : b.op('i64.and', left, b.i64(0xffff_ffff));
  b.writeGpr(RCX, count);
  const more = b.op('i32.eqz', b.op('i64.eqz', count));
  b.branch(also === undefined ? more : b.op('i32.and', more, b.condition(also)), relative(x));
};

/** RCX takes the return address. R11 should take the flags: nobody reads them there, so they are not computed (divergence). */
const syscall: Lift = (b, x) => {
  b.writeGpr(RCX, b.i64(next(x)));
  b.writeGpr(R11, b.i64(0x202));
  b.syscall();
};

const N = { default64: true };
const jcc = (near: boolean): readonly Row[] =>
  CONDITIONS.map((code, at) =>
    i(`j${code}`, near ? `0F ${(0x80 + at).toString(16).toUpperCase()} cd` : `${(0x70 + at).toString(16).toUpperCase()} cb`, near ? 'Jz' : 'Jb', 'I386', (b, x) => b.branch(b.condition(code), relative(x)), N),
  );

// biome-ignore format: a table
export const CONTROL: readonly Row[] = [
  ...jcc(false),
  ...jcc(true),
  i('jmp',      'E9 cd',    'Jz',  'I386',   jmp, N),
  i('jmp',      'EB cb',    'Jb',  'I386',   jmp, N),
  i('jmp',      'FF /4',    'Eq',  'I386',   jmp, N),
  i('call',     'E8 cd',    'Jz',  'I386',   call, N),
  i('call',     'FF /2',    'Eq',  'I386',   call, N),
  i('ret',      'C2 iw',    'Iw',  'I386',   ret, N),
  i('ret',      'C3',       '',    'I386',   ret, N),
  i('loopne',   'E0 cb',    'Jb',  'I386',   loop('ne'), N),
  i('loope',    'E1 cb',    'Jb',  'I386',   loop('e'), N),
  i('loop',     'E2 cb',    'Jb',  'I386',   loop(), N),
  i('jrcxz',    'E3 cb',    'Jb',  'I386',   jrcxz, N),
  i('syscall',  '0F 05',    '',    'X86_64', syscall),
  i('int3',     'CC',       '',    'I386',   trap('bp')),
  i('int',      'CD ib',    'Ib',  'I386',   interrupt),
  i('int1',     'F1',       '',    'I386',   trap('db')),
  i('ud2',      '0F 0B',    '',    'I386',   trap('ud')),
  i('hlt',      'F4',       '',    'I386',   general),
  i('cli',      'FA',       '',    'I386',   general),
  i('sti',      'FB',       '',    'I386',   general),
  i('in',       'E4 ib',    'AL,Ib', 'I386', general),
  i('in',       'E5 ib',    'eAX,Ib', 'I386', general),
  i('out',      'E6 ib',    'Ib,AL', 'I386', general),
  i('out',      'E7 ib',    'Ib,eAX', 'I386', general),
  i('in',       'EC',       'AL,DX', 'I386', general),
  i('in',       'ED',       'eAX,DX', 'I386', general),
  i('out',      'EE',       'DX,AL', 'I386', general),
  i('out',      'EF',       'DX,eAX', 'I386', general),
  i('rdmsr',    '0F 32',    '',    'I386',   general),
  i('wrmsr',    '0F 30',    '',    'I386',   general),
  i('clts',     '0F 06',    '',    'I386',   general),
  i('invd',     '0F 08',    '',    'I386',   general),
  i('wbinvd',   '0F 09',    '',    'I386',   general),
  i('sysret',   '0F 07',    '',    'X86_64', general),
  i('iret',     'CF',       '',    'I386',   general),
];
