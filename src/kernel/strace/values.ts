/** How single values print, as strace prints them. */

import { bytesOf } from '../../base/bytes.ts';

const ESCAPES: Readonly<Record<number, string>> = { 9: '\\t', 10: '\\n', 11: '\\v', 12: '\\f', 13: '\\r', 34: '\\"', 92: '\\\\' };

/** At most this much of a string is shown. */
export const STRING_LIMIT = 32;

export function quote(bytes: Uint8Array, more: boolean): string {
  let out = '';
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    const escape = ESCAPES[byte];
    if (escape !== undefined) out += escape;
    else if (byte >= 32 && byte < 127) out += String.fromCharCode(byte);
    else {
      const next = bytes[at + 1];
      out += `\\${next !== undefined && next >= 48 && next < 56 ? byte.toString(8).padStart(3, '0') : byte.toString(8)}`;
    }
  }
  return `"${out}"${more ? '...' : ''}`;
}

export const quoteText = (text: string): string => quote(bytesOf(text.slice(0, 4096)), text.length > 4096);

export const hex = (value: number): string => (value === 0 ? '0' : `0x${value.toString(16)}`);
export const pointer = (value: number): string => (value === 0 ? 'NULL' : `0x${value.toString(16)}`);

/** `A|B|0x40`; `zero` when nothing is set. */
export function flags(value: number, names: readonly (readonly [string, number])[], zero = '0'): string {
  if (value === 0) return zero;
  const out: string[] = [];
  let rest = value;
  for (const [name, bits] of names) {
    if (bits !== 0 && and(rest, bits) === bits) {
      out.push(name);
      rest -= bits;
    }
  }
  if (rest !== 0) out.push(hex(rest));
  return out.join('|');
}

const and = (a: number, b: number): number => Number(BigInt(Math.trunc(a)) & BigInt(b));

/** One of a set of names. */
export const choice = (value: number, names: readonly (readonly [string, number])[]): string => names.find(([, number]) => number === value)?.[0] ?? hex(value < 0 ? value >>> 0 : value);
