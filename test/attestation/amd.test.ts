/** Forged platforms of AMD: right in everything, and what lies beside a report. What is wrong in one thing alone is in codes.test.ts. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AUTHENTIC, readCollateral, recognise, verifyEvidence } from '../../src/attestation/verifier/index.ts';
import { AT, guestPolicy, judgeAmd, set, tcbAt } from './fixtures/amd.ts';
import { type Changes, forgeAmd } from './forge/amd.ts';

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
