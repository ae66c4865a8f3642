/** Forged platforms of Intel: right in everything, wrong in several things, and how parts come together. What is wrong in one thing alone is in codes.test.ts. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AUTHENTIC, readCollateral, recognise, verifyEvidence } from '../../src/attestation/verifier/index.ts';
import { judgeIntel } from './fixtures/intel.ts';
import { AT, forgeIntel, KEYS, PCK_SERIAL } from './forge/intel.ts';
import { crl } from './forge/x509.ts';

const utf8 = new TextEncoder();
const TDX = { tee: 'tdx' } as const;

describe('forged platforms of Intel', () => {
  for (const changes of [{}, { version: 4 }, { version: 5 }, TDX, { ...TDX, version: 5 }, { ...TDX, version: 5, td15: true }] as const)
    test(`right in everything is accepted: ${JSON.stringify(changes)}`, async () => {
      const verdict = await judgeIntel(forgeIntel(changes));
      assert.deepEqual(verdict.failures, []);
      assert.equal(verdict.tcbStatus, 'UpToDate');
    });

  test('several faults are reported together', async () => {
    const verdict = await judgeIntel(forgeIntel({ body: (body) => void (body[48] |= 2), pckCrl: { revoked: [PCK_SERIAL] }, rootCrl: null, qeSigner: KEYS.other }));
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
    const verdict = await judgeIntel(forgeIntel({ quote: (quote) => Buffer.concat([quote, Buffer.alloc(100)]) }));
    assert.deepEqual(verdict.failures, []);
    assert.equal(verdict.claims.trailingBytes, 100);
  });

  test('a module of version 0 is judged by components 0 and 1, and by tdxModule', async () => {
    const zero = (body: Buffer): void => void (body[1] = 0);
    const levels = (info: { tcbLevels: { tcb: { tdxtcbcomponents: { svn: number }[] } }[] }): void => {
      for (const { tcb } of info.tcbLevels) tcb.tdxtcbcomponents[1].svn = 0;
    };
    assert.deepEqual((await judgeIntel(forgeIntel({ ...TDX, body: zero, tcbInfo: levels }))).failures, []);
    const old = (body: Buffer): void => {
      body[0] = 4;
      zero(body);
    };
    assert.equal((await judgeIntel(forgeIntel({ ...TDX, body: old, tcbInfo: levels }))).tcbStatus, 'OutOfDate');
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
      assert.equal((await judgeIntel(forged)).tcbStatus, together);
    });
});
