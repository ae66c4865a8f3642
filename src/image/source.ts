/**
 * Host files as nodes of an image tree.
 *
 * Times: an image must be the same wherever and whenever its files were copied together, so every modification time
 * is `epoch` (SOURCE_DATE_EPOCH, or 2020-01-01). Python compares a source's time with the one recorded in its
 * compiled file; such a source gets the recorded time, which is a function of contents too.
 */

import { type HostFile, type HostStat, type HostTree, readFully } from '../base/host-files.ts';
import type { ImageDirectory, ImageFile, ImageNode, ImageSymlink } from '../encfs/4-tree/image-tree.ts';
import { ImageBuildError } from './errors.ts';

export const DEFAULT_EPOCH = 1_577_836_800;

/** A file of the host; `stamp` changes whenever its content may have. */
export interface SourceFile extends ImageFile {
  readonly path: string;
  readonly stamp: string;
}

export const isSourceFile = (node: ImageNode): node is SourceFile => node.kind === 'file' && 'stamp' in node;

const stampOf = (stat: HostStat): string => `${stat.device}:${stat.inode}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`;

export class Sources {
  readonly host: HostTree;
  readonly epoch: number;
  readonly warnings: string[] = [];
  /** One node for one host file, so that hard links stay links and nothing is stored twice. */
  readonly #files = new Map<string, SourceFile>();

  constructor(host: HostTree, epoch: number) {
    this.host = host;
    this.epoch = epoch;
  }

  file(path: string, stat: HostStat): SourceFile {
    const key = `${stat.device}:${stat.inode}`;
    const known = this.#files.get(key);
    if (known !== undefined) return known;
    const { host } = this;
    let open: HostFile | undefined;
    const file: SourceFile = {
      kind: 'file',
      mode: stat.mode,
      mtime: this.#recordedTime(path) ?? this.epoch,
      size: stat.size,
      path,
      stamp: stampOf(stat),
      read(offset, into) {
        open ??= host.open(path);
        if (readFully(open, offset, into) < into.length) throw new ImageBuildError('unreadable', `${path} became shorter while it was read; build again`);
      },
      release() {
        open?.close();
        open = undefined;
      },
    };
    this.#files.set(key, file);
    return file;
  }

  directory(mode = 0o755): ImageDirectory {
    return { kind: 'directory', mode, mtime: this.epoch, entries: new Map() };
  }

  symlink(target: string): ImageSymlink {
    return { kind: 'symlink', mtime: this.epoch, target };
  }

  /** The node for a host path and everything below it; `undefined` (with a warning) for what an image cannot hold. */
  tree(path: string, skip: (path: string) => boolean = () => false): ImageNode | undefined {
    const stat = this.host.lstat(path);
    if (stat === undefined) throw new ImageBuildError('unreadable', `${path} does not exist`);
    if (stat.type === 'file') return this.file(path, stat);
    if (stat.type === 'symlink') return this.symlink(this.host.readlink(path));
    if (stat.type === 'other') {
      this.warnings.push(`${path} is a device, pipe or socket: left out`);
      return undefined;
    }
    const directory = this.directory(stat.mode);
    for (const name of this.host.readdir(path)) {
      const child = `${path === '/' ? '' : path}/${name}`;
      const node = skip(child) ? undefined : this.tree(child, skip);
      if (node !== undefined) directory.entries.set(name, node);
    }
    return directory;
  }

  /** For `x.py`, the time in `__pycache__/x.*.pyc` where that file is checked by time (PEP 552: flags 0). */
  #recordedTime(path: string): number | undefined {
    const match = /^(.*)\/([^/]+)\.py$/.exec(path);
    if (match === null || this.host.lstat(`${match[1]}/__pycache__`)?.type !== 'directory') return undefined;
    for (const name of this.host.readdir(`${match[1]}/__pycache__`)) {
      if (!name.startsWith(`${match[2]}.`) || !name.endsWith('.pyc')) continue;
      const compiled = this.host.open(`${match[1]}/__pycache__/${name}`);
      const header = new Uint8Array(12);
      const got = readFully(compiled, 0, header);
      compiled.close();
      const view = new DataView(header.buffer);
      if (got === 12 && view.getUint32(4, true) === 0) return view.getUint32(8, true);
    }
    return undefined;
  }
}
