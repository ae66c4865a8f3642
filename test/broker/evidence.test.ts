/** Evidence of SGX, TDX and SEV-SNP through the whole handshake: of forged machines with roots of their own, and of real ones. */

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { AUTHENTIC, type Collateral, NO_COLLATERAL, type Policy, readCollateral, recognise, verifyEvidence } from '../../src/attestation/verifier/index.ts';
import { type Attester, BrokerClient } from '../../src/broker/client.ts';
import { contextOf, EVIDENCE, verifierAppraiser } from '../../src/broker/kbs/appraise.ts';
import { givenCollateral } from '../../src/broker/kbs/collateral.ts';
import { CLAIMS, NO_ATTRIBUTES } from '../../src/broker/policy/claims.ts';
import { PolicyEngine } from '../../src/broker/policy/engine.ts';
import { policyFromLibrary } from '../../src/broker/policy/library.ts';
import { AT } from '../attestation/forge/intel.ts';
import { amdMachine, intelMachine, type Machine } from './hardware.ts';
import { ANYBODY, Bench } from './support.ts';

const benches: Bench[] = [];
after(async () => {
  for (const bench of benches) await bench.close();
});

/** A broker at a time, with collateral and roots. */
async function brokerFor(at: Date, collateral: Collateral, demands: Partial<Policy>): Promise<Bench> {
  const appraisers = new Map(
    Object.keys(EVIDENCE).map((name) => [
      name,
      verifierAppraiser(
        { ...AUTHENTIC, ...demands },
        givenCollateral(() => collateral),
      ),
    ]),
  );
  const bench = new Bench();
  bench.skewMs = at.getTime() - Date.now();
  await bench.start({ appraisers, now: () => at.getTime() });
  await bench.addAlice();
  await bench.alice('PUT', '/cloister/v0/resources/a/key/k', 'secret');
  benches.push(bench);
  return bench;
}

const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString()).submods.cpu0;

// biome-ignore format: a table
const RIGHT: readonly (readonly [name: string, machine: Machine, tcbStatus: string])[] = [
  ['SGX',                                   intelMachine(),                                                            'UpToDate'],
  ['TDX, version 4',                        intelMachine({ tee: 'tdx' }),                                              'UpToDate'],
  ['TDX 1.5, version 5',                    intelMachine({ tee: 'tdx', version: 5, td15: true }),                      'UpToDate'],
  ['SEV-SNP, Milan',                        amdMachine(),                                                              'NotPublished'],
  ['SEV-SNP, Genoa, VCEK in the collateral', amdMachine({ product: 'Genoa' }, 'in the collateral'),                    'NotPublished'],
  ['SEV-SNP, Turin, version 5',             amdMachine({ product: 'Turin', version: 5 }),                              'NotPublished'],
  ['SEV-SNP, Genoa, VLEK',                  amdMachine({ product: 'Genoa', vlek: true }),                              'NotPublished'],
];
for (const [name, { attester, collateral, roots, measurement }, tcbStatus] of RIGHT)
  test(`${name}: the right program gets its key, another one does not`, async () => {
    const bench = await brokerFor(AT, collateral, { roots });
    const policy = (wanted: string) =>
      bench.alice('PUT', '/cloister/v0/policies/app', `permit (principal, action, resource) when { context.tee == "${attester.tee}" && context.measurement == "${wanted}" && !context.debug && !context.simulated };`);
    await policy(measurement);
    assert.equal(new TextDecoder().decode(await bench.client(attester).resource('a/key/k')), 'secret');
    await policy('00'.repeat(measurement.length / 2));
    await assert.rejects(bench.client(attester).resource('a/key/k'), { code: 'broker-refused' });
    const accepted = (await bench.audit()).find(({ event }) => event === 'attestation-accepted');
    assert.deepEqual([accepted?.subject, accepted?.detail.measurement, accepted?.detail.tcbStatus], [attester.tee, measurement, tcbStatus]);
    const claims = claimsOf(await bench.client(attester).attest());
    assert.equal(claims['ear.status'], 'affirming');
    assert.equal(claims['ear.trustworthiness-vector'].hardware, 2);
    assert.equal(claims['ear.veraison.annotated-evidence'][attester.tee].measurement, measurement);
  });

const stale = new Date('2026-03-01');
const debugSgx = (bytes: Buffer): void => void (bytes[48] |= 2);
const debugTdx = (bytes: Buffer): void => void (bytes[120] |= 1);
const debugSnp = (bytes: Buffer): void => void bytes.writeBigUInt64LE(0xb001fn, 8);
const other = (at: number) => (bytes: Buffer) => void (bytes[at] ^= 1);
const old = { components: Array.from({ length: 16 }, () => 3) };
const crl = { revoked: [0x10001] };

// biome-ignore format: a table
const WRONG: readonly (readonly [name: string, machine: Machine, codes: string, at?: Date, demands?: Partial<Policy>])[] = [
  ['SGX, downgraded TCB',        intelMachine({ pckValues: old }),                                'tcb-status'],
  ['TDX, downgraded module',     intelMachine({ tee: 'tdx', body: (bytes) => { bytes[0] = 2; } }), 'tcb-status'],
  ['SEV-SNP, downgraded TCB',    amdMachine(),                                                    'snp-tcb', AT, { 'snp.minimumTcb': { snp: 23 } }],
  ['SEV-SNP, TCB above its certificate', amdMachine({ vekLevels: { snp: 21 } }),                  'snp-vek-tcb'],
  ['SGX, debug',                 intelMachine({ body: debugSgx }),                                'debug'],
  ['TDX, debug',                 intelMachine({ tee: 'tdx', body: debugTdx }),                    'debug'],
  ['SEV-SNP, debug',             amdMachine({ report: debugSnp }),                                'debug'],
  ['SGX, other report data',     intelMachine({ body: other(320) }),                              'report-data'],
  ['SGX, padding that is not zero', intelMachine({ body: other(383) }),                           'report-data'],
  ['TDX, other report data',     intelMachine({ tee: 'tdx', body: other(520) }),                  'report-data'],
  ['SEV-SNP, other report data', amdMachine({ report: other(0x50) }),                             'report-data'],
  ['SGX, stale collateral',      intelMachine(),                                                  'pck-crl-expired qe-identity-expired root-crl-expired tcb-info-expired', stale],
  ['TDX, stale collateral',      intelMachine({ tee: 'tdx' }),                                    'pck-crl-expired qe-identity-expired root-crl-expired tcb-info-expired', stale],
  ['SEV-SNP, stale revocation list', amdMachine({ crl: {} }),                                     'snp-crl-expired', stale],
  ['SEV-SNP, revoked authority', amdMachine({ crl }),                                             'snp-revoked'],
  ['SGX, revoked platform',      intelMachine({ pckCrl: { revoked: [0x1234] } }),                 'pck-revoked'],
  ['SGX, signed by another key', intelMachine({ quote: (bytes) => { bytes[64 + 48] ^= 1; return bytes; } }), 'quote-signature'],
  ['SGX, no TCB information',    intelMachine({ without: ['tcb_info'] }),                         'tcb-info-missing'],
  ['SGX where only TDX is taken', intelMachine(),                                                 'tee-not-accepted', AT, { tee: ['tdx'] }],
];
for (const [name, { attester, collateral, roots }, codes, at = AT, demands] of WRONG)
  test(`${name}: refused for ${codes}, which only the owner learns`, async () => {
    const bench = await brokerFor(at, collateral, { roots, ...demands });
    await bench.alice('PUT', '/cloister/v0/policies/any', ANYBODY);
    const refusal = await bench
      .client(attester)
      .resource('a/key/k')
      .catch((error) => error);
    assert.match(refusal.message, /^the broker refused the evidence \(status 401\): verify TEE evidence failed$/);
    const [{ event, subject, detail }] = await bench.audit();
    assert.deepEqual([event, subject], ['attestation-refused', attester.tee]);
    assert.deepEqual([...new Set(detail.failures.map((text: string) => text.split(':')[0]))].sort(), codes.split(' '), detail.failures.join('\n'));
  });

test('what an enclave states of itself is bound by the evidence: not a word of it can be changed on the way', async () => {
  const { attester, collateral, roots } = intelMachine({ tee: 'tdx' });
  const bench = await brokerFor(AT, collateral, { roots });
  await bench.alice('PUT', '/cloister/v0/policies/any', ANYBODY);
  const cloister = { measurement: '11'.repeat(48), signer: '22'.repeat(48), productId: 1, securityVersion: 2, debuggable: false, imageKind: 'encrypted' };
  const stating: Attester = { ...attester, cloister };
  assert.equal(new TextDecoder().decode(await bench.client(stating).resource('a/key/k')), 'secret');
  for (const changed of [{ ...cloister, measurement: '33'.repeat(48) }, { ...cloister, debuggable: true }, undefined, null, 1.5, '']) {
    const relay = new BrokerClient((method, path, headers, body) => {
      if (!path.endsWith('/attest')) return bench.send(method, path, headers, body);
      const json = JSON.parse(body as string);
      json['runtime-data'].cloister = changed;
      return bench.send(method, path, headers, JSON.stringify(json));
    }, stating);
    await assert.rejects(relay.attest(), /status 401/);
  }
});

test('another kernel on the right firmware can state the same, and gets nothing', async () => {
  const victim = '11'.repeat(48);
  const cloister = { measurement: victim, signer: '22'.repeat(48), productId: 1, securityVersion: 2, debuggable: false, imageKind: 'encrypted' };
  const right = intelMachine({ tee: 'tdx' });
  const [rtmr1, rtmr2] = [right.registers[1], right.registers[2]];
  // RTMR1 and RTMR2: another kernel and initial file system.
  const evil = intelMachine({ tee: 'tdx', body: (bytes) => void bytes.fill(0xee, 376, 472) });
  const bench = await brokerFor(AT, right.collateral, { roots: right.roots });
  const ask = ({ attester }: Machine) => bench.client({ ...attester, cloister }).resource('a/key/k');
  const set = (text: string) => bench.alice('PUT', '/cloister/v0/policies/p', text);
  const ready = (...registers: [string, string][]) => policyFromLibrary('enclave', 'a', new Map([['platform', right.measurement], ['measurement', victim], ...registers])); // biome-ignore format: a table
  await set(ready());
  for (const machine of [evil, right]) await assert.rejects(ask(machine), { code: 'broker-refused' });
  assert.match((await bench.audit())[0].detail.why.join(), /contains\(context\.tee\).*"tee":"tdx"/);
  await set(ready(['rtmr1', rtmr1], ['rtmr2', rtmr2]));
  assert.equal(new TextDecoder().decode(await ask(right)), 'secret');
  await assert.rejects(ask(evil), { code: 'broker-refused' });
  assert.match((await bench.audit())[0].detail.why.join(), /context\.rtmr1 == .*; the evidence says .*eeee/);
  // Written by hand, without the registers: nobody gets it, and the owner learns what is missing.
  await set(`permit (principal, action, resource) when { context.measurement == "${right.measurement}" && context has enclave && context.enclave.measurement == "${victim}" };`);
  for (const machine of [evil, right]) await assert.rejects(ask(machine), { code: 'broker-refused' });
  assert.match((await bench.audit())[0].detail.why[0], /^p: any software can state what is asked of context\.enclave: name the one that is believed, by context\.rtmr1 or context\.rtmr2; the evidence says \{"tee":"tdx","rtmr1":/);
});

test('every claim of accepted evidence can be asked for, with its type', async () => {
  const engine = await PolicyEngine.load();
  const seen = new Set<string>();
  for (const [name, { attester, collateral, roots }] of RIGHT) {
    const evidence = recognise(new TextEncoder().encode(JSON.stringify(attester.evidence(new Uint8Array(64)))));
    const verdict = await verifyEvidence(evidence, { collateral, policy: { ...AUTHENTIC, roots }, at: AT });
    assert.ok(verdict.accepted, name);
    const context = contextOf(verdict) as Readonly<Record<string, unknown>>;
    for (const [claim, value] of Object.entries(verdict.claims)) {
      if (NO_ATTRIBUTES.includes(claim)) continue;
      assert.deepEqual(context[claim], value, `${name}: ${claim}`);
      seen.add(claim);
    }
    const conditions = Object.entries(CLAIMS).flatMap(([claim, [type]]) => (context[claim] === undefined || type === 'Tcb' ? [] : [`context has ${claim} && context.${claim} == context.${claim}`]));
    const text = `permit (principal, action, resource) when { ${conditions.join(' && ')} };`;
    engine.check({ name, text });
    const request = {
      action: 'release',
      resource: { owner: '', tenant: '', repository: 'a', type: 'b', tag: 'c', version: 1, labels: [] },
      context: { ...contextOf(verdict), enclave: undefined, references: [], publishers: [], now: 0 },
    } as const;
    assert.deepEqual(engine.decide([{ name, text }], request), { allowed: true, policies: [name], failed: [], errors: [] });
  }
  // Of simulated machines, of platforms with several processors, of virtual TPMs.
  assert.deepEqual(
    Object.keys(CLAIMS).filter((claim) => !seen.has(claim)),
    ['register', 'simKey', 'platformInstanceId', 'userData'],
  );
  const claims = { measurement: '11', debug: false, vmpl: '0' };
  assert.throws(() => contextOf({ tee: 'snp', accepted: true, tcbStatus: null, tcbDate: null, advisories: [], failures: [], claims }), /vmpl is no Long/);
});

test("registers of a virtual TPM are in the policy's context by number", () => {
  const hash = 'ab'.repeat(32);
  const verdict = { tee: 'az-snp-vtpm', accepted: true, tcbStatus: null, tcbDate: null, advisories: [], failures: [], claims: { measurement: '11'.repeat(48), debug: false, pcrs: { 4: hash, 11: hash } } };
  const context = contextOf(verdict);
  assert.deepEqual([context.pcr4, context.pcr11, context.pcr0], [hash, hash, undefined]);
  assert.equal(contextOf({ ...verdict, accepted: false }).pcr4, undefined);
  assert.throws(() => contextOf({ ...verdict, claims: { ...verdict.claims, pcrs: { 4: 7 } } }), /pcr4/);
});

test('an enclave states what it is only where the broker says that it reads it', async () => {
  const { attester, collateral, roots, measurement } = amdMachine();
  const bench = await brokerFor(AT, collateral, { roots });
  const cloister = { measurement: '11'.repeat(48), signer: '22'.repeat(48), productId: 1, securityVersion: 2, debuggable: false, imageKind: 'encrypted' };
  await bench.alice('PUT', '/cloister/v0/policies/enclave', `permit (principal, action, resource) when { context.measurement == "${measurement}" && context has enclave && context.enclave.measurement == "${cloister.measurement}" };`);
  const sent: string[] = [];
  const through = (extra: (given: unknown) => unknown): BrokerClient =>
    new BrokerClient(
      async (method, path, headers, body) => {
        if (path.endsWith('/attest')) sent.push(...Object.keys(JSON.parse(body as string)['runtime-data']).sort());
        const answer = await bench.send(method, path, headers, body);
        if (!path.endsWith('/auth')) return answer;
        const challenge = JSON.parse(answer.body);
        return { ...answer, body: JSON.stringify({ ...challenge, 'extra-params': extra(challenge['extra-params']) }) };
      },
      { ...attester, cloister },
    );
  assert.equal(new TextDecoder().decode(await through((given) => given).resource('a/key/k')), 'secret');
  assert.deepEqual(sent.splice(0), ['cloister', 'nonce', 'tee-pubkey']);
  // As other brokers answer.
  for (const extra of ['', null, {}, { 'selected-runtime-data': 'cloister' }, { 'selected-runtime-data': [] }, { 'selected-hash-algorithm': 'sha384' }]) {
    await assert.rejects(through(() => extra).resource('a/key/k'), { code: 'broker-refused' });
    assert.deepEqual(sent.splice(0), ['nonce', 'tee-pubkey']);
  }
});

test("pinned roots: a forged machine is none of Intel's or AMD's", async () => {
  for (const [{ attester, collateral }, code] of [
    [intelMachine(), /^pck-root/m],
    [amdMachine(), /^snp-(root|chain)/m],
  ] as const) {
    const bench = await brokerFor(AT, collateral, {});
    await assert.rejects(bench.client(attester).attest(), { code: 'broker-refused' });
    assert.match((await bench.audit())[0].detail.failures.join('\n'), code);
  }
});

const FOLDER = process.env.CLOISTER_VECTORS ?? ['../../../', '../../../../'].map((up) => new URL(`${up}shared/vectors/`, import.meta.url).pathname).find((path) => existsSync(path));
const skip = FOLDER === undefined ? 'the folder of real quotes is not here (CLOISTER_VECTORS)' : false;
const read = (path: string): Buffer => readFileSync(`${FOLDER}/${path}`);
const PHALA = 'Phala-Network__dcap-qvl/sample';
const TRUSTEE = 'confidential-containers__trustee/deps/verifier/test_data';
const quoteOf = (path: string) => () => ({ quote: read(path).toString('base64') });
const hexQuoteOf = (path: string) => () => ({ quote: Buffer.from(read(path).toString().trim().replace(/^0x/, ''), 'hex').toString('base64') });
const jsonOf = (path: string) => () => JSON.parse(read(path).toString());

/** Somebody else's evidence, however real, is about another handshake: refused for that, and for what else is wrong with it. */
// biome-ignore format: a table
const REAL: readonly (readonly [tee: string, evidence: () => unknown, collateral: readonly string[], at: string, codes: string])[] = [
  ['sgx',         quoteOf(`${PHALA}/sgx_quote`),                          [`${PHALA}/sgx_quote_collateral.json`],          '2025-06-20', 'report-data tcb-status'],
  ['tdx',         quoteOf(`${PHALA}/tdx_quote`),                          [`${PHALA}/tdx_quote_collateral.json`],          '2025-06-20', 'report-data'],
  ['tdx',         quoteOf(`${PHALA}/tdx_quote`),                          [`${PHALA}/tdx_quote_collateral.json`],          '2025-08-20', 'pck-crl-expired qe-identity-expired report-data tcb-info-expired'],
  ['tdx',         hexQuoteOf(`${PHALA}/tdx-quote.hex`),                   [`${PHALA}/tdx_quote_collateral.json`],          '2025-06-20', 'report-data tcb-not-supported'],
  ['snp',         jsonOf('confidential-containers__trustee/attestation-service/tests/e2e/evidence.json'), [],              '2026-06-01', 'report-data'],
  ['azsnpvtpm',   jsonOf(`${TRUSTEE}/az-snp-vtpm/evidence-v1.json`),      [],                                              '2026-06-01', 'vtpm-nonce'],
  ['az-snp-vtpm', jsonOf(`${TRUSTEE}/az-snp-vtpm/evidence-v2.json`),      [],                                              '2026-06-01', 'vtpm-nonce'],
];
for (const [tee, evidence, files, at, codes] of REAL)
  test(`real evidence of ${tee} on ${at}, relayed: ${codes}`, { skip }, async () => {
    const bench = await brokerFor(new Date(at), files.length === 0 ? NO_COLLATERAL : readCollateral(files.map((name) => ({ name, bytes: read(name) }))), {});
    const attester: Attester = { tee, evidence };
    await assert.rejects(new BrokerClient(bench.send, attester).attest(), /status 401.*verify TEE evidence failed$/);
    const [{ detail }] = await bench.audit();
    assert.deepEqual([...new Set(detail.failures.map((text: string) => text.split(':')[0]))].sort(), codes.split(' '), detail.failures.join('\n'));
  });
