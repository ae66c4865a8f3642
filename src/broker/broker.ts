/**
 * The broker: holds secrets and gives them to programs whose evidence satisfies the owner's policy (RFC 9334's relying
 * party, and verifier by way of `appraisers`). All its state is in the database; this object holds the unwrapped root key
 * and the two signing keys for as long as it lives.
 */

import { AuditLog, appendTo } from './audit/log.ts';
import { KEY_BYTES, PrivateKey, randomBytes, wipe } from '../crypto/index.ts';
import { clientOf, peerGroup } from './addresses.ts';
import { addOwner, authenticateOwner } from './admin/owners.ts';
import { Problem } from './errors.ts';
import { type HttpRequest, type HttpResponse, problemResponse, type RequestHead } from './http.ts';
import type { Appraiser } from './kbs/appraise.ts';
import { COLLATERAL_LIFE_MS } from './kbs/collateral.ts';
import { Tokens } from './kbs/token.ts';
import { KeyRing } from './keys/ring.ts';
import { openWith, type RootGuard, RootKeyError, sealWith } from './keys/root.ts';
import { Metrics, RateLimit } from './metrics.ts';
import { PolicyEngine } from './policy/engine.ts';
import { match, type Match } from './routes.ts';
import { type BrokerOptions, brokerKey, type Services } from './services.ts';
import { createTables, type Database, DatabaseError, type Sql } from './sql.ts';

export interface BrokerRequest {
  readonly database: Database;
  readonly guard: RootGuard;
  readonly appraisers: ReadonlyMap<string, Appraiser>;
  readonly options: BrokerOptions;
  readonly now: () => number;
  /** Of the system, unless a conversation is to be had again as it was. */
  readonly random?: Services['random'];
  readonly log: Services['log'];
}

const utf8 = new TextEncoder();
const text = new TextDecoder();

async function meta(sql: Sql, name: string): Promise<Uint8Array | undefined> {
  const [row] = await sql.query('SELECT value FROM meta WHERE name = $1', name);
  return row === undefined ? undefined : new Uint8Array(row.value as Uint8Array);
}

const SIGNING_KEYS = { audit: 'EdDSA', token: 'ES256' } as const;

/** Makes what is not there yet. Throws RootKeyError where the guard does not open what is there. */
async function openRootKey({ database, guard }: BrokerRequest): Promise<Uint8Array> {
  const present = await meta(database, 'root');
  if (present !== undefined) {
    const { kind, wrapped } = JSON.parse(text.decode(present)) as { kind: string; wrapped: string };
    if (kind !== guard.kind) throw new RootKeyError(`the root key is guarded by ${kind}, not by ${guard.kind}`);
    return guard.unwrap(Uint8Array.fromBase64(wrapped));
  }
  const root = randomBytes(KEY_BYTES);
  await storeRoot(database, root, guard, 'new');
  return root;
}

async function storeRoot(sql: Sql, root: Uint8Array, guard: RootGuard, when: 'new' | 'replace'): Promise<void> {
  const value = utf8.encode(JSON.stringify({ kind: guard.kind, wrapped: (await guard.wrap(root)).toBase64() }));
  // Two brokers that start on an empty database: one of them fails here, and finds the other's key when it is started again.
  await sql.run(when === 'new' ? "INSERT INTO meta (name, value) VALUES ('root', $1)" : "UPDATE meta SET value = $1 WHERE name = 'root'", value);
}

/** A secret of the broker's own, encrypted in the database; made where it is not there yet. */
async function ownSecret(sql: Sql, ring: KeyRing, name: string, make: () => string): Promise<string> {
  const [label, purpose] = [utf8.encode(`cloister ${name} key`), ring.purposeKey(`${name} key`)];
  const sealed = await meta(sql, `${name}-key`);
  if (sealed !== undefined) {
    const plain = openWith(purpose, sealed, label);
    if (plain === undefined) throw new RootKeyError(`the ${name} key cannot be unwrapped: it is damaged, or the root key is another`);
    return text.decode(plain);
  }
  const made = make();
  await sql.run('INSERT INTO meta (name, value) VALUES ($1, $2)', `${name}-key`, sealWith(purpose, utf8.encode(made), label));
  return made;
}

const OWN_SECRETS = ['audit', 'token', 'tls'] as const;

const signingKey = async (sql: Sql, ring: KeyRing, name: keyof typeof SIGNING_KEYS): Promise<PrivateKey> => PrivateKey.fromPem(await ownSecret(sql, ring, name, () => PrivateKey.generate(SIGNING_KEYS[name]).pem()));

/** How long a refusal took says what policies there are, and what for: it leaves at a multiple of this. */
const REFUSAL_STEP_MS = 25;
const untilNext = (stepMs: number, elapsedMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, stepMs - (elapsedMs % stepMs)));

/** Owners are told all of why something of theirs is refused; no policy stands in their own way, but the state of a key may. */
const forOwner = ({ kind, message, status }: Problem): Problem => (status >= 500 ? new Problem(kind, message) : Problem.open(kind === 'PolicyDeny' ? 'Conflict' : kind, message));

export class Broker {
  readonly services: Services;
  readonly #limit: RateLimit;

  private constructor(services: Services) {
    this.services = services;
    this.#limit = new RateLimit(services.options.requestsPerSecond);
  }

  /** Whether there is one in the database. Throws DatabaseError, also for a database of somebody else's. */
  static async isIn(database: Database): Promise<boolean> {
    // Of an embedded one whose first start failed, the tables may be missing.
    if (database.kind === 'sqlite') await createTables(database);
    return (await meta(database, 'root')) !== undefined;
  }

  /** Opens the database's broker, or makes one where there is none. Throws RootKeyError, DatabaseError. */
  static async open(request: BrokerRequest): Promise<Broker> {
    const { database, appraisers, options, now, random = randomBytes, log } = request;
    await createTables(database);
    const root = await openRootKey(request);
    const ring = new KeyRing(root, now);
    wipe(root);
    const [auditKey, tokenKey] = await database.transaction(async (sql) => [await signingKey(sql, ring, 'audit'), await signingKey(sql, ring, 'token')]);
    const audit = new AuditLog(database, auditKey, now);
    const tokens = await Tokens.with(tokenKey, { now, random, version: options.version });
    return new Broker({ database, ring, audit, auditKey, tokens, policies: await PolicyEngine.load(), appraisers, metrics: new Metrics(), options, now, random, log });
  }

  /** Puts everything under a new root key. No other broker may run on the database meanwhile; all are to be started anew. */
  static async replaceRoot(request: BrokerRequest, next: RootGuard): Promise<void> {
    const { database, now } = request;
    const root = await openRootKey(request);
    const [old, fresh] = [new KeyRing(root, now), randomBytes(KEY_BYTES)];
    const under = new KeyRing(fresh, now);
    wipe(root);
    await database.transaction(async (sql) => {
      const auditKey = await signingKey(sql, old, 'audit');
      for (const name of OWN_SECRETS) {
        if ((await meta(sql, `${name}-key`)) === undefined) continue;
        const plain = utf8.encode(await ownSecret(sql, old, name, () => ''));
        await sql.run('UPDATE meta SET value = $1 WHERE name = $2', sealWith(under.purposeKey(`${name} key`), plain, utf8.encode(`cloister ${name} key`)), `${name}-key`);
        wipe(plain);
      }
      await old.replaceRoot(sql, fresh);
      await storeRoot(sql, fresh, next, 'replace');
      await appendTo(sql, [{ event: 'key-rotated', owner: '', subject: 'root', detail: { guard: next.kind } }], auditKey, now());
    });
    wipe(fresh);
    old.wipe();
    under.wipe();
  }

  /** The first owner, who can add others. */
  async addAdmin(id: string, publicKeyPem: string): Promise<void> {
    await addOwner(this.services, 'the broker', { id, tenant: 'default', role: 'admin' }, publicKeyPem);
  }

  /** Which broker this is: SHA-256 of the public key of its audit log, hexadecimal. */
  get key(): string {
    return brokerKey(this.services);
  }

  /** For whoever serves the broker: its TLS key and certificate. */
  secret(name: 'tls', make: () => string): Promise<string> {
    return this.services.database.transaction((sql) => ownSecret(sql, this.services.ring, name, make));
  }

  /** With a body that is there. Never rejects. */
  handle(request: HttpRequest): Promise<HttpResponse> {
    return this.answer(request, async () => request.body);
  }

  /**
   * Answers what is asked, and counts it, whatever comes of it. `body` reads at most so many bytes, which depends on what is
   * asked; it is called only where any of it is worth reading. Never rejects.
   */
  async answer(asked: RequestHead, body: (maxBytes: number) => Promise<Uint8Array>): Promise<HttpResponse> {
    const { services } = this;
    const start = performance.now();
    const head = { ...asked, remote: clientOf(asked.remote, asked.header('x-forwarded-for'), services.options.trustedProxies ?? []) };
    let response: HttpResponse;
    try {
      if (!this.#limit.take(peerGroup(head.remote), services.now())) throw new Problem('TooManyRequests', `too many requests from ${head.remote}`, undefined, { 'retry-after': '1' });
      const found = match(head.method, head.path);
      response = await this.#dispatch({ ...head, body: await body(found.route.maxBytes) }, found);
    } catch (error) {
      response = this.#refuse(error, head);
      if (error instanceof Problem && error.kind === 'PolicyDeny') await untilNext(REFUSAL_STEP_MS, performance.now() - start);
    }
    services.metrics.count('kbs_http_requests_total', String(response.status));
    services.metrics.observe((performance.now() - start) / 1000);
    return response;
  }

  async #dispatch(request: HttpRequest, { route, parameters }: Match): Promise<HttpResponse> {
    const { services } = this;
    if (request.body.length > route.maxBytes) throw new Problem('TooLarge', `${request.path} takes ${route.maxBytes} bytes at most`);
    if (!('signature' in route)) return route.handle({ services, request, parameters });
    const owner = await authenticateOwner(services, request, route.signature).catch(async (error) => {
      if (error instanceof Problem) await services.audit.append({ event: 'admin-refused', owner: '', subject: `${request.method} ${request.path}`.slice(0, 200), detail: { why: error.message, remote: request.remote } });
      throw error;
    });
    if (route.who === 'admin' && owner.role !== 'admin') throw Problem.open('Forbidden', `${owner.id} is not an admin`);
    return route.handle({ services, owner, request, parameters }).catch((error) => {
      throw error instanceof Problem ? forOwner(error) : error;
    });
  }

  /** Every error as an answer; the reason goes to the log. */
  #refuse(error: unknown, { method, path, remote }: RequestHead): HttpResponse {
    const fields = { method, path: path.slice(0, 200), remote };
    if (error instanceof Problem) {
      this.services.log(error.status >= 500 ? 'error' : 'warn', error.message, { ...fields, problem: error.kind });
      return problemResponse(error);
    }
    if (error instanceof DatabaseError) {
      this.services.log('error', error.message, { ...fields, problem: 'Unavailable' });
      return problemResponse(new Problem('Unavailable', error.message));
    }
    this.services.log('error', String((error as Error).stack ?? error), { ...fields, problem: 'Internal' });
    return problemResponse(new Problem('Internal', String(error)));
  }

  /** Forgets sessions that nobody can use any more, and collateral of machines that do not come any more. */
  async sweep(): Promise<void> {
    const { database, now } = this.services;
    await database.run('DELETE FROM sessions WHERE expires <= $1', now());
    await database.run('DELETE FROM collateral WHERE expires <= $1', now() - COLLATERAL_LIFE_MS);
  }

  async close(): Promise<void> {
    this.services.ring.wipe();
    await this.services.database.close();
  }
}
