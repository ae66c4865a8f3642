/** An attested run, as its three parties have it: who publishes a program, who owns data, who has a machine. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, globSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PrivateKey } from '../../src/crypto/index.ts';
import { selfSignedCertificate } from '../../src/crypto/self-signed.ts';
import { cloister, type ServingBroker, workplace } from '../support/workplace.ts';

const { place, instance, state, env, run, must, owner, serve } = workplace('attested');

describe('an attested run', { skip: existsSync('/bin/cat') && process.arch === 'x64' ? false : 'needs the programs of an x86-64 Linux' }, () => {
  let broker: ServingBroker;

  function configure(change: (text: string) => string = (text) => text): void {
    const certificate = readFileSync(join(state, 'certificate.pem'), 'utf8').trim().replace(/^/gm, '    ');
    const text = readFileSync(join(place, 'default.yaml'), 'utf8')
      .replace(/^broker:[^]*?^secrets: \[\]/m, `broker:\n  url: ${broker.url}\n  certificate: |\n${certificate}\nsecrets:\n  - { key: kbs:///hospital/password/db, file: db }\n  - { key: kbs:///hospital/password/db, env: DB_PASSWORD }`)
      .replace(/^volumes: \[\]/m, 'volumes:\n  - { target: /records, source: records.sealed, key: kbs:///hospital/key/records }\n  - { target: /out, source: out, type: layer, key: kbs:///hospital/key/out }');
    writeFileSync(join(instance, 'cloister.yaml'), change(text));
  }
  const build = (): string => JSON.parse(owner(['build', '--json', '--no-translate', '--image-key', 'kbs:///hospital/key/image'])).measurement;

  before(async () => {
    must(['new', 'app']);
    for (const name of ['cat', 'ls', 'cp', 'env']) copyFileSync(realpathSync(join('/bin', name)), join(instance, 'image/bin', name));
    copyFileSync(join(instance, 'cloister.yaml'), join(place, 'default.yaml'));
    broker = await serve();
  });
  after(async () => {
    await broker.stop();
    rmSync(place, { recursive: true, force: true });
  });

  test('the program that the owner allows gets its image, volumes and secrets; the same with one change gets nothing', () => {
    mkdirSync(join(place, 'records'));
    writeFileSync(join(place, 'records/patients.csv'), 'Ada,1815\n');
    owner(['seal', join(place, 'records'), join(instance, 'records.sealed'), '--to', 'kbs:///hospital/key/records']);
    rmSync(join(place, 'records'), { recursive: true });
    owner(['resource', 'put', 'hospital/password/db', '-'], { input: 'hunter2' });
    must(['gen-image-key', join(place, 'out.key')]);
    owner(['resource', 'put', 'hospital/key/out', join(place, 'out.key')]);
    configure();
    const measurement = build();

    const early = run(['run', '-q', '/bin/cat', '/records/patients.csv']);
    assert.equal(early.code, 121, early.error);
    assert.match(early.error, /refused hospital\/key\/image .*Access denied by policy/);
    assert.doesNotMatch(early.error, new RegExp(measurement));

    owner(['policy', 'set', 'app', '--ready', 'exact-build', '--for', 'hospital', '--with', `measurement=${measurement}`]);
    assert.equal(must(['run', '-q', '/bin/cat', '/records/patients.csv', '/run/secrets/db']), 'Ada,1815\nhunter2');
    assert.match(must(['run', '-q', '/bin/env']), /^DB_PASSWORD=hunter2$/m);
    must(['run', '-q', '/bin/cp', '/records/patients.csv', '/out/copy']);
    assert.equal(must(['run', '-q', '/bin/cat', '/out/copy']), 'Ada,1815\n', 'a writable volume keeps what was written');
    const sealed = readFileSync(join(instance, 'records.sealed'));
    assert.ok(!sealed.includes('Ada'));

    configure((text) => text.replace('hostname: cloister', 'hostname: cloisteR'));
    assert.notEqual(build(), measurement);
    const changed = run(['run', '-q', '/bin/cat', '/records/patients.csv']);
    assert.equal(changed.code, 121);
    assert.equal(changed.output, '');
    assert.match(owner(['audit', 'show', '--limit', '1']), /resource-refused +hospital\/key\/image +app: when \{ context\.measurement == "[0-9a-f]{12}…" \}; the evidence says/);
    configure();
    assert.equal(build(), measurement);
  });

  test('reference values that the publisher signed are enough for the owner, and only his', () => {
    owner(['policy', 'set', 'app', '--ready', 'reference', '--for', 'hospital', '--with', 'name=app']);
    assert.equal(run(['run', '-q', '/bin/cat', '/records/patients.csv']).code, 121);
    const signer = must(['print', 'signer']).trim();
    const foreign = run(['reference', 'add', join(instance, 'build/reference-values.json'), '--publisher', '00'.repeat(48), '--state', state]);
    assert.equal(foreign.code, 121);
    assert.match(foreign.error, new RegExp(`signed by ${signer}`));
    owner(['reference', 'add', join(instance, 'build/reference-values.json'), '--publisher', signer]);
    assert.equal(must(['run', '-q', '/bin/cat', '/records/patients.csv']), 'Ada,1815\n');
  });

  test('a volume that can be written is refused where it and its record were both exchanged for older copies, or taken away', () => {
    const out = join(instance, 'out');
    const record = globSync(join(place, 'state/instances/*/volume-*out')).at(0) as string;
    const keep = (name: string): void => [out, record].forEach((path, at) => cpSync(path, join(place, `${name}-${at}`), { recursive: true }));
    const put = (name: string): void =>
      [out, record].forEach((path, at) => {
        rmSync(path, { recursive: true });
        cpSync(join(place, `${name}-${at}`), path, { recursive: true });
      });
    keep('older');
    must(['run', '-q', '/bin/cp', '/records/patients.csv', '/out/second']);
    keep('newest');
    put('older');
    const rolledBack = run(['run', '-q', '/bin/ls', '/out']);
    assert.notEqual(rolledBack.code, 0);
    assert.equal(rolledBack.output, '');
    assert.match(rolledBack.error, /older than its counter says: it is at commit \d+, and there were \d+/);
    for (const path of [out, record]) rmSync(path, { recursive: true });
    assert.match(run(['run', '-q', '/bin/ls', '/out']).error, /there is no writable layer, and its counter says that there were \d+ commits/);
    [out, record].forEach((path) => mkdirSync(path, { recursive: true }));
    put('newest');
    assert.equal(must(['run', '-q', '/bin/ls', '/out']), 'copy\nsecond\n');
    // What the owner does where the newest is lost: the key, put again, begins a new count.
    put('older');
    assert.notEqual(run(['run', '-q', '/bin/ls', '/out']).code, 0);
    owner(['resource', 'put', 'hospital/key/out', join(place, 'out.key')]);
    assert.equal(must(['run', '-q', '/bin/ls', '/out']), 'copy\n');
    keep('accepted');
    must(['run', '-q', '/bin/cp', '/records/patients.csv', '/out/third']);
    put('accepted');
    assert.match(run(['run', '-q', '/bin/ls', '/out']).error, /older than its counter says/);
    owner(['resource', 'put', 'hospital/key/out', join(place, 'out.key')]);
  });

  test('killed at any moment of a commit, a volume can be opened again', async () => {
    const out = join(instance, 'out');
    const seen = (): string =>
      readdirSync(out, { withFileTypes: true })
        .map(({ name }) => `${name} ${statSync(join(out, name), { throwIfNoEntry: false })?.mtimeMs}`)
        .join();
    const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
    let killed = 0;
    for (const afterMs of [0, 2, 6, 15]) {
      const before = seen();
      const running = spawn(cloister, ['run', '-q', '/bin/cp', '/records/patients.csv', `/out/after-${afterMs}`], { cwd: instance, env, stdio: 'ignore', detached: true });
      const ended = new Promise((resolve) => running.once('exit', resolve));
      while (running.exitCode === null && seen() === before) await sleep(1);
      await sleep(afterMs);
      if (running.exitCode === null) {
        process.kill(-(running.pid as number), 'SIGKILL');
        killed++;
      }
      await ended;
      must(['run', '-q', '/bin/ls', '/out']);
    }
    assert.ok(killed > 0);
  });

  test('a volume that was exchanged, and a broker with another certificate, are refused', () => {
    const file = join(instance, 'records.sealed');
    const bytes = readFileSync(file);
    const other = Buffer.from(bytes);
    other[other.length - 1] ^= 1;
    writeFileSync(file, other);
    const damaged = run(['run', '-q', '/bin/cat', '/records/patients.csv']);
    assert.notEqual(damaged.code, 0);
    assert.equal(damaged.output, '');
    writeFileSync(file, bytes);
    const certificate = selfSignedCertificate(PrivateKey.generate('ES256'), { commonName: 'Cloister broker', names: ['127.0.0.1'], notBefore: Date.now() - 1e8, notAfter: Date.now() + 1e9 });
    configure((text) => text.replace(/-----BEGIN[^]*?END CERTIFICATE-----/, certificate.trim().replace(/\n/g, '\n    ')));
    build();
    const foreign = run(['run', '-q', '/bin/cat', '/records/patients.csv']);
    assert.equal(foreign.code, 121, foreign.error);
    assert.match(foreign.error, /certificate/);
  });

  test('the log can be verified by anybody, and says so when a byte of it was changed', () => {
    const log = join(place, 'audit.jsonl');
    owner(['audit', 'export', '-o', log]);
    assert.match(must(['audit', 'verify', log]), /^verified: \d+ entries/);
    writeFileSync(log, readFileSync(log, 'utf8').replace('"resource-refused"', '"resource-released"'));
    const verdict = run(['audit', 'verify', log]);
    assert.equal(verdict.code, 1);
    assert.match(verdict.output, /does not follow the one before it \(audit-chain\)[^]*signed head is not that of these entries \(audit-root\)/);
    const proof = join(place, 'proof.json');
    writeFileSync(proof, owner(['audit', 'show', '3', '--proof']));
    assert.match(must(['audit', 'verify', proof]), /^verified/);
    writeFileSync(proof, readFileSync(proof, 'utf8').replace('"seq": 3', '"seq": 2'));
    assert.equal(run(['audit', 'verify', proof]).code, 1);
  });
});
