/**
 * Real quotes, reports and collateral as public repositories ship them, each with the verdict that is known to be right.
 * They are not part of this repository: `CLOISTER_VECTORS` names the folder, or they lie beside it.
 */

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { AUTHENTIC, type Policy, readCollateral, recognise, recogniseTpmQuote, type TcbStatus, type Verdict, verifyEvidence } from '../../src/attestation/verifier/index.ts';

const FOLDER = process.env.CLOISTER_VECTORS ?? ['../../../', '../../../../'].map((up) => new URL(`${up}shared/vectors/`, import.meta.url).pathname).find((path) => existsSync(path));
const skip = FOLDER === undefined ? 'the folder of real quotes is not here (CLOISTER_VECTORS)' : false;

const AUTOMATA = 'automata-network__automata-dcap-attestation';
const ASSETS = `${AUTOMATA}/evm/forge-test/assets`;
const SOLANA = `${AUTOMATA}/solana/automata-dcap-framework/tests/data`;
const EARLY = `${AUTOMATA}/solana/automata-dcap-framework/zk/p256-sp1/lib/src/tests/samples`;
const PHALA = 'Phala-Network__dcap-qvl/sample';
const NEAR = 'Phala-Network__dcap-qvl/tests/near/contracts/gas-test/tests/quote';
const TRUSTEE = 'confidential-containers__trustee/deps/verifier/test_data';
const TRUSTEE_SNP = 'confidential-containers__trustee/deps/verifier/src/snp';
const TDX_GUEST = 'google__go-tdx-guest/testing/testdata';
const SEV_GUEST = 'google__go-sev-guest/verify';
const QVL = 'intel__SGX-TDX-DCAP-QuoteVerificationLibrary/Src/AttestationApp/sampleData';
const VIRTEE = 'virtee__sev/tests/certs_data';
const RA_TLS = 'CCC-Attestation__interoperable-ra-tls/interoperability-tests';

const SIGNING = [`${SOLANA}/signing.der`, `${SOLANA}/intel_root_ca_crl.der`];
const SGX_2025 = [`${ASSETS}/0825/sgx_tcbinfov3_00606a000000.json`, `${ASSETS}/0825/sgx_qeidentity_v4.json`, `${ASSETS}/0825/platform_crl.der`, ...SIGNING];
const TDX_2025 = [`${ASSETS}/1025/tcb_info.json`, `${ASSETS}/1025/identity.json`, `${ASSETS}/1025/pck_crl.der`, ...SIGNING];
const TDX_SOLANA = [`${SOLANA}/tcb_info_v3_with_tdx_module.json`, `${SOLANA}/qe_identity.json`, `${SOLANA}/pck_platform_crl.der`, ...SIGNING];
const TDX_2023 = [`${TDX_GUEST}/sample_tcbInfo_response`, `${TDX_GUEST}/sample_qeIdentity_response`, `${TDX_GUEST}/pckcrl`, `${TDX_GUEST}/rootcrl.der`, `${EARLY}/signing.der`];
const TDX_JULY = [`${ASSETS}/0625/tcbinfov3_90C06F000000.json`, `${ASSETS}/0625/qe_td.json`, `${PHALA}/tdx_quote_collateral.json`];
const TDX_2026 = [`${TDX_GUEST}/sample_tcbinfo_response_v5`, `${PHALA}/tdx_quote_outdated_collateral.json`];
const QVL_FILES = ['intermediateCaCrl.der', 'rootCaCrl.der', 'pckCert.pem', 'pckSignChain.pem', 'qeIdentity.json', 'tcbInfo.json', 'tcbSignChain.pem'].map((name) => `${QVL}/${name}`);

const read = (path: string): Uint8Array => new Uint8Array(readFileSync(`${FOLDER}/${path}`));

interface Row {
  readonly evidence: string;
  readonly collateral: readonly string[];
  readonly at?: string;
  readonly status: TcbStatus | null;
  /** Every code that must be reported, and no other; none: accepted. */
  readonly codes: readonly string[];
  readonly date?: string;
  readonly advisories?: readonly string[] | number;
  readonly policy?: () => Partial<Policy>;
}

const row = (evidence: string, collateral: readonly string[], at: string | undefined, status: TcbStatus | null, codes: string, more: Partial<Row> = {}): Row => ({
  evidence,
  collateral,
  at,
  status,
  codes: codes.split(' ').filter((code) => code !== ''),
  ...more,
});

// biome-ignore format: a table
const ROWS: readonly Row[] = [
  row(`${PHALA}/sgx_quote`, [`${PHALA}/sgx_quote_collateral.json`], '2025-06-20', 'ConfigurationAndSWHardeningNeeded', 'tcb-status', { advisories: ['INTEL-SA-00289', 'INTEL-SA-00615'] }),
  row(`${PHALA}/sgx_quote`, [`${PHALA}/sgx_quote_collateral.json`], '2025-06-20', 'ConfigurationAndSWHardeningNeeded', '', { policy: () => ({ 'tcb.statuses': ['ConfigurationAndSWHardeningNeeded'] }) }),
  row(`${AUTOMATA}/rust-crates/samples/quotev3.hex`, SGX_2025, '2025-08-20', 'SWHardeningNeeded', 'tcb-status', { advisories: ['INTEL-SA-00615'] }),
  row(`${SOLANA}/quote_sgx.bin`, [`${SOLANA}/tcb_info_v3_sgx.json`, `${PHALA}/sgx_quote_collateral.json`], '2025-06-20', 'ConfigurationAndSWHardeningNeeded', 'tcb-status debug'),
  row(`${TRUSTEE}/occlum_quote.dat`, SGX_2025, '2025-08-20', 'OutOfDate', 'tcb-status debug', { date: '2021-11-10', advisories: 10 }),
  row('confidential-containers__trustee/attestation-service/tests/coco-as/request.json', SGX_2025, '2025-08-20', 'OutOfDate', 'tcb-status debug'),
  row(`${RA_TLS}/gramine-cert.pem`, SGX_2025, '2025-08-20', 'OutOfDate', 'tcb-status debug'),
  row(`${RA_TLS}/rats-tls-cert.pem`, SGX_2025, '2025-08-20', 'OutOfDate', 'tcb-status debug'),
  row(`${RA_TLS}/intel-sgxsdk-cert.pem`, SGX_2025, '2025-08-20', null, 'tcb-info-fmspc pck-crl-issuer debug'),
  row(`${QVL}/quote.dat`, QVL_FILES, '2021-09-01', 'UpToDate', 'pck-root root-crl-signature tcb-info-chain qe-identity-chain'),
  row(`${QVL}/quote.dat`, QVL_FILES, '2021-09-01', 'UpToDate', '', { policy: () => ({ roots: [new TextDecoder().decode(read(`${QVL}/trustedRootCaCert.pem`))] }) }),

  row(`${PHALA}/tdx_quote`, [`${PHALA}/tdx_quote_collateral.json`], '2025-06-20', 'UpToDate', ''),
  row(`${PHALA}/tdx_quote`, [`${PHALA}/tdx_quote_collateral.json`], '2025-08-20', 'UpToDate', 'tcb-info-expired qe-identity-expired pck-crl-expired'),
  row(`${NEAR}/quote_hex.txt`, [`${NEAR}/quote_collateral.json`], '2025-09-05', 'UpToDate', ''),
  row(`${PHALA}/quote-from-tappd.hex`, [`${PHALA}/tdx_quote_collateral.json`], '2025-06-20', 'NotSupported', 'tcb-not-supported'),
  row(`${PHALA}/tdx-quote.hex`, [`${PHALA}/tdx_quote_collateral.json`], '2025-06-20', 'NotSupported', 'tcb-not-supported'),
  row(`${TRUSTEE}/tdx_quote_4.dat`, TDX_2023, '2023-06-19', 'UpToDate', 'debug'),
  row(`${TRUSTEE}/tdx_quote_6.dat`, [`${TRUSTEE}/tcbInfo.json`, `${TRUSTEE}/enclaveIdentity.json`, `${ASSETS}/1025/pck_crl.der`, ...SIGNING], '2025-10-30', 'OutOfDate', 'tcb-status', { date: '2018-01-04' }),
  row(`${TDX_GUEST}/tdx_prod_quote_SPR_E4.dat`, TDX_2023, '2023-06-19', 'NotSupported', 'tcb-not-supported tdx-sept-ve'),
  row(`${TDX_GUEST}/ccel/cos-113-tdx-quote.dat`, TDX_2025, '2025-10-20', 'UpToDate', '', { policy: () => ({ reportData: Buffer.from(read(`${TDX_GUEST}/ccel/nonce.dat`)).toString('hex') }) }),
  row(`${AUTOMATA}/rust-crates/samples/quotev4.hex`, TDX_SOLANA, '2025-07-20', 'OutOfDate', 'tcb-status', { date: '2023-08-09' }),
  row(`${SOLANA}/quote_tdx.bin`, TDX_SOLANA, '2025-07-20', 'OutOfDate', 'tcb-status', { date: '2023-08-09' }),
  row(`${TRUSTEE}/az-tdx-vtpm/td-quote.bin`, TDX_2025, '2025-10-20', 'OutOfDate', 'tcb-status tdx-sept-ve'),
  row(`${TRUSTEE}/az-tdx-vtpm/evidence-v0.json`, TDX_2025, '2025-10-20', 'OutOfDate', 'tcb-status'),
  row(`${TRUSTEE}/az-tdx-vtpm/evidence-v1.json`, TDX_2025, '2025-10-20', 'OutOfDate', 'tcb-status'),

  row(`${TDX_GUEST}/quote_v5_sample.dat`, TDX_2026, '2026-02-19', 'UpToDate', ''),
  row(`${ASSETS}/quotes/alibaba_quote_5.dat`, TDX_JULY, '2025-07-01', 'UpToDate', ''),
  row(`${ASSETS}/quotes/alibaba_quote_5.hex`, TDX_2026, '2026-02-19', 'OutOfDate', 'tcb-status', { advisories: 5 }),
  row(`${ASSETS}/quotes/tdx_quote_5.dat`, TDX_JULY, '2025-07-01', 'NotSupported', 'tcb-not-supported'),
  row(`${PHALA}/tdx_quote_outdated`, [`${PHALA}/tdx_quote_outdated_collateral.json`], '2026-02-20', 'NotSupported', 'tcb-not-supported'),

  row(`${VIRTEE}/report_milan.hex`, [`${VIRTEE}/vcek_milan.der`, `${VIRTEE}/cert_chain_milan`], undefined, null, ''),
  row(`${TRUSTEE}/snp/test-report.bin`, [`${TRUSTEE}/snp/test-vcek.der`, `${TRUSTEE_SNP}/milan_ask_ark_asvk.pem`], undefined, null, ''),
  row(`${SEV_GUEST}/testdata/attestation.bin`, [`${SEV_GUEST}/testdata/vcek.testcer`, `${SEV_GUEST}/testdata/milan.testcer`], undefined, null, 'debug'),
  row(`${TRUSTEE}/snp/test-vlek-report.bin`, [`${TRUSTEE}/snp/test-vlek.der`, `${TRUSTEE_SNP}/milan_ask_ark_asvk.pem`], '2025-03-01', null, ''),
  row(`${TRUSTEE}/snp/test-vlek-report.bin`, [`${TRUSTEE}/snp/test-vlek.der`, `${TRUSTEE_SNP}/milan_ask_ark_asvk.pem`], '2026-03-01', null, 'snp-expired'),
  row(`${TRUSTEE}/snp/test-vlek-report.bin`, [`${TRUSTEE}/snp/test-vlek.der`], '2025-03-01', null, 'snp-vmpl', { policy: () => ({ 'snp.vmpl': [0] }) }),
  row(`${TRUSTEE}/az-snp-vtpm/evidence-genoa.json`, [`${TRUSTEE}/az-snp-vtpm/vcek-genoa.pem`], undefined, null, ''),
  row(`${TRUSTEE}/az-snp-vtpm/hcl-report.bin`, [`${TRUSTEE}/az-snp-vtpm/vcek.pem`], undefined, null, ''),
  row(`${TRUSTEE}/az-snp-vtpm/evidence-v0.json`, [], undefined, null, ''),
  row(`${TRUSTEE}/az-snp-vtpm/evidence-v1.json`, [], undefined, null, ''),
  row(`${TRUSTEE}/az-snp-vtpm/evidence-v2.json`, [], undefined, null, ''),
  row('confidential-containers__trustee/attestation-service/tests/e2e/evidence.json', [], undefined, null, ''),
  row(`${TRUSTEE}/snp/test-report.bin`, [`${TRUSTEE}/snp/test-vcek-invalid-legacy.der`], undefined, null, 'quote-signature snp-vek-tcb snp-chip-id snp-chain'),
  row(`${TRUSTEE}/snp/test-report.bin`, [`${TRUSTEE}/snp/test-vcek-invalid-new.der`], undefined, null, 'quote-signature snp-vek-tcb snp-chip-id snp-chain'),
  row(`${TRUSTEE}/snp/test-report.bin`, [], undefined, null, 'snp-vek-missing'),
];

const collateralOf = (files: readonly string[]) => (files.length === 0 ? undefined : readCollateral(files.map((name) => ({ name, bytes: read(name) }))));
const codesOf = (verdict: Verdict): string[] => [...new Set(verdict.failures.map(({ code }) => code))].sort();

for (const { evidence, collateral, at, status, codes, date, advisories, policy } of ROWS)
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
