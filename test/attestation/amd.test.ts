/** One forged report or chain for each check of SEV-SNP, wrong in that alone: exactly its code comes out. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AUTHENTIC, type Policy, readCollateral, recognise, type Verdict, verifyEvidence } from '../../src/attestation/verifier/index.ts';
import { ASK_SERIAL, type Changes, CHIP, forgeAmd, KEYS, LEVELS, type Product, tcbBytes } from './forge/amd.ts';

const AT = new Date('2026-01-15T12:00:00Z');

function judge(changes: Changes, policy: Partial<Policy> = {}): Promise<Verdict> {
  const { evidence, files, roots } = forgeAmd(changes);
  return verifyEvidence(recognise(evidence), { collateral: readCollateral(files), policy: { ...AUTHENTIC, roots, ...policy }, at: AT });
}

const set =
  (at: number, ...bytes: readonly number[]) =>
  (report: Buffer): void =>
    report.set(bytes, at);
const guestPolicy =
  (value: bigint) =>
  (report: Buffer): void =>
    void report.writeBigUInt64LE(value, 8);
const tcbAt =
  (at: number, levels: Partial<typeof LEVELS>, product: Product = 'Milan') =>
  (report: Buffer): void =>
    void tcbBytes(product, { ...LEVELS, ...levels }).copy(report, at);
const OID = '1.3.6.1.4.1.3704.1';

interface Row {
  readonly code: string;
  readonly what: string;
  readonly changes: Changes;
  readonly policy?: Partial<Policy>;
}
const row = (code: string, what: string, changes: Changes, policy?: Partial<Policy>): Row => ({ code, what, changes, policy });

// biome-ignore format: a table
const ROWS: readonly Row[] = [
  row('quote-signature',          'measurement changed after signing', { signed: (report) => { report[0x90] ^= 1; return report; } }),
  row('quote-signature',          'signature changed',                 { signed: (report) => { report[0x2a0] ^= 1; return report; } }),
  row('quote-signature',          'signed by another key',             { signer: KEYS.other }),
  row('evidence-reserved',        'padding of r',                      { signed: (report) => { report[0x2a0 + 50] = 1; return report; } }),
  row('evidence-reserved',        'after s',                           { signed: (report) => { report[0x4a0 - 1] = 1; return report; } }),
  row('evidence-reserved',        'reserved bit of the guest policy',  { report: guestPolicy(0x3001fn | (1n << 26n)) }),
  row('evidence-reserved',        'bit 17 of the guest policy clear',  { report: guestPolicy(0x1001fn) }),
  row('evidence-reserved',        'reserved bit of PLATFORM_INFO',     { report: set(0x41, 1) }),
  row('evidence-reserved',        'reserved bytes at 0x4c',            { report: set(0x4c, 1) }),
  row('evidence-reserved',        'reserved bits of the key',          { report: set(0x48, 0x20) }),
  row('evidence-reserved',        'reserved bytes after the CPUID',    { report: set(0x190, 1) }),
  row('evidence-reserved',        'mitigation vector before version 5', { report: set(0x1f8, 1) }),
  row('evidence-reserved',        'CPUID in version 2',                { version: 2, report: set(0x188, 0x19) }),
  row('evidence-reserved',        'reserved byte of a TCB',            { report: set(0x1f2, 1) }),
  row('evidence-version',         'version 6',                         { version: 6 }),
  row('snp-vek-missing',          'no certificate',                    { noVek: true }),
  row('snp-chain',                'VCEK by another authority',         { vek: { issuerKey: KEYS.otherRsa } }),
  row('snp-chain',                'ASK by another root',               { authority: { issuerKey: KEYS.otherRsa } }),
  row('snp-chain',                'ASK that may not issue',            { authority: { ca: false } }),
  row('snp-root',                 'another root of the same name',     { ark: { key: KEYS.otherRsa, issuerKey: KEYS.otherRsa }, authority: { issuerKey: KEYS.otherRsa } }),
  row('snp-expired',              'VCEK expired',                      { vek: { notAfter: new Date('2026-01-01') } }),
  row('snp-expired',              'ASK expired',                       { authority: { notAfter: new Date('2026-01-01') } }),
  row('snp-crl-missing',          'list required',                     {}, { 'snp.revocation': 'required' }),
  row('snp-crl-missing',          'list of another product',           { crl: { issuer: 'ARK-Genoa' } }, { 'snp.revocation': 'required' }),
  row('snp-crl-signature',        'list by another key',               { crl: { key: KEYS.otherRsa } }),
  row('snp-crl-expired',          'list expired',                      { crl: { thisUpdate: new Date('2025-01-01'), nextUpdate: new Date('2026-01-01') } }),
  row('snp-revoked',              'ASK revoked',                       { crl: { revoked: [3, ASK_SERIAL] } }),
  row('snp-revoked',              'VLEK authority revoked',            { vlek: true, crl: { revoked: [ASK_SERIAL] } }),
  row('snp-revoked',              'VLEK revoked',                      { vlek: true, vek: { serial: 77 }, crl: { revoked: [77] } }),
  row('snp-vek-extension',        'no microcode level',                { without: [`${OID}.3.3`] }),
  row('snp-vek-extension',        'no hwID',                           { hwId: null }),
  row('snp-vek-extension',        'unknown product',                   { vekProduct: 'Rome' }),
  row('snp-product',              'report of Genoa, chain of Milan',   { report: set(0x188, 0x19, 0x11) }),
  row('snp-product',              'unknown CPUID',                     { report: set(0x188, 0x18, 0x01) }),
  row('snp-signing-key',          'VCEK for a report by a VLEK',       { report: set(0x48, 4) }),
  row('snp-signing-key',          'VLEK for a report by a VCEK',       { vlek: true, report: set(0x48, 0) }),
  row('snp-signing-key',          'report by no key',                  { report: set(0x48, 7 << 2) }),
  row('snp-vek-tcb',              'certificate of another TCB',        { vekLevels: { snp: 21 } }),
  row('snp-vek-tcb',              'Turin: FMC',                        { product: 'Turin', vekLevels: { fmc: 2 } }),
  row('snp-chip-id',              'certificate of another chip',       { hwId: Buffer.alloc(64, 9) }),
  row('snp-chip-id',              'Turin: bytes after the eighth',     { product: 'Turin', report: set(0x1a8, 1) }),
  row('snp-chip-id',              'masked chip id',                    { report: (report) => { report.fill(0, 0x1a0, 0x1e0); report[0x48] = 2; } }),
  row('snp-chip-id',              'chip id beside a VLEK',             { vlek: true, report: (report) => void CHIP.copy(report, 0x1a0) }),
  row('snp-chip-id',              'chip that is not on the list',      {}, { 'snp.chipId': ['00'.repeat(64)] }),
  row('snp-id-block',             'another cloud',                     { vlek: true }, { 'snp.cspId': ['other.example'] }),
  row('snp-id-block',             'another FAMILY_ID',                 {}, { 'snp.familyId': '11'.repeat(16) }),
  row('debug',                    'guest policy allows debugging',     { report: guestPolicy(0xb001fn) }),
  row('snp-guest-policy',         'migration agent',                   { report: guestPolicy(0x7001fn) }),
  row('snp-guest-policy',         'SMT',                               {}, { 'snp.smt': 'refused' }),
  row('snp-guest-policy',         'several sockets',                   {}, { 'snp.singleSocket': 'required' }),
  row('snp-guest-policy',         'no ciphertext hiding',              {}, { 'snp.ciphertextHiding': 'required' }),
  row('snp-platform-info',        'no alias check',                    { report: set(0x40, 0x05) }, { 'snp.aliasCheckComplete': 'required' }),
  row('snp-vmpl',                 'VMPL 1',                            { report: set(0x30, 1) }, { 'snp.vmpl': [0] }),
  row('snp-tcb',                  'reported TCB too low',              {}, { 'snp.minimumTcb': { snp: 23 } }),
  row('snp-tcb',                  'launch TCB too low',                { report: tcbAt(0x1f0, { snp: 21 }) }, { 'snp.minimumLaunchTcb': { snp: 22 } }),
  row('snp-tcb',                  'firmware too old',                  {}, { 'snp.minimumAbi': '1.56' }),
  row('snp-tcb-order',            'committed below reported',          { report: tcbAt(0x1e0, { snp: 21 }) }),
  row('snp-tcb-order',            'current below committed',           { report: tcbAt(0x38, { microcode: 1 }) }),
  row('snp-tcb-order',            'Turin: SNP level in byte 3',        { product: 'Turin', report: tcbAt(0x1e0, { snp: 21 }, 'Turin') }),
  row('snp-provisional-firmware', 'uncommitted firmware',              { report: set(0x1e8, 41) }),
  row('snp-host-data',            'another HOST_DATA',                 {}, { 'snp.hostData': '11'.repeat(32) }),
  row('measurement',              'another measurement',               {}, { measurement: ['00'.repeat(48)] }),
  row('signer',                   'no author key',                     {}, { signer: ['00'.repeat(48)] }),
  row('security-version',         'guest SVN too low',                 {}, { minimumSecurityVersion: 8 }),
  row('report-data',              'another nonce',                     {}, { reportData: '00'.repeat(64) }),
  row('tee-not-accepted',         'SGX is wanted',                     {}, { tee: ['sgx'] }),
];

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
      assert.deepEqual((await judge(changes)).failures, []);
    });

  for (const { code, what, changes, policy } of ROWS)
    test(`${code}: ${what}`, async () => {
      const verdict = await judge(changes, policy);
      assert.deepEqual([...new Set(verdict.failures.map((failure) => failure.code))], [code], JSON.stringify(verdict.failures, null, 1));
      assert.equal(verdict.accepted, false);
    });

  test('evidence in a Buffer is left as it is', async () => {
    const { evidence, files, roots } = forgeAmd();
    const quote = Buffer.from(evidence);
    for (const round of [1, 2]) assert.deepEqual((await verifyEvidence({ tee: 'snp', quote, certificates: [], form: 'raw' }, { collateral: readCollateral(files), policy: { ...AUTHENTIC, roots }, at: AT })).failures, [], `round ${round}`);
    assert.deepEqual(quote, Buffer.from(evidence));
  });

  test('certificates in the table behind an extended report are used', async () => {
    const { evidence, files, roots } = forgeAmd();
    const vcek = files[0].bytes;
    const entry = Buffer.concat([Buffer.from('63da758de6644564adc5f4b93be8accd', 'hex'), Buffer.from([48, 0, 0, 0]), Buffer.from([vcek.length & 0xff, vcek.length >> 8, 0, 0])]);
    const extended = Buffer.concat([evidence, entry, Buffer.alloc(24), vcek]);
    assert.deepEqual((await verifyEvidence(recognise(extended), { collateral: readCollateral(files.slice(1)), policy: { ...AUTHENTIC, roots }, at: AT })).failures, []);
  });

  test('a damaged revocation list is not taken for none', async () => {
    const { evidence, files, roots } = forgeAmd({ crl: {} });
    const list = files.find(({ name }) => name === 'crl')?.bytes as Uint8Array;
    list[5] ^= 0xff;
    const verdict = await verifyEvidence(recognise(evidence), { collateral: readCollateral(files), policy: { ...AUTHENTIC, roots }, at: AT });
    assert.deepEqual(
      verdict.failures.map(({ code }) => code),
      ['collateral-format'],
    );
  });
});
