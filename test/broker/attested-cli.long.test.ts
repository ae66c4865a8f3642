/** A broker in a TEE as its owner has it: options of `broker serve`, and of the commands that reach it from elsewhere. */

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PrivateKey } from '../../src/crypto/index.ts';
import { selfSignedCertificate } from '../../src/crypto/self-signed.ts';
import { BrokerProcess } from './process.ts';

const broker = new BrokerProcess([]);
const at = (name: string): string => join(broker.place, name);
const url = (): string => broker.base.href.replace(/\/$/, '');
const certificate = (): X509Certificate => new X509Certificate(readFileSync(join(broker.state, 'certificate.pem')));
/** As from another machine: no state directory. */
const owner = (words: readonly string[], more: readonly string[]) => broker.run(...words, '--broker', url(), '--owner-key', join(broker.state, 'admin.pem'), ...more);

function policy(...lines: readonly string[]): string {
  writeFileSync(at('policy.yaml'), ['base: authentic', 'tee: [sim]', 'simKeys: [sim.pem]', ...lines, ''].join('\n'));
  return at('policy.yaml');
}

/** Its log comes a little later than its address. */
async function told(what: string): Promise<void> {
  while (!broker.log.includes(what)) await new Promise((resolve) => setTimeout(resolve, 20));
}

after(() => broker.close());

describe('a broker in a simulated TEE', () => {
  let key: string;

  before(async () => {
    await broker.start('--tee', 'sim');
    writeFileSync(at('sim.pem'), (await broker.run('print', 'sim-key')).output);
    key = JSON.parse((await broker.run('broker', 'status', '--state', broker.state, '--json')).output).key;
    writeFileSync(at('secret'), 'hunter2');
  });

  test('its certificate, its log and its evidence say that nothing is protected', { timeout: 60_000 }, async () => {
    assert.match(certificate().subject, /SIMULATED: protects nothing/);
    await told('"certificate":"attested (sim)"');
    assert.match(broker.log, /gives sim evidence of itself. SIMULATED enclave: nothing is protected/);
    const verified = await broker.run('verify', url(), '--sim-key', at('sim.pem'));
    assert.equal(verified.code, 0, verified.error);
    assert.match(verified.output, /SIMULATED: nothing is protected/);
    assert.ok(verified.output.includes(key));
  });

  test('an owner elsewhere verifies it before anything is sent; no certificate is needed', async () => {
    const put = await owner(['resource', 'put', 'a/key/k', at('secret')], ['--broker-policy', policy(`broker.key: ["${key}"]`)]);
    assert.equal(put.code, 0, put.error);
    const got = await owner(['resource', 'get', 'a/key/k'], ['--broker-policy', at('policy.yaml')]);
    assert.deepEqual([got.code, got.output], [0, 'hunter2'], got.error);
    const none = await owner(['resource', 'get', 'a/key/k'], []);
    assert.equal(none.code, 121, 'no authority vouches for it');
  });

  test('what does not satisfy the policy is refused with what, where and what next', async () => {
    for (const [line, why] of [
      [`broker.key: ["${'00'.repeat(32)}"]`, /broker-key \(it is the broker with the key/],
      [`measurement: ["${'11'.repeat(48)}"]`, /measurement \(the measurement is 0+\)/],
    ] as const) {
      const { code, output, error } = await owner(['resource', 'put', 'a/key/refused', at('secret')], ['--broker-policy', policy(line)]);
      assert.deepEqual([code, output], [121, ''], error);
      assert.match(error, why);
      assert.match(error, /https:\/\/127\.0\.0\.1:\d+/);
      assert.match(error, /cloister verify https/);
    }
    const listed = await broker.run('resource', 'list', '--state', broker.state);
    assert.doesNotMatch(listed.output, /refused/);
  });

  test('options that cannot be meant are refused before there is a connection', async () => {
    const policyFile = policy();
    copyFileSync(join(broker.state, 'certificate.pem'), at('cert.pem'));
    const both = await owner(['resource', 'list'], ['--broker-policy', policyFile, '--broker-cert', at('cert.pem')]);
    const missing = await owner(['resource', 'list'], ['--broker-policy', at('none.yaml')]);
    const plain = await broker.run('resource', 'list', '--broker', 'http://127.0.0.1:1', '--owner-key', join(broker.state, 'admin.pem'), '--broker-policy', policyFile);
    writeFileSync(at('wrong.yaml'), 'base: authentic\nmeasurment: []\n');
    const wrong = await owner(['resource', 'list'], ['--broker-policy', at('wrong.yaml')]);
    writeFileSync(at('enclave.yaml'), 'base: authentic\nstatement: enclave\n');
    const enclave = await owner(['resource', 'list'], ['--broker-policy', at('enclave.yaml')]);
    for (const [{ code, error }, why] of [
      [both, /by a certificate or by its evidence, not by both/],
      [missing, /cannot read .*none\.yaml/],
      [plain, /its address is not https:/],
      [wrong, /wrong\.yaml: policy: measurment: no such key/],
      [enclave, /a broker is no enclave/],
    ] as const) {
      assert.equal(code, 110, error);
      assert.match(error, why);
    }
  });

  test('commands on its own machine pin the certificate of the day', async () => {
    const status = await broker.run('broker', 'status', '--state', broker.state);
    assert.equal(status.code, 0, status.error);
    const before = certificate();
    await broker.end();
    await broker.start('--tee', 'sim');
    assert.ok(!certificate().raw.equals(before.raw));
    assert.equal(JSON.parse((await broker.run('broker', 'status', '--state', broker.state, '--json')).output).key, key, 'the same broker');
  });

  test('a certificate that is given wins, and has no evidence', async () => {
    await broker.end();
    const made = PrivateKey.generate('ES256');
    writeFileSync(at('tls.pem'), made.pem());
    writeFileSync(at('tls.crt'), selfSignedCertificate(made, { commonName: 'given', names: ['127.0.0.1'], notBefore: Date.now() - 1e6, notAfter: Date.now() + 1e8 }));
    await broker.start('--tee', 'sim', '--tls-cert', at('tls.crt'), '--tls-key', at('tls.pem'));
    const pinned = await owner(['resource', 'get', 'a/key/k'], ['--broker-cert', at('tls.crt')]);
    assert.deepEqual([pinned.code, pinned.output], [0, 'hunter2'], pinned.error);
    const here = await broker.run('resource', 'get', 'a/key/k', '--state', broker.state);
    assert.deepEqual([here.code, here.output], [0, 'hunter2'], here.error);
    const verified = await owner(['resource', 'get', 'a/key/k'], ['--broker-policy', policy()]);
    assert.deepEqual([verified.code, verified.output], [121, ''], verified.error);
    assert.match(verified.error, /no extension with evidence/);
  });

  test('a certificate and a key that do not fit are refused before anything listens', { timeout: 60_000 }, async () => {
    await broker.end();
    writeFileSync(at('other.pem'), PrivateKey.generate('ES256').pem());
    for (const [cert, key, said] of [
      ['tls.crt', 'other.pem', /does not belong to the certificate/],
      ['tls.crt', 'secret', /holds no private key in PEM/],
      ['secret', 'tls.pem', /holds no certificate in PEM/],
    ] as const) {
      const { code, error } = await broker.run('broker', 'serve', '--state', broker.state, '--tls-cert', at(cert), '--tls-key', at(key));
      assert.equal(code, 115, error);
      assert.match(error, said);
    }
  });

  test('without hardware and without a wish there is the certificate of before; a TEE that is not here is an error', { timeout: 60_000 }, async () => {
    await broker.end();
    await broker.start();
    await told('"certificate":"own"');
    const own = certificate();
    assert.doesNotMatch(own.subject, /SIMULATED/);
    await broker.end();
    const { code, error } = await broker.run('broker', 'serve', '--state', broker.state, '--tee', 'tdx');
    assert.equal(code, 119, error);
    assert.match(error, /offers no TDX evidence/);
    assert.equal((await broker.run('broker', 'serve', '--state', broker.state, '--tee', 'nitro')).code, 110);
    await broker.start('--tee', 'none');
    assert.ok(certificate().raw.equals(own.raw), 'it stays, for those who pin it');
  });
});
