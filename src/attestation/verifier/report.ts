/** A verdict for people: a tree of what was judged, what failed, what the evidence says and what nobody looked at. */

import { type FailureGroup, groupOf, todoOf } from './codes.ts';
import type { Claim, Verdict } from './verdict.ts';

interface Branch {
  readonly text: string;
  readonly branches?: readonly Branch[];
}

// biome-ignore format: a table
const GROUPS: readonly (readonly [group: FailureGroup, title: string])[] = [
  ['evidence',   'evidence and signatures'],
  ['chain',      'certificates and revocation'],
  ['collateral', 'collateral'],
  ['tcb',        'firmware and microcode (TCB)'],
  ['policy',     'policy'],
];

function claimBranches(value: Claim): readonly Branch[] {
  if (typeof value !== 'object' || value === null) return [];
  const entries: readonly (readonly [string, Claim])[] = Object.entries(value);
  const width = Math.max(0, ...entries.filter(([, inner]) => !isTree(inner)).map(([name]) => name.length));
  return entries.map(([name, inner]) => (isTree(inner) ? { text: name, branches: claimBranches(inner) } : { text: `${name.padEnd(width)}  ${inline(inner)}` }));
}

const isTree = (value: Claim): boolean => typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;

function inline(value: Claim): string {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(inline).join(', ');
  return value === null ? 'unknown' : String(value);
}

function draw(branches: readonly Branch[], indent: string): string[] {
  return branches.flatMap(({ text, branches: inner = [] }, index) => {
    const last = index === branches.length - 1;
    return [`${indent}${last ? '└─' : '├─'} ${text}`, ...draw(inner, `${indent}${last ? '   ' : '│  '}`)];
  });
}

/** The status of Intel's platforms cannot be told without certificate and collateral: then nothing about it is right. */
export const isUnjudged = (group: FailureGroup, { tee, tcbStatus }: Verdict): boolean => group === 'tcb' && (tee === 'sgx' || tee === 'tdx') && tcbStatus === null;

/** What an accepted verdict must not be read as. */
export const notes = (group: FailureGroup, { tee, claims }: Verdict): readonly string[] =>
  group === 'chain' && tee === 'snp' && claims.revocation === 'unchecked' ? ["revocation not checked: there is no revocation list of AMD's in the collateral, or the policy leaves it out (`snp.revocation: required` demands it)"] : [];

/** Names that people know better than the ones of machines. */
const NAMES = { sgx: 'SGX', tdx: 'TDX', snp: 'SEV-SNP', sim: 'SIM' } as const;
const LINE = 110;

/** A list in lines of a readable width. */
function wrapped(words: readonly string[]): readonly Branch[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length + 2 <= LINE) lines[lines.length - 1] = `${last}, ${word}`;
    else lines.push(word);
  }
  return lines.map((text) => ({ text }));
}

function uncheckedBranch(unchecked: Claim): Branch {
  const names = Array.isArray(unchecked) ? unchecked.map(String) : [];
  return names.length === 0 ? { text: 'unchecked by the policy: nothing' } : { text: 'unchecked by the policy', branches: wrapped(names) };
}

/** Several lines, each ended. `form` is what the evidence was recognised as. */
export function reportText(verdict: Verdict, form: string, at: Date): string {
  const { tee, accepted, failures, claims, tcbStatus, tcbDate, advisories } = verdict;
  const { unchecked = [], warning, ...said } = claims;
  const judged = GROUPS.map(([group, title]): Branch => {
    const own = failures.filter(({ code }) => groupOf(code) === group);
    if (own.length === 0 && isUnjudged(group, verdict)) return { text: `? ${title}: not judged, for what is missing above` };
    return {
      text: `${own.length === 0 ? '✓' : '✗'} ${title}`,
      branches: [...own.map(({ code, message }): Branch => ({ text: `${code}: ${message}`, branches: [{ text: todoOf(code) }] })), ...notes(group, verdict).map((text): Branch => ({ text: `? ${text}` }))],
    };
  });
  const status: Branch[] = tcbStatus === null ? [] : [{ text: `TCB ${tcbStatus}${tcbDate === null ? '' : `, level of ${tcbDate.slice(0, 10)}`}`, branches: advisories.length === 0 ? [] : [{ text: `advisories: ${advisories.join(', ')}` }] }];
  const lines = draw([...judged, ...status, { text: accepted ? 'claims' : 'claims (not to be believed: the evidence is refused)', branches: claimBranches(said) }, uncheckedBranch(unchecked)], '');
  return `${accepted ? 'ACCEPTED' : 'REFUSED'}  ${NAMES[tee]}, ${form}, at ${at.toISOString().slice(0, 19)}Z\n${typeof warning === 'string' ? `${warning}\n` : ''}${lines.join('\n')}\n`;
}
