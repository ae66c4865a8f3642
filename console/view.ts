/** A verdict as elements. Text goes in as text: what evidence says is never markup. */

import { type Claim, type FailureGroup, groupOf, type Verdict } from '../src/attestation/verifier/index.ts';

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
    return element('li', { class: own.length === 0 ? 'accepted' : 'refused' }, `${own.length === 0 ? '✓' : '✗'} ${title}`, element('ul', {}, ...own.map(({ code, message }) => element('li', {}, element('code', {}, code), ` ${message}`))));
  });
  const { unchecked = [], warning, ...said } = claims;
  into.replaceChildren(
    element('h2', { id: 'verdict', class: accepted ? 'accepted' : 'refused' }, accepted ? 'Accepted' : 'Refused'),
    element('p', {}, `${tee.toUpperCase()}, ${form}, at ${at.toISOString()}`),
    ...(typeof warning === 'string' ? [element('p', { class: 'refused' }, warning)] : []),
    ...(tcbStatus === null ? [] : [element('p', {}, `TCB ${tcbStatus}${tcbDate === null ? '' : `, level of ${tcbDate.slice(0, 10)}`}${advisories.length === 0 ? '' : `; ${advisories.join(', ')}`}`)]),
    element('ul', { id: 'judged' }, ...judged),
    element('h3', {}, accepted ? 'Claims' : 'Claims (not to be believed: the evidence is refused)'),
    element('table', {}, ...Object.entries(said).map(([name, value]) => element('tr', {}, element('td', {}, name), element('td', {}, textOf(value))))),
    element('p', {}, `Unchecked by the policy: ${textOf(unchecked)}`),
  );
}

export function complain(into: HTMLElement, message: string): void {
  into.replaceChildren(element('h2', { id: 'verdict', class: 'refused' }, 'Unreadable'), element('p', {}, message));
}
