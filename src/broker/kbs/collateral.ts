/**
 * Where the broker has collateral from: what is given to it, or what the vendors' services publish, kept in the database.
 *
 * Whoever sends evidence decides what is asked of the services, so that is bounded: one question at a time about one
 * platform, for all sessions that wait for it; a pause after each failure, twice as long each time; so many platforms a
 * second that were never asked about. What a service gave is good for a day, or until the vendor's own date; when the
 * service does not answer, what is there is judged by that date.
 */

import {
  type CachedResponse,
  type Collateral,
  type CollateralCache,
  CollateralError,
  collateralUrls,
  type Evidence,
  fetchCollateral,
  type FetchOptions,
  NO_COLLATERAL,
  readCollateral,
  UnreadableError,
} from '../../attestation/verifier/index.ts';
import { RateLimit } from '../metrics.ts';
import type { Services } from '../services.ts';
import { bytesColumn, type Database, numberOf, type SqlRow, textOf } from '../sql.ts';

export type { FetchedResponse } from '../../attestation/verifier/index.ts';

export interface CollateralSource {
  /** What is here already and good; `undefined` where it has to be fetched. */
  known(evidence: Evidence): Promise<Collateral | undefined>;
  /** Throws CollateralError. Only for evidence that is right as far as can be told without. */
  fetch(evidence: Evidence): Promise<Collateral>;
}

/** What `current` gives, whatever the evidence. */
export const givenCollateral = (current: () => Collateral): CollateralSource => ({ known: async () => current(), fetch: async () => current() });

export interface ServiceOptions extends Pick<FetchOptions, 'get' | 'pcs' | 'kds' | 'sleep'> {
  readonly database: Database;
  readonly now: () => number;
  readonly log: Services['log'];
  /** How long a session waits for a service. */
  readonly waitMs?: number;
  /** How many platforms that were never asked about may be, one after the other without a pause. */
  readonly newAtOnce?: number;
}

const WAIT_MS = 10_000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;
/** What a service gives that is past the vendor's date is asked for again soon. */
const STALE_MS = 300_000;
const KEPT = 256;
const PAUSES = 1000;
const NEW_PER_SECOND = 5;
const NEW_AT_ONCE = 500;
/** Rows that nobody needed for so long are forgotten. */
export const COLLATERAL_LIFE_MS = 30 * 86_400_000;

/** The earliest of the vendor's dates in a response, in milliseconds. Throws UnreadableError where it is no collateral. */
function vendorsDate(url: string, bytes: Uint8Array): number {
  const { crls, tcbInfos, qeIdentities, problems } = readCollateral([{ name: url, bytes }]);
  if (problems.length > 0) throw new UnreadableError(problems.join('; '));
  const signed = [...tcbInfos, ...qeIdentities].map(({ text }) => Date.parse((JSON.parse(text) as { nextUpdate?: string }).nextUpdate ?? ''));
  return Math.min(...[...crls.map(({ crl }) => crl.nextUpdate), ...signed].filter((time) => !Number.isNaN(time)));
}

const responseOf = (row: SqlRow): CachedResponse => ({ status: 200, headers: JSON.parse(textOf(row, 'headers')), body: bytesColumn(row, 'body'), expires: numberOf(row, 'expires') });

class DatabaseCache implements CollateralCache {
  readonly #options: ServiceOptions;
  /** Whether what is past its date will do. */
  readonly #whatever: boolean;
  /** When the first of what was given is past its date. */
  until = Number.POSITIVE_INFINITY;

  constructor(options: ServiceOptions, age: 'fresh' | 'whatever') {
    this.#options = options;
    this.#whatever = age === 'whatever';
  }

  async get(url: string): Promise<CachedResponse | undefined> {
    const [row] = await this.#options.database.query('SELECT headers, body, expires FROM collateral WHERE url = $1', url);
    if (row === undefined) return undefined;
    const response = responseOf(row);
    if (this.#whatever) return { ...response, expires: Number.POSITIVE_INFINITY };
    if (response.expires > this.#options.now()) this.until = Math.min(this.until, response.expires);
    return response;
  }

  async put(url: string, { headers, body, expires }: CachedResponse): Promise<void> {
    const { database, now } = this.#options;
    const date = vendorsDate(url, body);
    const until = Math.min(expires, date > now() ? date : now() + STALE_MS);
    this.until = Math.min(this.until, until);
    await database.run(
      'INSERT INTO collateral (url, headers, body, expires) VALUES ($1, $2, $3, $4) ON CONFLICT (url) DO UPDATE SET headers = excluded.headers, body = excluded.body, expires = excluded.expires',
      url,
      JSON.stringify(headers),
      body,
      until,
    );
  }
}

/** From the vendors' services, by way of the database. */
export class PublishedCollateral implements CollateralSource {
  readonly #options: ServiceOptions;
  /** By what has to be asked; read and parsed. */
  readonly #kept = new Map<string, { readonly collateral: Collateral; readonly until: number }>();
  readonly #flights = new Map<string, Promise<Collateral>>();
  readonly #pauses = new Map<string, { readonly lastMs: number; readonly until: number; readonly why: CollateralError }>();
  readonly #new: RateLimit;

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.#new = new RateLimit(NEW_PER_SECOND, options.newAtOnce ?? NEW_AT_ONCE);
  }

  #question(evidence: Evidence): string | undefined {
    try {
      return collateralUrls(evidence, this.#options).join('\n');
    } catch (error) {
      if (error instanceof UnreadableError) return undefined;
      throw error;
    }
  }

  /** Evidence that does not say what is needed gets nothing; verification reports what is missing. */
  async known(evidence: Evidence): Promise<Collateral | undefined> {
    const question = this.#question(evidence);
    if (question === undefined || question === '') return NO_COLLATERAL;
    const kept = this.#kept.get(question);
    if (kept !== undefined && kept.until > this.#options.now()) return kept.collateral;
    const cache = new DatabaseCache(this.#options, 'fresh');
    const collateral = await this.#read(evidence, cache);
    if (collateral !== undefined) this.#keep(question, collateral, cache.until);
    return collateral;
  }

  fetch(evidence: Evidence): Promise<Collateral> {
    const question = this.#question(evidence) ?? '';
    let flight = this.#flights.get(question);
    if (flight === undefined) {
      flight = this.#ask(question, evidence).finally(() => this.#flights.delete(question));
      this.#flights.set(question, flight);
    }
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new CollateralError(question, 'the service takes too long; the answer will be here for a later session')), this.#options.waitMs ?? WAIT_MS);
    });
    // Somebody may wait for it no longer when it fails.
    flight.catch(() => {});
    return Promise.race([flight, late]).finally(() => clearTimeout(timer));
  }

  async #ask(question: string, evidence: Evidence): Promise<Collateral> {
    const { now, log } = this.#options;
    const pause = this.#pauses.get(question);
    if (pause !== undefined && pause.until > now()) return this.#stale(question, evidence, pause.until, pause.why);
    const cache = new DatabaseCache(this.#options, 'fresh');
    try {
      if (pause === undefined && !this.#new.take('', now())) throw new CollateralError(question, 'evidence of too many machines that were never seen came in a short time');
      const { collateral } = await fetchCollateral(evidence, { ...this.#options, cache });
      this.#pauses.delete(question);
      this.#keep(question, collateral, cache.until);
      return collateral;
    } catch (error) {
      const why = error instanceof CollateralError ? error : new CollateralError(question, (error as Error).message);
      const lastMs = Math.min((pause?.lastMs ?? FIRST_PAUSE_MS / 2) * 2, LONGEST_PAUSE_MS);
      if (this.#pauses.size >= PAUSES) this.#pauses.clear();
      this.#pauses.set(question, { lastMs, until: now() + lastMs, why });
      log('warn', `collateral cannot be had: ${why.message}`, { pauseMs: lastMs });
      return this.#stale(question, evidence, now() + lastMs, why);
    }
  }

  /** Judged by the vendors' dates; in use until the service is asked again. */
  async #stale(question: string, evidence: Evidence, until: number, why: CollateralError): Promise<Collateral> {
    const collateral = await this.#read(evidence, new DatabaseCache(this.#options, 'whatever'));
    if (collateral === undefined) throw why;
    this.#keep(question, collateral, until);
    return collateral;
  }

  /** `undefined` unless all of it is in the database. */
  async #read(evidence: Evidence, cache: CollateralCache): Promise<Collateral | undefined> {
    try {
      return (await fetchCollateral(evidence, { ...this.#options, cache, get: () => Promise.reject(new Error('it is not here')) })).collateral;
    } catch (error) {
      if (error instanceof CollateralError || error instanceof UnreadableError) return undefined;
      throw error;
    }
  }

  #keep(question: string, collateral: Collateral, until: number): void {
    this.#kept.delete(question);
    if (this.#kept.size >= KEPT) this.#kept.delete(this.#kept.keys().next().value as string);
    this.#kept.set(question, { collateral, until });
  }
}
