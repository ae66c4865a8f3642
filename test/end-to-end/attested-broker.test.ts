/** An enclave that demands evidence of its broker: the policy is in cloister.yaml, and measured. */

import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Result, type ServingBroker, workplace } from '../support/workplace.ts';

const { place, instance, state, run, must, owner, serve } = workplace('attested-broker');

describe('a broker that an enclave verifies', { skip: existsSync('/bin/cat') && process.arch === 'x64' ? false : 'needs the programs of an x86-64 Linux' }, () => {
  let broker: ServingBroker;
  let key: string;
  let simKey: string;
  let blank: string;

  /** Builds; lets the program have its secret. */
  function configure(policy: readonly string[], more = '', at = broker.url): Result {
    const lines = policy.map((line) => `    ${line}\n`).join('');
    const section = `broker:\n  url: ${at}\n${lines === '' ? '' : `  policy:\n${lines}`}${more}secrets:\n  - { key: kbs:///shop/password/db, file: db }`;
    writeFileSync(join(instance, 'cloister.yaml'), blank.replace(/^broker:[^]*?^secrets: \[\]/m, section));
    const built = run(['build', '--json', '--no-translate']);
    if (built.code === 0) owner(['policy', 'set', 'app', '--ready', 'exact-build', '--for', 'shop', '--with', `measurement=${JSON.parse(built.output).measurement}`]);
    return built;
  }
  const right = (): string[] => ['base: authentic', 'tee: [sim]', `broker.key: ["${key}"]`, 'simKeys:', '  - |', ...simKey.trim().replace(/^/gm, '    ').split('\n')];
  const read = (): Result => run(['run', '-q', '/bin/cat', '/run/secrets/db']);

  before(async () => {
    must(['new', 'app']);
    blank = readFileSync(join(instance, 'cloister.yaml'), 'utf8');
    copyFileSync(realpathSync('/bin/cat'), join(instance, 'image/bin/cat'));
    broker = await serve('--tee', 'sim');
    simKey = must(['print', 'sim-key']);
    key = JSON.parse(owner(['broker', 'status', '--json'])).key;
    writeFileSync(join(place, 'password'), 'hunter2');
    owner(['resource', 'put', 'shop/password/db', join(place, 'password')]);
  });
  after(async () => {
    await broker.stop();
    rmSync(place, { recursive: true, force: true });
  });

  test('gives it its secret; no certificate is pinned', () => {
    assert.equal(configure(right()).code, 0);
    const { code, output, error } = read();
    assert.deepEqual([code, output], [0, 'hunter2'], error);
  });

  test('another broker, other software, and a policy without this machine: refused, and nothing runs', () => {
    const seen = (): number => [...owner(['audit', 'show', '--limit', '1000']).matchAll(/attestation-/g)].length;
    const before = seen();
    assert.ok(before > 0, 'of the test above');
    for (const [change, why] of [
      [(lines: string[]) => [...lines, `measurement: ["${'11'.repeat(48)}"]`], /measurement \(the measurement is 0+\)/],
      [(lines: string[]) => lines.map((line) => line.replace(key, '00'.repeat(32))), /broker-key/],
      [(lines: string[]) => lines.slice(0, 1), /tee-not-accepted/],
    ] as const) {
      assert.equal(configure(change(right())).code, 0);
      const { code, output, error } = read();
      assert.deepEqual([code, output], [121, ''], error);
      assert.match(error, why);
      assert.match(error, /does not show that it is what the policy demands/);
    }
    assert.equal(seen(), before, 'no evidence of the enclave was sent');
  });

  test('a policy that no broker can satisfy, or nobody can read, is told by the build', () => {
    for (const [policy, more, at, why] of [
      [['base: authentic', 'measurment: []'], '', broker.url, /cloister\.yaml: broker\.policy: measurment: no such key/],
      [['tee: [sim]'], '', broker.url, /broker\.policy: .*not given/],
      [['base: authentic', 'statement: enclave'], '', broker.url, /a broker is no enclave/],
      [right(), `  certificate: |\n${readFileSync(join(state, 'certificate.pem'), 'utf8').trim().replace(/^/gm, '    ')}\n`, broker.url, /exclude each other/],
      [right(), '', 'http://127.0.0.1:1', /is not https:/],
      [['base: authentic', 'productId: 1.5'], '', broker.url, /productId: expected text, a whole number, true or false, not 1\.5/],
    ] as const) {
      const { code, error } = configure(policy, more, at);
      assert.equal(code, 111, error);
      assert.match(error, why);
    }
  });

  test('a broker without evidence at the same address, with the same database: refused', async () => {
    await broker.stop();
    broker = await serve('--tee', 'none');
    assert.equal(configure(right()).code, 0);
    const { code, output, error } = read();
    assert.deepEqual([code, output], [121, ''], error);
    assert.match(error, /no extension with evidence/);
  });
});
