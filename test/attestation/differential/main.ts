/**
 * `npm run test:differential [-- SEED [CHANGES]]`: our verifier against those that others wrote, over forged platforms, real
 * evidence, and each of them with something changed. Nothing that another refuses is accepted here, and where both accept,
 * status and advisories are the same, but for the differences that are explained in this file. What only we refuse is counted by
 * its codes: it is what the other does not look at.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomFrom } from '../../../src/encfs/5-disk/model.ts';
import { type Case, changed, forgedCases, ours, realCases } from './cases.ts';
import { type Answer, type Oracle, oracles } from './oracles.ts';

const CHANGES = 60;

/** What another refuses although it is right, by the words of its refusal. */
// biome-ignore format: a table
const EXPLAINED: readonly (readonly [reason: RegExp, why: string])[] = [
  [/Debug mode is enabled/,                      'debug is a matter of policy here, and left out of the comparison'],
  [/SEPT_VE_DISABLE is not enabled/,             'so is SEPT_VE_DISABLE'],
  [/TEE_TCB_SVN2/,                               'the TCB of a TDX module that was updated under a running domain is told and not judged here'],
  [/FMSPC from PCK Certificate\("([0-9a-f]+)"\) is not equal .*\("[0-9A-F]+"\)/, 'go-tdx-guest compares the digits of the FMSPC with their case'],
  [/intermediate certificate authority certificate for key VLEK/, 'go-sev-guest has no authority of VLEKs built in'],
  [/no embedded roots available for product line: "Unknown"/,     'go-sev-guest does not know the CPUID of some Genoa processors'],
];

const seed = Number(process.argv[2] ?? Math.floor(Math.random() * 2 ** 31));
const random = randomFrom(seed);
const kept = process.env.CLOISTER_ORACLES;
const place = kept ?? mkdtempSync(join(tmpdir(), 'cloister-oracles-'));
if (kept === undefined) process.on('exit', () => rmSync(place, { recursive: true, force: true }));

const base = [...forgedCases(), ...(await realCases())];
const cases: readonly Case[] = base.flatMap((one) => [one, ...Array.from({ length: Number(process.argv[3] ?? CHANGES) }, (_, index) => changed(one, random, index))]);
const verdicts = await Promise.all(cases.map(ours));
console.log(`seed ${seed}: ${base.length} cases, ${cases.length - base.length} changed ones`);
const untouched = new Set(base);

interface Count {
  agreed: number;
  readonly onlyOurs: Map<string, number>;
  readonly explained: Map<string, number>;
  readonly faults: string[];
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function compare({ acceptsOnlyUpToDate }: Oracle, one: Case, verdict: Awaited<ReturnType<typeof ours>>, they: Answer, count: Count): void {
  const accepted = typeof verdict !== 'string' && verdict.accepted && !(acceptsOnlyUpToDate && one.tee !== 'snp' && verdict.tcbStatus !== 'UpToDate');
  if (!accepted && !they.accepted) count.agreed++;
  else if (!accepted) add(count.onlyOurs, `${untouched.has(one) ? `${one.name}: ` : ''}${typeof verdict === 'string' ? 'unreadable' : [...new Set(verdict.failures.map(({ code }) => code))].join(' ') || verdict.tcbStatus}`);
  else if (!they.accepted) {
    const why = EXPLAINED.find(([reason]) => reason.test(they.reason))?.[1];
    if (why === undefined) count.faults.push(`${one.name}: they refuse (${they.reason.slice(0, 200)}), we accept`);
    else add(count.explained, why);
  } else {
    const [left, right] = [verdict.tcbStatus, they.status ?? verdict.tcbStatus];
    const [mine, theirs] = [JSON.stringify(verdict.advisories), JSON.stringify(they.advisories ?? verdict.advisories)];
    if (left !== right) count.faults.push(`${one.name}: status ${left}, theirs ${right}`);
    else if (mine !== theirs) add(count.explained, `${untouched.has(one) ? one.name : 'changed'}: advisories ${mine}, theirs ${theirs}`);
    else count.agreed++;
  }
}

let faults = 0;
let compared = 0;
for (const oracle of oracles(place)) {
  if (typeof oracle === 'string') {
    console.log(`skipped: ${oracle}`);
    continue;
  }
  const chosen = cases.flatMap((one, index) => (oracle.takes(one) ? [index] : []));
  const answers = await oracle.judge(chosen.map((index) => cases[index]));
  const count: Count = { agreed: 0, onlyOurs: new Map(), explained: new Map(), faults: [] };
  for (const [at, index] of chosen.entries()) compare(oracle, cases[index], verdicts[index], answers[at], count);
  compared += chosen.length;
  faults += count.faults.length;
  console.log(`\n${oracle.name}: ${chosen.length} compared, ${count.agreed} agree`);
  for (const fault of count.faults) console.log(`  FAULT ${fault}`);
  for (const [why, times] of count.explained) console.log(`  ${times} explained: ${why}`);
  for (const [codes, times] of [...count.onlyOurs].sort((a, b) => b[1] - a[1])) console.log(`  ${times} refused by us alone: ${codes}`);
}
console.log(`\n${compared} compared, ${faults} faults`);
process.exitCode = faults > 0 ? 1 : 0;
