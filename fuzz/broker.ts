/**
 * Fuzz target: requests to a broker. Challenges and attestations (KBS protocol), counters, and everything that owners send, changed
 * as JSON and as bytes: all are answered, with what is in the table of problems and is not the broker's own fault; evidence counts
 * for the key that it was made over, and for no other.
 *
 *     node fuzz/broker.ts [seed] [iterations]
 */

import assert from 'node:assert/strict';
import { canonicalBytes, signReferenceValues } from '../src/attestation/index.ts';
import { toHex } from '../src/base/bytes.ts';
import { expectedReportData } from '../src/broker/kbs/report-data.ts';
import { ROUTES } from '../src/broker/routes.ts';
import { PrivateKey, RecipientKey, sha384 } from '../src/crypto/index.ts';
import { randomFrom } from '../src/encfs/5-disk/model.ts';
import { ANYBODY, Bench } from '../test/broker/support.ts';
import { fromCommandLine, mutate, type Random } from './mutate.ts';
import { type Json, mutateJson } from './mutate-json.ts';

const publisher = PrivateKey.generate('EdDSA');
const document = new TextDecoder().decode(
  signReferenceValues('app', { imageRoot: 'ab'.repeat(48), imageKind: 'encrypted', configuration: 'cd'.repeat(48), productId: 1, securityVersion: 2, debuggable: false, entryPoints: ['/bin'], runtime: 'x' }, publisher),
);
const AUTH: Json = { version: '0.4.0', tee: 'sim', 'extra-params': { 'supported-hash-algorithms': ['sha256', 'sha384'] } };
const PARAMETERS: Readonly<Record<string, string>> = { repository: 'a', type: 'key', tag: 'k', name: 'any', id: '0011223344556677', kind: 'dataset', seq: '3' };
const ODD = ['..', '%2e%2e', "'", '\0', 'ö', '', 'a'.repeat(300), '1', '-1', 'owner', 'alice'];
const QUERIES = ['version=1', 'version=-1', 'version=99999999999', 'expires=2027-01-01T00:00:00Z', 'expires=x', 'label=a', 'label=', 'limit=5', 'limit=1e9', 'before=2', '__proto__=1'];

const serialised = (value: Json, random: Random): Uint8Array => {
  const bytes = new TextEncoder().encode(JSON.stringify(mutateJson(value, random)) ?? '');
  return random(4) === 0 && bytes.length > 0 ? mutate(bytes, random) : bytes;
};

class Target {
  readonly bench: Bench;
  readonly bearer: string;

  constructor(bench: Bench, bearer: string) {
    this.bench = bench;
    this.bearer = bearer;
  }

  async auth(random: Random): Promise<number> {
    const body = new TextDecoder().decode(serialised(AUTH, random));
    return (await this.bench.request('POST', '/kbs/v0/auth', {}, body)).status;
  }

  async attest(random: Random): Promise<number> {
    const { bench } = this;
    const challenge = await bench.request('POST', '/kbs/v0/auth', {}, JSON.stringify(AUTH));
    assert.equal(challenge.status, 200);
    const key = new RecipientKey().publicJwk;
    const runtime = { ...(random(3) === 0 && { cloister: { measurement: 'ab' } }), nonce: challenge.json.nonce as string, 'tee-pubkey': { ...key } };
    const quote = bench.tee().quote(expectedReportData(sha384(canonicalBytes({ ...runtime, 'additional-evidence': '' }))));
    const whole: Json = { 'init-data': null, 'runtime-data': runtime, 'tee-evidence': { primary_evidence: { quote: Buffer.from(random(3) === 0 ? mutate(quote, random) : quote).toString('base64') }, additional_evidence: '' } };
    let cookie = challenge.headers['set-cookie'].split(';')[0];
    if (random(8) === 0) cookie = new TextDecoder('latin1').decode(mutate(new TextEncoder().encode(cookie), random));
    const { status, json } = await bench.request('POST', '/kbs/v0/attest', { cookie }, serialised(whole, random));
    if (status === 200) {
      const claims = JSON.parse(Buffer.from(json.token.split('.')[1], 'base64url').toString()).submods.cpu0['ear.veraison.annotated-evidence'];
      assert.deepEqual(claims.runtime_data_claims, { nonce: runtime.nonce, 'tee-pubkey': runtime['tee-pubkey'] }, 'evidence for one key was taken for another');
      assert.equal(claims.sim.measurement, toHex(bench.tee().measurements().measurement));
    }
    return status;
  }

  /** Any row of the table, by an owner or an enclave, with a body that is near to right. */
  async any(random: Random): Promise<number> {
    const { method, path, who } = ROUTES[random(ROUTES.length)];
    let target = path.replace(/\{(\w+)\}/g, (_, name: string) => (random(4) === 0 ? encodeURI(ODD[random(ODD.length)]) : PARAMETERS[name]));
    // What would end the fun for all that come after.
    if (/revoke|\/keys\/|owners/.test(target) && random(50) !== 0) target = '/cloister/v0/keys';
    if (random(3) === 0) target += `?${QUERIES[random(QUERIES.length)]}`;
    // biome-ignore format: a table
    const bodies: Readonly<Record<string, Json>> = {
      '/cloister/v0/owners': { id: `o${random(1e6)}`, tenant: 't', role: 'owner', publicKey: publisher.publicKey.pem() },
      '/cloister/v0/references': { document, publisher: 'ab' },
      '/kbs/v0/resource-policy': { policy: Buffer.from(ANYBODY).toString('base64url') },
      '/cloister/v0/counter/{repository}/{type}/{tag}': { value: random(1000), from: random(3), holder: '0'.repeat(32) },
      '/cloister/v0/resources/{repository}/{type}/{tag}/read': { recipient: { ...new RecipientKey().publicJwk } },
    };
    const sample = bodies[path];
    const body = sample !== undefined ? serialised(sample, random) : path.includes('policies') ? new TextEncoder().encode(`${ANYBODY} ${String.fromCharCode(random(128))}`) : new Uint8Array(random(40));
    const { bench } = this;
    if (who === 'owner' || who === 'admin') return (await bench.alice(method, target, method === 'GET' ? '' : body)).status;
    return (await bench.request(method, target, { authorization: `Bearer ${this.bearer}` }, method === 'GET' ? '' : body)).status;
  }
}

const AT_ONCE = 64;

export async function fuzz(seed: number, iterations: number): Promise<void> {
  const random = randomFrom(seed);
  const bench = await Bench.make();
  try {
    await bench.alice('PUT', '/cloister/v0/resources/a/key/k', 'secret');
    await bench.alice('PUT', '/cloister/v0/policies/any', ANYBODY);
    const target = new Target(bench, await bench.client().attest());
    for (let iteration = 0; iteration < iterations; iteration += AT_ONCE) {
      const statuses = await Promise.all(Array.from({ length: Math.min(AT_ONCE, iterations - iteration) }, () => [target.auth, target.attest, target.any][random(3)].call(target, random)));
      const wrong = statuses.filter((status) => ![200, 400, 401, 403, 404, 405, 409, 413].includes(status));
      if (wrong.length > 0) throw new Error(`seed ${seed}, near iteration ${iteration}: status ${wrong.join()}: ${JSON.stringify(bench.logged.filter(({ level }) => level === 'error').slice(-3))}`);
      bench.logged.length = 0;
    }
  } finally {
    await bench.close();
  }
}

if (import.meta.main) await fromCommandLine(fuzz, 5000);
