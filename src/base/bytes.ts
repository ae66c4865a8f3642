/** Bytes: joining, comparing, hexadecimal, byte strings (one character per byte). */

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** The verifier runs where there is no `Uint8Array.prototype.toHex` as well. */
export const toHex = (bytes: Uint8Array): string => (typeof bytes.toHex === 'function' ? bytes.toHex() : Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(''));

/** Throws SyntaxError on anything but pairs of hexadecimal digits. */
export function fromHex(text: string): Uint8Array {
  if (typeof Uint8Array.fromHex === 'function') return Uint8Array.fromHex(text);
  if (text.length % 2 !== 0 || /[^0-9a-fA-F]/.test(text)) throw new SyntaxError('not a string of hexadecimal pairs');
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

/** Compares in time that depends on the lengths only. */
export function equalSecret(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let at = 0; at < a.length; at++) difference |= a[at] ^ b[at];
  return difference === 0;
}

/** A byte string to its bytes. */
export function bytesOf(text: string): Uint8Array {
  const out = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) out[at] = text.charCodeAt(at);
  return out;
}

/** Bytes to a byte string. */
export function byteString(bytes: Uint8Array): string {
  let out = '';
  for (let at = 0; at < bytes.length; at += 8192) out += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return out;
}

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder();

/** Ordinary text to the byte string that the guest sees, and back for people to read. */
export const toByteString = (text: string): string => byteString(utf8.encode(text));
export const toText = (bytes: string): string => fromUtf8.decode(bytesOf(bytes));
