/**
 * The audit log: every attestation, release and refusal, and every change by an owner. An entry names the hash of the
 * one before it; all of them are the leaves of a Merkle tree whose root is signed with each batch.
 *
 * Entries that arrive together are written together: one transaction, one signature, one flush of the disk. `append`
 * resolves when its entry is durable, and whoever releases something waits for that.
 */

import { canonicalJson, type Canonical } from '../../attestation/index.ts';
import { toHex, fromHex } from '../../base/bytes.ts';
import type { PrivateKey } from '../../crypto/index.ts';
import { type Database, numberOf, type Sql, textOf } from '../sql.ts';
import { appendLeaf, leafHash, rootOf } from './merkle.ts';

export type AuditEvent =
  | 'broker-started'
  | 'attestation-accepted'
  | 'attestation-refused'
  | 'resource-released'
  | 'resource-refused'
  | 'counter-advanced'
  | 'resource-put'
  | 'resource-read'
  | 'resource-deleted'
  | 'policy-set'
  | 'policy-deleted'
  | 'reference-added'
  | 'reference-removed'
  | 'key-rotated'
  | 'key-revoked'
  | 'owner-added'
  | 'admin-refused';

export interface AuditRecord {
  readonly event: AuditEvent;
  /** Whose business it is; owners see their own entries. Empty for the broker's own. */
  readonly owner: string;
  /** What it is about: a resource, a policy, a key … */
  readonly subject: string;
  /** What the owner should know; no secrets. */
  readonly detail: { readonly [name: string]: Canonical };
}

export interface AuditEntry extends AuditRecord {
  /** From 0, without gaps: the index of the leaf. */
  readonly seq: number;
  /** Milliseconds since 1970, by the broker's clock. */
  readonly at: number;
  /** Leaf hash of the entry before, hexadecimal; empty for the first. */
  readonly previous: string;
}

/** RFC 9162's signed tree head, in our own form. */
export interface SignedHead {
  readonly size: number;
  /** Hexadecimal. */
  readonly root: string;
  readonly at: number;
  /** By the broker's audit key, over `headBytes`; hexadecimal. */
  readonly signature: string;
}

const utf8 = new TextEncoder();
export const entryBytes = (entry: AuditEntry): Uint8Array => utf8.encode(canonicalJson(entry as unknown as Canonical));
export const headBytes = ({ size, root, at }: Omit<SignedHead, 'signature'>): Uint8Array => utf8.encode(`cloister audit head v1\0${canonicalJson({ size, root, at })}`);

/** Writes what its entry is about, in the entry's transaction. It fails only with the database: others' entries are in there too. */
export type Recorder = (sql: Sql) => Promise<AuditRecord>;

interface Waiting {
  readonly record: AuditRecord | Recorder;
  readonly resolve: (entry: AuditEntry) => void;
  readonly reject: (error: unknown) => void;
}

/** Beyond this many that wait, the broker refuses instead of filling its memory. */
const MAX_WAITING = 20_000;
const MAX_BATCH = 1000;
/** A flush of the disk costs as much as ten entries; a handshake waits for two. */
const GATHER_MS = 8;

export class AuditLog {
  readonly #database: Database;
  readonly #key: PrivateKey;
  readonly #now: () => number;
  #waiting: Waiting[] = [];
  #flushing = false;

  constructor(database: Database, key: PrivateKey, now: () => number) {
    this.#database = database;
    this.#key = key;
    this.#now = now;
  }

  /** Resolves when the entry is durable; rejects with what the database said when it is not. What a recorder writes is there with it, or not. */
  append(record: AuditRecord | Recorder): Promise<AuditEntry> {
    if (this.#waiting.length >= MAX_WAITING) return Promise.reject(new Error('the audit log is behind'));
    const written = new Promise<AuditEntry>((resolve, reject) => this.#waiting.push({ record, resolve, reject }));
    void this.#flush();
    return written;
  }

  async #flush(): Promise<void> {
    if (this.#flushing) return;
    this.#flushing = true;
    while (this.#waiting.length > 0) {
      // What else arrives meanwhile goes into the same batch.
      await new Promise((resolve) => setTimeout(resolve, GATHER_MS));
      const batch = this.#waiting.splice(0, MAX_BATCH);
      try {
        const entries = await this.#database.transaction(async (sql) => {
          const records: AuditRecord[] = [];
          for (const { record } of batch) records.push(typeof record === 'function' ? await record(sql) : record);
          return appendTo(sql, records, this.#key, this.#now());
        });
        batch.forEach(({ resolve }, at) => resolve(entries[at]));
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#flushing = false;
  }
}

/** Within a transaction, so that what was changed and its entry are written both or not at all. */
export async function appendTo(sql: Sql, records: readonly AuditRecord[], key: PrivateKey, at: number): Promise<AuditEntry[]> {
  const [last] = await sql.query('SELECT size, peaks FROM audit_heads ORDER BY size DESC LIMIT 1');
  let size = last === undefined ? 0 : numberOf(last, 'size');
  let peaks = last === undefined ? [] : (JSON.parse(textOf(last, 'peaks')) as string[]).map(fromHex);
  let previous = '';
  if (size > 0) {
    const [row] = await sql.query('SELECT leaf FROM audit WHERE seq = $1', size - 1);
    previous = toHex(row.leaf as Uint8Array);
  }
  const entries: AuditEntry[] = [];
  for (const { event, owner, subject, detail } of records) {
    const entry: AuditEntry = { seq: size, at, previous, event, owner, subject, detail };
    const bytes = entryBytes(entry);
    const leaf = leafHash(bytes);
    await sql.run('INSERT INTO audit (seq, entry, leaf) VALUES ($1, $2, $3)', size, new TextDecoder().decode(bytes), leaf);
    peaks = appendLeaf(peaks, size, leaf);
    previous = toHex(leaf);
    size++;
    entries.push(entry);
  }
  const head = { size, root: toHex(rootOf(peaks)), at };
  const signed: SignedHead = { ...head, signature: toHex(key.sign(headBytes(head))) };
  await sql.run('INSERT INTO audit_heads (size, head, peaks) VALUES ($1, $2, $3)', size, JSON.stringify(signed), JSON.stringify(peaks.map(toHex)));
  return entries;
}
