/** Collateral in every form that tools write it, and from the vendors' services. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AUTHENTIC, CollateralError, collateralBundle, collateralUrls, fetchCollateral, readCollateral, recognise, type Verdict, verifyEvidence } from '../../src/attestation/verifier/index.ts';
import { bundleOf } from './fixtures/around.ts';
import { AT, forgeIntel } from './forge/intel.ts';
import { pem } from './forge/x509.ts';

const utf8 = new TextEncoder();
const codes = ({ failures }: Verdict): string[] => [...new Set(failures.map(({ code }) => code))].sort();

describe('collateral', () => {
  const { evidence, bundle, roots } = forgeIntel();
  const parts = bundle as Readonly<Record<string, string>>;
  const response = (header: string, chain: string, body: Uint8Array): Buffer => Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${header}: ${encodeURIComponent(chain)}\r\n\r\n`), body]);
  const tcb = `{"tcbInfo":${parts.tcb_info},"signature":"${parts.tcb_info_signature}"}`;
  const identity = `{"enclaveIdentity":${parts.qe_identity},"signature":"${parts.qe_identity_signature}"}`;
  const der = (name: string): Buffer => Buffer.from(parts[name], 'hex');
  const base64 = (name: string): string => der(name).toString('base64');
  const pemList = (name: string): string => pem(der(name)).replaceAll('CERTIFICATE', 'X509 CRL');
  const camel = (name: string): string => name.replace(/_[a-z]/g, (pair) => pair[1].toUpperCase());
  const inPlace = ['tcb_info', 'qe_identity'].reduce((text, name) => text.replace(JSON.stringify(parts[name]), () => parts[name]), JSON.stringify(parts));
  const forms: Readonly<Record<string, readonly (string | Uint8Array)[]>> = {
    bundle: [JSON.stringify(parts)],
    'a bundle in camel case': [JSON.stringify(Object.fromEntries(Object.entries(parts).map(([name, value]) => [camel(name), value])))],
    'a bundle with documents in place': [inPlace],
    'a bundle with lists in base64': [JSON.stringify({ ...parts, root_ca_crl: base64('root_ca_crl'), pck_crl: base64('pck_crl') })],
    'a bundle with lists behind 0x': [JSON.stringify({ ...parts, root_ca_crl: `0x${parts.root_ca_crl}`, pck_crl: `0x${parts.pck_crl}`, tcb_info_signature: `0x${parts.tcb_info_signature}` })],
    'a bundle with lists in PEM': [JSON.stringify({ ...parts, root_ca_crl: pemList('root_ca_crl'), pck_crl: pemList('pck_crl') })],
    'a bundle with whole answers': [JSON.stringify({ ...parts, tcb_info: tcb, qe_identity: identity })],
    'a bundle within JSON': [JSON.stringify({ evidence: { collateral: parts } })],
    'answers with their headers': [
      response('TCB-Info-Issuer-Chain', parts.tcb_info_issuer_chain, Buffer.from(tcb)),
      response('SGX-Enclave-Identity-Issuer-Chain', parts.qe_identity_issuer_chain, Buffer.from(identity)),
      response('SGX-PCK-CRL-Issuer-Chain', parts.pck_crl_issuer_chain, der('pck_crl')),
      der('root_ca_crl'),
    ],
    'answers, headers apart': [tcb, `HTTP/1.1 200 OK\r\nTCB-Info-Issuer-Chain: ${encodeURIComponent(parts.tcb_info_issuer_chain)}\r\n\r\n`, identity, parts.pck_crl, parts.root_ca_crl],
    'documents with raw names': [
      JSON.stringify({ raw_tcb_info: parts.tcb_info, signature: [...Buffer.from(parts.tcb_info_signature, 'hex')], ca_chain: parts.tcb_info_issuer_chain.split(/(?<=END CERTIFICATE-----\n)/).filter(Boolean) }),
      JSON.stringify({ raw_enclave_identity: parts.qe_identity, signature: parts.qe_identity_signature, ca_chain: [parts.qe_identity_issuer_chain] }),
      JSON.stringify({ crl: pemList('pck_crl'), ca_chain: [parts.pck_crl_issuer_chain] }),
      pemList('root_ca_crl'),
    ],
  };
  for (const [name, contents] of Object.entries(forms))
    test(`${name} comes to the same`, async () => {
      const collateral = readCollateral(contents.map((content, index) => ({ name: `file ${index}`, bytes: typeof content === 'string' ? utf8.encode(content) : content })));
      assert.deepEqual((await verifyEvidence(recognise(evidence), { collateral, policy: { ...AUTHENTIC, roots }, at: AT })).failures, []);
    });

  test('a document in place that was written again does not verify', async () => {
    const spaced = inPlace.replace('"tcbEvaluationDataNumber":17', '"tcbEvaluationDataNumber": 17');
    assert.notEqual(spaced, inPlace);
    assert.deepEqual(codes(await verifyEvidence(recognise(evidence), { collateral: readCollateral([{ name: 'bundle', bytes: utf8.encode(spaced) }]), policy: { ...AUTHENTIC, roots }, at: AT })), ['tcb-info-signature']);
  });

  test('a document that nobody signed does no harm beside one that Intel did', async () => {
    const forged = utf8.encode(`{"tcbInfo":${parts.tcb_info.replace('"tcbEvaluationDataNumber":17', '"tcbEvaluationDataNumber":99')},"signature":"${parts.tcb_info_signature}"}`);
    const collateral = readCollateral([
      { name: 'forged', bytes: forged },
      { name: 'bundle', bytes: utf8.encode(JSON.stringify(parts)) },
    ]);
    assert.deepEqual(codes(await verifyEvidence(recognise(evidence), { collateral, policy: { ...AUTHENTIC, roots }, at: AT })), []);
  });
});

describe('services', () => {
  const { evidence, bundle, roots } = forgeIntel();
  const header = (name: string, value: unknown): Record<string, string> => ({ [name]: encodeURIComponent(String(value)) });
  const answers: Readonly<Record<string, { headers: Record<string, string>; body: Uint8Array }>> = {
    '/sgx/certification/v4/tcb?fmspc=00906ed50000': { headers: header('tcb-info-issuer-chain', bundle.tcb_info_issuer_chain), body: utf8.encode(`{"tcbInfo":${bundle.tcb_info},"signature":"${bundle.tcb_info_signature}"}`) },
    '/sgx/certification/v4/qe/identity': {
      headers: header('sgx-enclave-identity-issuer-chain', bundle.qe_identity_issuer_chain),
      body: utf8.encode(`{"enclaveIdentity":${bundle.qe_identity},"signature":"${bundle.qe_identity_signature}"}`),
    },
    '/sgx/certification/v4/pckcrl?ca=platform&encoding=der': { headers: header('sgx-pck-crl-issuer-chain', bundle.pck_crl_issuer_chain), body: Buffer.from(bundle.pck_crl as string, 'hex') },
    '/sgx/certification/v4/rootcacrl': { headers: {}, body: utf8.encode(bundle.root_ca_crl as string) },
  };
  const service = (trouble: Record<string, number[]> = {}) => {
    const asked: string[] = [];
    return {
      asked,
      get: async (url: string) => {
        asked.push(url);
        const path = url.replace('https://pccs.example', '');
        const status = trouble[path]?.shift() ?? (answers[path] === undefined ? 404 : 200);
        return { status, headers: status === 429 ? { 'retry-after': '2' } : (answers[path]?.headers ?? {}), body: status === 200 ? answers[path].body : new Uint8Array() };
      },
    };
  };

  test('collateral is fetched, kept, and written as a bundle that verifies the same', async () => {
    const cache = new Map<string, unknown>();
    let now = 1000;
    const { asked, get } = service();
    const options = { get, pcs: 'https://pccs.example', now: () => now, cache: { get: async (url: string) => cache.get(url) as never, put: async (url: string, response: unknown) => void cache.set(url, response) } };
    const { collateral, files } = await fetchCollateral(recognise(evidence), options);
    assert.deepEqual(codes(await verifyEvidence(recognise(evidence), { collateral, policy: { ...AUTHENTIC, roots }, at: AT })), []);
    assert.deepEqual(codes(await verifyEvidence(recognise(evidence), { collateral: bundleOf(collateralBundle(files)), policy: { ...AUTHENTIC, roots }, at: AT })), []);
    assert.equal(asked.length, 4);
    await fetchCollateral(recognise(evidence), options);
    assert.equal(asked.length, 4);
    assert.ok([...cache.values()].every((kept) => (kept as { expires: number }).expires === now + 24 * 3600_000));
    now += 25 * 3600_000;
    await fetchCollateral(recognise(evidence), options);
    assert.equal(asked.length, 8);
  });

  test('what is kept expires with what the vendor signed, if that is sooner', async () => {
    const expires = new Map<string, number>();
    const now = Date.parse('2026-01-31T20:00:00Z');
    await fetchCollateral(recognise(evidence), { ...service(), pcs: 'https://pccs.example', now: () => now, cache: { get: async () => undefined, put: async (url, response) => void expires.set(url, response.expires) } });
    assert.equal(expires.get('https://pccs.example/sgx/certification/v4/pckcrl?ca=platform&encoding=der'), Date.parse('2026-02-01T00:00:00Z'));
    assert.equal(expires.get('https://pccs.example/sgx/certification/v4/qe/identity'), now + 24 * 3600_000);
  });

  test('a PCCS may be given as its own configuration has it', () => {
    const plain = collateralUrls(recognise(evidence), { pcs: 'https://pccs.example:8081' });
    for (const address of ['https://pccs.example:8081/', 'https://pccs.example:8081/sgx/certification/v4/', 'https://pccs.example:8081/sgx/certification/v3']) assert.deepEqual(collateralUrls(recognise(evidence), { pcs: address }), plain);
    assert.equal(plain[0], 'https://pccs.example:8081/sgx/certification/v4/tcb?fmspc=00906ed50000');
  });

  test('429 and 5xx are waited for, 404 is final, and so is the fifth attempt', async () => {
    const identity = '/sgx/certification/v4/qe/identity';
    const waits: number[] = [];
    const sleep = async (ms: number): Promise<void> => void waits.push(ms);
    await fetchCollateral(recognise(evidence), { ...service({ [identity]: [429, 503, 503] }), pcs: 'https://pccs.example', sleep });
    assert.deepEqual(waits, [2000, 2000, 4000]);
    await assert.rejects(fetchCollateral(recognise(evidence), { ...service({ [identity]: [404] }), pcs: 'https://pccs.example', sleep }), CollateralError);
    await assert.rejects(fetchCollateral(recognise(evidence), { ...service({ [identity]: [500, 500, 500, 500, 500] }), pcs: 'https://pccs.example', sleep }), CollateralError);
    await assert.rejects(fetchCollateral(recognise(evidence), { get: () => Promise.reject(new Error('no network')), sleep }), /cannot be reached/);
  });
});
