/**
 * The image file as a whole: a header, then blocks of one size, then one authenticator for each block.
 *
 *     0    header, 256 bytes (below)
 *     256  blocks × 16 KiB: file contents, then the metadata (4-tree/image-tree.ts), zero-padded
 *     …    blocks × (SHA-256 of the stored block [, GCM tag])
 *
 * The root hash is SHA-384 of the header; the header holds SHA-384 of the authenticators; an authenticator holds
 * SHA-256 of its block as stored. So every byte of the file, and its length, hang on the root hash, and the root
 * hash can be checked without the key. Numbers are little-endian.
 */

import { equalBytes } from '../../base/bytes.ts';
import { type HostFile, readFully } from '../../base/host-files.ts';
import { SHA256_BYTES, SHA384_BYTES, TAG_BYTES, sha384 } from '../../crypto/index.ts';
import { StorageError } from '../errors.ts';

export const IMAGE_BLOCK = 16384;
export const HEADER_BYTES = 256;
export const SALT_BYTES = 32;
export const KEY_CHECK_BYTES = 16;
const MAGIC = 'cloister image 1';

export type ImageKind = 'integrity' | 'encrypted';

export interface ImageHeader {
  readonly kind: ImageKind;
  readonly blocks: number;
  readonly metaStart: number;
  readonly metaLength: number;
  /** Of the encryption key; zero for integrity-only images. */
  readonly salt: Uint8Array;
  readonly keyCheck: Uint8Array;
  readonly tableDigest: Uint8Array;
}

export const authenticatorBytes = (kind: ImageKind): number => (kind === 'encrypted' ? SHA256_BYTES + TAG_BYTES : SHA256_BYTES);

export const blockOffset = (block: number): number => HEADER_BYTES + block * IMAGE_BLOCK;

export const imageFileSize = (header: ImageHeader): number => blockOffset(header.blocks) + header.blocks * authenticatorBytes(header.kind);

export function encodeHeader(header: ImageHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < MAGIC.length; at++) bytes[at] = MAGIC.charCodeAt(at);
  view.setUint32(16, header.kind === 'encrypted' ? 1 : 0, true);
  view.setUint32(20, IMAGE_BLOCK, true);
  view.setBigUint64(24, BigInt(header.blocks), true);
  view.setBigUint64(32, BigInt(header.metaStart), true);
  view.setBigUint64(40, BigInt(header.metaLength), true);
  bytes.set(header.salt, 48);
  bytes.set(header.keyCheck, 80);
  bytes.set(header.tableDigest, 96);
  return bytes;
}

/** Checks everything that the header says against the file's size and against itself. Throws StorageError. */
export function decodeHeader(bytes: Uint8Array, fileSize: number): ImageHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let magic = '';
  for (let at = 0; at < MAGIC.length; at++) magic += String.fromCharCode(bytes[at]);
  if (magic !== MAGIC) throw new StorageError('image-format', 'not a Cloister image, or one of another version');
  const kind = view.getUint32(16, true);
  const blocks = Number(view.getBigUint64(24, true));
  const metaStart = Number(view.getBigUint64(32, true));
  const metaLength = Number(view.getBigUint64(40, true));
  const header: ImageHeader = {
    kind: kind === 1 ? 'encrypted' : 'integrity',
    blocks,
    metaStart,
    metaLength,
    salt: bytes.slice(48, 48 + SALT_BYTES),
    keyCheck: bytes.slice(80, 80 + KEY_CHECK_BYTES),
    tableDigest: bytes.slice(96, 96 + SHA384_BYTES),
  };
  const sane = kind <= 1 && view.getUint32(20, true) === IMAGE_BLOCK && blocks <= 2 ** 32 && metaStart <= blocks && metaLength <= (blocks - metaStart) * IMAGE_BLOCK && metaLength < 2 ** 31 && equalBytes(encodeHeader(header), bytes);
  if (!sane) throw new StorageError('image-format', 'damaged image header');
  if (imageFileSize(header) !== fileSize) throw new StorageError('image-corrupt', `the image has ${fileSize} bytes where its header says ${imageFileSize(header)}`);
  return header;
}

/** The header and the authenticators of an image that must have this root. Throws StorageError. */
export function openImageFile(file: HostFile, root: Uint8Array): { header: ImageHeader; table: Uint8Array } {
  const bytes = new Uint8Array(HEADER_BYTES);
  const size = file.size();
  if (size < HEADER_BYTES || readFully(file, 0, bytes) < HEADER_BYTES) throw new StorageError('image-corrupt', `the image is truncated: ${size} bytes`);
  if (!equalBytes(sha384(bytes), root)) throw new StorageError('image-changed', 'the image is not the one that was measured: its root hash differs');
  const header = decodeHeader(bytes, size);
  const table = new Uint8Array(header.blocks * authenticatorBytes(header.kind));
  if (readFully(file, blockOffset(header.blocks), table) < table.length) throw new StorageError('image-corrupt', 'the image is truncated');
  if (!equalBytes(sha384(table), header.tableDigest)) throw new StorageError('image-corrupt', 'the image is damaged: its table of block hashes does not match the root hash');
  return { header, table };
}
