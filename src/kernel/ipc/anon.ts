/** Inodes without a name: pipes, sockets, eventfds and the like (what /proc/self/fd shows as `pipe:[n]`). */

import { FS_MAGIC } from '../../abi/mount.ts';
import { anonymousDevice, type AttrChange, type FileSystem, type FsStat, Inode } from '../vfs/inode.ts';

class AnonymousFs implements FileSystem {
  readonly type: string;
  readonly dev = anonymousDevice();
  readonly readOnly = false;
  readonly volatile = true;
  readonly magic: number;

  constructor(type: string, magic: number) {
    this.type = type;
    this.magic = magic;
  }

  get root(): Inode {
    throw new RangeError(`${this.type} has no names`);
  }

  statfs(): FsStat {
    return { magic: this.magic, blockSize: 4096, blocks: 0, blocksFree: 0, files: 0, filesFree: 0 };
  }

  sync(): void {}
}

export const PIPEFS = new AnonymousFs('pipefs', FS_MAGIC.pipefs);
export const SOCKFS = new AnonymousFs('sockfs', FS_MAGIC.sockfs);
export const ANONFS = new AnonymousFs('anon_inodefs', FS_MAGIC.anon);

let lastIno = 1000;

export class AnonymousInode extends Inode {
  readonly fs: AnonymousFs;
  readonly ino = ++lastIno;
  /** What /proc/self/fd shows. */
  readonly label: string;
  mode: number;
  uid = 0;
  gid = 0;
  readonly nlink = 1;
  readonly size = 0;
  readonly rdev: number;
  atimeNs = 0n;
  mtimeNs = 0n;
  ctimeNs = 0n;

  constructor(fs: AnonymousFs, mode: number, label: string, rdev = 0) {
    super();
    this.fs = fs;
    this.mode = mode;
    this.rdev = rdev;
    this.label = label.replace('*', String(this.ino));
  }

  override get blocks(): number {
    return 0;
  }

  override setattr(change: AttrChange): void {
    if (change.mode !== undefined) this.mode = (this.mode & 0o170000) | change.mode;
    if (change.uid !== undefined) this.uid = change.uid;
    if (change.gid !== undefined) this.gid = change.gid;
    if (change.atimeNs !== undefined) this.atimeNs = change.atimeNs;
    if (change.mtimeNs !== undefined) this.mtimeNs = change.mtimeNs;
  }
}

export const anonymous = (label: string): AnonymousInode => new AnonymousInode(ANONFS, 0o600, `anon_inode:${label}`);
