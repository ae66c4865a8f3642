/** One forged quote or collateral for each check of SGX and TDX, wrong in that alone: exactly its code comes out. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AUTHENTIC, type Policy, readCollateral, recognise, type Verdict, verifyEvidence } from '../../src/attestation/verifier/index.ts';
import { AT, CA_SERIAL, type Changes, type Forged, forgeIntel, KEYS, PCK_SERIAL, ROOT_CERTIFICATE, SIGNER_SERIAL } from './forge/intel.ts';
import { certificate, crl, newKey } from './forge/x509.ts';

const utf8 = new TextEncoder();
const judge = ({ evidence, bundle, roots }: Forged, policy: Partial<Policy> = {}, at = AT): Promise<Verdict> =>
  verifyEvidence(recognise(evidence), { collateral: readCollateral([{ name: 'bundle', bytes: utf8.encode(JSON.stringify(bundle)) }]), policy: { ...AUTHENTIC, roots, ...policy }, at });

const TDX = { tee: 'tdx' } as const;
const flip = (at: number) => (bytes: Buffer) => {
  bytes[at] ^= 1;
};
const early = new Date('2025-01-01');
const before = new Date('2026-01-01');
const otherRoot = certificate({ subject: 'Intel SGX Root CA', key: KEYS.other, ca: true });
const otherCa = newKey('P-256');
const goodCrlChain = [certificate({ subject: 'Intel SGX PCK Platform CA', key: KEYS.ca, issuer: 'Intel SGX Root CA', issuerKey: KEYS.root, ca: true }), ROOT_CERTIFICATE];

interface Row {
  readonly code: string;
  readonly what: string;
  readonly changes: Changes;
  readonly policy?: Partial<Policy>;
}
const row = (code: string, what: string, changes: Changes, policy?: Partial<Policy>): Row => ({ code, what, changes, policy });

// biome-ignore format: a table
const ROWS: readonly Row[] = [
  row('quote-signature',           'the body was changed after signing',       { quote: (quote) => { quote[48 + 64] ^= 1; return quote; } }),
  row('quote-signature',           'the signature was changed',                { quote: (quote) => { quote[436 + 10] ^= 1; return quote; } }),
  row('quote-signature',           'signed by another key',                    { quoteSigner: KEYS.other }),
  row('quote-signature',           'TDX: the body was changed',                { ...TDX, quote: (quote) => { quote[48 + 140] ^= 1; return quote; } }),
  row('quote-key-type',            'attestation key of another type',          { header: (header) => { header[2] = 3; } }),
  row('quote-qe-vendor',           'quoting enclave of another vendor',        { header: flip(12) }),
  row('qe-signature',              "QE report signed by another key",          { qeSigner: KEYS.other }),
  row('qe-report-data',            'authentication data replaced',             { authData: (data) => Buffer.alloc(data.length) }),
  row('qe-report-data',            'not padded with zeros',                    { qeReport: (report) => { report[383] = 1; } }),
  row('pck-root',                  "another root of the same name",            { root: otherRoot, ca: { issuerKey: KEYS.other }, pckCrlChain: goodCrlChain }),
  row('pck-chain',                 'PCK not signed by its authority',          { pck: { issuerKey: KEYS.other } }),
  row('pck-chain',                 'authority not signed by the root',         { ca: { issuerKey: KEYS.other }, pckCrlChain: goodCrlChain }),
  row('pck-chain',                 'authority that may not issue',             { ca: { ca: false } }),
  row('pck-chain',                 'PCK of another name',                      { pck: { subject: 'PCK' } }),
  row('pck-chain',                 'critical extension nobody knows',          { ca: { extensions: [['1.2.3.4', Uint8Array.of(5, 0), true]] }, pckCrlChain: goodCrlChain }),
  row('pck-expired',               'PCK expired',                              { pck: { notAfter: before } }),
  row('pck-expired',               'PCK not yet valid',                        { pck: { notBefore: new Date('2026-01-16') } }),
  row('pck-missing',               'no SGX extension',                         { noSgxExtension: true }),
  row('pck-extension',             'components of another size',               { pckValues: { components: [5] } }),
  row('pck-revoked',               'PCK revoked',                              { pckCrl: { revoked: [1, PCK_SERIAL] } }),
  row('pck-ca-revoked',            'authority revoked',                        { rootCrl: { revoked: [CA_SERIAL] } }),
  row('tcb-signing-revoked',       'TCB signer revoked',                       { rootCrl: { revoked: [SIGNER_SERIAL] } }),
  row('root-crl-missing',          'no root list',                             { rootCrl: null }),
  row('root-crl-missing',          "root list of another issuer",              { rootCrl: { issuer: 'Another Root' } }),
  row('root-crl-signature',        'root list signed by another key',          { rootCrl: { key: KEYS.other } }),
  row('root-crl-expired',          'root list expired',                        { rootCrl: { thisUpdate: early, nextUpdate: before } }),
  row('pck-crl-issuer',            "PCK list of another authority",            { pckCrl: { issuer: 'Intel SGX PCK Processor CA' }, pckCrlChain: [certificate({ subject: 'Intel SGX PCK Processor CA', key: KEYS.ca, issuer: 'Intel SGX Root CA', issuerKey: KEYS.root, ca: true }), ROOT_CERTIFICATE] }),
  row('pck-crl-missing',           'no PCK list',                              { pckCrl: null }),
  row('pck-crl-signature',         'PCK list signed by another key',           { pckCrl: { key: KEYS.other } }),
  row('pck-crl-expired',           'PCK list expired',                         { pckCrl: { thisUpdate: early, nextUpdate: before } }),
  row('pck-crl-expired',           'PCK list of the future',                   { pckCrl: { thisUpdate: new Date('2026-01-16') } }),
  row('pck-crl-chain',             "chain of the PCK list by another root",    { pckCrlChain: [certificate({ subject: 'Intel SGX PCK Platform CA', key: otherCa, issuer: 'Intel SGX Root CA', issuerKey: KEYS.other, ca: true }), otherRoot] }),
  row('tcb-info-missing',          'no TCB information',                       { without: ['tcb_info'] }),
  row('tcb-info-format',           'level without components',                 { tcbInfo: (info) => { delete info.tcbLevels[0].tcb.sgxtcbcomponents; } }),
  row('tcb-info-format',           'unknown status',                           { tcbInfo: (info) => { info.tcbLevels[0].tcbStatus = 'Fine'; } }),
  row('tcb-info-version',          'version 4',                                { tcbInfo: (info) => { info.version = 4; } }),
  row('tcb-info-version',          'version 2 for TDX',                        { ...TDX, tcbInfo: (info) => { info.version = 2; } }),
  row('tcb-info-tee',              'for TDX with an SGX quote',                { tcbInfo: (info) => { Object.assign(info, { id: 'TDX', tdxModule: { mrsigner: '00'.repeat(48), attributes: '0000000000000000', attributesMask: 'FFFFFFFFFFFFFFFF' } }); for (const entry of info.tcbLevels) entry.tcb.tdxtcbcomponents = entry.tcb.sgxtcbcomponents; } }),
  row('tcb-info-signature',        'one digit of the text changed',            { tcbText: (text) => text.replace('"tcbEvaluationDataNumber":17', '"tcbEvaluationDataNumber":18') }),
  row('tcb-info-signature',        'written again with spaces',                { tcbText: (text) => JSON.stringify(JSON.parse(text), null, 1) }),
  row('tcb-info-expired',          'expired',                                  { tcbInfo: (info) => { info.nextUpdate = '2026-01-15T11:59:59Z'; } }),
  row('tcb-info-not-yet-valid',    'not yet valid',                            { tcbInfo: (info) => { info.issueDate = '2026-01-15T12:00:01Z'; } }),
  row('tcb-info-fmspc',            'for another FMSPC',                        { tcbInfo: (info) => { info.fmspc = '00606A000000'; } }),
  row('tcb-info-pceid',            'for another PCE',                          { tcbInfo: (info) => { info.pceId = '0001'; } }),
  row('tcb-info-evaluation',       'evaluation too old',                       { identity: (identity) => { identity.tcbEvaluationDataNumber = 18; } }, { 'tcb.minimumEvaluation': 18 }),
  row('tcb-info-chain',            'signer not signed by the root',            { tcbSigner: { issuerKey: KEYS.other }, identitySigner: {} }),
  row('tcb-info-chain',            'signer of another name',                   { tcbSigner: { subject: 'Intel SGX PCK Certificate' }, identitySigner: {} }),
  row('tcb-signing-expired',       'signer expired',                           { tcbSigner: { notAfter: before } }),
  row('qe-identity-missing',       'no identity',                              { without: ['qe_identity'] }),
  row('qe-identity-format',        'identity without mask',                    { identity: (identity) => { delete identity.attributesMask; } }),
  row('qe-identity-version',       'version 1',                                { identity: (identity) => { identity.version = 1; } }),
  row('qe-identity-tee',           'of another enclave',                       { identity: (identity) => { identity.id = 'QVE'; } }),
  row('qe-identity-signature',     'changed after signing',                    { identityText: (text) => text.replace('"isvsvn":4', '"isvsvn":3') }),
  row('qe-identity-expired',       'expired',                                  { identity: (identity) => { identity.nextUpdate = '2026-01-15T11:59:59Z'; } }),
  row('qe-identity-not-yet-valid', 'not yet valid',                            { identity: (identity) => { identity.issueDate = '2026-01-15T12:00:01Z'; } }),
  row('qe-identity-evaluation',    'evaluation too old',                       { tcbInfo: (info) => { info.tcbEvaluationDataNumber = 18; } }, { 'tcb.minimumEvaluation': 18 }),
  row('qe-identity-chain',         'signer not signed by the root',            { identitySigner: { issuerKey: KEYS.other } }),
  row('qe-mrsigner',               'QE of another signer',                     { qeReport: flip(130) }),
  row('qe-isvprodid',              'QE of another product',                    { qeReport: flip(256) }),
  row('qe-miscselect',             'QE with another MISCSELECT',               { qeReport: flip(16) }),
  row('qe-attributes',             'QE in debug',                              { qeReport: (report) => { report[48] |= 2; } , identity: (identity) => { identity.attributesMask = 'FFFFFFFFFFFFFFFF0000000000000000'; } }),
  row('tcb-not-supported',         'platform below every level',               { pckValues: { components: [2, ...Array.from({ length: 15 }, () => 5)] } }),
  row('tcb-not-supported',         'PCE below every level',                    { pckValues: { pceSvn: 10 } }),
  row('tcb-status',                'platform out of date',                     { pckValues: { components: [4, ...Array.from({ length: 15 }, () => 5)] } }),
  row('tcb-status',                'QE out of date',                           { qeReport: (report) => report.writeUInt16LE(7, 258) }),
  row('tcb-status',                'TDX: component 2 out of date',             { ...TDX, body: (body) => { body[2] = 4; } }),
  row('tcb-status',                'TDX: module out of date',                  { ...TDX, body: (body) => { body[0] = 4; } }),
  row('tcb-status',                'revoked level',                            { tcbInfo: (info) => { info.tcbLevels[0].tcbStatus = 'Revoked'; } }, { 'tcb.statuses': ['UpToDate', 'OutOfDate'] }),
  row('tcb-date',                  'level too old',                            {}, { 'tcb.minimumDate': Date.parse('2025-06-01') }),
  row('tcb-advisory',              'advisory not allowed',                     { tcbInfo: (info) => { info.tcbLevels[0].advisoryIDs = ['INTEL-SA-00615', 'INTEL-SA-00289']; } }, { 'tcb.advisories': ['INTEL-SA-00289'] }),
  row('tdx-module-unknown',        'module of a version without identity',     { ...TDX, body: (body) => { body[1] = 9; } }),
  row('tdx-module-attributes',     'module with other attributes',             { ...TDX, tcbInfo: (info) => { info.tdxModuleIdentities[0].attributes = '0100000000000000'; } }),
  row('tdx-module-tcb',            'module below every level',                 { ...TDX, body: (body) => { body[0] = 1; } }),
  row('qe-tcb',                    'QE below every level',                     { qeReport: (report) => report.writeUInt16LE(3, 258) }),
  row('tdx-module-mrsigner',       'module of another signer',                 { ...TDX, body: flip(64) }),
  row('evidence-reserved',         'SEAM attributes set',                      { ...TDX, body: flip(112), tcbInfo: (info) => { info.tdxModuleIdentities[0].attributesMask = '0000000000000000'; } }),
  row('evidence-reserved',         'unknown TD attribute',                     { ...TDX, body: flip(121) }),
  row('evidence-reserved',         'XFAM without x87',                         { ...TDX, body: flip(128) }),
  row('evidence-reserved',         'SGX: reserved bytes',                      { body: flip(100) }),
  row('debug',                     'SGX: DEBUG',                               { body: (body) => { body[48] |= 2; } }),
  row('debug',                     'TDX: DEBUG',                               { ...TDX, body: flip(120) }),
  row('debug',                     'TDX: profiling',                           { ...TDX, body: (body) => { body[120] |= 0x20; } }),
  row('tdx-sept-ve',               'SEPT_VE_DISABLE not set',                  { ...TDX, body: (body) => { body[123] = 0; } }),
  row('report-data',               'another nonce',                            {}, { reportData: '00'.repeat(64) }),
  row('measurement',               'SGX: another MRENCLAVE',                   {}, { measurement: ['00'.repeat(32)] }),
  row('measurement',               'TDX: another MRTD',                        TDX, { measurement: ['00'.repeat(48)] }),
  row('signer',                    'another MRSIGNER',                         {}, { signer: ['00'.repeat(32)] }),
  row('product-id',                'another product',                          {}, { productId: 2 }),
  row('security-version',          'security version too low',                 {}, { minimumSecurityVersion: 3 }),
  row('sgx-attributes',            'PROVISIONKEY',                             { body: (body) => { body[48] |= 0x10; } }),
  row('sgx-attributes',            'other attributes than wanted',             {}, { 'sgx.attributes': '00'.repeat(16) }),
  row('sgx-config',                'another CONFIGID',                         {}, { 'sgx.configId': '11'.repeat(64) }),
  row('tdx-attributes',            'other attributes than wanted',             TDX, { 'tdx.attributes': '00'.repeat(8) }),
  row('tdx-xfam',                  'another XFAM than wanted',                 TDX, { 'tdx.xfam': 'ff'.repeat(8) }),
  row('tdx-rtmr',                  'another RTMR2',                            TDX, { 'tdx.rtmr2': '11'.repeat(48) }),
  row('tdx-config',                'another MROWNER',                          TDX, { 'tdx.mrowner': '11'.repeat(48) }),
  row('tdx-service-td',            'no MRSERVICETD in TD 1.0',                 TDX, { 'tdx.mrservicetd': '00'.repeat(48) }),
  row('tee-not-accepted',          'TDX where SGX is wanted',                  TDX, { tee: ['sgx'] }),
  row('evidence-format',           'cut off',                                  { quote: (quote) => quote.subarray(0, quote.length - 1) }),
  row('evidence-format',           'QE certification longer than it says',     { ...TDX, quote: (quote) => { quote[632 + 4 + 128 + 2] -= 1; return quote; } }),
  row('evidence-format',           'version 5: size of another body',          { ...TDX, version: 5, quote: (quote) => { quote[50] ^= 1; return quote; } }),
];

describe('forged platforms of Intel', () => {
  for (const changes of [{}, { version: 4 }, { version: 5 }, TDX, { ...TDX, version: 5 }, { ...TDX, version: 5, td15: true }] as const)
    test(`right in everything is accepted: ${JSON.stringify(changes)}`, async () => {
      const verdict = await judge(forgeIntel(changes));
      assert.deepEqual(verdict.failures, []);
      assert.equal(verdict.tcbStatus, 'UpToDate');
    });

  for (const { code, what, changes, policy } of ROWS)
    test(`${code}: ${what}`, async () => {
      const verdict = await judge(forgeIntel(changes), policy);
      assert.deepEqual([...new Set(verdict.failures.map((failure) => failure.code))], [code], JSON.stringify(verdict.failures, null, 1));
      assert.equal(verdict.accepted, false);
    });

  test('several faults are reported together', async () => {
    const verdict = await judge(forgeIntel({ body: (body) => void (body[48] |= 2), pckCrl: { revoked: [PCK_SERIAL] }, rootCrl: null, qeSigner: KEYS.other }));
    assert.deepEqual(verdict.failures.map(({ code }) => code).sort(), ['debug', 'pck-revoked', 'qe-signature', 'root-crl-missing']);
  });

  test("another root's lists and chains of the same names beside the right ones do no harm, and older ones do not win", async () => {
    const { evidence, bundle, roots } = forgeIntel();
    const files = [
      { name: 'forged root list', bytes: crl({ issuer: 'Intel SGX Root CA', key: KEYS.other, thisUpdate: new Date('2026-01-10'), nextUpdate: new Date('2027-01-01') }) },
      { name: 'forged PCK list', bytes: crl({ issuer: 'Intel SGX PCK Platform CA', key: KEYS.other, thisUpdate: new Date('2026-01-10'), nextUpdate: new Date('2027-01-01') }) },
      { name: 'older PCK list', bytes: crl({ issuer: 'Intel SGX PCK Platform CA', key: KEYS.ca, thisUpdate: new Date('2025-12-31'), nextUpdate: new Date('2026-02-01'), revoked: [PCK_SERIAL] }) },
      { name: 'bundle', bytes: utf8.encode(JSON.stringify(bundle)) },
    ];
    assert.deepEqual((await verifyEvidence(recognise(evidence), { collateral: readCollateral(files), policy: { ...AUTHENTIC, roots }, at: AT })).failures, []);
    const newer = { name: 'newer PCK list', bytes: crl({ issuer: 'Intel SGX PCK Platform CA', key: KEYS.ca, thisUpdate: new Date('2026-01-14'), nextUpdate: new Date('2026-02-14'), revoked: [PCK_SERIAL] }) };
    const verdict = await verifyEvidence(recognise(evidence), { collateral: readCollateral([...files, newer]), policy: { ...AUTHENTIC, roots }, at: AT });
    assert.deepEqual(
      verdict.failures.map(({ code }) => code),
      ['pck-revoked'],
    );
  });

  test('of several TCB information files the one for the platform counts, and of those the latest evaluation', async () => {
    const [old, current] = [forgeIntel({ tcbInfo: (info) => void (info.tcbEvaluationDataNumber = 16) }), forgeIntel({ tcbInfo: (info) => void (info.tcbLevels[0].tcbStatus = 'OutOfDate') })];
    const other = forgeIntel({ tcbInfo: (info) => Object.assign(info, { fmspc: '00606A000000', tcbEvaluationDataNumber: 30 }) });
    const files = [old, current, other].map(({ bundle }, index) => ({ name: `bundle ${index}`, bytes: utf8.encode(JSON.stringify(bundle)) }));
    const verdict = await verifyEvidence(recognise(current.evidence), { collateral: readCollateral(files), policy: { ...AUTHENTIC, roots: current.roots }, at: AT });
    assert.equal(verdict.claims.tcbEvaluationDataNumber, 17);
    assert.equal(verdict.tcbStatus, 'OutOfDate');
  });

  test('trailing bytes are tolerated and counted', async () => {
    const verdict = await judge(forgeIntel({ quote: (quote) => Buffer.concat([quote, Buffer.alloc(100)]) }));
    assert.deepEqual(verdict.failures, []);
    assert.equal(verdict.claims.trailingBytes, 100);
  });

  test('a module of version 0 is judged by components 0 and 1, and by tdxModule', async () => {
    const zero = (body: Buffer): void => void (body[1] = 0);
    const levels = (info: { tcbLevels: { tcb: { tdxtcbcomponents: { svn: number }[] } }[] }): void => {
      for (const { tcb } of info.tcbLevels) tcb.tdxtcbcomponents[1].svn = 0;
    };
    assert.deepEqual((await judge(forgeIntel({ ...TDX, body: zero, tcbInfo: levels }))).failures, []);
    const old = (body: Buffer): void => {
      body[0] = 4;
      zero(body);
    };
    assert.equal((await judge(forgeIntel({ ...TDX, body: old, tcbInfo: levels }))).tcbStatus, 'OutOfDate');
  });

  // biome-ignore format: a table
  const CONVERGENCE = [
    ['UpToDate',                          'UpToDate',  'UpToDate',  'UpToDate'],
    ['UpToDate',                          'OutOfDate', 'UpToDate',  'OutOfDate'],
    ['SWHardeningNeeded',                 'OutOfDate', 'UpToDate',  'OutOfDate'],
    ['ConfigurationNeeded',               'OutOfDate', 'UpToDate',  'OutOfDateConfigurationNeeded'],
    ['ConfigurationAndSWHardeningNeeded', 'UpToDate',  'OutOfDate', 'OutOfDateConfigurationNeeded'],
    ['OutOfDate',                         'UpToDate',  'UpToDate',  'OutOfDate'],
    ['UpToDate',                          'Revoked',   'UpToDate',  'Revoked'],
    ['OutOfDate',                         'UpToDate',  'Revoked',   'Revoked'],
    ['Revoked',                           'OutOfDate', 'OutOfDate', 'Revoked'],
  ] as const;
  for (const [platform, module, qe, together] of CONVERGENCE)
    test(`platform ${platform}, module ${module}, QE ${qe}: ${together}`, async () => {
      const forged = forgeIntel({
        ...TDX,
        tcbInfo(info) {
          info.tcbLevels[0].tcbStatus = platform;
          info.tdxModuleIdentities[0].tcbLevels[0].tcbStatus = module;
        },
        identity(identity) {
          identity.tcbLevels[0].tcbStatus = qe;
        },
      });
      assert.equal((await judge(forged)).tcbStatus, together);
    });
});
