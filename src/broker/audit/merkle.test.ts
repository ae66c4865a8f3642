import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../../base/bytes.ts';
import { appendLeaf, inclusionProof, leafHash, rootOf, verifyInclusion } from './merkle.ts';

/** RFC 9162 §2.1.1, word for word: the slow definition. */
function treeHash(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return rootOf([]);
  if (leaves.length === 1) return leaves[0];
  let middle = 1;
  while (middle * 2 < leaves.length) middle *= 2;
  return rootOf([treeHash(leaves.slice(0, middle)), treeHash(leaves.slice(middle))]);
}

const leaves = Array.from({ length: 70 }, (_, at) => leafHash(new Uint8Array([at])));

test('the root kept by peaks is the root by definition', () => {
  let peaks: Uint8Array[] = [];
  assert.equal(toHex(rootOf(peaks)), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  leaves.forEach((leaf, size) => {
    peaks = appendLeaf(peaks, size, leaf);
    assert.deepEqual(rootOf(peaks), treeHash(leaves.slice(0, size + 1)), `size ${size + 1}`);
  });
});

test('every leaf is proven, and only at its place, in its tree, with its proof', () => {
  for (let size = 1; size <= leaves.length; size++) {
    const tree = leaves.slice(0, size);
    const root = treeHash(tree);
    for (let index = 0; index < size; index++) {
      const proof = inclusionProof(tree, index);
      assert.ok(verifyInclusion(tree[index], index, size, proof, root), `${index} of ${size}`);
      assert.ok(!verifyInclusion(leafHash(new Uint8Array([200])), index, size, proof, root));
      if (size > 1) {
        assert.ok(!verifyInclusion(tree[index], (index + 1) % size, size, proof, root), `moved ${index} of ${size}`);
        assert.ok(!verifyInclusion(tree[index], index, size, proof.slice(1), root));
        assert.ok(!verifyInclusion(tree[index], index, size, [...proof, root], root));
        assert.ok(!verifyInclusion(tree[index], index, size, proof, treeHash(leaves.slice(0, size - 1))));
      }
    }
  }
  assert.throws(() => inclusionProof(leaves, leaves.length), RangeError);
});
