/** Evidence as its parties have it: a program that asks for it, an operator who starts the enclave, and whoever verifies. */

import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ControlClient } from '../../src/pal/node/control/client.ts';
import { Instance } from '../../src/libos/instance.ts';
import { type Result, workplace } from '../support/workplace.ts';

const { place, instance, run, must } = workplace('evidence');

const data = Array.from({ length: 64 }, (_, index) => index + 33).map((byte) => byte.toString(16)).join(''); // biome-ignore format: one line
const text = Buffer.from(data, 'hex').toString('latin1');
const sim = (): readonly string[] => ['--sim-key', join(place, 'sim.pem')];
const verify = (words: readonly string[], input = ''): Result => run(['verify', ...words, ...sim(), '--json'], { input });
const failuresOf = ({ output }: Result): string[] => JSON.parse(output).failures.map(({ code }: { code: string }) => code);

describe('evidence', { skip: existsSync('/bin/sh') && process.arch === 'x64' ? false : 'needs the programs of an x86-64 Linux' }, () => {
  let measurement: string;

  before(() => {
    must(['new', 'app']);
    for (const name of ['sh', 'cat', 'head', 'base64', 'ls', 'dd']) copyFileSync(realpathSync(join('/bin', name)), join(instance, 'image/bin', name));
    const file = join(instance, 'cloister.yaml');
    writeFileSync(file, readFileSync(file, 'utf8').replace('debuggable: true', 'debuggable: false'));
    measurement = JSON.parse(must(['build', '--json', '--no-translate'])).measurement;
    writeFileSync(join(place, 'sim.pem'), must(['print', 'sim-key']));
  });
  after(() => {
    run(['stop']);
    rmSync(place, { recursive: true, force: true });
  });

  test('a program that knows nothing of Cloister asks for a quote, and it verifies', () => {
    const quote = must(['run', '-q', '/bin/sh', '-c', 'head -c 64 > /dev/attestation/user_report_data; cat /dev/attestation/quote | base64'], { input: text });
    const verdict = verify(['-', '--policy', policyFile(`measurement: ["${measurement}"]`)], quote);
    assert.equal(verdict.code, 0, verdict.output);
    assert.equal(must(['run', '-q', '/bin/cat', '/dev/attestation/attestation_type']), 'sim');
  });

  function policyFile(more: string): string {
    const file = join(place, 'policy.yaml');
    writeFileSync(file, `base: authentic\n${more}\n`);
    return file;
  }

  test('the envelope says what the program gave; other data, and another enclave, are refused', () => {
    const envelope = must(['run', '-q', '/bin/sh', '-c', 'head -c 64 > /dev/attestation/user_report_data; cat /dev/attestation/evidence'], { input: text });
    const right = verify(['-', '--enclave', measurement, '--guest-data', data], envelope);
    assert.deepEqual([right.code, failuresOf(right)], [0, []]);
    assert.equal(JSON.parse(right.output).claims.enclave.guestData, data);
    assert.deepEqual(failuresOf(verify(['-', '--guest-data', '00'.repeat(64)], envelope)), ['report-data']);
    assert.deepEqual(failuresOf(verify(['-', '--enclave', '00'.repeat(48)], envelope)), ['measurement']);
    const swapped = { ...JSON.parse(envelope), runtimeData: Buffer.from(Buffer.from(JSON.parse(envelope).runtimeData, 'base64').toString().replace(data, '00'.repeat(64))).toString('base64') };
    assert.deepEqual(failuresOf(verify(['-'], JSON.stringify(swapped))), ['runtime-data']);
  });

  test('64 bytes are 64 bytes; nothing that was not written is taken for zeros', () => {
    const [at, letters] = ['/dev/attestation', text.slice(0, 32).replace(/[^0-9]/g, '0')];
    const { output } = run(['run', '-q', '/bin/sh'], {
      input: `exec 2>&1
        ls ${at}
        cat ${at}/quote
        printf %s ${letters}${letters.slice(1)} > ${at}/user_report_data; cat ${at}/quote
        printf %s ${letters}${letters}x > ${at}/user_report_data; cat ${at}/quote
        (printf %s ${letters}; printf %s ${letters}) > ${at}/user_report_data; cat ${at}/user_report_data; echo
        echo x > ${at}/quote || echo refused
      `,
    });
    const lines = output.split('\n');
    assert.deepEqual(lines.slice(0, 4), ['attestation_type', 'evidence', 'quote', 'user_report_data']);
    assert.match(lines[4], /No data available/, 'nothing was written');
    assert.match(lines[5], /No data available/, '63 bytes');
    assert.match(lines[6], /error/, '65 bytes');
    assert.match(lines[7], /No data available/);
    assert.equal(lines[8], letters + letters, 'in two writes to one descriptor');
    assert.equal(lines.at(-2), 'refused');
  });

  test('a running enclave answers at its address, bound to the connection; the operator cannot have more said', async () => {
    const started = must(['start', '--evidence', '127.0.0.1:0']);
    const url = /evidence at (https:\/\/\S+)/.exec(started)?.[1] as string;
    assert.equal(JSON.parse(must(['status', '--json'])).evidence, url);
    const right = verify([url, '--enclave', measurement]);
    assert.deepEqual([right.code, failuresOf(right)], [0, []], right.error);
    assert.deepEqual([verify([url, '--enclave', '00'.repeat(48)]).code, verify([url.replace(/\d+$/, '1')]).code], [1, 2]);
    const nonce = 'ab'.repeat(16);
    assert.equal(verify(['-', '--enclave', measurement], must(['evidence', '--nonce', nonce])).code, 0);
    assert.equal(run(['evidence', '--nonce', 'ab']).code, 110);
    const control = async (method: string, params: unknown): Promise<unknown> => {
      const client = new ControlClient(new Instance(instance).socket);
      return client.call(method, params).finally(() => client.close());
    };
    await assert.rejects(control('attest', { kind: 'certificate', spki: {} }), /there is no method attest/);
    const withChannel = (await control('evidence', { nonce, channel: { key: '00'.repeat(32), binding: '00'.repeat(32) } })) as { runtimeData: string };
    assert.doesNotMatch(Buffer.from(withChannel.runtimeData, 'base64').toString(), /channel/);
    must(['stop']);
    assert.equal(verify([url]).code, 2);
  });

  test('over plain HTTP, while one program runs', () => {
    const taken = run(['run', '-q', '--evidence', 'http://256.0.0.1:1', '/bin/ls']);
    assert.equal(taken.code, 119, taken.error);
    assert.equal(run(['run', '--evidence', 'nonsense', '/bin/ls']).code, 110);
    const noted = run(['run', '--evidence', 'http://127.0.0.1:0', '/bin/ls', '/bin']);
    assert.match(noted.error, /evidence at http:\/\/127\.0\.0\.1:\d+/);
    assert.equal(noted.code, 0);
  });

  test('a TEE that is not here is not replaced by another', () => {
    for (const tee of ['tdx', 'snp', 'sgx']) {
      const { code, error } = run(['run', '-q', '--tee', tee, '/bin/ls']);
      assert.deepEqual([code, /offers no (TDX|SNP|SGX) evidence/.test(error)], [119, true], error);
    }
    assert.equal(run(['run', '-q', '/bin/ls'], { more: { CLOISTER_TEE: 'tdx' } }).code, 119);
    assert.equal(run(['run', '-q', '/bin/ls'], { more: { CLOISTER_TEE: 'trustzone' } }).code, 110);
    assert.match(run(['run', '/bin/ls', '/bin']).error, /SIMULATED enclave: nothing is protected/);
  });
});
