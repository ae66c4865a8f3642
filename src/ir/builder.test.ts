/** The builder: registers as values, fused conditions, folding; and every row lifts to a sound block. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode, FORMS, type Insn, TRUNCATED } from '../x86/index.ts';
import { randomInstance } from '../x86/instances.ts';
import { Builder } from './builder.ts';
import { printBlock } from './print.ts';
import { REG_FLAGS_A, REG_FLAGS_CODE } from './values.ts';
import { verifyBlock } from './verify.ts';

const PC = 0x1000;

/** Lifts the instructions that some bytes hold. */
function block(hex: string): Builder {
  const bytes = Uint8Array.from([...Buffer.from(hex.replaceAll(' ', ''), 'hex'), ...new Uint8Array(15)]);
  const builder = new Builder();
  for (let at = 0; at < bytes.length - 15; ) {
    const insn = decode(bytes, at, PC + at) as Insn;
    builder.lift(insn);
    at += insn.length;
  }
  builder.finish();
  return builder;
}

function branch(hex: string): string {
  const { terminator } = block(hex);
  assert.equal(terminator.kind, 'branch');
  return terminator.kind === 'branch' ? terminator.condition.op : '';
}

// biome-ignore format: a table
const FUSED: readonly (readonly [name: string, hex: string, op: string])[] = [
  ['cmp rax,rbx; je',    '4839d8 7400', 'i64.eq'],
  ['cmp eax,ebx; jne',   '39d8 7500',   'i32.ne'],
  ['cmp eax,ebx; jl',    '39d8 7c00',   'i32.lt_s'],
  ['cmp eax,ebx; jbe',   '39d8 7600',   'i32.le_u'],
  ['cmp al,bl; jg',      '38d8 7f00',   'i32.gt_s'],
  ['test eax,eax; jz',   '85c0 7400',   'i32.eqz'],
  ['test rax,rax; js',   '4885c0 7800', 'i64.lt_s'],
  ['test rax,rax; jle',  '4885c0 7e00', 'i64.le_s'],
  ['dec ecx; jnz',       'ffc9 7500',   'i32.ne'],
  ['ucomisd; jp',        '660f2ec1 7a00', 'i32.or'],
];
for (const [name, hex, op] of FUSED) {
  test(`one operation decides: ${name}`, () => {
    assert.equal(branch(hex), op);
  });
}

test('a register read twice is one value, and a write is seen by the next read', () => {
  const b = block('4889d8 4801d8'); // mov rax,rbx; add rax,rbx
  const sum = b.defs.get(0);
  assert.equal(sum?.op, 'i64.add');
  assert.equal(sum?.a, sum?.b);
  assert.equal(b.readsLow, 1 << 3);
});

test('pushes address the stack by constants from the first rsp', () => {
  const b = block('50 53 51'); // push rax; push rbx; push rcx
  assert.deepEqual(
    b.effects.map((effect) => effect.op),
    ['i64.store', 'i64.store', 'i64.store'],
  );
  assert.equal(b.effects[2].a?.b?.wide, -24n);
});

test('small displacements go into the access', () => {
  const [load] = block('488b4308').effects; // mov rax,[rbx+8]
  assert.equal(load.imm, 8);
  assert.equal(load.a?.op, 'reg.get');
  const [negative] = block('488b43f8').effects; // mov rax,[rbx-8]
  assert.equal(negative.imm, 0);
});

test('the state before a faulting instruction is known', () => {
  const b = block('48ffc0 488b0b 48ffc0'); // inc rax; mov rcx,[rbx]; inc rax
  const before = b.definedBefore(b.effects[0]);
  assert.equal(before.get(0)?.op, 'i64.add');
  assert.equal(before.get(0)?.b?.wide, 1n);
  assert.equal(before.has(1), false);
});

test('flags are stored as a descriptor where one operation set them all', () => {
  const b = block('4829d8'); // sub rax,rbx
  b.define(-1);
  assert.equal(b.defs.get(REG_FLAGS_CODE)?.imm, 2 * 4 + 3);
  assert.equal(b.defs.get(REG_FLAGS_A)?.op, 'reg.get');
});

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));

test(`every form lifts to a sound block (SEED=${seed})`, () => {
  let state = seed;
  const random = (limit: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  for (const form of FORMS) {
    for (let round = 0; round < 12; round++) {
      const instance = randomInstance(form, random, { pc: PC });
      if (instance === undefined) continue;
      const insn = decode(Uint8Array.from([...instance.bytes, ...new Uint8Array(15)]), 0, PC);
      if (insn === undefined || insn === TRUNCATED) continue;
      const b = new Builder();
      b.lift(insn);
      b.finish();
      b.define(-1);
      const found = verifyBlock(b);
      assert.deepEqual(found, [], `${form.row.mnemonic} ${form.row.encoding} ${Buffer.from(instance.bytes).toString('hex')}\n${found.length > 0 ? printBlock(b) : ''}`);
    }
  }
});
