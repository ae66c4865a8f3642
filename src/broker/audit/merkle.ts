/**
 * Merkle trees as RFC 9162 §2.1 defines them, over SHA-256. A growing tree is kept as its peaks (the roots of the
 * perfect trees that its size's binary digits name), so that appending needs no old leaf.
 */

import { concat, equalBytes } from '../../base/bytes.ts';
import { SHA256_BYTES, sha256 } from '../../crypto/index.ts';

const LEAF = new Uint8Array([0]);
const NODE = new Uint8Array([1]);

/** §2.1.1: 32 bytes. */
export const leafHash = (entry: Uint8Array): Uint8Array => sha256(concat([LEAF, entry]));
const nodeHash = (left: Uint8Array, right: Uint8Array): Uint8Array => sha256(concat([NODE, left, right]));

/** Adds a leaf to the peaks of a tree of `size` leaves; returns new peaks. */
export function appendLeaf(peaks: readonly Uint8Array[], size: number, leaf: Uint8Array): Uint8Array[] {
  const next = [...peaks];
  let carry = leaf;
  for (let rest = size; rest % 2 === 1; rest = (rest - 1) / 2) carry = nodeHash(next.pop() as Uint8Array, carry);
  next.push(carry);
  return next;
}

/** The root of the tree with these peaks, the largest first. */
export function rootOf(peaks: readonly Uint8Array[]): Uint8Array {
  if (peaks.length === 0) return sha256(new Uint8Array(0));
  return peaks.reduceRight((root, peak) => nodeHash(peak, root));
}

/** The largest power of two below `size`. */
function split(size: number): number {
  let power = 1;
  while (power * 2 < size) power *= 2;
  return power;
}

function subtreeRoot(leaves: readonly Uint8Array[]): Uint8Array {
  let peaks: Uint8Array[] = [];
  leaves.forEach((leaf, index) => {
    peaks = appendLeaf(peaks, index, leaf);
  });
  return rootOf(peaks);
}

/** §2.1.3.1: the hashes from the leaf up that prove that leaf `index` is in the tree over `leaves`. */
export function inclusionProof(leaves: readonly Uint8Array[], index: number): Uint8Array[] {
  if (!Number.isInteger(index) || index < 0 || index >= leaves.length) throw new RangeError(`there is no leaf ${index} in a tree of ${leaves.length}`);
  if (leaves.length === 1) return [];
  const middle = split(leaves.length);
  return index < middle ? [...inclusionProof(leaves.slice(0, middle), index), subtreeRoot(leaves.slice(middle))] : [...inclusionProof(leaves.slice(middle), index - middle), subtreeRoot(leaves.slice(0, middle))];
}

/** §2.1.3.2. */
export function verifyInclusion(leaf: Uint8Array, index: number, size: number, proof: readonly Uint8Array[], root: Uint8Array): boolean {
  if (!Number.isSafeInteger(index) || index < 0 || index >= size || proof.some((hash) => hash.length !== SHA256_BYTES)) return false;
  let [node, last, hash] = [index, size - 1, leaf];
  for (const sibling of proof) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      hash = nodeHash(sibling, hash);
      while (node % 2 === 0 && node !== 0) [node, last] = [node / 2, Math.floor(last / 2)];
    } else {
      hash = nodeHash(hash, sibling);
    }
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  return last === 0 && equalBytes(hash, root);
}
