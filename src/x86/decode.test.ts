/** The decoder against objdump over whole programs of the machine, and against noise. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { decode, TRUNCATED } from './decode.ts';
import { disassemble } from './disassemble.ts';

const bytes = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) as string[], (pair) => Number.parseInt(pair, 16));
const one = (hex: string) => {
  const insn = decode(bytes(hex), 0, 0x1000);
  assert.ok(insn !== undefined && insn !== TRUNCATED, hex);
  return insn;
};

test('prefixes', () => {
  assert.equal(one('664801d8').size, 8);
  assert.equal(one('486601d8').size, 2, 'REX counts only as the last prefix');
  assert.equal(decode(bytes('f001c0'), 0, 0), undefined, 'LOCK of a register');
  assert.equal(decode(bytes('f03908'), 0, 0), undefined, 'LOCK of cmp');
  assert.equal(one('f00108').lock, true);
  assert.equal(one('90').row.mnemonic, 'nop');
  assert.equal(one('4190').row.mnemonic, 'xchg');
  assert.equal(one('f390').row.mnemonic, 'pause');
  assert.equal(one('f30fbcc1').row.mnemonic, 'bsf', 'without BMI');
  assert.equal(one('66e800000000').length, 6, 'near branches ignore 66');
});

test('fifteen bytes, and the end of the buffer', () => {
  assert.equal(one(`${'66'.repeat(13)}01d8`).length, 15);
  assert.equal(decode(bytes(`${'66'.repeat(14)}01d8`), 0, 0), undefined);
  const whole = bytes('8384241234567880');
  for (let length = 0; length < whole.length; length++) assert.equal(decode(whole.subarray(0, length), 0, 0), TRUNCATED);
});

test('noise never throws, and never reads beyond the bytes', (t) => {
  let seed = Date.now() >>> 0;
  t.diagnostic(`seed ${seed}`);
  const next = (): number => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) >>> 24;
  const noise = new Uint8Array(24);
  for (let round = 0; round < 200_000; round++) {
    for (let at = 0; at < noise.length; at++) noise[at] = next();
    const length = 1 + (next() % 24);
    const insn = decode(noise.subarray(0, length), 0, 0);
    if (insn !== undefined && insn !== TRUNCATED) assert.ok(insn.length <= Math.min(15, length));
  }
});

/** Instructions of a program as objdump sees them: address, length, first word of the text. */
function* listing(path: string): Generator<readonly [pc: number, length: number, text: string]> {
  const text = execFileSync('objdump', ['-d', '-M', 'intel', '--insn-width=15', '--no-show-raw-insn', path], { encoding: 'latin1', maxBuffer: 1 << 30 });
  let previous: readonly [number, string] | undefined;
  for (const line of text.split('\n')) {
    const found = /^\s*([0-9a-f]+):\s+(.*)$/.exec(line);
    if (found === null) {
      previous = undefined;
      continue;
    }
    const pc = Number.parseInt(found[1], 16);
    if (previous !== undefined) yield [previous[0], pc - previous[0], previous[1]];
    previous = [pc, found[2]];
  }
}

/** Encodings that the processor we present does not have. */
const ABSENT =
  /^(\{evex\} )?(\(bad\)|v[a-z]|k[a-z]+[bwdq] |xgetbv|xsave|xrstor|xtest|xbegin|xend|xabort|tzcnt|lzcnt|movbe|adcx|adox|mulx|rorx|shlx|shrx|sarx|andn|bextr|bls|bzhi|pdep|pext|aes|pclmul|sha|rdrand|rdseed|rdfsbase|wrfsbase|rdgsbase|wrgsbase|rdpkru|wrpkru|rdssp|incssp|saverstor|clflushopt|clwb|serialize|tpause|umwait|umonitor|cldemote|ptwrite|gf2|data16|rex|cs |ds |es |ss |fs |gs |repz? ?$|lock ?$|fwait$|notrack)/;

/** What objdump names by what it stands for: `xchg ax,ax`, predicates of `cmpsd`, instructions that include a wait, BMI. */
const OTHER_NAME = /^(xchg|cmp\w+[sp][sd]|f\w+|repz|tzcnt|lzcnt)$/;

for (const path of ['/bin/bash', '/lib/x86_64-linux-gnu/libc.so.6']) {
  const why = existsSync(path) ? (existsSync('/usr/bin/objdump') ? false : 'no objdump') : `no ${path}`;
  test(`lengths and names in ${path} agree with objdump`, { skip: why }, (t) => {
    const file = readFileSync(path);
    let count = 0;
    let spent = 0;
    const wrong = new Map<string, string>();
    // Program headers of type PT_LOAD map file offsets to addresses.
    const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
    const loads: { offset: number; vaddr: number; size: number }[] = [];
    for (let n = 0; n < view.getUint16(56, true); n++) {
      const header = Number(view.getBigUint64(32, true)) + n * view.getUint16(54, true);
      if (view.getUint32(header, true) !== 1) continue;
      loads.push({ offset: Number(view.getBigUint64(header + 8, true)), vaddr: Number(view.getBigUint64(header + 16, true)), size: Number(view.getBigUint64(header + 32, true)) });
    }
    for (const [pc, length, text] of listing(path)) {
      if (ABSENT.test(text)) continue;
      const load = loads.find((l) => pc >= l.vaddr && pc < l.vaddr + l.size);
      if (load === undefined) continue;
      const started = performance.now();
      const insn = decode(file, pc - load.vaddr + load.offset, pc);
      spent += performance.now() - started;
      count++;
      const got = insn === undefined ? 'nothing' : insn === TRUNCATED ? TRUNCATED : String(insn.length);
      const name = text.split(/\s/)[0];
      if (typeof insn === 'object' && !OTHER_NAME.test(name)) {
        const ours = disassemble(insn).split(' ')[0];
        if (ours !== name) wrong.set(name, `${pc.toString(16)}: ${text}: ${disassemble(insn)}`);
      }
      if (got !== String(length)) wrong.set(text.split(/\s/)[0], `${pc.toString(16)}: ${text}: ${got} instead of ${length}`);
    }
    t.diagnostic(`${count} instructions, ${Math.round(count / spent)} thousand a second`);
    assert.deepEqual([...wrong.values()].slice(0, 40), []);
  });
}
