/**
 * Fuzz target: what the kernel answers through configfs and /dev/attestation. Whatever it gives, there is evidence over what was
 * asked, or a TeeError; no directory stays behind, and what comes out can be told and read.
 *
 *     node fuzz/tee.ts [seed] [iterations]
 */

import assert from 'node:assert/strict';
import { evidenceEnvelope } from '../src/attestation/envelope.ts';
import type { Tee } from '../src/attestation/tee.ts';
import { TeeError } from '../src/attestation/tee/errors.ts';
import { kbsEvidence } from '../src/attestation/tee/kbs.ts';
import { SgxTee } from '../src/attestation/tee/sgx.ts';
import { SnpTee } from '../src/attestation/tee/snp.ts';
import { TdxTee } from '../src/attestation/tee/tdx.ts';
import { recognise, UnreadableError } from '../src/attestation/verifier/index.ts';
import { randomFrom } from '../src/encfs/5-disk/model.ts';
import type { FakeTree } from '../test/attestation/tee/fake.ts';
import { sgxTree, snpTree, tdxTree } from '../test/attestation/tee/trees.ts';
import { fromCommandLine, mutate, type Random } from './mutate.ts';

const identity = { measurement: new Uint8Array(48).fill(1), signer: new Uint8Array(48).fill(2), productId: 3, securityVersion: 4, debuggable: false };
const reportData = Uint8Array.from({ length: 64 }, (_, index) => index);
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const SAMPLES: readonly (readonly [tree: FakeTree, tee: (tree: FakeTree) => Tee])[] = [
  [tdxTree((tree) => (tree.eventLog = new Uint8Array(64).fill(9))), (tree) => new TdxTee(tree, identity)],
  [snpTree(), (tree) => new SnpTee(tree, identity)],
  [sgxTree(), (tree) => new SgxTee(tree, identity)],
];
/** Made once: what is mutated is what a device would give. */
const ANSWERS = SAMPLES.map(([tree]) => (tree.tsm === undefined ? tree.sgx?.quote(reportData) : tree.tsm.report(reportData, 0)) as Uint8Array);

/** The same tree, with one of its answers changed. */
function damaged(sample: FakeTree, answer: Uint8Array, random: Random): FakeTree {
  const which = random(8);
  const bytes = which < 4 ? mutate(answer, random) : answer;
  const tree = Object.assign(Object.create(Object.getPrototypeOf(sample)) as FakeTree, sample);
  const read = sample.read.bind(sample);
  tree.read = (path, limit) => {
    const name = path.replace(/^.*\//, '');
    if (name === 'outblob' || name === 'quote') return bytes;
    const given = read(path, limit);
    if (given === undefined) return undefined;
    if (which === 4 && name === 'generation') return mutate(given, random);
    if (which === 5 && name === 'auxblob') return mutate(given, random);
    if (which === 6 && name === 'privlevel_floor') return mutate(given, random);
    return which === 7 && name === 'provider' ? mutate(text('sev_guest\n'), random) : given;
  };
  tree.write = sample.write.bind(sample);
  tree.mkdir = sample.mkdir.bind(sample);
  tree.rmdir = sample.rmdir.bind(sample);
  tree.exists = sample.exists.bind(sample);
  tree.pause = () => {};
  return tree;
}

export function fuzz(seed: number, iterations: number): { given: number; refused: number } {
  const random = randomFrom(seed);
  const counts = { given: 0, refused: 0 };
  for (let iteration = 0; iteration < iterations; iteration++) {
    const which = random(SAMPLES.length);
    const [sample, make] = SAMPLES[which];
    const tee = make(damaged(sample, ANSWERS[which], random));
    try {
      const evidence = tee.evidence(reportData);
      const at = tee.type === 'snp' ? evidence.quote.subarray(0x50, 0x90) : undefined;
      if (at !== undefined) assert.deepEqual([...at], [...reportData]);
      kbsEvidence(tee.type, evidence);
      recognise(text(JSON.stringify(evidenceEnvelope(tee.type, evidence, reportData))));
      counts.given++;
    } catch (error) {
      if (!(error instanceof TeeError || error instanceof UnreadableError)) throw new Error(`seed ${seed}, iteration ${iteration}: ${String(error)}`, { cause: error });
      counts.refused++;
    }
    assert.equal(sample.reports.size, 0, `seed ${seed}, iteration ${iteration}: a directory stays`);
  }
  return counts;
}

if (import.meta.main) await fromCommandLine((seed, iterations) => console.log(fuzz(seed, iterations)), 5_000);
