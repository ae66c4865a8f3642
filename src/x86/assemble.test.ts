/** Decoding what was assembled gives the operands back, for every row. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { decode, TRUNCATED } from './decode.ts';
import { disassemble } from './disassemble.ts';
import { FORMS } from './forms.ts';
import { randomInstance } from './instances.ts';
import type { Random } from './instances.ts';

const ROUNDS = 40;

function generator(seed: number): Random {
  let state = seed >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 0x1_0000_0000) * limit);
  };
}

test('decode ∘ assemble is the identity over all rows', (t) => {
  const seed = Date.now() >>> 0;
  t.diagnostic(`seed ${seed}`);
  const random = generator(seed);
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
      const same = insn.row === form.row && insn.length === instance.bytes.length && insn.lock === (instance.options.lock ?? false) && insn.ops.every((operand, n) => plain({ ...operand }) === plain({ ...operand, ...instance.ops[n] }));
      if (!same) wrong.push(`${where}: ${insn.row.mnemonic} ${insn.row.encoding} ${plain(insn.ops)} for ${plain(instance.ops)}`);
      assert.equal(typeof disassemble(insn), 'string');
    }
    assert.ok(made > 0, `${form.row.mnemonic} ${form.row.encoding} has no instance`);
  }
  assert.deepEqual(wrong.slice(0, 15), [], `${wrong.length} wrong`);
});

const SLOT = 32;
/** Rows whose redundant forms objdump calls bad, or names apart. */
const APART = /^([lms]fence|fwait|iret|sysret|wbinvd|pcmp[ei]str[im]|xlatb)$/;
/** Where objdump's names differ in kind: no-operations by another name, predicates, instructions that include a wait, aliases. */
const OTHER_NAME = /^(xchg|nop|cmp\w*[sp][sd]|f\w+|prefetchw?|tzcnt|lzcnt|movq|movd|endbr\d+|rdssp\w|ud[012]|[lm]fence|sfence|bnd\w*|cldemote|nopw?|int1|icebp|mov)$/;

test('objdump reads every instance with the same length and name', { skip: existsSync('/usr/bin/objdump') ? false : 'no objdump' }, (t) => {
  const seed = Date.now() >>> 0;
  t.diagnostic(`seed ${seed}`);
  const random = generator(seed);
  const instances = FORMS.flatMap((form) => Array.from({ length: 6 }, () => randomInstance(form, random, { pc: 0x1000 }))).filter((one) => one !== undefined);
  const image = new Uint8Array(instances.length * SLOT).fill(0x90);
  for (const [n, { bytes }] of instances.entries()) image.set(bytes, n * SLOT);
  const folder = mkdtempSync(join(tmpdir(), 'cloister-x86-'));
  const listing = (() => {
    try {
      writeFileSync(join(folder, 'image'), image);
      return execFileSync('objdump', ['-D', '-b', 'binary', '-m', 'i386:x86-64', '-M', 'intel', '--no-show-raw-insn', join(folder, 'image')], { encoding: 'latin1', maxBuffer: 1 << 28 });
    } finally {
      rmSync(folder, { recursive: true });
    }
  })();
  const lines = [...listing.matchAll(/^\s*([0-9a-f]+):\s+(.*)$/gm)].map(([, at, text]) => [Number.parseInt(at, 16), text] as const);
  const texts = new Map(lines);
  const lengths = new Map(lines.map(([at], n) => [at, (lines[n + 1]?.[0] ?? image.length) - at]));
  const wrong = new Map<string, string>();
  for (const [n, { form, bytes }] of instances.entries()) {
    const insn = decode(bytes, 0, n * SLOT);
    if (typeof insn !== 'object' || APART.test(form.row.mnemonic)) continue;
    const text = texts.get(n * SLOT) ?? 'nothing';
    const ours = disassemble(insn);
    const words = text.replace(/^((lock|repz|repnz|rep|data16|addr32|fs|gs|rex\.?\w*) )+/, '').split(/\s/);
    const ourName = ours.replace(/^((lock|repz|repnz|rep) )+/, '').split(' ')[0];
    const where = `${form.row.mnemonic} | ${form.row.encoding} | ${form.row.operands}`;
    const shown = `${Buffer.from(bytes).toString('hex')}: ${text.trim()} (${lengths.get(n * SLOT)}) ~ ${ours} (${bytes.length})`;
    if (lengths.get(n * SLOT) !== bytes.length) wrong.set(where, shown);
    else if (words[0] !== ourName && !OTHER_NAME.test(words[0]) && !OTHER_NAME.test(ourName)) wrong.set(where, shown);
  }
  t.diagnostic(`${instances.length} instances`);
  assert.deepEqual([...wrong].slice(0, 40), [], `${wrong.size} rows`);
});
