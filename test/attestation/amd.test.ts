/** Forged platforms of AMD: right in everything, and what lies beside a report. What is wrong in one thing alone is in codes.test.ts. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { trustVector } from '../../src/attestation/token/index.ts';
import { AUTHENTIC, collateralAmong, readCollateral, recognise, reportText, verifyEvidence } from '../../src/attestation/verifier/index.ts';
import { AT, guestPolicy, judgeAmd, set, tcbAt } from './fixtures/amd.ts';
import { type Changes, forgeAmd } from './forge/amd.ts';
import { forgeIntel } from './forge/intel.ts';

const utf8 = new TextEncoder();

describe('forged platforms of AMD', () => {
  const good: readonly Changes[] = [
    ...(['Milan', 'Genoa', 'Turin'] as const).flatMap((product) =>
      [3, 4, 5].flatMap((version) => [
        { product, version },
        { product, version, vlek: true },
      ]),
    ),
    { version: 2 },
    { version: 5, report: set(0x1f8, 3) },
    { crl: { revoked: [3] } },
    { report: guestPolicy(0x3f2001fn & 0x3f3ffffn) },
    { report: set(0x40, 0xff) },
    { product: 'Turin', report: tcbAt(0x38, { fmc: 2, snp: 23 }, 'Turin') },
    { signed: (report) => Buffer.concat([report, Buffer.alloc(64)]) },
  ];
  for (const changes of good)
    test(`right in everything is accepted: ${JSON.stringify(changes)}`, async () => {
      assert.deepEqual((await judgeAmd(changes)).failures, []);
    });

  test('evidence in a Buffer is left as it is', async () => {
    const { evidence, files, roots } = forgeAmd();
    const quote = Buffer.from(evidence);
    for (const round of [1, 2]) assert.deepEqual((await verifyEvidence({ tee: 'snp', quote, certificates: [], form: 'raw' }, { collateral: readCollateral(files), policy: { ...AUTHENTIC, roots }, at: AT })).failures, [], `round ${round}`);
    assert.deepEqual(quote, Buffer.from(evidence));
  });

  test('a report and its certificates as text, in an envelope that names the platform', async () => {
    const { evidence, files, roots } = forgeAmd();
    const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
    const envelope = { platform: 'snp', evidence: { attestation_report: text(evidence), cert_chain: { vcek: text(files[0].bytes), ask: null } } };
    const given = recognise(utf8.encode(JSON.stringify(envelope)));
    assert.equal(given.certificates.length, 1);
    assert.deepEqual((await verifyEvidence(given, { collateral: readCollateral(files.slice(1)), policy: { ...AUTHENTIC, roots }, at: AT })).failures, []);
    assert.throws(() => recognise(utf8.encode(JSON.stringify({ ...envelope, evidence: { ...envelope.evidence, cert_chain: 'x' } }))), /cert_chain is not an object/);
  });

  test('certificates in the table behind an extended report are used', async () => {
    const { evidence, files, roots } = forgeAmd();
    const vcek = files[0].bytes;
    const entry = Buffer.concat([Buffer.from('63da758de6644564adc5f4b93be8accd', 'hex'), Buffer.from([48, 0, 0, 0]), Buffer.from([vcek.length & 0xff, vcek.length >> 8, 0, 0])]);
    const extended = Buffer.concat([evidence, entry, Buffer.alloc(24), vcek]);
    assert.deepEqual((await verifyEvidence(recognise(extended), { collateral: readCollateral(files.slice(1)), policy: { ...AUTHENTIC, roots }, at: AT })).failures, []);
  });

  describe('a revocation list that cannot be read is not taken for none', () => {
    const { evidence, files, roots } = forgeAmd({ vlek: true, vek: { serial: 77 }, crl: { revoked: [77] } });
    const judge = async (change: (list: Buffer) => Uint8Array | string, among = false) => {
      const given = files.map(({ name, bytes }) => ({ name, bytes: name === 'crl' ? new Uint8Array(Buffer.from(change(Buffer.from(bytes)))) : bytes }));
      return (await verifyEvidence(recognise(evidence), { collateral: (among ? collateralAmong : readCollateral)(given), policy: { ...AUTHENTIC, roots }, at: AT })).failures.map(({ code }) => code);
    };
    const flip = (at: number) => (list: Buffer) => {
      list[at] ^= 0x11;
      return list;
    };
    const base64 = (list: Buffer): string => list.toString('base64');
    const page = '<html><body>429 Too Many Requests</body></html>';
    const forms: Readonly<Record<string, (list: Buffer) => Uint8Array | string>> = {
      'first byte changed': flip(0),
      'second byte changed': flip(1),
      'sixth byte changed': flip(5),
      empty: () => '',
      'cut off': (list) => list.subarray(0, 60),
      'the beginning of one': (list) => list.subarray(0, 3),
      'damaged base64': (list) => base64(list).replace('A', '*'),
      'damaged PEM': (list) => `-----BEGIN X509 CRL-----\n${base64(list).slice(1)}\n-----END X509 CRL-----\n`,
      'PEM under another name': (list) => `-----BEGIN X509 CRX-----\n${base64(list)}\n-----END X509 CRX-----\n`,
      'a page about a limit': () => page,
      'an answer about a limit': () => `HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3600\r\n\r\n${page}`,
      'an error as JSON': () => '{"error":"rate limited"}',
      'damaged within JSON': (list) => JSON.stringify({ crl: base64(list).slice(1) }),
      'damaged within a bundle of ours': (list) => JSON.stringify({ files: [{ name: 'https://kds.example/vlek/v1/Milan/crl', content: list.toString('hex').slice(2) }] }),
    };
    test('whole, it revokes', async () => assert.deepEqual(await judge((list) => list), ['snp-revoked']));
    for (const [name, change] of Object.entries(forms)) test(name, async () => assert.deepEqual([...new Set(await judge(change))], ['collateral-format']));
    test('no changed byte makes it revoke nothing', async () => {
      for (let at = 0, length = files.find(({ name }) => name === 'crl')?.bytes.length ?? 0; at < length; at += 2) assert.notDeepEqual(await judge(flip(at)), [], `byte ${at}`);
    });
    test('lists of Intel and of other products beside it do no harm', async () => {
      const others = [forgeAmd({ product: 'Genoa', crl: {} }).files.at(-1), ...['root_ca_crl', 'pck_crl'].map((name) => ({ name, bytes: Buffer.from(forgeIntel().bundle[name] as string, 'hex') }))] as { name: string; bytes: Uint8Array }[];
      const good = forgeAmd({ crl: {} });
      assert.deepEqual((await verifyEvidence(recognise(good.evidence), { collateral: readCollateral([...good.files, ...others]), policy: { ...AUTHENTIC, roots: good.roots }, at: AT })).failures, []);
    });
    test('among evidence as well', async () => assert.deepEqual(await judge(() => page, true), ['collateral-format']));
  });

  test('evidence, its event log and keys may lie among collateral', async () => {
    const { evidence, files, roots } = forgeAmd();
    const key = utf8.encode('-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n');
    const given = [...files, { name: 'report.bin', bytes: evidence }, { name: 'key.pem', bytes: key }];
    assert.deepEqual((await verifyEvidence(recognise(evidence), { collateral: readCollateral(given), policy: { ...AUTHENTIC, roots }, at: AT })).failures, []);
  });

  test('revocation that nobody checked is told to people, and not affirmed in a token', async () => {
    const checked = await judgeAmd({ crl: {} });
    assert.equal(checked.claims.revocation, 'checked');
    assert.doesNotMatch(reportText(checked, 'raw', AT), /revocation not checked/);
    assert.equal(trustVector(checked)['instance-identity'], 2);
    for (const verdict of [await judgeAmd({}), await judgeAmd({ crl: {} }, { 'snp.revocation': 'unchecked' })]) {
      assert.deepEqual(verdict.failures, []);
      assert.equal(verdict.claims.revocation, 'unchecked');
      assert.ok((verdict.claims.unchecked as readonly string[]).includes('snp.revocation'));
      assert.match(reportText(verdict, 'raw', AT), /\? revocation not checked: /);
      assert.equal(trustVector(verdict)['instance-identity'], 0, 'no claim');
    }
  });
});
