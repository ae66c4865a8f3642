/**
 * The sealed image as a read-only volume. Header, block hashes and metadata are verified when it is opened; contents
 * block by block when they are read. Owner of everything is 0:0; access and change times are the modification time.
 */

import { concat } from '../../base/bytes.ts';
import type { HostFile } from '../../base/host-files.ts';
import { EINVAL, EIO, ENOENT, ENOTDIR, EROFS } from '../../kernel/errno.ts';
import type { Volume, VolumeAttr, VolumeEntry, VolumeStat } from '../../kernel/vfs/volume.ts';
import { IMAGE_BLOCK, type ImageKind, openImageFile } from '../0-block/image-file.ts';
import { ImageBlocks } from '../1-crypto/image-blocks.ts';
import { ImageCipher } from '../1-crypto/image-cipher.ts';
import { ImageTree, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../4-tree/image-tree.ts';
import { StorageError, type StorageLog } from '../errors.ts';

/** Blocks that are not kept when they are read at once: whole programs, and the code that was made of them. */
const MANY = 8;

export interface ImageOptions {
  /** SHA-384 of the header, from the signed manifest: the image must be this one. */
  readonly root: Uint8Array;
  /** For encrypted images. */
  readonly key?: Uint8Array;
  readonly log: StorageLog;
}

export class ImageVolume implements Volume {
  readonly readOnly = true;
  readonly root = 1;
  readonly kind: ImageKind;
  readonly #blocks: ImageBlocks;
  readonly #tree: ImageTree;
  readonly #log: StorageLog;

  private constructor(blocks: ImageBlocks, tree: ImageTree, log: StorageLog) {
    this.kind = blocks.header.kind;
    this.#blocks = blocks;
    this.#tree = tree;
    this.#log = log;
  }

  /** Takes over the file, also when it throws StorageError. */
  static open(file: HostFile, options: ImageOptions): ImageVolume {
    try {
      const { header, table } = openImageFile(file, options.root);
      let cipher: ImageCipher | undefined;
      if (header.kind === 'encrypted') {
        if (options.key === undefined) throw new StorageError('image-key-needed', 'the image is encrypted: its key is needed');
        cipher = new ImageCipher(options.key, header.salt);
        if (!cipher.matches(header.keyCheck)) throw new StorageError('image-key-wrong', 'wrong image key: this image was encrypted with another one');
      }
      const blocks = new ImageBlocks(file, header, table, cipher);
      const parts: Uint8Array[] = [];
      for (let at = 0; at < header.metaLength; at += IMAGE_BLOCK) parts.push(blocks.block(header.metaStart + at / IMAGE_BLOCK).subarray(0, header.metaLength - at));
      return new ImageVolume(blocks, new ImageTree(concat(parts), header.metaStart * IMAGE_BLOCK), options.log);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** Reads the whole image and checks every block. Throws StorageError. */
  verifyAll(): void {
    this.#blocks.verifyAll();
  }

  /** Bytes that `verifyAll` would read. */
  get storedBytes(): number {
    return this.#blocks.header.blocks * IMAGE_BLOCK;
  }

  #inode(ino: number): number {
    if (ino < 1 || ino > this.#tree.inodes) throw ENOENT;
    return ino;
  }

  #directory(ino: number): number {
    if ((this.#tree.mode(this.#inode(ino)) & S_IFMT) !== S_IFDIR) throw ENOTDIR;
    return ino;
  }

  getattr(ino: number): VolumeAttr {
    const tree = this.#tree;
    this.#inode(ino);
    const timeNs = tree.mtime(ino) * 1_000_000_000n;
    return { ino, mode: tree.mode(ino), nlink: tree.links(ino), uid: 0, gid: 0, size: tree.size(ino), rdev: tree.rdev(ino), atimeNs: timeNs, mtimeNs: timeNs, ctimeNs: timeNs };
  }

  lookup(directory: number, name: string): number {
    return this.#tree.lookup(this.#directory(directory), name);
  }

  readdir(directory: number): readonly VolumeEntry[] {
    const entries: VolumeEntry[] = [];
    const count = this.#tree.entryCount(this.#directory(directory));
    for (let index = 0; index < count; index++) entries.push(this.#tree.entry(directory, index));
    return entries;
  }

  readlink(ino: number): string {
    if ((this.#tree.mode(this.#inode(ino)) & S_IFMT) !== S_IFLNK) throw EINVAL;
    return this.#tree.target(ino);
  }

  read(ino: number, offset: number, into: Uint8Array): number {
    if ((this.#tree.mode(this.#inode(ino)) & S_IFMT) !== S_IFREG) throw EINVAL;
    const count = Math.max(0, Math.min(into.length, this.#tree.size(ino) - offset));
    const start = this.#tree.place(ino) + offset;
    for (let done = 0; done < count; ) {
      const at = start + done;
      const within = at % IMAGE_BLOCK;
      const left = count - done;
      if (within === 0 && left >= MANY * IMAGE_BLOCK) {
        const whole = left - (left % IMAGE_BLOCK);
        this.#checked(() => this.#blocks.blocksInto(at / IMAGE_BLOCK, into.subarray(done, done + whole)));
        done += whole;
        continue;
      }
      const piece = Math.min(left, IMAGE_BLOCK - within);
      into.set(this.#checked(() => this.#blocks.block((at - within) / IMAGE_BLOCK)).subarray(within, within + piece), done);
      done += piece;
    }
    return count;
  }

  #checked<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#log(error.message);
      throw EIO;
    }
  }

  getxattr(): undefined {
    return undefined;
  }

  listxattr(): readonly string[] {
    return [];
  }

  statfs(): VolumeStat {
    return { blockSize: IMAGE_BLOCK, blocks: this.#blocks.header.blocks, blocksFree: 0, files: this.#tree.inodes };
  }

  retain(): void {}
  release(): void {}
  sync(): void {}

  close(): void {
    this.#blocks.close();
  }

  setattr(): never {
    throw EROFS;
  }
  write(): never {
    throw EROFS;
  }
  create(): never {
    throw EROFS;
  }
  mkdir(): never {
    throw EROFS;
  }
  symlink(): never {
    throw EROFS;
  }
  link(): never {
    throw EROFS;
  }
  unlink(): never {
    throw EROFS;
  }
  rmdir(): never {
    throw EROFS;
  }
  rename(): never {
    throw EROFS;
  }
  setxattr(): never {
    throw EROFS;
  }
}
