/**
 * Writes a tree as an image. The same tree (names, permissions, times, contents) and the same key give the same bytes
 * and the same root hash, whatever order the host lists its files in.
 *
 * Contents come in the order of the inodes; one that fits into what is left of a block goes there, others start at a
 * block. With a key the tree is read twice: the key of the blocks depends on the hash of the whole plaintext.
 */

import { concat, equalBytes } from '../../base/bytes.ts';
import { type HostFile, writeFully } from '../../base/host-files.ts';
import { SHA256_BYTES, TAG_BYTES, sha256, sha384 } from '../../crypto/index.ts';
import { HEADER_BYTES, IMAGE_BLOCK, type ImageHeader, KEY_CHECK_BYTES, SALT_BYTES, authenticatorBytes, blockOffset, encodeHeader } from '../0-block/image-file.ts';
import { ImageCipher } from '../1-crypto/image-cipher.ts';
import { type ImageDirectory, type ImageFile, encodeTree, numberNodes } from '../4-tree/image-tree.ts';
import { StorageError } from '../errors.ts';

const BATCH = 16;

interface Placed {
  readonly file: ImageFile;
  readonly place: number;
}

function placeFiles(root: ImageDirectory): { placed: Placed[]; contentBlocks: number } {
  const placed: Placed[] = [];
  let end = 0;
  for (const node of numberNodes(root).nodes) {
    if (node.kind !== 'file' || node.size === 0) continue;
    const room = (IMAGE_BLOCK - (end % IMAGE_BLOCK)) % IMAGE_BLOCK;
    if (node.size > room) end += room;
    placed.push({ file: node, place: end });
    end += node.size;
  }
  return { placed, contentBlocks: Math.ceil(end / IMAGE_BLOCK) };
}

/** Every plaintext block in order, zero-padded. The array is reused. */
function* plaintextBlocks(placed: readonly Placed[], contentBlocks: number, meta: Uint8Array): Generator<Uint8Array> {
  const block = new Uint8Array(IMAGE_BLOCK);
  let next = 0;
  for (let index = 0; index < contentBlocks; index++) {
    const start = index * IMAGE_BLOCK;
    block.fill(0);
    while (next < placed.length && placed[next].place < start + IMAGE_BLOCK) {
      const { file, place } = placed[next];
      const from = Math.max(start, place);
      const to = Math.min(start + IMAGE_BLOCK, place + file.size);
      file.read(from - place, block.subarray(from - start, to - start));
      if (to < place + file.size) break;
      file.release?.();
      next++;
    }
    yield block;
  }
  for (let at = 0; at < meta.length; at += IMAGE_BLOCK) {
    block.fill(0);
    block.set(meta.subarray(at, at + IMAGE_BLOCK));
    yield block;
  }
}

/** Returns the root hash. The file must be empty; sync and put it in place afterwards. */
export function writeImage(root: ImageDirectory, imageKey: Uint8Array | undefined, out: HostFile): Uint8Array {
  const { placed, contentBlocks } = placeFiles(root);
  const places = new Map(placed.map(({ file, place }) => [file, place]));
  const meta = encodeTree(root, (file) => places.get(file) ?? 0);
  const blocks = contentBlocks + Math.ceil(meta.length / IMAGE_BLOCK);
  const kind = imageKey === undefined ? 'integrity' : 'encrypted';

  let cipher: ImageCipher | undefined;
  let plaintextHashes: Uint8Array | undefined;
  if (imageKey !== undefined) {
    plaintextHashes = new Uint8Array(blocks * SHA256_BYTES);
    let at = 0;
    for (const block of plaintextBlocks(placed, contentBlocks, meta)) {
      plaintextHashes.set(sha256(block), at);
      at += SHA256_BYTES;
    }
    cipher = ImageCipher.forContent(imageKey, sha256(plaintextHashes));
  }

  const entryBytes = authenticatorBytes(kind);
  const table = new Uint8Array(blocks * entryBytes);
  const pending: Uint8Array[] = [];
  let index = 0;
  const flush = (): void => {
    if (pending.length > 0) writeFully(out, blockOffset(index - pending.length), concat(pending));
    pending.length = 0;
  };
  for (const block of plaintextBlocks(placed, contentBlocks, meta)) {
    let stored = block;
    if (cipher !== undefined) {
      if (!equalBytes(sha256(block), plaintextHashes!.subarray(index * SHA256_BYTES, (index + 1) * SHA256_BYTES))) throw new StorageError('image-changed', 'a file changed while the image was written; build again');
      stored = cipher.seal(index, block, table.subarray(index * entryBytes + SHA256_BYTES, index * entryBytes + SHA256_BYTES + TAG_BYTES));
    }
    table.set(sha256(stored), index * entryBytes);
    pending.push(cipher === undefined ? stored.slice() : stored);
    index++;
    if (pending.length === BATCH) flush();
  }
  flush();
  writeFully(out, blockOffset(blocks), table);
  const header: ImageHeader = {
    kind,
    blocks,
    metaStart: contentBlocks,
    metaLength: meta.length,
    salt: cipher?.salt ?? new Uint8Array(SALT_BYTES),
    keyCheck: cipher?.keyCheck ?? new Uint8Array(KEY_CHECK_BYTES),
    tableDigest: sha384(table),
  };
  const bytes = encodeHeader(header);
  writeFully(out, 0, bytes.subarray(0, HEADER_BYTES));
  return sha384(bytes);
}
