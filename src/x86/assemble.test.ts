/** Decoding what was assembled gives the operands back, for every row. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode, TRUNCATED } from './decode.ts';
import { disassemble } from './disassemble.ts';
import { FORMS } from './inst/index.ts';
import { randomInstance } from './instances.ts';
import type { Random } from './instances.ts';

const ROUNDS = 40;

test('decode ∘ assemble is the identity over all rows', (t) => {
  let seed = Date.now() >>> 0;
  t.diagnostic(`seed ${seed}`);
  const random: Random = (limit) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 0x1_0000_0000) * limit);
  };
  const wrong: string[] = [];
  for (const form of FORMS) {
    let made = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const instance = randomInstance(form, random);
      if (instance === undefined) continue;
      made++;
      const hex = Buffer.from(instance.bytes).toString('hex');
      const where = `${form.row.mnemonic} | ${form.row.encoding} | ${form.row.operands} | ${hex}`;
      const insn = decode(instance.bytes, 0, 0x1000);
      if (insn === undefined || insn === TRUNCATED) {
        wrong.push(`${where}: ${insn}`);
        continue;
      }
      const plain = (value: unknown): string => JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? v.toString() : v));
      const same = insn.row === form.row && insn.length === instance.bytes.length && insn.lock === (instance.options.lock ?? false)
        && insn.ops.every((operand, n) => plain({ ...operand }) === plain({ ...operand, ...instance.ops[n] }));
      if (!same) wrong.push(`${where}: ${insn.row.mnemonic} ${insn.row.encoding} ${plain(insn.ops)} for ${plain(instance.ops)}`);
      assert.equal(typeof disassemble(insn), 'string');
    }
    assert.ok(made > 0, `${form.row.mnemonic} ${form.row.encoding} has no instance`);
  }
  assert.deepEqual(wrong.slice(0, 15), [], `${wrong.length} wrong`);
});
