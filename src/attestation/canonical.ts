/** Canonical JSON (the subset of RFC 8785 that needs no number formatting): one value, one sequence of bytes. */

export type Canonical = string | number | boolean | readonly Canonical[] | { readonly [key: string]: Canonical };

/** Text that JSON writes as it is. */
const PLAIN = /^[ !#-[\]-~]*$/;

/** Members in code-unit order, no white space. Throws RangeError for anything that has more than one encoding. */
export function canonicalJson(value: Canonical): string {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) throw new RangeError('only safe integers are canonical');
    return String(value);
  }
  if (typeof value === 'string') {
    if (PLAIN.test(value)) return `"${value}"`;
    if (!value.isWellFormed()) throw new RangeError('only well-formed text is canonical');
    return JSON.stringify(value);
  }
  if (typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const members = Object.entries(value as { readonly [key: string]: Canonical }).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, member]) => `${canonicalJson(key)}:${canonicalJson(member)}`).join(',')}}`;
}

export const canonicalBytes = (value: Canonical): Uint8Array => new TextEncoder().encode(canonicalJson(value));
