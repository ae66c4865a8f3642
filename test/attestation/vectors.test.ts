/** Real quotes, reports and event logs come out as they are known to. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AUTHENTIC, recognise, recogniseTpmQuote, type Verdict, verifyEvidence } from '../../src/attestation/verifier/index.ts';
import { collateralOf, read, skip, TDX_2025, TDX_GUEST, TRUSTEE, VECTORS } from './fixtures/vectors.ts';

const codesOf = (verdict: Verdict): string[] => [...new Set(verdict.failures.map(({ code }) => code))].sort();

for (const { evidence, collateral, at, status, codes, date, advisories, policy } of VECTORS)
  test(`${evidence.replace(/^[^/]*__/, '')}: ${status ?? ''} ${codes.join(', ') || 'accepted'}`, { skip }, async () => {
    const verdict = await verifyEvidence(recognise(read(evidence)), { collateral: collateralOf(collateral), policy: { ...AUTHENTIC, ...policy?.() }, at: at === undefined ? new Date('2026-06-01') : new Date(at) });
    assert.deepEqual(codesOf(verdict), [...codes].sort(), JSON.stringify(verdict.failures, null, 1));
    assert.equal(verdict.accepted, codes.length === 0);
    assert.equal(verdict.tcbStatus, status);
    if (date !== undefined) assert.equal(verdict.tcbDate?.slice(0, 10), date);
    if (typeof advisories === 'number') assert.equal(verdict.advisories.length, advisories);
    else if (advisories !== undefined) assert.deepEqual(verdict.advisories, advisories);
  });

test("the COS machine's event log replays to its registers, and no other", { skip }, async () => {
  const evidence = recognise(read(`${TDX_GUEST}/ccel/cos-113-tdx-quote.dat`));
  const options = { collateral: collateralOf(TDX_2025), policy: AUTHENTIC, at: new Date('2025-10-20') };
  const eventLog = read(`${TDX_GUEST}/ccel/ccel_data.dat`);
  const verdict = await verifyEvidence({ ...evidence, eventLog }, options);
  assert.deepEqual(verdict.failures, []);
  eventLog[200] ^= 1;
  const changed = await verifyEvidence({ ...evidence, eventLog }, options);
  assert.deepEqual(codesOf(changed), ['event-log-replay']);
});

test('the TPM quote beside an HCL report is by the key that the report vouches for', { skip }, async () => {
  const evidence = recognise(read(`${TRUSTEE}/az-snp-vtpm/hcl-report.bin`));
  const quote = recogniseTpmQuote(read(`${TRUSTEE}/az-snp-vtpm/quote.bin`));
  const options = { collateral: collateralOf([`${TRUSTEE}/az-snp-vtpm/vcek.pem`]), policy: { ...AUTHENTIC, nonce: Buffer.from('challenge').toString('hex') }, at: new Date('2026-06-01') };
  const vtpm = { hclReport: evidence.vtpm?.hclReport ?? new Uint8Array(), quote };
  assert.deepEqual((await verifyEvidence({ ...evidence, vtpm }, options)).failures, []);
  assert.deepEqual(codesOf(await verifyEvidence({ ...evidence, vtpm }, { ...options, policy: { ...AUTHENTIC, nonce: '00' } })), ['vtpm-nonce']);
  const pcrs = [...quote.pcrs.slice(0, 3), new Uint8Array(32), ...quote.pcrs.slice(4)];
  assert.deepEqual(codesOf(await verifyEvidence({ ...evidence, vtpm: { ...vtpm, quote: { ...quote, pcrs } } }, options)), ['vtpm-pcrs']);
});

test("Azure's TDX machine is behind a paravisor, which its TPM quote shows and its HCL report alone does not", { skip }, async () => {
  const evidence = recognise(read(`${TRUSTEE}/az-tdx-vtpm/td-quote.bin`));
  const options = { collateral: collateralOf(TDX_2025), policy: { ...AUTHENTIC, 'tcb.statuses': ['OutOfDate'] as const }, at: new Date('2025-10-20') };
  const hclReport = read(`${TRUSTEE}/az-tdx-vtpm/hcl-report.bin`);
  const quote = recogniseTpmQuote(read(`${TRUSTEE}/az-tdx-vtpm/quote.bin`));
  assert.deepEqual(codesOf(await verifyEvidence({ ...evidence, vtpm: { hclReport, quote } }, options)), []);
  assert.deepEqual(codesOf(await verifyEvidence({ ...evidence, vtpm: { hclReport } }, options)), ['tdx-sept-ve']);
  const other = hclReport.slice();
  other[32 + 512 + 16] ^= 1;
  assert.deepEqual(codesOf(await verifyEvidence({ ...evidence, vtpm: { hclReport: other, quote } }, options)), ['tdx-sept-ve', 'vtpm-report']);
});
