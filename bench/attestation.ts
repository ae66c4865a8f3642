/**
 * `npm run bench -- --group attestation`: a whole verification (recognised, parsed, judged) with collateral that was used
 * before, over forged platforms whose quotes and reports have the real form and size.
 */

import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { AUTHENTIC, type Collateral, type Policy, readCollateral, recognise, verifyEvidence } from '../src/attestation/verifier/index.ts';
import { forgeAmd } from '../test/attestation/forge/amd.ts';
import { AT, forgeIntel } from '../test/attestation/forge/intel.ts';
import { median } from './report.ts';

const WARM_UP = 50;
const ROUNDS = 400;
const GOAL_MS = 3;
const GOAL_BYTES = 150 * 1024;

interface Row {
  readonly name: string;
  readonly evidence: Uint8Array;
  readonly collateral: Collateral;
  readonly policy: Policy;
}

function intelRow(name: string, changes: Parameters<typeof forgeIntel>[0]): Row {
  const { evidence, bundle, roots } = forgeIntel(changes);
  return { name, evidence, collateral: readCollateral([{ name, bytes: new TextEncoder().encode(JSON.stringify(bundle)) }]), policy: { ...AUTHENTIC, roots } };
}

function amdRow(name: string, changes: Parameters<typeof forgeAmd>[0]): Row {
  const { evidence, files, roots } = forgeAmd(changes);
  return { name, evidence, collateral: readCollateral(files), policy: { ...AUTHENTIC, roots } };
}

async function measureRow({ evidence, collateral, policy }: Row): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < WARM_UP + ROUNDS; round++) {
    const start = performance.now();
    const { accepted, failures } = await verifyEvidence(recognise(evidence), { collateral, policy, at: AT });
    if (!accepted) throw new Error(JSON.stringify(failures));
    if (round >= WARM_UP) times.push(performance.now() - start);
  }
  return median(times) as number;
}

/** Size of the verifier for browsers, compressed. */
async function bundleBytes(): Promise<number> {
  const bundle = await rolldown({ input: new URL('../src/attestation/verifier/index.ts', import.meta.url).pathname, platform: 'browser', logLevel: 'silent' });
  const { output } = await bundle.generate({ format: 'esm', minify: true });
  return gzipSync(output[0].code).length;
}

const mark = (holds: boolean): string => (holds ? 'ok' : 'MISSED');

export async function measureAttestation(): Promise<void> {
  const rows = [
    intelRow('SGX quote, version 3', {}),
    intelRow('TDX quote, version 4', { tee: 'tdx' }),
    intelRow('TDX quote, version 5, TD 1.5', { tee: 'tdx', version: 5, td15: true }),
    amdRow('SEV-SNP report, VCEK', {}),
    amdRow('SEV-SNP report, VLEK', { vlek: true, product: 'Genoa' }),
  ];
  console.log(`verification with warm collateral, median of ${ROUNDS}, goal ${GOAL_MS} ms`);
  for (const row of rows) {
    const ms = await measureRow(row);
    console.log(`  ${row.name.padEnd(30)} ${ms.toFixed(2).padStart(6)} ms  ${mark(ms <= GOAL_MS)}`);
  }
  const bytes = await bundleBytes();
  console.log(`  ${'verifier for browsers'.padEnd(30)} ${(bytes / 1024).toFixed(1).padStart(6)} KB  ${mark(bytes <= GOAL_BYTES)} (gzip, goal ${GOAL_BYTES / 1024})`);
}
