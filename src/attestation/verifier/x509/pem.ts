/** PEM (RFC 7468), with any white space between its letters (§3, "lax"), and base64 with exactly one text for each value. */

import { bytesOf, byteString } from '../../../base/bytes.ts';

/** Base64 or base64url, padded or not; undefined for anything that does not encode back to itself. */
export function fromBase64(text: string): Uint8Array | undefined {
  const bare = text.replace(/-/g, '+').replace(/_/g, '/').replace(/=+$/, '');
  if (!/^[A-Za-z0-9+/]*$/.test(bare) || bare.length % 4 === 1) return undefined;
  const padded = bare.padEnd(Math.ceil(bare.length / 4) * 4, '=');
  if (text.endsWith('=') && text.length !== padded.length) return undefined;
  const binary = atob(padded);
  return btoa(binary) === padded ? bytesOf(binary) : undefined;
}

/** The built-in one is twenty times as fast, where there is one. */
export const toBase64 = (bytes: Uint8Array): string => (typeof bytes.toBase64 === 'function' ? bytes.toBase64() : btoa(byteString(bytes)));
export const toBase64url = (bytes: Uint8Array): string => toBase64(bytes).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]+)-----END \1-----/g;
/** Ends of lines as they come out of JSON and of variables of the environment. */
const ESCAPED_END = /\\[rn]/g;

export interface PemBlock {
  readonly label: string;
  readonly der: Uint8Array;
}

/**
 * All blocks of a text, in lines, indented or in one line; undefined when one of them is damaged. Text around them is allowed, as in
 * certificates with a printed form.
 */
export function pemBlocks(given: string): PemBlock[] | undefined {
  const blocks: PemBlock[] = [];
  const text = given.replace(ESCAPED_END, '\n');
  for (const [, label, body] of text.matchAll(BLOCK)) {
    const der = fromBase64(body.replace(/\s+/g, ''));
    if (der === undefined || der.length === 0) return undefined;
    blocks.push({ label, der });
  }
  return blocks.length === (text.match(/-----BEGIN /g)?.length ?? 0) && blocks.length === (text.match(/-----END /g)?.length ?? 0) ? blocks : undefined;
}

/** Lines of 64 letters (RFC 7468 §2), or of 76, as Intel's authorities once were written. */
const WIDTHS = [64, 76];

function isCanonical(text: string, { label, der }: PemBlock): boolean {
  const base64 = toBase64(der);
  return WIDTHS.some((width) => text === `-----BEGIN ${label}-----\n${base64.replace(new RegExp(`.{1,${width}}`, 'g'), '$&\n')}-----END ${label}-----`);
}

/** A chain of certificates and nothing else, written in the one way in which quotes hold it: nothing in it can be changed and mean the same. */
export function pemChain(bytes: Uint8Array): Uint8Array[] | undefined {
  const text = byteString(bytes).replace(/\n\0?$/, '');
  const blocks = pemBlocks(text);
  if (blocks === undefined || blocks.length === 0) return undefined;
  const parts = text.split(/(?<=-----END CERTIFICATE-----)\n/);
  if (parts.length !== blocks.length || !parts.every((part, index) => blocks[index].label === 'CERTIFICATE' && isCanonical(part, blocks[index]))) return undefined;
  return blocks.map(({ der }) => der);
}
