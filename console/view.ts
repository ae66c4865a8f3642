/** A verdict as elements. Text goes in as text: what evidence says is never markup. */

import { type Claim, type FailureGroup, groupOf, isUnjudged, notes, todoOf, type Verdict } from '../src/attestation/verifier/index.ts';

function element(name: string, attributes: Readonly<Record<string, string>> = {}, ...children: readonly (Node | string)[]): HTMLElement {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

// biome-ignore format: a table
const GROUPS: readonly (readonly [group: FailureGroup, title: string])[] = [
  ['evidence',   'Evidence and signatures'],
  ['chain',      'Certificates and revocation'],
  ['collateral', 'Collateral'],
  ['tcb',        'Firmware and microcode (TCB)'],
  ['policy',     'Policy'],
];

function textOf(value: Claim): string {
  if (Array.isArray(value)) return value.map(textOf).join(', ');
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}

export function show(into: HTMLElement, verdict: Verdict, form: string, at: Date): void {
  const { accepted, tee, tcbStatus, tcbDate, advisories, failures, claims } = verdict;
  const judged = GROUPS.map(([group, title]) => {
    const own = failures.filter(({ code }) => groupOf(code) === group);
    if (own.length === 0 && isUnjudged(group, verdict)) return element('li', {}, `? ${title}: not judged, for what is missing above`);
    // The sign is for the eye; what is read aloud says it in words.
    const sign = element('span', { 'aria-hidden': 'true' }, own.length === 0 ? '✓' : '✗');
    const heading = [sign, ` ${title}`, element('span', { class: 'spoken' }, own.length === 0 ? ': passed' : ': failed')];
    const open = notes(group, verdict).map((text) => element('li', {}, `? ${text}`));
    if (own.length === 0) return element('li', { class: 'accepted' }, ...heading, ...(open.length === 0 ? [] : [element('ul', {}, ...open)]));
    const faults = own.map(({ code, message }) => element('li', {}, element('code', {}, code), ` ${message}`, element('p', { class: 'todo' }, todoOf(code))));
    return element('li', { class: 'refused' }, ...heading, element('ul', {}, ...faults, ...open));
  });
  const { unchecked = [], warning, ...said } = claims;
  into.replaceChildren(
    element('h2', { id: 'verdict', class: accepted ? 'accepted' : 'refused' }, accepted ? 'Accepted' : 'Refused'),
    element('p', {}, `${tee.toUpperCase()}, ${form}, at ${at.toISOString()}`),
    ...(typeof warning === 'string' ? [element('p', { class: 'refused' }, warning)] : []),
    ...(tcbStatus === null ? [] : [element('p', {}, `TCB ${tcbStatus}${tcbDate === null ? '' : `, level of ${tcbDate.slice(0, 10)}`}${advisories.length === 0 ? '' : `; ${advisories.join(', ')}`}`)]),
    element('ul', { id: 'judged' }, ...judged),
    element('h3', {}, accepted ? 'Claims' : 'Claims (not to be believed: the evidence is refused)'),
    element('table', { id: 'claims' }, element('caption', { class: 'spoken' }, 'Claims'), ...Object.entries(said).map(([name, value]) => element('tr', {}, element('th', { scope: 'row' }, name), element('td', {}, textOf(value))))),
    element('p', {}, `Unchecked by the policy: ${textOf(unchecked)}`),
  );
}

/** For those who hear the page: the verdict in one sentence. */
export const summary = ({ accepted, failures }: Verdict): string => (accepted ? 'Accepted.' : `Refused, for ${failures.length} ${failures.length === 1 ? 'reason' : 'reasons'}.`);

export function complain(into: HTMLElement, message: string): void {
  into.replaceChildren(element('h2', { id: 'verdict', class: 'refused' }, 'Unreadable'), element('p', {}, message));
}
