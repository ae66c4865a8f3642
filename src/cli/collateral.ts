/** Collateral on this machine: files and folders, the vendors' services, and what was fetched from them lately. */

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Collateral, type CollateralCache, type FetchOptions, type NamedBytes, readCollateral, UnreadableError } from '../attestation/verifier/index.ts';
import { boundedBody } from '../base/response.ts';

const MAX_FILES = 1000;

/** `-` is the standard input. Throws UnreadableError. */
export function readInput(path: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(path === '-' ? 0 : path));
  } catch (error) {
    throw new UnreadableError(`cannot read ${path}: ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}`);
  }
}

/** The names of the files in a folder but for hidden ones; links to files are files. */
function namesIn(path: string, recursive: boolean): readonly string[] {
  return readdirSync(path, { withFileTypes: true, recursive })
    .filter(({ name }) => !name.startsWith('.'))
    .filter((entry) => entry.isFile() || (entry.isSymbolicLink() && statSync(join(entry.parentPath, entry.name)).isFile()))
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort();
}

function filesIn(path: string, recursive: boolean): NamedBytes[] {
  let names: readonly string[];
  try {
    names = statSync(path).isDirectory() ? namesIn(path, recursive) : [path];
  } catch (error) {
    const { code, message, path: where = path } = error as NodeJS.ErrnoException;
    throw new UnreadableError(`cannot read ${where}: ${code ?? message}`);
  }
  if (names.length > MAX_FILES) throw new UnreadableError(`${path} has ${names.length} files, more than any collateral`);
  return names.map((name) => ({ name, bytes: readInput(name) }));
}

/** From files and folders; what lies in folders within them counts where nothing else is there. Throws UnreadableError. */
export function loadCollateral(paths: readonly string[]): Collateral {
  try {
    return readCollateral(paths.flatMap((path) => filesIn(path, false)));
  } catch (error) {
    const deep = error instanceof UnreadableError ? paths.flatMap((path) => filesIn(path, true)) : [];
    if (deep.length === 0) throw error;
    return readCollateral(deep);
  }
}

const cacheDirectory = (): string => join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'cloister', 'collateral');

/** Files named by the hash of the address. What cannot be read or written counts as not there. */
const diskCache: CollateralCache = {
  async get(url) {
    try {
      const { expires, status, headers, body } = JSON.parse(readFileSync(join(cacheDirectory(), fileName(url)), 'utf8'));
      return { expires, status, headers, body: new Uint8Array(Buffer.from(body, 'base64')) };
    } catch {
      return undefined;
    }
  },
  async put(url, { expires, status, headers, body }) {
    const path = join(cacheDirectory(), fileName(url));
    try {
      mkdirSync(cacheDirectory(), { recursive: true });
      writeFileSync(`${path}.${process.pid}`, JSON.stringify({ url, expires, status, headers, body: Buffer.from(body).toString('base64') }));
      renameSync(`${path}.${process.pid}`, path);
    } catch {}
  },
};

const fileName = (url: string): string => `${createHash('sha256').update(url).digest('hex')}.json`;
const TIMEOUT_MS = 20_000;
const MAX_BODY_BYTES = 8 << 20;

/** Fetches over HTTP, with the cache of this user. */
export function httpOptions(pcs: string | undefined, kds: string | undefined): FetchOptions {
  return {
    pcs: pcs?.replace(/\/$/, ''),
    kds: kds?.replace(/\/$/, ''),
    cache: diskCache,
    async get(url) {
      const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'follow' });
      const body = await boundedBody(response, MAX_BODY_BYTES);
      if (body === undefined) throw new Error(`answers more than ${MAX_BODY_BYTES} bytes`);
      return { status: response.status, headers: Object.fromEntries(response.headers), body };
    },
  };
}
