import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Verdict } from '../verifier/index.ts';
import { earPayload, generateEarKey, jwks, signEar, statusOf, trustVector, verifyEar } from './index.ts';

const verdict: Verdict = { tee: 'tdx', accepted: true, tcbStatus: 'UpToDate', tcbDate: '2025-01-01T00:00:00Z', advisories: [], failures: [], claims: { measurement: 'ab', unchecked: [] } };
const refused = (...codes: Verdict['failures'][number]['code'][]): Verdict => ({ ...verdict, accepted: false, failures: codes.map((code) => ({ code, message: code })) });
const options = { verifier: { build: 'cloister 0.1.0', developer: 'https://example.org' }, policyId: 'default', issuedAt: new Date('2026-01-01'), lifetime: 300 };

// biome-ignore format: a table
const CASES: readonly (readonly [name: string, verdict: Verdict, status: string, member: keyof ReturnType<typeof trustVector>, value: number])[] = [
  ['accepted',             verdict,                                                             'affirming',       'hardware',          2],
  ['measurement unchecked', { ...verdict, claims: { unchecked: ['measurement'] } },             'affirming',       'executables',       0],
  ['revocation unchecked', { ...verdict, tee: 'snp', tcbStatus: null, claims: { unchecked: ['snp.revocation'] } }, 'affirming', 'instance-identity', 0],
  ['wrong measurement',    refused('measurement'),                                              'warning',         'executables',       33],
  ['debug',                refused('debug'),                                                    'contraindicated', 'configuration',     96],
  ['out of date',          { ...refused('tcb-status'), tcbStatus: 'OutOfDate' },                'warning',         'hardware',          32],
  ['revoked',              { ...refused('tcb-status'), tcbStatus: 'Revoked' },                  'contraindicated', 'hardware',          96],
  ['bad signature',        refused('quote-signature'),                                          'contraindicated', 'instance-identity', 99],
  ['simulated',            { ...verdict, tee: 'sim' },                                          'contraindicated', 'hardware',          97],
  ['another nonce',        refused('report-data'),                                              'contraindicated', 'sourced-data',      96],
];
for (const [name, given, status, member, value] of CASES)
  test(`trust vector, ${name}: ${member} ${value}, ${status}`, () => {
    const vector = trustVector(given);
    assert.equal(vector[member], value);
    assert.equal(statusOf(vector, given.accepted), status);
  });

test('a token verifies with its set of keys until it expires, and with nothing changed', async () => {
  const [key, other] = [await generateEarKey(), await generateEarKey()];
  const token = await signEar(earPayload(verdict, options), key);
  const at = new Date('2026-01-01T00:01:00Z');
  const opened = await verifyEar(token, jwks(other, key), at);
  assert.ok('payload' in opened);
  assert.equal(opened.payload.eat_profile, 'tag:github.com,2023:veraison/ear');
  assert.deepEqual(await verifyEar(token, jwks(other), at), { fault: 'key' });
  assert.deepEqual(await verifyEar(token, { keys: [{ ...other.jwk, kid: key.jwk.kid }] }, at), { fault: 'signature' });
  assert.deepEqual(await verifyEar(token, jwks(key), new Date('2026-01-01T00:06:00Z')), { fault: 'expired' });
  assert.deepEqual(await verifyEar(token, jwks(key), new Date('2025-12-31')), { fault: 'not-yet-valid' });
  for (let index = 0; index < token.length; index += 7) {
    const changed = `${token.slice(0, index)}${token[index] === 'A' ? 'B' : 'A'}${token.slice(index + 1)}`;
    assert.ok('fault' in (await verifyEar(changed, jwks(key), at)), `character ${index}`);
  }
});

test('algorithm confusion: none, HS256 over the public key, a key in the header', async () => {
  const key = await generateEarKey();
  const [, payload, signature] = (await signEar(earPayload(verdict, options), key)).split('.');
  const at = new Date('2026-01-01T00:01:00Z');
  const header = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  for (const alg of ['none', 'HS256', 'ES384', 'RS256']) assert.deepEqual(await verifyEar(`${header({ alg, kid: key.jwk.kid })}.${payload}.${signature}`, jwks(key), at), { fault: 'algorithm' });
  assert.ok('fault' in (await verifyEar(`${header({ alg: 'none' })}.${payload}.`, jwks(key), at)));
  const attacker = await generateEarKey();
  const forged = await signEar(earPayload(verdict, options), attacker);
  const inHeader = `${header({ alg: 'ES256', jwk: attacker.jwk, kid: attacker.jwk.kid })}.${forged.split('.').slice(1).join('.')}`;
  assert.deepEqual(await verifyEar(inHeader, jwks(key), at), { fault: 'key' });
});
