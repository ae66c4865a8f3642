/**
 * `npm run test:differential [-- SEED]`: SGX and TDX against an independent verifier (dcap-qvl, which is fetched for this run
 * and no dependency). Forged platforms, right and changed in one thing, get the same status and advisories from both, and
 * nothing that the other refuses is accepted here. What only we refuse is listed: it is what the other does not look at.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AUTHENTIC, readCollateral, recognise, UnreadableError, type Verdict, verifyEvidence } from '../../src/attestation/verifier/index.ts';
import { randomFrom } from '../../src/encfs/5-disk/model.ts';
import { mutate } from '../../fuzz/mutate.ts';
import { AT, type Changes, forgeIntel, type Forged, PCK_SERIAL, ROOT_CERTIFICATE } from './forge/intel.ts';

const ORACLE = '@phala/dcap-qvl@0.3.9';
const MUTATIONS = 300;

interface Oracle {
  verify(quote: Uint8Array, collateral: object, seconds: number): { status: string; advisory_ids: string[] };
}

const place = mkdtempSync(join(tmpdir(), 'cloister-oracle-'));
process.on('exit', () => rmSync(place, { recursive: true, force: true }));
const installed = spawnSync('npm', ['install', '--prefix', place, '--no-save', '--ignore-scripts', ORACLE], { encoding: 'utf8' });
if (installed.status !== 0) {
  console.log(`skipped: ${ORACLE} cannot be installed here`);
  process.exit(0);
}
const { QuoteVerifier } = createRequire(join(place, 'x.js'))('@phala/dcap-qvl') as { QuoteVerifier: new (root: Uint8Array) => Oracle };
const oracle = new QuoteVerifier(Buffer.from(ROOT_CERTIFICATE));
const anyStatus = { 'tcb.statuses': ['UpToDate', 'SWHardeningNeeded', 'ConfigurationNeeded', 'ConfigurationAndSWHardeningNeeded', 'OutOfDate', 'OutOfDateConfigurationNeeded'] } as const;

async function ours({ evidence, bundle, roots }: Forged): Promise<Verdict | undefined> {
  try {
    return await verifyEvidence(recognise(evidence), { collateral: readCollateral([{ name: 'bundle', bytes: Buffer.from(JSON.stringify(bundle)) }]), policy: { ...AUTHENTIC, roots, ...anyStatus }, at: AT });
  } catch (error) {
    if (error instanceof UnreadableError) return undefined;
    throw error;
  }
}

async function theirs({ evidence, bundle }: Forged): Promise<{ status: string; advisories: readonly string[] } | { refused: string }> {
  try {
    const { status, advisory_ids } = await oracle.verify(Buffer.from(evidence), bundle, AT.getTime() / 1000);
    return { status, advisories: [...new Set(advisory_ids)].sort() };
  } catch (error) {
    return { refused: (error as Error).message };
  }
}

const level = (first: number): Changes => ({ pckValues: { components: [first, ...Array.from({ length: 15 }, () => 5)] } });
const TDX = { tee: 'tdx' } as const;
// biome-ignore format: a table
const CASES: Readonly<Record<string, Changes>> = {
  'SGX':                         {},
  'SGX, out of date':            level(4),
  'SGX, no level':               level(2),
  'SGX, QE out of date':         { qeReport: (report) => void report.writeUInt16LE(7, 258) },
  'SGX, configuration needed':   { tcbInfo: (info) => { info.tcbLevels[0].tcbStatus = 'ConfigurationNeeded'; info.tcbLevels[0].advisoryIDs = ['INTEL-SA-00615']; } },
  'TDX, version 4':              TDX,
  'TDX, version 5':              { ...TDX, version: 5 },
  'TDX 1.5, version 5':          { ...TDX, version: 5, td15: true },
  'TDX, component out of date':  { ...TDX, body: (body) => void (body[2] = 4) },
  'TDX, module out of date':     { ...TDX, body: (body) => void (body[0] = 4) },
  'revoked PCK':                 { pckCrl: { revoked: [PCK_SERIAL] } },
  'expired TCB information':     { tcbInfo: (info) => void (info.nextUpdate = '2026-01-11T00:00:00Z') },
  'changed TCB information':     { tcbText: (text) => text.replace('17', '18') },
  'expired PCK list':            { pckCrl: { thisUpdate: new Date('2025-01-01'), nextUpdate: new Date('2026-01-01') } },
  'debug':                       { body: (body) => void (body[48] |= 2) },
};

const onlyOurs: string[] = [];
let compared = 0;
for (const [name, changes] of Object.entries(CASES)) {
  const forged = forgeIntel(changes);
  const [we, they] = [await ours(forged), await theirs(forged)];
  compared++;
  if ('refused' in they) assert.equal(we?.accepted ?? false, false, `${name}: they refuse (${they.refused}), we accept`);
  else if (we?.accepted) {
    assert.equal(we.tcbStatus, they.status, name);
    // The other compares the module's version as a component of the platform, and so finds the advisories of an older level.
    if (!name.includes('module')) assert.deepEqual([...we.advisories], they.advisories, name);
  } else onlyOurs.push(`${name}: ${we?.failures.map(({ code }) => code).join(', ') ?? 'unreadable'} (they: ${they.status})`);
  console.log(`${name}: ${we?.accepted ? we.tcbStatus : 'refused'}; ${'refused' in they ? `refused (${they.refused})` : they.status}`);
}
const seed = Number(process.argv[2] ?? Math.floor(Math.random() * 2 ** 31));
const random = randomFrom(seed);
console.log(`seed ${seed}`);
for (let round = 0; round < MUTATIONS; round++) {
  const forged = forgeIntel(round % 2 === 0 ? {} : TDX);
  const changed = { ...forged, evidence: mutate(forged.evidence, random) };
  const [we, they] = [await ours(changed), await theirs(changed)];
  compared++;
  if (we?.accepted) assert.ok('status' in they, `seed ${seed}, round ${round}: we accept what they refuse`);
  else if ('status' in they) onlyOurs.push(`mutation ${round}: ${we?.failures.map(({ code }) => code).join(', ') ?? 'unreadable'} (they: ${they.status})`);
}
console.log(`\n${compared} compared; ${onlyOurs.length} refused by us alone${onlyOurs.map((line) => `\n  ${line}`).join('')}`);
