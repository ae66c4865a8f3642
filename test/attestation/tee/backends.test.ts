/** Real back ends over fakes of the files behind which TEEs lie: what they give is what the verifier takes. */

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { Attester, BrokerAttester } from '../../../src/attestation/attester.ts';
import { openTee, TeeError, type TeeFiles } from '../../../src/attestation/index.ts';
import type { EnclaveIdentity } from '../../../src/attestation/measurement.ts';
import { reportDataOf } from '../../../src/attestation/report-data.ts';
import { claimsBytes, evidenceStatement, guestStatement, parseStatement, StatementError } from '../../../src/attestation/statement.ts';
import { TSM_REPORTS, tsmReport } from '../../../src/attestation/tee/configfs.ts';
import { kbsEvidence, snpReportJson } from '../../../src/attestation/tee/kbs.ts';
import { detectTee } from '../../../src/attestation/tee/open.ts';
import { SgxTee } from '../../../src/attestation/tee/sgx.ts';
import { SnpTee } from '../../../src/attestation/tee/snp.ts';
import { TdxTee } from '../../../src/attestation/tee/tdx.ts';
import { AUTHENTIC, type Policy, readCollateral, recognise, type Verdict, verifyEvidence } from '../../../src/attestation/verifier/index.ts';
import { readQuote } from '../../../src/attestation/verifier/dcap/abi.ts';
import { reportFromJson } from '../../../src/attestation/verifier/snp/json.ts';
import { concat, fromHex, toHex } from '../../../src/base/bytes.ts';
import { type HostDirectory, HostFileError } from '../../../src/base/host-files.ts';
import { sha384 } from '../../../src/crypto/index.ts';
import { NodeTeeFiles } from '../../../src/pal/node/tee-files.ts';
import { AT } from '../forge/intel.ts';
import { FakeTree } from './fake.ts';
import { certificateTable, PLATFORM, sgxQuote, sgxTree, snpReport, snpTree, tdxQuote, tdxTree, VCEK, world } from './trees.ts';

const utf8 = new TextEncoder();
const identity: EnclaveIdentity = { measurement: new Uint8Array(48).fill(1), signer: new Uint8Array(48).fill(2), productId: 3, securityVersion: 4, debuggable: false };
const data = Uint8Array.from({ length: 64 }, (_, index) => index + 1);
const codes = ({ failures }: Verdict): string[] => failures.map(({ code }) => code).sort();
const failsWith =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof TeeError && error.code === code;
const noMachine = (): HostDirectory => assert.fail('the simulated machine is not to be touched');

describe('evidence of every TEE', () => {
  const trees = { tdx: tdxTree, snp: snpTree, sgx: sgxTree } as const;
  for (const kind of ['tdx', 'snp', 'sgx'] as const) {
    const { collateral, roots } = world(kind);
    const judge = (bytes: unknown, policy: Partial<Policy> = {}): Promise<Verdict> => verifyEvidence(recognise(utf8.encode(JSON.stringify(bytes))), { collateral, policy: { ...AUTHENTIC, ...PLATFORM[kind], roots, ...policy }, at: AT });

    test(`${kind}: found by itself, verified, and stating which enclave it is of`, async () => {
      const tree = trees[kind]();
      assert.equal(detectTee(tree), kind);
      const attester = new Attester(openTee('auto', tree, noMachine, identity), 'encrypted');
      assert.equal(attester.tee.type, kind);
      const demands: Partial<Policy> = {
        'enclave.measurement': ['01'.repeat(48)],
        'enclave.signer': ['02'.repeat(48)],
        'enclave.productId': 3,
        'enclave.minimumSecurityVersion': 4,
        'enclave.imageKind': 'encrypted',
      };
      const verdict = await judge(attester.overNonce('ab'.repeat(16)), demands);
      assert.deepEqual(codes(verdict), []);
      assert.equal((verdict.claims.enclave as { measurement: string }).measurement, '01'.repeat(48));
      assert.deepEqual(codes(await judge(attester.forGuest(data), { ...demands, 'enclave.guestData': toHex(data) })), []);
      assert.equal(tree.reports.size, 0, 'no directory stays behind');
    });

    test(`${kind}: an enclave that is another one, or states nothing, is refused for exactly that`, async () => {
      const attester = new Attester(openTee(kind, trees[kind](), noMachine, { ...identity, debuggable: true }), 'integrity');
      const envelope = attester.overNonce('ab'.repeat(16));
      const refusals: readonly (readonly [Partial<Policy>, readonly string[]])[] = [
        [{ 'enclave.debug': 'unchecked', 'enclave.measurement': ['00'.repeat(48)] }, ['measurement']],
        [{ 'enclave.debug': 'unchecked', 'enclave.signer': ['00'.repeat(48)] }, ['signer']],
        [{ 'enclave.debug': 'unchecked', 'enclave.productId': 9 }, ['product-id']],
        [{ 'enclave.debug': 'unchecked', 'enclave.minimumSecurityVersion': 5 }, ['security-version']],
        [{ 'enclave.debug': 'unchecked', 'enclave.imageKind': 'encrypted' }, ['enclave-claims']],
        [{ 'enclave.debug': 'unchecked', 'enclave.guestData': toHex(data) }, ['enclave-claims']],
        [{}, ['debug']],
      ];
      for (const [policy, expected] of refusals) assert.deepEqual(codes(await judge(envelope, policy)), expected, JSON.stringify(policy));
      const { runtimeData: _, ...mute } = envelope;
      assert.deepEqual(codes(await judge(mute)), [], 'what states nothing is judged by what the hardware says');
      assert.deepEqual(codes(await judge(mute, { 'enclave.measurement': ['01'.repeat(48)] })), ['enclave-claims']);
      const other = evidenceStatement({ cloister: { ...attester.claims, measurement: '05'.repeat(48) } }, 'ab'.repeat(16));
      assert.deepEqual(
        codes(await judge({ ...envelope, runtimeData: other.toBase64() }, { 'enclave.debug': 'unchecked', 'enclave.measurement': ['05'.repeat(48)] })),
        ['enclave-claims', 'runtime-data'],
        'claims that the evidence does not bind are not believed',
      );
    });

    test(`${kind}: what is stated by software that nobody named is not believed`, async () => {
      const attester = new Attester(openTee(kind, trees[kind](), noMachine, identity), 'integrity');
      const demand: Partial<Policy> = { 'enclave.measurement': ['01'.repeat(48)], measurement: 'unchecked', 'tdx.rtmr1': 'unchecked' };
      assert.deepEqual(codes(await judge(attester.overNonce('ab'.repeat(16)), demand)), ['enclave-claims']);
      assert.deepEqual(codes(await judge(attester.overNonce('ab'.repeat(16)), { ...demand, 'enclave.platform': 'unchecked' })), []);
      const half: Partial<Policy> = kind === 'sgx' ? { signer: ['bb'.repeat(32)] } : kind === 'tdx' ? PLATFORM.tdx : PLATFORM.snp;
      assert.deepEqual(codes(await judge(attester.overNonce('ab'.repeat(16)), { ...demand, ...half })), []);
      if (kind === 'tdx') assert.deepEqual(codes(await judge(attester.overNonce('ab'.repeat(16)), { ...demand, measurement: PLATFORM.tdx.measurement })), ['enclave-claims'], 'the firmware alone is not enough');
    });

    test(`${kind}: a broker states which one it is, and nothing that nobody has measured`, async () => {
      const envelope = new BrokerAttester(openTee(kind, trees[kind](), noMachine, identity), { key: '07'.repeat(32) }).overNonce('ab'.repeat(16));
      const right = await judge(envelope, { statement: 'broker', 'broker.key': ['08'.repeat(32), '07'.repeat(32)] });
      assert.deepEqual([codes(right), right.claims.broker, right.claims.enclave], [[], { key: '07'.repeat(32) }, undefined]);
      const refusals: readonly (readonly [Partial<Policy>, readonly string[]])[] = [
        [{ 'broker.key': ['08'.repeat(32)] }, ['broker-key']],
        [{ statement: 'enclave' }, ['enclave-claims']],
        [{ 'enclave.measurement': ['01'.repeat(48)] }, ['enclave-claims']],
        [{ statement: 'broker', measurement: 'unchecked', signer: 'unchecked' }, ['enclave-claims']],
        [{ 'broker.key': ['07'.repeat(32)], measurement: 'unchecked', signer: 'unchecked' }, ['enclave-claims']],
      ];
      for (const [policy, expected] of refusals) assert.deepEqual(codes(await judge(envelope, policy)), expected, JSON.stringify(policy));
      const enclave = new Attester(openTee(kind, trees[kind](), noMachine, identity), 'integrity').overNonce('ab'.repeat(16));
      assert.deepEqual(codes(await judge(enclave, { statement: 'broker' })), ['enclave-claims']);
      assert.deepEqual(codes(await judge(enclave, { 'broker.key': ['07'.repeat(32)] })), ['enclave-claims']);
      const { runtimeData: _, ...mute } = envelope;
      assert.deepEqual(codes(await judge(mute, { statement: 'broker' })), ['enclave-claims']);
    });

    test(`${kind}: in the form of the KBS protocol`, async () => {
      const tee = openTee(kind, trees[kind](), noMachine, identity);
      assert.deepEqual(codes(await judge(kbsEvidence(kind, tee.evidence(data)), { reportData: toHex(data) })), []);
    });
  }

  test('sim: the statement has to repeat what the quote says', async () => {
    const files = new Map<string, Uint8Array>();
    const machine: HostDirectory = { open: () => undefined, list: () => [], load: (name) => files.get(name), remove() {}, replace: (name, content) => void files.set(name, content), sync() {}, lock: () => ({ release() {} }) };
    const tee = openTee('sim', new FakeTree(), () => machine, identity);
    const policy: Policy = { ...AUTHENTIC, tee: ['sim'], simKeys: [(tee as unknown as { attestationKey: { pem(): string } }).attestationKey.pem()], 'enclave.measurement': ['01'.repeat(48)] };
    const judge = (envelope: object): Promise<Verdict> => verifyEvidence(recognise(utf8.encode(JSON.stringify(envelope))), { policy });
    assert.deepEqual(codes(await judge(new Attester(tee, 'integrity').overNonce('ab'.repeat(8)))), []);
    const lie = new Attester(
      { type: 'sim', measurements: () => ({ ...identity, securityVersion: 9 }), quote: (bytes) => tee.quote(bytes), evidence: (bytes) => tee.evidence(bytes), sealingKey: () => assert.fail(), extend() {} },
      'integrity',
    );
    assert.deepEqual(codes(await judge(lie.overNonce('ab'.repeat(8)))), ['enclave-claims']);
  });

  test('what was asked for and is not here is refused; nothing else takes its place', () => {
    for (const choice of ['tdx', 'snp', 'sgx'] as const) assert.throws(() => openTee(choice, new FakeTree(), noMachine, identity), failsWith('tee-missing'));
    assert.throws(() => openTee('snp', tdxTree(), noMachine, identity), failsWith('tee-missing'));
    assert.equal(detectTee(sgxTree('none')), 'sim');
    assert.equal(detectTee(tdxTree((tree) => (tree.tsm = { provider: 'arm_cca_guest', report: () => data }))), 'sim');
    assert.equal(detectTee(tdxTree((tree) => (tree.tsm = { provider: '', report: () => data }))), 'sim', 'configfs without a provider');
  });
});

describe('configfs', () => {
  const request = { provider: 'tdx_guest', inblob: data };

  test('another writer is noticed, a bounded number of times', () => {
    let disturbances = 2;
    const tree = tdxTree((fake) => (fake.tsm = { provider: 'tdx_guest', report: (inblob) => inblob, meanwhile: (write) => void (disturbances-- > 0 && write()) }));
    assert.deepEqual(tsmReport(tree, request).outblob, data);
    assert.equal(tree.made, 3);
    disturbances = Number.POSITIVE_INFINITY;
    assert.throws(() => tsmReport(tree, request), failsWith('tee-busy'));
    assert.equal(tree.reports.size, 0);
    assert.ok(tree.pausedMs < 2000);
  });

  test('a device that is busy or interrupted is asked again; what it refuses is told', () => {
    for (const code of ['EBUSY', 'EINTR', 'EAGAIN', 'ETIMEDOUT']) {
      let busy = 3;
      const tree = tdxTree((fake) => (fake.tsm = { provider: 'tdx_guest', report: (inblob) => (busy-- > 0 ? (() => { throw new HostFileError(code, code); })() : inblob) })); // biome-ignore format: one line
      assert.deepEqual(tsmReport(tree, request).outblob, data);
      assert.equal(tree.reports.size, 0);
    }
    const broken = tdxTree((fake) => (fake.tsm = { provider: 'tdx_guest', report: () => { throw new HostFileError('EIO', 'EIO: the quoting service does not answer'); } })); // biome-ignore format: one line
    assert.throws(() => tsmReport(broken, request), failsWith('tee-answer'));
    assert.equal(broken.reports.size, 0);
    assert.equal(broken.made, 1);
  });

  test('the provider has to be the one that was asked for', () => {
    assert.throws(() => tsmReport(tdxTree(), { ...request, provider: 'sev_guest' }), failsWith('tee-missing'));
    assert.throws(() => tsmReport(new FakeTree(), request), failsWith('tee-missing'));
  });

  test('privilege levels: the floor of the kernel unless another is asked for', () => {
    const levels: number[] = [];
    const tree = snpTree();
    tree.tsm = { ...(tree.tsm as NonNullable<FakeTree['tsm']>), floor: 1, report: (inblob, level) => (levels.push(level), inblob) };
    tsmReport(tree, { provider: 'sev_guest', inblob: data });
    tsmReport(tree, { provider: 'sev_guest', inblob: data, privilegeLevel: 3 });
    assert.deepEqual(levels, [1, 3]);
    for (const privilegeLevel of [0, 4, 1.5]) assert.throws(() => tsmReport(tree, { provider: 'sev_guest', inblob: data, privilegeLevel }), failsWith('tee-answer'));
    assert.throws(() => tsmReport(tdxTree(), { ...request, privilegeLevel: 0 }), failsWith('tee-answer'), 'TDX has none');
  });

  test('a report over other data, of another kind, or empty, is not passed on', () => {
    const tee = (report: (inblob: Uint8Array) => Uint8Array): TdxTee =>
      new TdxTee(
        tdxTree((fake) => (fake.tsm = { provider: 'tdx_guest', report })),
        identity,
      );
    assert.throws(() => tee(() => tdxQuote(new Uint8Array(64)).evidence).quote(data), failsWith('tee-answer'));
    assert.throws(() => tee((inblob) => sgxQuote(inblob).evidence).quote(data), failsWith('tee-answer'));
    assert.throws(() => tee(() => new Uint8Array()).quote(data), failsWith('tee-answer'));
    assert.throws(() => tee(() => new Uint8Array(100)).quote(data), failsWith('tee-answer'));
    const snp = snpTree();
    snp.tsm = { ...(snp.tsm as NonNullable<FakeTree['tsm']>), report: () => snpReport(new Uint8Array(64)).evidence };
    assert.throws(() => new SnpTee(snp, identity).quote(data), failsWith('tee-answer'));
  });

  test('report data is exactly 64 bytes: never padded, never cut', () => {
    for (const length of [0, 63, 65]) for (const tee of [new TdxTee(tdxTree(), identity), new SnpTee(snpTree(), identity), new SgxTee(sgxTree(), identity)]) assert.throws(() => tee.quote(new Uint8Array(length)), RangeError);
  });
});

describe('registers, logs and keys', () => {
  test('RTMR3 is extended by the hash of the claims; without the register, nothing happens', () => {
    const tree = tdxTree((fake) => (fake.register = new Uint8Array(48)));
    const attester = new Attester(new TdxTee(tree, identity), 'integrity');
    attester.record();
    assert.deepEqual(tree.register, sha384(concat([new Uint8Array(48), sha384(claimsBytes(attester.claims))])));
    new Attester(new TdxTee(tdxTree(), identity), 'integrity').record();
    assert.throws(() => new TdxTee(tree, identity).extend(new Uint8Array(32)), RangeError);
  });

  test('the event log of the firmware goes with the quote', () => {
    const tree = tdxTree((fake) => (fake.eventLog = new Uint8Array(100).fill(4)));
    assert.equal(new TdxTee(tree, identity).evidence(data).eventLog?.length, 100);
    assert.equal(kbsEvidence('tdx', new TdxTee(tree, identity).evidence(data)).cc_eventlog, Buffer.alloc(100, 4).toString('base64'));
  });

  test('sealing keys: SGX derives them for each enclave; TDX and SEV-SNP say that they have none', () => {
    const key = (more: Partial<EnclaveIdentity> = {}, binding: 'signer' | 'measurement' = 'signer', context = 'a', tree = sgxTree()): string => toHex(new SgxTee(tree, { ...identity, ...more }).sealingKey(binding, context));
    assert.equal(key(), key());
    assert.equal(key({ measurement: new Uint8Array(48) }), key());
    const hardware = sgxTree();
    hardware.sgx = { ...(hardware.sgx as NonNullable<FakeTree['sgx']>), keys: { _sgx_mrsigner: new Uint8Array(16).fill(9) } };
    const others = [key({ signer: new Uint8Array(48) }), key({ debuggable: true }), key({ productId: 4 }), key({}, 'measurement'), key({}, 'signer', 'b'), key({}, 'signer', 'a', hardware)];
    assert.equal(new Set([...others, key()]).size, others.length + 1);
    for (const secret of [undefined, new Uint8Array(16), new Uint8Array(15).fill(1), new Uint8Array(17).fill(1)]) {
      const tree = sgxTree();
      tree.sgx = { ...(tree.sgx as NonNullable<FakeTree['sgx']>), keys: secret === undefined ? {} : { _sgx_mrsigner: secret } };
      assert.throws(() => key({}, 'signer', 'a', tree), failsWith('tee-sealing'));
    }
    for (const tee of [new TdxTee(tdxTree(), identity), new SnpTee(snpTree(), identity)]) assert.throws(() => tee.sealingKey(), failsWith('tee-sealing'));
  });

  test('SGX: report data that somebody else has changed meanwhile is noticed', () => {
    const tree = sgxTree();
    let others = 2;
    tree.sgx = { type: 'dcap', quote: (reportData) => sgxQuote(others-- > 0 ? new Uint8Array(64) : reportData).evidence };
    assert.equal(readQuote(new SgxTee(tree, identity).quote(data)).body.kind, 'sgx');
    others = Number.POSITIVE_INFINITY;
    assert.throws(() => new SgxTee(tree, identity).quote(data), failsWith('tee-busy'));
    tree.sgx = { type: 'none', quote: () => data };
    assert.throws(() => new SgxTee(tree, identity).quote(data), failsWith('tee-missing'));
  });
});

describe('statements', () => {
  const claims = new Attester(openTee('tdx', tdxTree(), noMachine, identity), 'integrity').claims;

  test('the report data is SHA-384 of canonical JSON, then zeros', () => {
    const statement = evidenceStatement({ cloister: claims }, '00112233445566778899aabbccddeeff');
    assert.equal(
      new TextDecoder().decode(statement),
      `{"cloister":{"debuggable":false,"imageKind":"integrity","measurement":"${'01'.repeat(48)}","productId":3,"securityVersion":4,"signer":"${'02'.repeat(48)}"},"nonce":"00112233445566778899aabbccddeeff","purpose":"evidence"}`,
    );
    assert.deepEqual(reportDataOf(statement), concat([sha384(statement), new Uint8Array(16)]));
    assert.deepEqual(parseStatement(statement), { cloister: claims, purpose: 'evidence', nonce: '00112233445566778899aabbccddeeff' });
  });

  test('a program cannot have anything attested that passes for what the enclave says', () => {
    const own = evidenceStatement({ cloister: claims }, 'ab'.repeat(32));
    const forged = guestStatement(claims, reportDataOf(own));
    assert.notDeepEqual(reportDataOf(forged), reportDataOf(own));
    assert.equal(parseStatement(forged)?.purpose, 'guest');
    for (const length of [0, 63, 65]) assert.throws(() => guestStatement(claims, new Uint8Array(length)), RangeError);
  });

  test('anything but exactly a statement is refused; what is none is none', () => {
    const text = new TextDecoder().decode(evidenceStatement({ cloister: claims }, 'ab'.repeat(8), { key: '01'.repeat(32), binding: '02'.repeat(32) }));
    const damaged = [
      text.replace('"purpose":"evidence"', '"purpose":"other"'),
      text.replace('"productId":3', '"productId":-3'),
      text.replace('"productId":3,', ''),
      text.replace('{', '{ '),
      text.replace('"nonce":"ab', '"nonce":"a'),
      text.replace('"binding":"02', '"binding":"2'),
      text.replace('"imageKind":"integrity"', '"imageKind":"none"'),
      text.replace('}', ',"x":1}'),
      '{"cloister":null}',
    ];
    for (const wrong of damaged) assert.throws(() => parseStatement(utf8.encode(wrong)), StatementError, wrong);
    const broker = new TextDecoder().decode(evidenceStatement({ broker: { key: '07'.repeat(32) } }, 'ab'.repeat(8)));
    assert.equal(broker, `{"broker":{"key":"${'07'.repeat(32)}"},"nonce":"${'ab'.repeat(8)}","purpose":"evidence"}`);
    assert.deepEqual(parseStatement(utf8.encode(broker)), { broker: { key: '07'.repeat(32) }, purpose: 'evidence', nonce: 'ab'.repeat(8) });
    for (const wrong of [broker.replace('"07', '"7'), broker.replace('}', ',"x":1}'), broker.replace('{', `{"cloister":${JSON.stringify(claims)},`), broker.replace('"evidence"', '"evidence","x":1'), broker.replace('{', '{ ')])
      assert.throws(() => parseStatement(utf8.encode(wrong)), StatementError, wrong);
    for (const none of ['{"broker":1}', '{"nonce":"x"}', 'x', '[]', '1', 'null']) assert.equal(parseStatement(utf8.encode(none)), undefined);
    for (const nonce of ['', 'ab', 'ab'.repeat(7), 'ab'.repeat(65), 'zz'.repeat(8), `${'ab'.repeat(8)}a`]) assert.throws(() => evidenceStatement({ cloister: claims }, nonce), RangeError);
  });
});

const VECTORS = process.env.CLOISTER_VECTORS ?? ['../../../../', '../../../../../'].map((up) => new URL(`${up}shared/vectors/`, import.meta.url).pathname).find((path) => existsSync(path));

describe('recorded quotes and reports', { skip: VECTORS === undefined ? 'the folder of real quotes is not here (CLOISTER_VECTORS)' : false }, () => {
  const read = (path: string): Uint8Array => new Uint8Array(readFileSync(`${VECTORS}/${path}`));
  const PHALA = 'Phala-Network__dcap-qvl/sample';
  const VIRTEE = 'virtee__sev/tests/certs_data';

  /** A directory of plain files that looks like a report; configfs would have made it at mkdir(2). */
  function plainTree(files: Readonly<Record<string, Uint8Array>>): { readonly root: string; readonly files: TeeFiles } {
    const root = mkdtempSync(join(tmpdir(), 'cloister-tee-'));
    mkdirSync(`${root}${TSM_REPORTS}`, { recursive: true });
    const real = new NodeTeeFiles(root);
    const acting: TeeFiles = {
      read: (path, limit) => real.read(path, limit),
      write: (path, bytes) => {
        real.write(path, bytes);
        const generation = join(root, dirname(path), 'generation');
        if (path.startsWith(TSM_REPORTS)) writeFileSync(generation, `${Number(readFileSync(generation, 'utf8')) + 1}\n`);
      },
      exists: (path) => real.exists(path),
      mkdir: (path) => {
        real.mkdir(path);
        for (const [name, content] of Object.entries({ generation: utf8.encode('0\n'), inblob: new Uint8Array(), ...files })) writeFileSync(`${root}${path}/${name}`, content);
      },
      rmdir: (path) => {
        for (const name of readdirSync(root + path)) rmSync(`${root}${path}/${name}`);
        real.rmdir(path);
      },
      pause: (ms) => real.pause(ms),
    };
    return { root, files: acting };
  }

  test('a TDX quote comes out of a directory and verifies', async () => {
    const quote = read(`${PHALA}/tdx_quote`);
    const recorded = recognise(quote).quote;
    const { body } = readQuote(recorded);
    const { root, files } = plainTree({ provider: utf8.encode('tdx_guest\n'), outblob: recorded });
    try {
      const tee = openTee('auto', files, noMachine, identity);
      assert.equal(tee.type, 'tdx');
      const reportData = (body.report as { reportData: Uint8Array }).reportData;
      const verdict = await verifyEvidence(recognise(tee.quote(reportData)), { collateral: readCollateral([{ name: 'c', bytes: read(`${PHALA}/tdx_quote_collateral.json`) }]), policy: AUTHENTIC, at: new Date('2025-06-20') });
      assert.deepEqual(codes(verdict), []);
      assert.equal(verdict.tcbStatus, 'UpToDate');
      assert.deepEqual(readdirSync(`${root}${TSM_REPORTS}`), []);
      assert.throws(() => tee.quote(data), failsWith('tee-answer'));
    } finally {
      rmSync(root, { recursive: true });
    }
  });

  test('an SEV-SNP report with its certificate comes out of a directory and verifies, and so does its JSON', async () => {
    const report = fromHex(
      new TextDecoder()
        .decode(read(`${VIRTEE}/report_milan.hex`))
        .trim()
        .replace(/\s/g, ''),
    );
    const { root, files } = plainTree({ provider: utf8.encode('sev_guest\n'), privlevel: new Uint8Array(), privlevel_floor: utf8.encode('0\n'), outblob: report, auxblob: certificateTable([[VCEK, read(`${VIRTEE}/vcek_milan.der`)]]) });
    try {
      const tee = openTee('auto', files, noMachine, identity);
      const evidence = tee.evidence(report.subarray(0x50, 0x90));
      for (const form of [concat([evidence.quote, evidence.certificateTable as Uint8Array]), utf8.encode(JSON.stringify(kbsEvidence('snp', evidence)))]) {
        const verdict = await verifyEvidence(recognise(form), { collateral: readCollateral([{ name: 'chain', bytes: read(`${VIRTEE}/cert_chain_milan`) }]), policy: AUTHENTIC });
        assert.deepEqual(codes(verdict), []);
      }
    } finally {
      rmSync(root, { recursive: true });
    }
  });

  test('the JSON of a report is that which clients send, member for member', () => {
    const sent = JSON.parse(new TextDecoder().decode(read('confidential-containers__trustee/attestation-service/tests/e2e/evidence.json'))).attestation_report;
    assert.deepEqual(snpReportJson(reportFromJson(sent)), sent);
  });

  test('an SGX quote comes out of /dev/attestation', async () => {
    const recorded = recognise(read(`${PHALA}/sgx_quote`)).quote;
    const tree = new FakeTree();
    tree.sgx = { type: 'dcap', quote: () => recorded };
    const { body } = readQuote(recorded);
    const tee = openTee('auto', tree, noMachine, identity);
    const verdict = await verifyEvidence(recognise(tee.quote((body.report as { reportData: Uint8Array }).reportData)), {
      collateral: readCollateral([{ name: 'c', bytes: read(`${PHALA}/sgx_quote_collateral.json`) }]),
      policy: AUTHENTIC,
      at: new Date('2025-06-20'),
    });
    assert.deepEqual(codes(verdict), ['tcb-status']);
  });
});
