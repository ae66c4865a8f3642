/** A broker on a database of its own, an owner who signs, an enclave that attests. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SimTee, type EnclaveIdentity } from '../../src/attestation/index.ts';
import { toByteString } from '../../src/base/bytes.ts';
import { signRequest } from '../../src/broker/admin/owners.ts';
import { Broker, type BrokerRequest } from '../../src/broker/broker.ts';
import { BrokerClient, type Attester, type Send } from '../../src/broker/client.ts';
import type { HttpRequest, HttpResponse } from '../../src/broker/http.ts';
import { AUTHENTIC, NO_COLLATERAL } from '../../src/attestation/verifier/index.ts';
import { sampleAppraiser, verifierAppraiser } from '../../src/broker/kbs/appraise.ts';
import { givenCollateral } from '../../src/broker/kbs/collateral.ts';
import { type RootGuard, teeGuard } from '../../src/broker/keys/root.ts';
import type { Database } from '../../src/broker/sql.ts';
import { PrivateKey } from '../../src/crypto/index.ts';
import { openSqlite } from '../../src/pal/broker/sqlite.ts';
import { NodeDirectory } from '../../src/pal/node/storage.ts';

export const ALICE = PrivateKey.generate('EdDSA');

export class Bench {
  readonly directory: string;
  readonly machine: NodeDirectory;
  broker!: Broker;
  /** Added to the clock. */
  skewMs = 0;
  readonly logged: { level: string; message: string; fields: unknown }[] = [];

  /** A directory of its own, unless one is given. */
  constructor(directory = mkdtempSync(join(tmpdir(), 'cloister-broker-'))) {
    this.directory = directory;
    this.machine = new NodeDirectory(toByteString(join(this.directory, 'machine')));
    this.guard = teeGuard(this.tee().sealingKey('signer', 'tests'));
  }

  static async make(changed: Partial<BrokerRequest> = {}): Promise<Bench> {
    const bench = new Bench();
    await bench.start(changed);
    await bench.addAlice();
    return bench;
  }

  addAlice(): Promise<void> {
    return this.broker.addAdmin('alice', ALICE.publicKey.pem());
  }

  /** The same for every broker over the directory. */
  readonly guard: RootGuard;

  database(): Database {
    return openSqlite(join(this.directory, 'broker.db'));
  }

  tee(changed: Partial<EnclaveIdentity> = {}, machine = this.machine): SimTee {
    return new SimTee(machine, { measurement: new Uint8Array(48).fill(1), signer: new Uint8Array(48).fill(2), productId: 0, securityVersion: 0, debuggable: true, ...changed });
  }

  async start(changed: Partial<BrokerRequest> = {}): Promise<void> {
    this.broker = await Broker.open({
      database: this.database(),
      guard: this.guard,
      appraisers: new Map([
        [
          'sim',
          verifierAppraiser(
            { ...AUTHENTIC, tee: ['sim'], debug: 'unchecked', simKeys: [this.tee().attestationKey.pem()] },
            givenCollateral(() => NO_COLLATERAL),
          ),
        ],
        ['sample', sampleAppraiser],
      ]),
      options: { sessionMs: 300_000, requestsPerSecond: 0, version: 'test' },
      now: () => Date.now() + this.skewMs,
      log: (level, message, fields) => void this.logged.push({ level, message, fields }),
      ...changed,
    });
  }

  async request(method: string, target: string, headers: Readonly<Record<string, string>> = {}, body: string | Uint8Array = ''): Promise<HttpResponse & { json: any }> {
    const url = new URL(target, 'http://broker');
    const request: HttpRequest = { method, path: url.pathname, query: url.searchParams, header: (name) => headers[name], body: typeof body === 'string' ? new TextEncoder().encode(body) : body.slice(), remote: '192.0.2.1' };
    const response = await this.broker.handle(request);
    const text = typeof response.body === 'string' ? response.body : new TextDecoder().decode(response.body);
    return { ...response, json: (response.headers['content-type'] ?? '').endsWith('json') ? JSON.parse(text) : undefined };
  }

  /** Signed by an owner. */
  async as(owner: string, key: PrivateKey, method: string, target: string, body: string | Uint8Array = ''): Promise<HttpResponse & { json: any }> {
    const url = new URL(target, 'http://broker');
    const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
    const token = await signRequest(owner, key, { method, path: url.pathname, query: url.searchParams, body: bytes }, Date.now() + this.skewMs);
    return this.request(method, target, { authorization: `Bearer ${token}` }, bytes);
  }

  alice(method: string, target: string, body: string | Uint8Array = ''): Promise<HttpResponse & { json: any }> {
    return this.as('alice', ALICE, method, target, body);
  }

  readonly send: Send = async (method, path, headers, body) => {
    const response = await this.request(method, path, headers, body ?? '');
    const cookie = response.headers['set-cookie']?.split(';')[0];
    return { status: response.status, body: response.body as string, ...(cookie !== undefined && { cookie }) };
  };

  client(attester: Attester = simAttester(this.tee())): BrokerClient {
    return new BrokerClient(this.send, attester);
  }

  /** What the owner sees, newest first. */
  async audit(): Promise<{ event: string; subject: string; detail: any }[]> {
    return (await this.alice('GET', '/cloister/v0/audit?limit=1000')).json;
  }

  async close(): Promise<void> {
    await this.broker.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export const simAttester = (tee: SimTee): Attester => ({ tee: 'sim', evidence: (reportData) => ({ quote: tee.quote(reportData).toBase64() }) });

/** As the sample attester of Confidential Containers makes it: the hash alone. */
export const sampleAttester: Attester = { tee: 'sample', evidence: (reportData) => ({ svn: '1', report_data: reportData.subarray(0, 48).toBase64() }) };

export const ANYBODY = 'permit (principal, action, resource);';
