/** What lies around a quote: certificates that carry it, event logs, vTPMs, simulated quotes, envelopes, policies, services. */

import assert from 'node:assert/strict';
import { createHash, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { describe, test } from 'node:test';
import { encode } from 'cborg';
import {
  AUTHENTIC,
  CollateralError,
  collateralBundle,
  type Collateral,
  type Evidence,
  fetchCollateral,
  parsePolicy,
  type Policy,
  POLICY_KEYS,
  readCollateral,
  recognise,
  reportText,
  UnreadableError,
  type Verdict,
  verifyEvidence,
} from '../../src/attestation/verifier/index.ts';
import type { HostDirectory } from '../../src/base/host-files.ts';
import { SimTee } from '../../src/attestation/sim.ts';
import { octets } from './forge/der.ts';
import { forgeAmd, KEYS as AMD_KEYS } from './forge/amd.ts';
import { AT, type Changes, forgeIntel } from './forge/intel.ts';
import { certificate, newKey, pem } from './forge/x509.ts';

const utf8 = new TextEncoder();
const sha256 = (...parts: readonly Uint8Array[]): Buffer => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();
const sha384 = (...parts: readonly Uint8Array[]): Buffer => parts.reduce((hash, part) => hash.update(part), createHash('sha384')).digest();
const codes = ({ failures }: Verdict): string[] => [...new Set(failures.map(({ code }) => code))].sort();
const bundleOf = (bundle: object): Collateral => readCollateral([{ name: 'bundle', bytes: utf8.encode(JSON.stringify(bundle)) }]);

const key = newKey('P-384');
const reportData =
  (data: Uint8Array) =>
  (body: Buffer): void => {
    body.fill(0, 320, 384);
    body.set(data, 320);
  };

function carried(id: string, value: (quote: Uint8Array) => Uint8Array, bound: Uint8Array, more: { certificateKey?: typeof key; changes?: Changes } = {}) {
  const forged = forgeIntel({ ...more.changes, body: reportData(bound) });
  const der = certificate({ subject: 'enclave', key: more.certificateKey ?? key, extensions: [[id, value(forged.evidence)]], notAfter: new Date('2026-01-01') });
  return { ...forged, pem: pem(der) };
}
const judgePem = (given: ReturnType<typeof carried>, policy: Partial<Policy> = {}): Promise<Verdict> =>
  verifyEvidence(recognise(utf8.encode(given.pem)), { collateral: bundleOf(given.bundle), policy: { ...AUTHENTIC, roots: given.roots, ...policy }, at: AT });

const claimsFor = (spki: Uint8Array, more: object = {}): Uint8Array => encode({ 'pubkey-hash': encode([1, sha256(spki)]), ...more });
const dice =
  (claims: Uint8Array, tag = 60000) =>
  (quote: Uint8Array): Uint8Array =>
    Buffer.concat([Uint8Array.of(0xd9, tag >> 8, tag & 0xff), encode([quote, claims])]);

describe('certificates that carry evidence', () => {
  const claims = claimsFor(key.spki, { nonce: Uint8Array.of(1, 2, 3) });

  test('the interoperable form, and the older ones of Gramine, the SGX SDK and Open Enclave', async () => {
    assert.deepEqual(codes(await judgePem(carried('2.23.133.5.4.9', dice(claims), sha256(claims)))), []);
    assert.deepEqual(codes(await judgePem(carried('1.2.840.113741.1337.6', (quote) => quote, sha256(key.spki)))), []);
    assert.deepEqual(codes(await judgePem(carried('1.2.840.113741.1337.6', octets, sha256(key.spki)))), []);
    assert.deepEqual(codes(await judgePem(carried('1.2.840.113741.1.13.1', (quote) => quote, sha256(key.spki)))), []);
    const header = Buffer.from([1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert.deepEqual(codes(await judgePem(carried('1.2.840.113556.10.1.1', (quote) => Buffer.concat([header, quote]), sha256(createPem(key.spki))))), []);
  });

  test('another key, other claims, a damaged signature, expired where that is asked', async () => {
    const other = newKey('P-384');
    assert.deepEqual(codes(await judgePem(carried('2.23.133.5.4.9', dice(claims), sha256(claims), { certificateKey: other }))), ['certificate-binding']);
    assert.deepEqual(codes(await judgePem(carried('2.23.133.5.4.9', dice(claimsFor(key.spki)), sha256(claims)))), ['certificate-binding']);
    assert.deepEqual(codes(await judgePem(carried('1.2.840.113741.1337.6', (quote) => quote, sha256(other.spki)))), ['certificate-binding']);
    const good = carried('2.23.133.5.4.9', dice(claims), sha256(claims));
    assert.deepEqual(codes(await judgePem(good, { certificateValidity: 'required' })), ['certificate-expired']);
    const der = Buffer.from(good.pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
    der[der.length - 1] ^= 1;
    assert.deepEqual(codes(await judgePem({ ...good, pem: pem(der) })), ['certificate-signature']);
  });

  test('a chain has its evidence in one certificate, wherever that stands', async () => {
    const good = carried('2.23.133.5.4.9', dice(claims), sha256(claims));
    const plain = pem(certificate({ subject: 'plain', key }));
    assert.deepEqual(codes(await judgePem({ ...good, pem: plain + good.pem })), []);
    assert.throws(() => recognise(utf8.encode(good.pem + good.pem)), UnreadableError);
  });

  test('another tag, CBOR with a second encoding, or no extension is unreadable', () => {
    assert.throws(() => recognise(utf8.encode(carried('2.23.133.5.4.9', dice(claims, 60001), sha256(claims)).pem)), UnreadableError);
    const long = (quote: Uint8Array): Uint8Array => Buffer.concat([Uint8Array.of(0xd9, 0xea, 0x60, 0x98, 2), encode(quote), encode(claims)]);
    assert.throws(() => recognise(utf8.encode(carried('2.23.133.5.4.9', long, sha256(claims)).pem)), UnreadableError);
    assert.throws(() => recognise(utf8.encode(pem(certificate({ subject: 'plain', key })))), UnreadableError);
  });
});

const createPem = (spki: Uint8Array): Uint8Array => utf8.encode(createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }).export({ format: 'pem', type: 'spki' }) as string);

/** A crypto-agile log with SHA-384 alone. */
function eventLog(events: readonly (readonly [register: number, data: string])[]): Uint8Array {
  const spec = Buffer.concat([Buffer.from('Spec ID Event03\0'), Buffer.from([0, 0, 0, 0, 0, 2, 2, 8]), Buffer.from([1, 0, 0, 0, 0x0c, 0, 48, 0, 0])]);
  const u32 = (value: number): Buffer => Buffer.from([value & 0xff, (value >> 8) & 0xff, 0, 0]);
  const head = Buffer.concat([u32(1), u32(3), Buffer.alloc(20), u32(spec.length), spec]);
  const body = events.map(([register, data]) => Buffer.concat([u32(register), u32(13), u32(1), Buffer.from([0x0c, 0]), sha384(Buffer.from(data)), u32(data.length), Buffer.from(data)]));
  return new Uint8Array(Buffer.concat([head, ...body, Buffer.alloc(64, 0xff)]));
}

describe('event logs', () => {
  const events = [
    [1, 'firmware'],
    [2, 'kernel'],
    [2, 'initrd'],
  ] as const;
  const rtmrs = [0, 1, 2, 3].map((index) => events.filter(([register]) => register === index + 1).reduce<Uint8Array>((register, [, data]) => sha384(register, sha384(Buffer.from(data))), new Uint8Array(48)));
  const forged = forgeIntel({ tee: 'tdx', body: (body) => rtmrs.forEach((register, index) => void body.set(register, 328 + index * 48)) });
  const judge = (log: Uint8Array): Promise<Verdict> => verifyEvidence({ ...recognise(forged.evidence), eventLog: log }, { collateral: bundleOf(forged.bundle), policy: { ...AUTHENTIC, roots: forged.roots }, at: AT });

  test('a log that replays is accepted; one with an event more, less or changed is not', async () => {
    assert.deepEqual(codes(await judge(eventLog(events))), []);
    assert.deepEqual(codes(await judge(eventLog([...events, [1, 'more']]))), ['event-log-replay']);
    assert.deepEqual(codes(await judge(eventLog(events.slice(0, 2)))), ['event-log-replay']);
    assert.deepEqual(
      codes(
        await judge(
          eventLog([
            [1, 'firmware'],
            [2, 'initrd'],
            [2, 'kernel'],
          ]),
        ),
      ),
      ['event-log-replay'],
    );
    assert.deepEqual(codes(await judge(eventLog([]))), ['event-log-replay']);
    assert.deepEqual(codes(await judge(eventLog(events).slice(0, 150))), ['event-log-format']);
    assert.deepEqual(codes(await judge(utf8.encode('no log at all, but long enough to be read as one'))), ['event-log-format']);
  });
});

describe("Azure's vTPM", () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const runtime = Buffer.from(JSON.stringify({ keys: [{ kid: 'HCLAkPub', ...rsa.publicKey.export({ format: 'jwk' }) }], 'user-data': '00' }));
  const pcrs = Array.from({ length: 24 }, (_, index) => new Uint8Array(32).fill(index));
  const nonce = Buffer.from('nonce');
  const big = (value: number, size: number): Buffer => Buffer.from(value.toString(16).padStart(size * 2, '0'), 'hex');
  const message = (values: readonly Uint8Array[]): Buffer =>
    Buffer.concat([big(0xff544347, 4), big(0x8018, 2), big(0, 2), big(nonce.length, 2), nonce, Buffer.alloc(25), big(1, 4), big(0x0b, 2), Buffer.from([3, 0x07, 0, 0]), big(32, 2), sha256(...values.slice(0, 3))]);

  function evidence(bound: Uint8Array, quoted = message(pcrs), signer = rsa.privateKey): { json: Evidence; forged: ReturnType<typeof forgeAmd> } {
    const forged = forgeAmd({ report: (report) => void (report.fill(0, 0x50, 0x90), report.set(bound, 0x50)) });
    const words = Buffer.alloc(20);
    [20 + runtime.length, 1, 2, 1, runtime.length].forEach((word, index) => words.writeUInt32LE(word, index * 4));
    const hcl = Buffer.concat([Buffer.from('HCLA'), Buffer.alloc(28), forged.evidence, words, runtime]);
    const vcek = Buffer.from(forged.files[0].bytes);
    const json = {
      version: 1,
      hcl_report: hcl.toString('base64url'),
      tpm_quote: { message: quoted.toString('hex'), signature: sign('sha256', quoted, signer).toString('hex'), pcrs: pcrs.map((pcr) => Buffer.from(pcr).toString('hex')) },
      vcek: vcek.toString('base64url'),
    };
    return { json: recognise(utf8.encode(JSON.stringify(json))), forged };
  }
  const judge = ({ json, forged }: ReturnType<typeof evidence>, policy: Partial<Policy> = {}): Promise<Verdict> =>
    verifyEvidence(json, { collateral: readCollateral(forged.files), policy: { ...AUTHENTIC, roots: forged.roots, nonce: nonce.toString('hex'), ...policy }, at: AT });

  test('runtime data, quote, registers and nonce hold, each alone refused when wrong', async () => {
    const bound = sha256(runtime);
    assert.deepEqual(codes(await judge(evidence(bound))), []);
    assert.deepEqual(codes(await judge(evidence(sha256(Buffer.from('other'))))), ['vtpm-runtime-data']);
    assert.deepEqual(codes(await judge(evidence(bound, message(pcrs), generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey))), ['vtpm-signature']);
    assert.deepEqual(codes(await judge(evidence(bound, message(pcrs.slice(1))))), ['vtpm-pcrs']);
    assert.deepEqual(codes(await judge(evidence(bound), { nonce: '00' })), ['vtpm-nonce']);
    assert.deepEqual(codes(await judge(evidence(bound, Buffer.from('not a quote')))), ['vtpm-format']);
  });
});

describe('simulated quotes', () => {
  const files = new Map<string, Uint8Array>();
  const state: HostDirectory = {
    open: () => undefined,
    list: () => [...files.keys()],
    load: (name) => files.get(name),
    remove: (name) => void files.delete(name),
    replace: (name, content) => void files.set(name, content.slice()),
    sync() {},
    lock: () => ({ release() {} }),
  };
  const tee = new SimTee(state, { measurement: new Uint8Array(48).fill(1), signer: new Uint8Array(48).fill(2), productId: 3, securityVersion: 4, debuggable: false });
  const quote = tee.quote(new Uint8Array(64).fill(9));
  const policy: Policy = { ...AUTHENTIC, tee: ['sim'], simKeys: [tee.attestationKey.pem()] };

  test('are accepted by a policy that names them and their key, and by no other', async () => {
    assert.deepEqual(codes(await verifyEvidence(recognise(quote), { policy })), []);
    assert.deepEqual(codes(await verifyEvidence(recognise(quote), { policy: AUTHENTIC })), ['sim-key-unknown', 'tee-not-accepted']);
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'pem', type: 'spki' }) as string;
    assert.deepEqual(codes(await verifyEvidence(recognise(quote), { policy: { ...policy, simKeys: [other] } })), ['quote-signature']);
    assert.deepEqual(codes(await verifyEvidence(recognise(quote), { policy: { ...policy, productId: 1, minimumSecurityVersion: 5, measurement: ['00'.repeat(48)] } })), ['measurement', 'product-id', 'security-version']);
  });

  test('say that they protect nothing', async () => {
    const verdict = await verifyEvidence(recognise(quote), { policy });
    assert.match(reportText(verdict, 'sim', AT), /^ACCEPTED {2}SIM.*\nSIMULATED: nothing is protected/);
  });

  test('no changed byte is accepted', async () => {
    for (let at = 0; at < quote.length; at++) {
      const changed = quote.slice();
      changed[at] ^= 1;
      let accepted = false;
      try {
        accepted = (await verifyEvidence(recognise(changed), { policy })).accepted;
      } catch (error) {
        assert.ok(error instanceof UnreadableError, String(error));
      }
      assert.equal(accepted, false, `byte ${at}`);
    }
  });
});

describe('envelopes', () => {
  const runtime = utf8.encode('{"nonce":"abc"}');
  const { evidence, bundle, roots } = forgeIntel({ body: reportData(sha384(runtime)) });
  const base64 = Buffer.from(evidence).toString('base64');
  const own = { format: 'cloister-evidence-v1', tee: 'sgx', quote: base64, runtimeData: Buffer.from(runtime).toString('base64') };
  const forms: Readonly<Record<string, string | Uint8Array>> = {
    raw: evidence,
    hexadecimal: `${Buffer.from(evidence).toString('hex')}\n`,
    'hexadecimal with 0x, in lines': `0x${Buffer.from(evidence).toString('hex').toUpperCase()}`.replace(/.{100}/g, '$&\n'),
    base64: base64.replace(/.{76}/g, '$&\r\n'),
    base64url: Buffer.from(evidence).toString('base64url'),
    'our envelope': JSON.stringify(own),
    "Trustee's evidence": JSON.stringify({ quote: base64 }),
    "Trustee's request": JSON.stringify({ verification_requests: [{ tee: 'sgx', evidence: Buffer.from(JSON.stringify({ quote: base64 })).toString('base64url') }], policy_ids: [] }),
    "Trustee's attestation": JSON.stringify({ tee: 'sgx', 'tee-evidence': { quote: base64 } }),
    "Trustee's composite": JSON.stringify({ primary_evidence: { quote: base64 }, additional_evidence: '' }),
  };
  for (const [name, form] of Object.entries(forms))
    test(`${name} is recognised by its content`, async () => {
      const recognised = recognise(typeof form === 'string' ? utf8.encode(form) : form);
      assert.equal(recognised.tee, 'sgx');
      assert.deepEqual(codes(await verifyEvidence(recognised, { collateral: bundleOf(bundle), policy: { ...AUTHENTIC, roots }, at: AT })), []);
    });

  test('runtime data that the report data does not bind are refused', async () => {
    const other = recognise(utf8.encode(JSON.stringify({ ...own, runtimeData: Buffer.from('other').toString('base64') })));
    assert.deepEqual(codes(await verifyEvidence(other, { collateral: bundleOf(bundle), policy: { ...AUTHENTIC, roots }, at: AT })), ['runtime-data']);
  });

  test('a report as JSON is the bytes that were signed', async () => {
    for (const product of ['Milan', 'Genoa', 'Turin'] as const) {
      const forged = forgeAmd({ product });
      const report = Buffer.from(forged.evidence);
      const list = (at: number, length: number): number[] => [...report.subarray(at, at + length)];
      const tcb = (at: number): object =>
        product === 'Turin'
          ? { fmc: report[at], bootloader: report[at + 1], tee: report[at + 2], snp: report[at + 3], microcode: report[at + 7] }
          : { fmc: null, bootloader: report[at], tee: report[at + 1], snp: report[at + 6], microcode: report[at + 7] };
      const version = (at: number): object => ({ build: report[at], minor: report[at + 1], major: report[at + 2] });
      const json = {
        attestation_report: {
          version: 3,
          guest_svn: 7,
          policy: 0x3001f,
          family_id: list(0x10, 16),
          image_id: list(0x20, 16),
          vmpl: 0,
          sig_algo: 1,
          current_tcb: tcb(0x38),
          plat_info: 0x25,
          key_info: 0,
          report_data: list(0x50, 64),
          measurement: list(0x90, 48),
          host_data: list(0xc0, 32),
          id_key_digest: list(0xe0, 48),
          author_key_digest: list(0x110, 48),
          report_id: list(0x140, 32),
          report_id_ma: list(0x160, 32),
          reported_tcb: tcb(0x180),
          cpuid_fam_id: report[0x188],
          cpuid_mod_id: report[0x189],
          cpuid_step: report[0x18a],
          chip_id: list(0x1a0, 64),
          committed_tcb: tcb(0x1e0),
          current: version(0x1e8),
          committed: version(0x1ec),
          launch_tcb: tcb(0x1f0),
          signature: { r: list(0x2a0, 72), s: list(0x2e8, 72) },
        },
        cert_chain: [{ cert_type: 'VCEK', data: [...forged.files[0].bytes] }],
      };
      const verdict = await verifyEvidence(recognise(utf8.encode(JSON.stringify(json))), { collateral: readCollateral(forged.files.slice(1)), policy: { ...AUTHENTIC, roots: forged.roots }, at: AT });
      assert.deepEqual(codes(verdict), [], product);
    }
    assert.equal(AMD_KEYS.vek.kind, 'P-384');
  });

  for (const [name, text] of Object.entries({ nothing: '', text: 'hello, this is no evidence', JSON: '{"a":1}', 'half of JSON': '{"quote":', zeros: '\0'.repeat(2000), 'a list': '[1,2,3]' }))
    test(`${name} is unreadable`, () => assert.throws(() => recognise(utf8.encode(text)), UnreadableError));
});

describe('policies', () => {
  test('every key has to be there unless a base gives it; unknown keys and wrong values are named', () => {
    const whole = Object.fromEntries(POLICY_KEYS.map(({ name, authentic }) => [name, authentic]));
    assert.deepEqual(parsePolicy(whole), AUTHENTIC);
    assert.deepEqual(parsePolicy({ base: 'authentic' }), AUTHENTIC);
    for (const { name } of POLICY_KEYS) {
      const { [name]: _, ...rest } = whole;
      assert.throws(
        () => parsePolicy(rest),
        (error: Error) => error instanceof UnreadableError && error.message.includes(name),
        name,
      );
    }
    assert.throws(() => parsePolicy({ base: 'authentic', mesurement: [] }), /mesurement: no such key/);
    assert.throws(() => parsePolicy({ base: 'authentic', debug: 'allowed' }), /debug: must be one of refused, unchecked/);
    assert.throws(() => parsePolicy({ base: 'authentic', reportData: 'abcd' }), /reportData: must be hexadecimal of 64 bytes/);
    assert.throws(() => parsePolicy({ base: 'lenient' }), UnreadableError);
    assert.deepEqual(parsePolicy({ base: 'authentic', snp: { vmpl: [0] }, 'tcb.statuses': ['UpToDate', 'SWHardeningNeeded'] })['snp.vmpl'], [0]);
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
    now += 25 * 3600_000;
    await fetchCollateral(recognise(evidence), options);
    assert.equal(asked.length, 8);
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
