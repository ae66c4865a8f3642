/**
 * The hierarchy: root → owner → dataset → file. Owner and dataset keys are random and wrapped by the key above; the key
 * of a file (one version of a resource) is derived from its dataset's key and a salt of its own. A dataset is a
 * repository: the first part of a resource's path.
 *
 * Nothing is cached: a key that another broker on the same database has revoked is gone here, too.
 */

import { concat } from '../../base/bytes.ts';
import { AeadKey, hkdfSha256, KEY_BYTES, NONCE_BYTES, randomBytes, TAG_BYTES, wipe } from '../../crypto/index.ts';
import { Problem } from '../errors.ts';
import { bytesColumn, numberOf, optionalNumber, type Sql, textOf } from '../sql.ts';
import { openWith, sealWith } from './root.ts';

export type KeyState = 'active' | 'retired' | 'revoked';

export interface KeyInfo {
  /** `owner:NAME` or `dataset:NAME`. */
  readonly id: string;
  readonly version: number;
  readonly parent: string;
  readonly parentVersion: number;
  readonly state: KeyState;
  readonly created: number;
  readonly expires?: number;
}

const ROOT = 'root';
export const ownerKey = (owner: string): string => `owner:${owner}`;
export const datasetKey = (repository: string): string => `dataset:${repository}`;

const SALT_BYTES = 32;
// A file's key encrypts one message only.
const FILE_NONCE = new Uint8Array(NONCE_BYTES);
const utf8 = new TextEncoder();
const binding = (id: string, version: number, parent: string, parentVersion: number): Uint8Array => utf8.encode(`cloister key v1\0${id}\0${version}\0${parent}\0${parentVersion}`);

export class KeyRing {
  readonly #root: Uint8Array;
  readonly #now: () => number;

  /** The root key is copied: wipe yours. */
  constructor(root: Uint8Array, now: () => number) {
    // Not slice: of a Buffer, that would be a view.
    this.#root = new Uint8Array(root);
    this.#now = now;
  }

  /** For the broker's own secrets. */
  purposeKey(purpose: string): Uint8Array {
    return hkdfSha256(this.#root, new Uint8Array(0), `cloister broker ${purpose}`, KEY_BYTES);
  }

  wipe(): void {
    wipe(this.#root);
  }

  /** The active version of a key; made, with what is above it, where there is none. For use within a transaction. */
  async current(sql: Sql, id: string, parent: string): Promise<number> {
    const [row] = await sql.query('SELECT version, state FROM keys WHERE id = $1 ORDER BY version DESC LIMIT 1', id);
    if (row === undefined) return this.#make(sql, id, 1, parent, undefined);
    if (textOf(row, 'state') !== 'active') throw Problem.open('Conflict', `the key ${id} is ${textOf(row, 'state')}: nothing can be encrypted with it`);
    return numberOf(row, 'version');
  }

  /** A new version becomes the active one; what was encrypted with older ones stays readable. Keys below are wrapped anew. */
  async rotate(sql: Sql, id: string, expires: number | undefined): Promise<number> {
    const [row] = await sql.query('SELECT version, parent FROM keys WHERE id = $1 ORDER BY version DESC LIMIT 1', id);
    if (row === undefined) throw Problem.open('InvalidRequestPath', `there is no key ${id}`);
    await sql.run("UPDATE keys SET state = 'retired' WHERE id = $1 AND state = 'active'", id);
    const version = await this.#make(sql, id, numberOf(row, 'version') + 1, textOf(row, 'parent'), expires);
    for (const child of await sql.query('SELECT id, version, parent_version FROM keys WHERE parent = $1 AND wrapped IS NOT NULL', id)) {
      const [childId, childVersion] = [textOf(child, 'id'), numberOf(child, 'version')];
      const key = await this.#open(sql, childId, childVersion, 'whatever its expiry');
      const under = await this.#open(sql, id, version, 'valid');
      await sql.run('UPDATE keys SET parent_version = $1, wrapped = $2 WHERE id = $3 AND version = $4', version, sealWith(under, key, binding(childId, childVersion, id, version)), childId, childVersion);
      wipe(key, under);
    }
    return version;
  }

  /** Forgets all versions of a key and of the keys below it: what they encrypted can never be read again. */
  async revoke(sql: Sql, id: string): Promise<number> {
    let changed = await sql.run("UPDATE keys SET state = 'revoked', wrapped = NULL WHERE id = $1 AND state <> 'revoked'", id);
    for (const child of await sql.query('SELECT DISTINCT id FROM keys WHERE parent = $1', id)) changed += await this.revoke(sql, textOf(child, 'id'));
    return changed;
  }

  async list(sql: Sql, ids?: readonly string[]): Promise<KeyInfo[]> {
    const rows = await sql.query('SELECT id, version, parent, parent_version, state, created, expires FROM keys ORDER BY id, version');
    return rows
      .map((row) => {
        const expires = optionalNumber(row, 'expires');
        return {
          id: textOf(row, 'id'),
          version: numberOf(row, 'version'),
          parent: textOf(row, 'parent'),
          parentVersion: numberOf(row, 'parent_version'),
          state: textOf(row, 'state') as KeyState,
          created: numberOf(row, 'created'),
          ...(expires !== undefined && { expires }),
        };
      })
      .filter(({ id }) => ids === undefined || ids.includes(id));
  }

  /** `salt ‖ ciphertext ‖ tag` under a key for this text alone. */
  async sealFile(sql: Sql, dataset: string, version: number, label: string, plaintext: Uint8Array): Promise<Uint8Array> {
    const key = await this.#open(sql, dataset, version, 'valid');
    const [salt, tag] = [randomBytes(SALT_BYTES), new Uint8Array(TAG_BYTES)];
    const fileKey = hkdfSha256(key, salt, `cloister file ${label}`, KEY_BYTES);
    const ciphertext = new AeadKey(fileKey).seal(FILE_NONCE, plaintext, utf8.encode(label), tag);
    wipe(key, fileKey);
    return concat([salt, ciphertext, tag]);
  }

  /** Throws Problem where the key is revoked or expired, or the text is not what was sealed. */
  async openFile(sql: Sql, dataset: string, version: number, label: string, sealed: Uint8Array): Promise<Uint8Array> {
    const key = await this.#open(sql, dataset, version, 'valid');
    const fileKey = hkdfSha256(key, sealed.subarray(0, SALT_BYTES), `cloister file ${label}`, KEY_BYTES);
    const end = sealed.length - TAG_BYTES;
    const plaintext = end < SALT_BYTES ? undefined : new AeadKey(fileKey).open(FILE_NONCE, sealed.subarray(SALT_BYTES, end), utf8.encode(label), sealed.subarray(end));
    wipe(key, fileKey);
    if (plaintext === undefined) throw new Problem('Internal', `${label} is damaged in the database`);
    return plaintext;
  }

  /** Wraps everything that hangs on the root key under a new one, which the caller has to guard. Within a transaction. */
  async replaceRoot(sql: Sql, next: Uint8Array): Promise<void> {
    for (const row of await sql.query("SELECT id, version, parent_version FROM keys WHERE parent = 'root' AND wrapped IS NOT NULL")) {
      const [id, version, rootVersion] = [textOf(row, 'id'), numberOf(row, 'version'), numberOf(row, 'parent_version')];
      const key = await this.#open(sql, id, version, 'whatever its expiry');
      await sql.run('UPDATE keys SET parent_version = $1, wrapped = $2 WHERE id = $3 AND version = $4', rootVersion + 1, sealWith(next, key, binding(id, version, ROOT, rootVersion + 1)), id, version);
      wipe(key);
    }
    this.#root.set(next);
  }

  async #make(sql: Sql, id: string, version: number, parent: string, expires: number | undefined): Promise<number> {
    const parentVersion = parent === ROOT ? await this.#rootVersion(sql) : await this.current(sql, parent, ROOT);
    const under = parent === ROOT ? this.#root.slice() : await this.#open(sql, parent, parentVersion, 'valid');
    const key = randomBytes(KEY_BYTES);
    const wrapped = sealWith(under, key, binding(id, version, parent, parentVersion));
    wipe(key, under);
    await sql.run("INSERT INTO keys (id, version, parent, parent_version, state, wrapped, created, expires) VALUES ($1, $2, $3, $4, 'active', $5, $6, $7)", id, version, parent, parentVersion, wrapped, this.#now(), expires ?? null);
    return version;
  }

  async #rootVersion(sql: Sql): Promise<number> {
    const [row] = await sql.query("SELECT MAX(parent_version) AS version FROM keys WHERE parent = 'root'");
    return row?.version === null || row === undefined ? 1 : numberOf(row, 'version');
  }

  async #open(sql: Sql, id: string, version: number, when: 'valid' | 'whatever its expiry'): Promise<Uint8Array> {
    const [row] = await sql.query('SELECT parent, parent_version, state, wrapped, expires FROM keys WHERE id = $1 AND version = $2', id, version);
    if (row === undefined) throw new Problem('Internal', `there is no version ${version} of the key ${id}`);
    if (textOf(row, 'state') === 'revoked' || row.wrapped === null) throw new Problem('PolicyDeny', `the key ${id} was revoked`);
    const expires = optionalNumber(row, 'expires');
    if (when === 'valid' && expires !== undefined && expires <= this.#now()) throw new Problem('PolicyDeny', `version ${version} of the key ${id} expired on ${new Date(expires).toISOString()}`);
    const [parent, parentVersion] = [textOf(row, 'parent'), numberOf(row, 'parent_version')];
    const under = parent === ROOT ? this.#root.slice() : await this.#open(sql, parent, parentVersion, when);
    const key = openWith(under, bytesColumn(row, 'wrapped'), binding(id, version, parent, parentVersion));
    wipe(under);
    if (key === undefined) throw new Problem('Internal', `the key ${id} cannot be unwrapped: it is damaged, or the root key is another`);
    return key;
  }
}
