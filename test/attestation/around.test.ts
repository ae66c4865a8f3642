/** What lies around a quote, where it is right: certificates that carry it, event logs, vTPMs, simulated quotes, envelopes, policies. */

import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { describe, test } from 'node:test';
import { encode } from 'cborg';
import { AUTHENTIC, parsePolicy, POLICY_KEYS, readCollateral, recognise, reportText, UnreadableError, type Verdict, verifyEvidence } from '../../src/attestation/verifier/index.ts';
import {
  BOOT,
  bundleOf,
  carried,
  claimsFor,
  DICE,
  dice,
  type Event,
  eventLog,
  GRAMINE,
  judgeLog,
  judgePem,
  judgeTdVtpm,
  judgeVtpm,
  key,
  measured,
  otherAk,
  PCRS,
  reportData,
  sha256,
  sha384,
  SIM_POLICY,
  SIM_QUOTE,
  vtpm,
  AGENT_LOG,
  afterAgentLog,
  judgeForeign,
} from './fixtures/around.ts';
import { forgeAmd, KEYS as AMD_KEYS } from './forge/amd.ts';
import { octets } from './forge/der.ts';
import { AT, forgeIntel } from './forge/intel.ts';
import { certificate, pem } from './forge/x509.ts';

const utf8 = new TextEncoder();
const codes = ({ failures }: Verdict): string[] => [...new Set(failures.map(({ code }) => code))].sort();
const spkiPem = (spki: Uint8Array): Uint8Array => utf8.encode(createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }).export({ format: 'pem', type: 'spki' }) as string);

describe('certificates that carry evidence', () => {
  const claims = claimsFor(key.spki, { nonce: Uint8Array.of(1, 2, 3) });

  test('the interoperable form, and the older ones of Gramine, the SGX SDK and Open Enclave', async () => {
    assert.deepEqual(codes(await judgePem(carried(DICE, dice(claims), sha256(claims)))), []);
    assert.deepEqual(codes(await judgePem(carried(GRAMINE, (quote) => quote, sha256(key.spki)))), []);
    assert.deepEqual(codes(await judgePem(carried(GRAMINE, octets, sha256(key.spki)))), []);
    assert.deepEqual(codes(await judgePem(carried('1.2.840.113741.1.13.1', (quote) => quote, sha256(key.spki)))), []);
    const header = Buffer.from([1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert.deepEqual(codes(await judgePem(carried('1.2.840.113556.10.1.1', (quote) => Buffer.concat([header, quote]), sha256(spkiPem(key.spki))))), []);
  });

  test('PEM may be indented, or in one line', async () => {
    const good = carried(DICE, dice(claims), sha256(claims));
    for (const end of ['\n  ', ' ', '\\n']) assert.deepEqual(codes(await judgePem({ ...good, pem: good.pem.replaceAll('\n', end) })), []);
  });

  test('a chain has its evidence in one certificate, wherever that stands', async () => {
    const good = carried(DICE, dice(claims), sha256(claims));
    const plain = pem(certificate({ subject: 'plain', key }));
    assert.deepEqual(codes(await judgePem({ ...good, pem: plain + good.pem })), []);
    assert.throws(() => recognise(utf8.encode(good.pem + good.pem)), UnreadableError);
  });

  test('another tag, CBOR with a second encoding, or no extension is unreadable', () => {
    assert.throws(() => recognise(utf8.encode(carried(DICE, dice(claims, 60001), sha256(claims)).pem)), UnreadableError);
    const long = (quote: Uint8Array): Uint8Array => Buffer.concat([Uint8Array.of(0xd9, 0xea, 0x60, 0x98, 2), encode(quote), encode(claims)]);
    assert.throws(() => recognise(utf8.encode(carried(DICE, long, sha256(claims)).pem)), UnreadableError);
    assert.throws(() => recognise(utf8.encode(pem(certificate({ subject: 'plain', key })))), UnreadableError);
  });
});

describe('event logs', () => {
  const variable = (name: string, content: Uint8Array): Buffer => {
    const lengths = Buffer.alloc(16);
    lengths.writeUInt32LE(name.length, 0);
    lengths.writeUInt32LE(content.length, 8);
    return Buffer.concat([Buffer.alloc(16, 7), lengths, Buffer.from(name, 'utf16le'), content]);
  };

  test('a log that replays is accepted, and says how many events hold the data that were measured', async () => {
    const events: readonly Event[] = [
      ...BOOT,
      { register: 1, type: 4, data: Buffer.alloc(4) },
      { register: 1, type: 4, data: Buffer.from('memory fault'), digested: Buffer.from([1, 0, 0, 0]) },
      { register: 1, type: 8, data: Buffer.from('1.0\0', 'utf16le') },
      { register: 1, type: 0x80000001, data: variable('SecureBoot', Buffer.of(1)) },
      { register: 1, type: 0x80000002, data: variable('BootOrder', Buffer.of(0, 0)), digested: Buffer.of(0, 0) },
      { register: 1, type: 0x80000007, data: Buffer.from('Exit Boot Services Invocation') },
      { register: 1, type: 0x80000003, data: Buffer.from('path of an image'), digested: Buffer.from('the image') },
      { register: 2, data: Buffer.from('kernel_cmdline: /vmlinuz ro\0'), digested: Buffer.from('/vmlinuz ro') },
      { register: 2, data: Buffer.from('/vmlinuz'), digested: Buffer.from('the kernel') },
    ];
    const verdict = await judgeLog(measured(events), eventLog(events));
    assert.deepEqual(codes(verdict), []);
    assert.deepEqual(verdict.claims.eventLog, { events: 12, replayed: ['rtmr0', 'rtmr1'], dataChecked: 7, dataUnchecked: 5 });
  });
});

describe("Azure's vTPM", () => {
  test('runtime data, quote, registers and nonce hold', async () => {
    assert.deepEqual(codes(await judgeVtpm(vtpm())), []);
    assert.deepEqual(codes(await judgeVtpm(vtpm(), { 'vtpm.pcrs': { 0: ['11'.repeat(32), Buffer.from(PCRS[0]).toString('hex')], 2: [Buffer.from(PCRS[2]).toString('hex')] } })), []);
  });

  test('a domain behind a paravisor needs no SEPT_VE_DISABLE where a TPM quote shows the paravisor, and not otherwise', async () => {
    assert.deepEqual(codes(await judgeTdVtpm({})), []);
    assert.deepEqual(codes(await judgeTdVtpm({ signer: otherAk })), ['tdx-sept-ve', 'vtpm-signature']);
    assert.deepEqual(codes(await judgeTdVtpm({ runtime: Buffer.from('{"keys":[]}') })), ['tdx-sept-ve', 'vtpm-format']);
    assert.deepEqual(codes(await judgeTdVtpm({ runtime: Buffer.from('{"keys":[null]}') })), ['tdx-sept-ve', 'vtpm-format']);
    assert.deepEqual(codes(await judgeTdVtpm({ tdReport: (report) => void (report[300] ^= 1) })), ['tdx-sept-ve', 'vtpm-report']);
  });

  test('what a policy wants of a TPM quote is not met without one', async () => {
    const { evidence, forged } = vtpm();
    const policy = { ...AUTHENTIC, roots: forged.roots, nonce: '00', 'vtpm.pcrs': { 0: ['00'.repeat(32)] } };
    const hclReport = evidence.vtpm?.hclReport as Uint8Array;
    for (const given of [undefined, { hclReport }]) assert.deepEqual(codes(await verifyEvidence({ ...evidence, vtpm: given }, { collateral: readCollateral(forged.files), policy, at: AT })), ['vtpm-nonce', 'vtpm-pcr-value']);
  });
});

describe('simulated quotes', () => {
  test('are accepted by a policy that names them and their key, and by no other', async () => {
    assert.deepEqual(codes(await verifyEvidence(recognise(SIM_QUOTE), { policy: SIM_POLICY })), []);
    assert.deepEqual(codes(await verifyEvidence(recognise(SIM_QUOTE), { policy: AUTHENTIC })), ['sim-key-unknown', 'tee-not-accepted']);
    assert.deepEqual(codes(await verifyEvidence(recognise(SIM_QUOTE), { policy: { ...SIM_POLICY, productId: 1, minimumSecurityVersion: 5, measurement: ['00'.repeat(48)] } })), ['measurement', 'product-id', 'security-version']);
  });

  test('say that they protect nothing', async () => {
    const verdict = await verifyEvidence(recognise(SIM_QUOTE), { policy: SIM_POLICY });
    assert.match(reportText(verdict, 'sim', AT), /^ACCEPTED {2}SIM.*\nSIMULATED: nothing is protected/);
  });

  test('no changed byte is accepted', async () => {
    for (let at = 0; at < SIM_QUOTE.length; at++) {
      const changed = SIM_QUOTE.slice();
      changed[at] ^= 1;
      let accepted = false;
      try {
        accepted = (await verifyEvidence(recognise(changed), { policy: SIM_POLICY })).accepted;
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
    'hexadecimal, pair by pair': [...evidence].map((byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(', '),
    'hexadecimal with colons': [...evidence].map((byte) => byte.toString(16).padStart(2, '0')).join(':'),
    'a JSON list of bytes': JSON.stringify([...evidence]),
    "Open Enclave's report": Buffer.concat([Buffer.from([1, 0, 0, 0, 2, 0, 0, 0]), Buffer.alloc(8), evidence]),
    "Open Enclave's evidence": Buffer.concat([Buffer.from([2, 0, 0, 0]), Buffer.alloc(24, 7), evidence]),
    "configfs-tsm's, as JSON": JSON.stringify({ provider: 'sgx_example', outblob: base64, auxblob: '' }),
    'one kind among members': JSON.stringify({ sgx: { quote: base64, runtime_data: null } }),
    base64: base64.replace(/.{76}/g, '$&\r\n'),
    base64url: Buffer.from(evidence).toString('base64url'),
    'our envelope': JSON.stringify(own),
    "Trustee's evidence": JSON.stringify({ quote: base64 }),
    "Trustee's request": JSON.stringify({ verification_requests: [{ tee: 'sgx', evidence: Buffer.from(JSON.stringify({ quote: base64 })).toString('base64url') }], policy_ids: [] }),
    "Trustee's attestation": JSON.stringify({ tee: 'sgx', 'tee-evidence': { quote: base64 } }),
    'hexadecimal with 0x within JSON': JSON.stringify({ quote: `0x${Buffer.from(evidence).toString('hex')}` }),
    "a broker's attestation": JSON.stringify({ 'init-data': null, 'runtime-data': { nonce: 'abc' }, 'tee-evidence': JSON.stringify({ primary_evidence: { quote: base64, aa_eventlog: null }, additional_evidence: '{}' }) }),
    "Trustee's request with runtime data": JSON.stringify({ tee: 'sgx', evidence: { quote: base64 }, runtime_data: { structured: { nonce: 'abc' } }, runtime_data_hash_algorithm: 'SHA384', init_data: null }),
    "Trustee's composite": JSON.stringify({ primary_evidence: { quote: base64 }, additional_evidence: '' }),
  };
  for (const [name, form] of Object.entries(forms))
    test(`${name} is recognised by its content`, async () => {
      const recognised = recognise(typeof form === 'string' ? utf8.encode(form) : form);
      assert.equal(recognised.tee, 'sgx');
      assert.deepEqual(codes(await verifyEvidence(recognised, { collateral: bundleOf(bundle), policy: { ...AUTHENTIC, roots }, at: AT })), []);
    });

  test('what a broker or an attestation service hashes is held against the report data', async () => {
    const canonical = Buffer.from('{"a":"test","b":1,"c":{"d":"e"}}');
    const structured = { b: 1, a: 'test', c: { d: 'e' } };
    const hashed = Buffer.from('e71ce8e70d814ba6639c3612ebee0ff1f76f650f8dbb5e47157e0f3f525cd22c4597480a186427c813ca941da78870c3', 'hex');
    assert.deepEqual(sha384(canonical), hashed);
    const request = (more: object) => (quote: string) => ({ verification_requests: [{ tee: 'tdx', evidence: Buffer.from(JSON.stringify({ quote })).toString('base64url'), ...more }], policy_ids: ['default'] });
    assert.deepEqual(codes(await judgeForeign(request({ runtime_data: { structured } }), { bound: hashed })), []);
    assert.deepEqual(codes(await judgeForeign(request({ runtime_data: { structured }, runtime_data_hash_algorithm: 'sha256' }), { bound: hashed })), ['runtime-data']);
    assert.deepEqual(codes(await judgeForeign(request({ runtime_data: { structured }, runtime_data_hash_algorithm: 'sha256' }), { bound: sha256(canonical) })), []);
    assert.deepEqual(codes(await judgeForeign(request({ runtime_data: { raw: hashed.toString('base64url') } }), { bound: hashed })), []);
    assert.deepEqual(codes(await judgeForeign(request({ runtime_data: { structured: { fraction: 0.5 } } }), { bound: hashed })), ['runtime-data']);
    assert.deepEqual(codes(await judgeForeign((quote) => ({ quote, report_data: `${hashed.toString('hex')}${'00'.repeat(16)}` }), { bound: hashed })), []);
    const body = (quote: string) => ({ 'runtime-data': { 'tee-pubkey': { kty: 'EC' }, nonce: 'n' }, 'tee-evidence': { primary_evidence: { quote }, additional_evidence: '' } });
    const nonce = (more: string) => sha384(Buffer.from(`{${more}"nonce":"n","tee-pubkey":{"kty":"EC"}}`));
    for (const more of ['', '"additional-evidence":"",']) assert.deepEqual(codes(await judgeForeign(body, { bound: nonce(more) })), []);
    for (const algorithm of ['md5', 'constructor', 5]) await assert.rejects(async () => judgeForeign(request({ runtime_data: { structured }, runtime_data_hash_algorithm: algorithm })), UnreadableError);
  });

  test("runtime data beside evidence of a vTPM are the nonce of the TPM's quote", async () => {
    const judge = async (data: string): Promise<string[]> => {
      const { forged, json } = vtpm();
      const request = { tee: 'az-snp-vtpm', evidence: json, runtime_data: { raw: Buffer.from(data).toString('base64url') } };
      return codes(await verifyEvidence(recognise(utf8.encode(JSON.stringify(request))), { collateral: readCollateral(forged.files), policy: { ...AUTHENTIC, roots: forged.roots }, at: AT }));
    };
    assert.deepEqual(await judge('nonce'), []);
    assert.deepEqual(await judge('nonc'), ['runtime-data']);
    assert.deepEqual(await judge('other'), ['runtime-data']);
  });

  test("the attestation agent's log replays to RTMR3", async () => {
    const verdict = await judgeForeign((quote) => ({ cc_eventlog: null, quote, aa_eventlog: AGENT_LOG }), { rtmr3: afterAgentLog(AGENT_LOG) });
    assert.deepEqual(codes(verdict), []);
    assert.deepEqual(verdict.claims.agentEventLog, { events: 2, replayed: ['rtmr3'] });
    assert.equal(sha384(Buffer.from('domain operation content')).toString('hex'), '26d944cb8d99096590252283b8c807b9508329b068703bdb7bac7eb6efe5b32fc0fadf1462662b95d2c708aa49c0bfe1', 'as agents measure');
    const before = 'ab'.repeat(48);
    const later = AGENT_LOG.replace('00'.repeat(48), before);
    const second = await judgeForeign((quote) => ({ quote, aa_eventlog: later }), { rtmr3: afterAgentLog(later, Buffer.from(before, 'hex')) });
    assert.deepEqual(codes(second), []);
    assert.deepEqual(second.claims.agentEventLog, { events: 2, replayed: ['rtmr3'], before });
    const long = AGENT_LOG.replace('00'.repeat(48), '00'.repeat(54));
    assert.deepEqual(codes(await judgeForeign((quote) => ({ quote, aa_eventlog: long }), { rtmr3: afterAgentLog(long) })), []);
    assert.deepEqual(codes(await verifyEvidence(recognise(utf8.encode(JSON.stringify({ quote: base64, aa_eventlog: AGENT_LOG }))), { collateral: bundleOf(bundle), policy: { ...AUTHENTIC, roots }, at: AT })), ['event-log-replay']);
  });

  test('an envelope that contradicts itself is unreadable', async () => {
    const azure = vtpm().json;
    const wrong: readonly (readonly [RegExp, string])[] = [
      [/says snp, and holds evidence of sgx/, JSON.stringify({ tee: 'snp', evidence: { quote: base64 } })],
      [/says tdx, and holds evidence of sgx/, JSON.stringify({ tee: 'tdx', quote: base64 })],
      [/says tdx, and holds evidence of sgx/, JSON.stringify({ tdx: { quote: base64 } })],
      [/says tdx_guest, and holds evidence of sgx/, JSON.stringify({ provider: 'tdx_guest', outblob: base64 })],
      [/says snp, and holds evidence of snp with a vTPM/, JSON.stringify({ tee: 'snp', evidence: azure })],
      [/says az-snp-vtpm, and holds evidence of sgx/, JSON.stringify({ tee: 'az-snp-vtpm', evidence: { quote: base64 } })],
      [/says az-snp, and holds evidence of sgx/, JSON.stringify({ platform: 'az-snp', evidence: { quote: base64 } })],
      [/evidence of kind cca/, JSON.stringify({ tee: 'cca', evidence: { quote: base64 } })],
      [/evidence of kind constructor/, JSON.stringify({ tee: 'constructor', evidence: { quote: base64 } })],
      [/"quote" is there twice/, `{"quote":"AAAA","quote":"${base64}"}`],
      [/"quote" is there twice/, `{"quote":"AAAA","quo\\u0074e":"${base64}"}`],
      [/"nonce" is there twice/, `{"tee":"sgx","evidence":{"quote":"${base64}"},"runtime_data":{"structured":{"a":[{"nonce":"\\"\\\\"}],"nonce":"abc" , "nonce":"x"}}}`],
      [/certificates is not a list/, JSON.stringify({ ...own, certificates: 'x' })],
      [/too deep/, `{"quote":"${base64}","more":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
      [/aa_eventlog is not a text/, JSON.stringify({ quote: base64, aa_eventlog: [1] })],
    ];
    for (const [what, text] of wrong) assert.throws(() => recognise(utf8.encode(text)), { name: 'UnreadableError', message: what });
  });

  test('what is often given in place of evidence is told by its name', () => {
    const epid = Buffer.alloc(436 + 680);
    epid.writeUInt16LE(2, 0);
    epid.writeUInt32LE(680, 432);
    const foreign: readonly (readonly [RegExp, Uint8Array])[] = [
      [/TDREPORT/, Buffer.concat([Buffer.of(0x81), Buffer.alloc(1023)])],
      [/size of an SGX report/, Buffer.alloc(432, 1)],
      [/EPID/, epid],
      [/event log/, eventLog(BOOT)],
    ];
    for (const [what, bytes] of foreign) assert.throws(() => recognise(bytes), { name: 'UnreadableError', message: what });
  });

  test('a report that the host asked for is recognised, and refused', async () => {
    const forged = forgeAmd({ report: (report) => void report.writeUInt32LE(0xffffffff, 0x30) });
    const verdict = await verifyEvidence(recognise(forged.evidence), { collateral: readCollateral(forged.files), policy: { ...AUTHENTIC, roots: forged.roots }, at: AT });
    assert.deepEqual(codes(verdict), ['evidence-reserved']);
  });

  test("the kernel's table of certificates beside a report is used, in DER and in PEM", async () => {
    const forged = forgeAmd();
    const vcek = forged.files[0].bytes;
    for (const content of [vcek, utf8.encode(pem(vcek))]) {
      const entry = Buffer.concat([Buffer.from('63da758de6644564adc5f4b93be8accd', 'hex'), Buffer.from([48, 0, 0, 0, content.length & 0xff, content.length >> 8, 0, 0])]);
      const auxblob = Buffer.concat([entry, Buffer.alloc(24), content]);
      const policy = { ...AUTHENTIC, roots: forged.roots };
      const json = utf8.encode(JSON.stringify({ provider: 'sev_guest', outblob: Buffer.from(forged.evidence).toString('base64url'), auxblob: auxblob.toString('base64url') }));
      assert.deepEqual(codes(await verifyEvidence(recognise(json), { collateral: readCollateral(forged.files.slice(1)), policy, at: AT })), []);
      const collateral = readCollateral([...forged.files.slice(1), { name: 'auxblob', bytes: auxblob }]);
      assert.deepEqual(codes(await verifyEvidence(recognise(forged.evidence), { collateral, policy, at: AT })), []);
    }
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
    assert.throws(
      () => parsePolicy({ debug: 'refused' }),
      (error: Error) => /policy: \d+ of its \d+ keys are not given \(tee, roots, simKeys and so on; .*\)\. Begin with `base: authentic`/.test(error.message) && error.message.length < 250,
    );
    assert.throws(() => parsePolicy({ base: 'authentic', mesurement: [] }), /mesurement: no such key/);
    assert.throws(() => parsePolicy({ base: 'authentic', debug: 'allowed' }), /debug: must be one of refused, unchecked/);
    assert.throws(() => parsePolicy({ base: 'authentic', reportData: 'abcd' }), /reportData: must be hexadecimal of 64 bytes/);
    assert.throws(() => parsePolicy({ base: 'lenient' }), UnreadableError);
    assert.deepEqual(parsePolicy({ base: 'authentic', vtpm: { pcrs: { 7: 'AB'.repeat(32) } } })['vtpm.pcrs'], { 7: ['ab'.repeat(32)] });
    assert.throws(() => parsePolicy({ base: 'authentic', vtpm: { pcrs: { 24: '00'.repeat(32) } } }), /vtpm\.pcrs: must be a map whose keys are registers/);
    assert.deepEqual(parsePolicy({ base: 'authentic', snp: { vmpl: [0] }, 'tcb.statuses': ['UpToDate', 'SWHardeningNeeded'] })['snp.vmpl'], [0]);
  });

  test('what is meant for one kind of environment stands in its section, and one policy serves several kinds', async () => {
    const policy = parsePolicy({ base: 'authentic', sgx: { productId: 1, minimumSecurityVersion: 2, tcb: { minimumDate: '2025-01-31' } }, 'tdx.tcb': { advisories: [] }, snp: { measurement: ['aa'.repeat(48)] } });
    const machines = [forgeIntel(), forgeIntel({ tee: 'tdx' })].map(({ evidence, bundle, roots }) => ({ evidence, collateral: bundleOf(bundle), roots }));
    const { evidence, files, roots } = forgeAmd({ crl: {} });
    for (const machine of [...machines, { evidence, collateral: readCollateral(files), roots }]) {
      const judge = async (more: object): Promise<string[]> => codes(await verifyEvidence(recognise(machine.evidence), { collateral: machine.collateral, policy: { ...policy, roots: machine.roots, ...more }, at: AT }));
      assert.deepEqual(await judge({}), []);
    }
    const snp = { collateral: readCollateral(files), policy: { ...policy, roots, sections: { ...policy.sections, snp: { measurement: ['bb'.repeat(48)] } } }, at: AT };
    assert.deepEqual(codes(await verifyEvidence(recognise(evidence), snp)), ['measurement']);
    assert.ok(((await verifyEvidence(recognise(evidence), { ...snp, policy: { ...AUTHENTIC, roots } })).claims.unchecked as string[]).includes('tcb.statuses'), 'AMD publishes none');
    // More than the base accepts is no demand that somebody could fail to meet.
    assert.deepEqual(codes(await verifyEvidence(recognise(evidence), { ...snp, policy: { ...AUTHENTIC, roots, 'tcb.statuses': ['UpToDate', 'OutOfDate'] } })), []);
    assert.throws(() => parsePolicy({ base: 'authentic', tdx: { productId: 3 } }), /tdx\.productId: evidence of tdx does not say it/);
    assert.throws(() => parsePolicy({ base: 'authentic', snp: { reportData: '00'.repeat(64) } }), /snp\.reportData: no such key/);
    assert.throws(() => parsePolicy({ base: 'authentic', tcb: { advisories: [] }, 'tcb.advisories': [] }), /tcb\.advisories: given twice/);
  });
});
