/**
 * A file system that lives outside the kernel: the sealed image, or an encrypted writable layer. `encfs/`
 * implements it, `fs/` mounts and overlays it. All calls are synchronous. Errors are `Errno` singletons
 * (`EIO` with a log line where authentication fails).
 *
 * Names are byte strings: one character per byte, as Linux has them.
 */

export interface VolumeAttr {
  readonly ino: number;
  /** S_IFMT bits and permissions. */
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Linux encoding (`makedev`). */
  readonly rdev: number;
  /** Nanoseconds since 1970. */
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

export type VolumeAttrChange = { -readonly [K in 'mode' | 'uid' | 'gid' | 'size' | 'atimeNs' | 'mtimeNs' | 'ctimeNs']?: VolumeAttr[K] };

export interface VolumeEntry {
  readonly name: string;
  readonly ino: number;
  /** S_IFMT bits only. */
  readonly type: number;
}

export interface VolumeStat {
  readonly blockSize: number;
  readonly blocks: number;
  readonly blocksFree: number;
  readonly files: number;
}

export interface Volume {
  readonly readOnly: boolean;
  /** Inode number of the root directory. */
  readonly root: number;
  getattr(ino: number): VolumeAttr;
  setattr(ino: number, change: VolumeAttrChange): void;
  /** Inode number, or 0 where there is no such entry. */
  lookup(directory: number, name: string): number;
  /** All entries but `.` and `..`, in a stable order. */
  readdir(directory: number): readonly VolumeEntry[];
  readlink(ino: number): string;
  /** Fills `into` from `offset`; returns how many bytes (fewer only at end of file). */
  read(ino: number, offset: number, into: Uint8Array): number;
  write(ino: number, offset: number, from: Uint8Array): number;
  /** Regular file, fifo, socket or device, by `mode`. Returns the new inode. */
  create(directory: number, name: string, mode: number, uid: number, gid: number, rdev: number): number;
  mkdir(directory: number, name: string, mode: number, uid: number, gid: number): number;
  symlink(directory: number, name: string, target: string, uid: number, gid: number): number;
  link(ino: number, directory: number, name: string): void;
  unlink(directory: number, name: string): void;
  rmdir(directory: number, name: string): void;
  /** Replaces the target if there is one (the kernel has checked that it may). */
  rename(fromDirectory: number, fromName: string, toDirectory: number, toName: string): void;
  getxattr(ino: number, name: string): Uint8Array | undefined;
  setxattr(ino: number, name: string, value: Uint8Array | undefined): void;
  listxattr(ino: number): readonly string[];
  /** The kernel holds the inode open: unlinked inodes are freed at the last `release`. */
  retain(ino: number): void;
  release(ino: number): void;
  statfs(): VolumeStat;
  /** Everything written so far survives a crash of the host. */
  sync(): void;
  close(): void;
}
