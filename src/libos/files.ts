/**
 * Files of an enclave, for its owner: what `cp`, `ls` and `cat` do. The same methods serve a running enclave (through
 * its control socket) and one that does not run (`openFiles`). Paths are byte strings inside the enclave, contents base64.
 */

import { rmSync } from 'node:fs';
import { toByteString } from '../base/bytes.ts';
import { LayerVolume } from '../encfs/index.ts';
import { Errno, EEXIST, EINVAL, EISDIR, ENOENT, ENOTDIR } from '../kernel/errno.ts';
import { OverlayFs } from '../kernel/fs/overlayfs.ts';
import { VolumeFs } from '../kernel/fs/volumefs.ts';
import type { Inode } from '../kernel/vfs/inode.ts';
import { Vfs } from '../kernel/vfs/vfs.ts';
import { openMemoryBackend } from '../pal/node/memory/index.ts';
import { NodeDirectory } from '../pal/node/storage.ts';
import { type Instance, stateDirectory } from './instance.ts';
import { layerFailure } from './layer.ts';
import { find, partsOf, type Place } from './places.ts';
import { layerKeyOf, openTee } from './tee.ts';
import { teeChoice } from './tee-choice.ts';
import { openImage, verifyBuild } from './verify.ts';

export interface FileRow {
  readonly name: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'other';
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtimeMs: number;
  /** Of a symbolic link. */
  readonly target?: string;
}

export type FileMethod = (vfs: Vfs, params: Readonly<Record<string, unknown>>) => unknown;

const OWNER = { uid: 0, gid: 0 };
const S_IFREG = 0o100000;
/** The most that one `read` gives. */
export const CHUNK_BYTES = 1 << 20;

type Dentry = Place['dentry'];

const text = (params: Readonly<Record<string, unknown>>, name: string): string => {
  const value = params[name];
  if (typeof value !== 'string' || /[^\x01-\xff]/.test(value)) throw EINVAL;
  return value;
};
const number = (params: Readonly<Record<string, unknown>>, name: string): number => {
  const value = params[name];
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw EINVAL;
  return value as number;
};

function must(vfs: Vfs, path: string, last: 'follow' | 'keep' = 'follow'): Inode {
  const found = find(vfs, path, last);
  if (found === undefined) throw ENOENT;
  return found.place.inode;
}

/** The directory that holds (or will hold) a name. */
function parentOf(vfs: Vfs, path: string): { parent: Dentry; name: string; known: Dentry | undefined } {
  const parts = partsOf(path);
  const name = parts.pop();
  if (name === undefined || name === '..') throw EINVAL;
  const parent = find(vfs, parts.join('/'), 'follow')?.place.dentry;
  if (parent === undefined) throw ENOENT;
  if (!parent.inode.isDirectory) throw ENOTDIR;
  return { parent, name, known: parent.child(name) };
}

function row(name: string, inode: Inode): FileRow {
  const type = inode.isRegular ? 'file' : inode.isDirectory ? 'directory' : inode.isSymlink ? 'symlink' : 'other';
  return {
    name,
    type,
    mode: inode.mode & 0o7777,
    uid: inode.uid,
    gid: inode.gid,
    size: inode.size,
    mtimeMs: Number(inode.mtimeNs / 1_000_000n),
    ...(type === 'symlink' && { target: inode.readlink() }),
  };
}

// biome-ignore format: a table
export const FILE_METHODS: Readonly<Record<string, FileMethod>> = {
  /** undefined (no result) where there is nothing. */
  'file.stat':    (vfs, params) => { const place = find(vfs, text(params, 'path'), params.follow === false ? 'keep' : 'follow')?.place; return place && row(place.dentry.name, place.dentry.inode); },
  'file.list':    (vfs, params) => list(vfs, text(params, 'path')),
  'file.read':    (vfs, params) => read(vfs, text(params, 'path'), number(params, 'offset')),
  'file.create':  (vfs, params) => create(vfs, text(params, 'path'), number(params, 'mode') & 0o7777),
  'file.write':   (vfs, params) => write(vfs, text(params, 'path'), number(params, 'offset'), text(params, 'content')),
  'file.mkdir':   (vfs, params) => mkdir(vfs, text(params, 'path'), number(params, 'mode') & 0o7777),
  'file.symlink': (vfs, params) => symlink(vfs, text(params, 'path'), text(params, 'target')),
  'file.sync':    (vfs) => vfs.sync(),
};

function list(vfs: Vfs, path: string): FileRow[] {
  const place = find(vfs, path, 'follow')?.place;
  if (place === undefined) throw ENOENT;
  const { inode } = place.dentry;
  if (!inode.isDirectory) return [row(place.dentry.name, inode)];
  const names = inode
    .entries()
    .map(({ name }) => name)
    .sort();
  return names.flatMap((name) => {
    const child = place.dentry.child(name);
    return child === undefined ? [] : [row(name, vfs.mounts.top(place.mount, child).dentry.inode)];
  });
}

function read(vfs: Vfs, path: string, offset: number): string {
  const inode = must(vfs, path);
  if (inode.isDirectory) throw EISDIR;
  if (!inode.isRegular) throw EINVAL;
  const chunk = new Uint8Array(Math.min(CHUNK_BYTES, Math.max(inode.size - offset, 0)));
  return chunk.subarray(0, inode.read(offset, chunk)).toBase64();
}

function create(vfs: Vfs, path: string, mode: number): void {
  const known = find(vfs, path, 'follow')?.place.dentry;
  if (known !== undefined) {
    if (known.inode.isDirectory) throw EISDIR;
    if (!known.inode.isRegular) throw EINVAL;
    known.inode.prepareWrite();
    known.inode.truncate(0);
    known.inode.setattr({ mode });
    return;
  }
  const { parent, name } = parentOf(vfs, path);
  const inode = parent.inode.create(name, S_IFREG | mode, OWNER, 0);
  parent.adopt(name, inode);
  inode.setattr({ mode });
}

function write(vfs: Vfs, path: string, offset: number, content: string): void {
  const inode = must(vfs, path);
  if (!inode.isRegular) throw EINVAL;
  const bytes = Uint8Array.fromBase64(content);
  for (let at = 0; at < bytes.length; ) at += inode.write(offset + at, bytes.subarray(at));
}

function mkdir(vfs: Vfs, path: string, mode: number): void {
  const place = find(vfs, path, 'follow')?.place;
  if (place !== undefined) {
    if (!place.dentry.inode.isDirectory) throw EEXIST;
    return;
  }
  const { parent, name } = parentOf(vfs, path);
  const inode = parent.inode.mkdir(name, mode, OWNER);
  parent.adopt(name, inode);
  inode.setattr({ mode });
}

function symlink(vfs: Vfs, path: string, target: string): void {
  const { parent, name, known } = parentOf(vfs, path);
  if (known !== undefined) {
    if (!known.inode.isSymlink) throw EEXIST;
    parent.inode.unlink(name, known.inode);
    parent.drop(name);
  }
  parent.adopt(name, parent.inode.symlink(name, target, OWNER));
}

/** How `cp`, `ls` and `cat` reach an enclave's files. */
export interface FileDoor {
  call(method: string, params: Readonly<Record<string, unknown>>): Promise<unknown>;
  close(): void;
}

/** Mounts the files of an instance that does not run. Throws StorageError (`layer-in-use`) when it does. */
export function openFiles(instance: Instance, imageKey: string | undefined): FileDoor {
  const { manifest, configuration } = verifyBuild(instance);
  const { id } = instance;
  const log = (message: string): void => void process.stderr.write(`cloister: ${message}\n`);
  const image = openImage(instance, manifest, imageKey, log);
  const state = stateDirectory();
  const tee = openTee({ stateDirectory: state, identity: manifest.identity, choice: teeChoice() });
  const records = `${state}/instances/${id}`;
  let layer: LayerVolume;
  try {
    layer = LayerVolume.open({ directory: new NodeDirectory(toByteString(instance.layer)), freshness: new NodeDirectory(toByteString(records)), ...layerKeyOf(tee, id, configuration.layer, undefined), log });
  } catch (error) {
    throw layerFailure(error, instance, records, configuration.layer);
  }
  // What an enclave that was killed has left: nobody listens there.
  rmSync(instance.socket, { force: true });
  const memory = openMemoryBackend('copy');
  const vfs = new Vfs(memory);
  vfs.mountRoot(new OverlayFs(new VolumeFs(image, memory), new VolumeFs(layer, memory)), 'overlay');
  return {
    call: async (method, params) => FILE_METHODS[method](vfs, params),
    close() {
      vfs.sync();
      layer.close();
      image.close();
    },
  };
}

/** What an errno says to a person. */
export function errnoText(error: unknown): string | undefined {
  return error instanceof Errno ? error.message : undefined;
}
