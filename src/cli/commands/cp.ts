import { closeSync, lstatSync, mkdirSync, openSync, readdirSync, readlinkSync, readSync, statSync, symlinkSync, writeSync, type Stats } from 'node:fs';
import { basename, join, posix } from 'node:path';
import { toByteString, toText } from '../../base/bytes.ts';
import { Failure } from '../../libos/errors.ts';
import { CHUNK_BYTES, type FileDoor, type FileRow } from '../../libos/files.ts';
import { type Command, value } from '../command.ts';
import { onFile, openDoor } from '../files.ts';
import { reasonOf } from '../words.ts';

export const command: Command = {
  usage: 'cp SOURCE… TARGET',
  doc: 'Copies files and directories between the host and the writable layer of the enclave. Paths in the enclave begin with a colon.\nWhat goes in is encrypted on the way; permissions are kept; the enclave may run meanwhile. Missing directories of the target are made.',
  options: [{ flag: '--image-key FILE', doc: 'Key of an encrypted image.' }],
  examples: ['cloister cp data.csv :/data/', 'cloister cp :/data/result.txt .', 'cloister cp model/ :/opt/'],
  operands: [2, Number.POSITIVE_INFINITY],
  async run(invocation) {
    const target = invocation.operands.at(-1) as string;
    const sources = invocation.operands.slice(0, -1);
    const inward = target.startsWith(':');
    if (sources.some((source) => source.startsWith(':') === inward)) throw new Failure('usage', 'either the target or all sources lie in the enclave', 'Paths in the enclave begin with a colon: cloister cp data.csv :/data/');
    const progress = new Progress();
    const door = await openDoor(invocation.directory, value(invocation, 'image-key'));
    try {
      for (const source of sources) {
        if (inward) await copyIn(door, source, await placeInside(door, target.slice(1), basename(source), sources.length), progress);
        else await copyOut(door, source.slice(1), placeOutside(target, posix.basename(source.slice(1)), sources.length), progress);
      }
      if (inward) await door.call('file.sync', {});
      return 0;
    } finally {
      door.close();
      progress.end();
    }
  },
};

/** On a terminal, how many bytes were copied. */
class Progress {
  #bytes = 0;
  #shown = 0;
  readonly #start = performance.now();

  add(path: string, bytes: number): void {
    this.#bytes += bytes;
    if (!process.stderr.isTTY || performance.now() - this.#shown < 200) return;
    this.#shown = performance.now();
    const rate = this.#bytes / 1e3 / Math.max(this.#shown - this.#start, 1);
    process.stderr.write(`\r\x1b[K${(this.#bytes / 1e6).toFixed(1)} MB, ${rate.toFixed(0)} MB/s  ${path.slice(-60)}`);
  }

  end(): void {
    if (this.#shown > 0) process.stderr.write('\r\x1b[K');
  }
}

async function placeInside(door: FileDoor, target: string, name: string, count: number): Promise<string> {
  const path = `/${target.replace(/^\/+/, '')}`;
  const known = (await onFile(door, 'stat', path)) as FileRow | undefined;
  const isDirectory = known?.type === 'directory' || target.endsWith('/');
  if (count > 1 && !isDirectory) throw new Failure('usage', `:${target} is not a directory`);
  const place = isDirectory ? posix.join(path, name) : path;
  const parents = posix
    .dirname(place)
    .split('/')
    .filter((part) => part !== '');
  for (let depth = 1; depth <= parents.length; depth++) await onFile(door, 'mkdir', `/${parents.slice(0, depth).join('/')}`, { mode: 0o755 });
  return place;
}

function placeOutside(target: string, name: string, count: number): string {
  const isDirectory = statSync(target, { throwIfNoEntry: false })?.isDirectory() ?? target.endsWith('/');
  if (count > 1 && !isDirectory) throw new Failure('usage', `${target} is not a directory`);
  return isDirectory ? join(target, name) : target;
}

function inspect(path: string): Stats {
  try {
    return lstatSync(path);
  } catch (error) {
    throw new Failure('host', `cannot read ${path}: ${reasonOf(error)}`);
  }
}

async function copyIn(door: FileDoor, source: string, target: string, progress: Progress): Promise<void> {
  const stat = inspect(source);
  const mode = stat.mode & 0o7777;
  if (stat.isDirectory()) {
    await onFile(door, 'mkdir', target, { mode });
    for (const name of readdirSync(source).sort()) await copyIn(door, join(source, name), posix.join(target, name), progress);
    return;
  }
  if (stat.isSymbolicLink()) {
    await onFile(door, 'symlink', target, { target: toByteString(readlinkSync(source)) });
    return;
  }
  if (!stat.isFile()) throw new Failure('host', `${source} is neither a file, a directory nor a link`);
  const fd = openSync(source, 'r');
  try {
    await onFile(door, 'create', target, { mode });
    const chunk = new Uint8Array(CHUNK_BYTES);
    for (let offset = 0; ; ) {
      const count = readSync(fd, chunk);
      if (count === 0) break;
      await onFile(door, 'write', target, { offset, content: chunk.subarray(0, count).toBase64() });
      offset += count;
      progress.add(target, count);
    }
  } finally {
    closeSync(fd);
  }
}

async function copyOut(door: FileDoor, source: string, target: string, progress: Progress): Promise<void> {
  const row = (await onFile(door, 'stat', source, { follow: false })) as FileRow | undefined;
  if (row === undefined) throw new Failure('host', `:${source} does not exist`);
  if (row.type === 'directory') {
    mkdirSync(target, { recursive: true, mode: row.mode | 0o700 });
    for (const { name } of (await onFile(door, 'list', source)) as FileRow[]) await copyOut(door, posix.join(source, toText(name)), join(target, toText(name)), progress);
    return;
  }
  if (row.type === 'symlink') {
    symlinkSync(toText(row.target ?? ''), target);
    return;
  }
  if (row.type !== 'file') throw new Failure('host', `:${source} is neither a file, a directory nor a link`);
  const fd = openSync(target, 'w', row.mode);
  try {
    for (let offset = 0; ; ) {
      const bytes = Uint8Array.fromBase64((await onFile(door, 'read', source, { offset })) as string);
      if (bytes.length === 0) break;
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
      offset += bytes.length;
      progress.add(target, bytes.length);
    }
  } finally {
    closeSync(fd);
  }
}
