/** A broker that fetches its collateral: against a server of our own that answers as Intel's PCS and AMD's KDS do, in all their moods. */

import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import type { NamedBytes, Policy } from '../../src/attestation/verifier/index.ts';
import { BROKER_DEMANDS, verifierAppraiser } from '../../src/broker/kbs/appraise.ts';
import { PublishedCollateral, type ServiceOptions } from '../../src/broker/kbs/collateral.ts';
import { fetchBounded } from '../../src/pal/broker/fetch.ts';
import { CHIP, forgeAmd, LEVELS } from '../attestation/forge/amd.ts';
import { AT, FMSPC, forgeIntel } from '../attestation/forge/intel.ts';
import { amdMachine, intelMachine } from './hardware.ts';
import { ANYBODY, Bench } from './support.ts';

type Answer = { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string | Uint8Array };

/** Paths and headers as in Intel's "API documentation" (certification/v4) and AMD's 57230, VCEK Certificate and KDS Interface. */
class Vendor {
  readonly asked: string[] = [];
  /** Instead of what the path has; undefined: that. */
  mood: (path: string) => Answer | undefined = () => undefined;
  bundle = forgeIntel().bundle as Record<string, string>;
  /** How long an answer takes. */
  delayMs = 0;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      const path = request.url ?? '';
      this.asked.push(path);
      const { status, headers = {}, body = '' } = this.mood(path) ?? this.#answer(path);
      setTimeout(() => response.writeHead(status, headers).end(body), this.delayMs);
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #answer(path: string): Answer {
    const { bundle } = this;
    const chain = (name: string): string => encodeURIComponent(bundle[name]);
    const kds = (name: string): Uint8Array => (forgeAmd({ crl: {} }).files.find((file) => file.name === name) as NamedBytes).bytes;
    const hwId = CHIP.toString('hex');
    const rows: Readonly<Record<string, () => Answer>> = {
      [`/sgx/certification/v4/tcb?fmspc=${FMSPC}`]: () => ({ status: 200, headers: { 'TCB-Info-Issuer-Chain': chain('tcb_info_issuer_chain') }, body: `{"tcbInfo":${bundle.tcb_info},"signature":"${bundle.tcb_info_signature}"}` }),
      '/sgx/certification/v4/qe/identity': () => ({
        status: 200,
        headers: { 'SGX-Enclave-Identity-Issuer-Chain': chain('qe_identity_issuer_chain') },
        body: `{"enclaveIdentity":${bundle.qe_identity},"signature":"${bundle.qe_identity_signature}"}`,
      }),
      '/sgx/certification/v4/pckcrl?ca=platform&encoding=der': () => ({ status: 200, headers: { 'SGX-PCK-CRL-Issuer-Chain': chain('pck_crl_issuer_chain') }, body: Buffer.from(bundle.pck_crl, 'hex') }),
      '/sgx/certification/v4/rootcacrl': () => ({ status: 200, body: bundle.root_ca_crl }),
      [`/vcek/v1/Milan/${hwId}?blSPL=${LEVELS.bootloader}&teeSPL=${LEVELS.tee}&snpSPL=${LEVELS.snp}&ucodeSPL=${LEVELS.microcode}`]: () => ({ status: 200, body: kds('vek.der') }),
      '/vcek/v1/Milan/cert_chain': () => ({ status: 200, body: kds('cert_chain') }),
      '/vcek/v1/Milan/crl': () => ({ status: 200, body: kds('crl') }),
    };
    return rows[path]?.() ?? { status: 404 };
  }
}

const vendor = new Vendor();
before(() => vendor.start());
after(() => vendor.close());
const DAY = 86_400_000;

class Site {
  readonly bench = new Bench();
  clock = AT.getTime();
  readonly #more: Partial<ServiceOptions>;
  readonly #demands: Partial<Policy>;
  readonly slept: number[] = [];

  constructor(more: Partial<ServiceOptions> = {}, demands: Partial<Policy> = {}) {
    this.#more = more;
    this.#demands = demands;
  }

  async start(): Promise<this> {
    const { bench } = this;
    bench.skewMs = AT.getTime() - Date.now();
    const database = bench.database();
    const source = new PublishedCollateral({
      database,
      get: fetchBounded,
      pcs: vendor.url,
      kds: vendor.url,
      now: () => this.clock,
      log: (level, message, fields) => void bench.logged.push({ level, message, fields }),
      sleep: async (ms) => void this.slept.push(ms),
      ...this.#more,
    });
    const { roots: intel } = intelMachine();
    const { roots: amd } = amdMachine();
    const appraiser = verifierAppraiser({ ...BROKER_DEMANDS, roots: [...intel, ...amd], ...this.#demands }, source);
    await bench.start({ database, now: () => this.clock, appraisers: new Map(['sgx', 'tdx', 'snp'].map((name) => [name, appraiser])) });
    vendor.asked.length = 0;
    vendor.mood = () => undefined;
    vendor.delayMs = 0;
    return this;
  }

  attest(machine: { attester: Parameters<Bench['client']>[0] }): Promise<string> {
    return this.bench.client(machine.attester).attest();
  }

  async failures(): Promise<string> {
    const rows = await this.bench.broker.services.database.query('SELECT entry FROM audit ORDER BY seq DESC LIMIT 1');
    return (JSON.parse(rows[0].entry as string).detail.failures ?? []).join('\n');
  }

  close(): Promise<void> {
    return this.bench.close();
  }
}

async function at(work: (site: Site) => Promise<void>, more: Partial<ServiceOptions> = {}, demands: Partial<Policy> = {}): Promise<void> {
  const site = await new Site(more, demands).start();
  try {
    await work(site);
  } finally {
    await site.close();
  }
}
const SGX = intelMachine();

test('many sessions of one platform: each address is asked once, and not again after a restart', () =>
  at(async (site) => {
    vendor.delayMs = 50;
    await Promise.all(Array.from({ length: 40 }, () => site.attest(SGX)));
    assert.deepEqual([...vendor.asked].sort(), [...new Set(vendor.asked)].sort());
    assert.equal(vendor.asked.length, 4);
    await site.attest(SGX);
    await site.bench.broker.close();
    await site.start();
    await site.attest(SGX);
    assert.deepEqual(vendor.asked, [], 'it is in the database');
  }));

test("SEV-SNP without certificates: VCEK, chain and revocation list come from AMD's service, and serve a whole handshake", () =>
  at(async (site) => {
    await site.bench.addAlice();
    await site.bench.alice('PUT', '/cloister/v0/resources/a/key/k', 'secret');
    await site.bench.alice('PUT', '/cloister/v0/policies/any', ANYBODY);
    const machine = amdMachine({}, 'in the collateral');
    assert.equal(new TextDecoder().decode(await site.bench.client(machine.attester).resource('a/key/k')), 'secret');
    assert.equal(vendor.asked.length, 3);
    // A machine that AMD does not know is asked about once, and then left alone for a while.
    const unknown = amdMachine({ report: (bytes) => bytes.fill(7, 0x1a0, 0x1e0) }, 'in the collateral');
    for (let round = 0; round < 5; round++) await assert.rejects(site.attest(unknown), { code: 'broker-refused' });
    assert.match(await site.failures(), /collateral-unavailable: .*answers 404/);
    assert.equal(vendor.asked.length, 4);
  }));

test('whoever keeps the broker from AMD gets no key for a machine whose revocation nobody has told, unless the operator says so', async () => {
  const machine = amdMachine({}, 'with its chain');
  const down = async (site: Site): Promise<void> => {
    vendor.mood = (path) => (path.endsWith('/crl') ? { status: 503 } : undefined);
    await site.attest(machine);
  };
  await at(async (site) => {
    await assert.rejects(down(site), { code: 'broker-refused' });
    assert.match(await site.failures(), /collateral-unavailable: .*crl answers 503/);
    vendor.mood = () => undefined;
    site.clock += 1500;
    await site.attest(machine);
    // What was fetched serves while the vendor's date is not over.
    site.clock += 2 * DAY;
    await down(site);
  });
  await at(down, {}, { 'snp.revocation': 'when-given' });
});

test('a service that is overloaded is waited for as it asks, and one that fails as long as is sensible', () =>
  at(async (site) => {
    let refusals = 2;
    vendor.mood = (path) => (path.includes('/tcb?') && refusals-- > 0 ? { status: 429, headers: { 'Retry-After': '3' } } : undefined);
    await site.attest(SGX);
    assert.deepEqual(site.slept, [3000, 3000]);
    assert.equal(vendor.asked.filter((path) => path.includes('/tcb?')).length, 3);
  }));

test('down: sessions are refused with the reason in the log, the service has a rest, and all is well when it is back', () =>
  at(async (site) => {
    vendor.mood = () => ({ status: 503 });
    await assert.rejects(site.attest(SGX), /verify TEE evidence failed$/);
    assert.match(await site.failures(), /collateral-unavailable: .*answers 503/);
    const asked = vendor.asked.length;
    await Promise.all(Array.from({ length: 10 }, () => assert.rejects(site.attest(SGX))));
    assert.equal(vendor.asked.length, asked, 'nobody is asked in the pause');
    vendor.mood = () => undefined;
    site.clock += 1500;
    await site.attest(SGX);
    // The pause doubles: 1, 2, 4 … seconds.
    site.clock += 2 * DAY;
    vendor.mood = () => ({ status: 500 });
    for (const pause of [1000, 2000, 4000]) {
      const before = vendor.asked.length;
      await site.attest(SGX);
      assert.ok(vendor.asked.length > before);
      site.clock += pause - 10;
      const during = vendor.asked.length;
      await site.attest(SGX);
      assert.equal(vendor.asked.length, during, `asked within ${pause} ms`);
      site.clock += 20;
    }
  }));

test("expiry: after a day it is asked again; past the vendor's date what is there does not count, whether the service answers or not", () =>
  at(async (site) => {
    await site.attest(SGX);
    vendor.asked.length = 0;
    site.clock += DAY + 1;
    await site.attest(SGX);
    assert.equal(vendor.asked.length, 4);
    // Down, and the day is over: what is there is good until its own date.
    vendor.mood = () => ({ status: 500 });
    site.clock += DAY + 1;
    await site.attest(SGX);
    site.clock = Date.parse('2026-03-01');
    await assert.rejects(site.attest(SGX), { code: 'broker-refused' });
    assert.match(await site.failures(), /tcb-info-expired/);
    // The service is back and has no newer: asked again soon, not at every session.
    vendor.mood = () => undefined;
    site.clock += 120_000;
    vendor.asked.length = 0;
    await assert.rejects(site.attest(SGX), { code: 'broker-refused' });
    await assert.rejects(site.attest(SGX), { code: 'broker-refused' });
    assert.equal(vendor.asked.length, 4);
    // Newer at last.
    const [issueDate, nextUpdate, later] = ['2026-02-28T00:00:00Z', '2026-03-30T00:00:00Z', { thisUpdate: new Date('2026-02-28'), nextUpdate: new Date('2026-03-30') }];
    const dated = (json: Record<string, string>): void => void Object.assign(json, { issueDate, nextUpdate });
    vendor.bundle = forgeIntel({ tcbInfo: dated, identity: dated, pckCrl: later, rootCrl: later }).bundle as Record<string, string>;
    site.clock += 301_000;
    await site.attest(SGX);
    vendor.bundle = forgeIntel().bundle as Record<string, string>;
  }));

test('an answer that is no collateral is not kept', () =>
  at(async (site) => {
    vendor.mood = (path) => (path.includes('/qe/identity') ? { status: 200, body: '<html>please log in</html>' } : undefined);
    await assert.rejects(site.attest(SGX), { code: 'broker-refused' });
    vendor.mood = () => undefined;
    site.clock += 1500;
    await site.attest(SGX);
  }));

test('a service that hangs does not hold the sessions; its answer serves the next one', () =>
  at(
    async (site) => {
      vendor.delayMs = 100;
      await assert.rejects(site.attest(SGX), { code: 'broker-refused' });
      assert.match(await site.failures(), /takes too long/);
      await new Promise((resolve) => setTimeout(resolve, 600));
      await site.attest(SGX);
    },
    { waitMs: 20 },
  ));

test('nobody is asked for the sake of evidence that is wrong by itself', () =>
  at(async (site) => {
    const wrong = [
      intelMachine({ body: (bytes) => void (bytes[320] ^= 1) }),
      intelMachine({ quote: (bytes) => ((bytes[100] ^= 1), bytes) }),
      intelMachine({ pckValues: { fmspc: '0123456789ab' }, body: (bytes) => void (bytes[48] |= 2) }),
      amdMachine({ report: (bytes) => void (bytes[0x50] ^= 1) }, 'in the collateral'),
    ];
    for (const machine of wrong) await assert.rejects(site.attest(machine), { code: 'broker-refused' });
    assert.deepEqual(vendor.asked, []);
  }));

test('whoever makes up machines cannot make the broker ask for all of them', () =>
  at(
    async (site) => {
      for (let chip = 0; chip < 50; chip++) await assert.rejects(site.attest(amdMachine({ report: (bytes) => bytes.fill(chip, 0x1a0, 0x1e0) }, 'in the collateral')), { code: 'broker-refused' });
      assert.equal(vendor.asked.length, 20);
      assert.match(await site.failures(), /too many machines that were never seen/);
    },
    { newAtOnce: 20 },
  ));
