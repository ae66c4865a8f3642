/**
 * Secret sharing (Shamir, "How to share a secret", 1979) over GF(2^8) with the polynomial of AES: any `threshold` of the
 * shares give the secret, fewer say nothing about it. Multiplication takes the same steps whatever its operands are.
 */

import { fromHex, toHex } from '../../base/bytes.ts';
import { randomBytes, sha256, wipe } from '../../crypto/index.ts';

export interface Share {
  /** 1 to 255: where the polynomial was evaluated. */
  readonly index: number;
  readonly threshold: number;
  /** Shares of one splitting have one id. */
  readonly id: string;
  readonly value: Uint8Array;
}

export class ShareError extends Error {
  override readonly name = 'ShareError';
  readonly code = 'share-format';
}

function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = 0; bit < 8; bit++) {
    product ^= -((b >> bit) & 1) & a;
    a = (a << 1) ^ (-(a >> 7) & 0x11b);
  }
  return product;
}

/** x^254: the inverse, and 0 for 0. */
function invert(x: number): number {
  let result = 1;
  for (let power = x, exponent = 254; exponent > 0; exponent >>= 1) {
    if (exponent & 1) result = multiply(result, power);
    power = multiply(power, power);
  }
  return result;
}

/** RangeError unless 2 ≤ threshold ≤ count ≤ 255. */
export function splitSecret(secret: Uint8Array, threshold: number, count: number): Share[] {
  if (!Number.isInteger(threshold) || !Number.isInteger(count) || threshold < 2 || count < threshold || count > 255) throw new RangeError('shares are given as M of N with 2 ≤ M ≤ N ≤ 255');
  const id = toHex(randomBytes(4));
  const coefficients = [secret, ...Array.from({ length: threshold - 1 }, () => randomBytes(secret.length))];
  const shares = Array.from({ length: count }, (_, at): Share => {
    const value = new Uint8Array(secret.length);
    // Horner, from the highest coefficient down.
    for (const coefficient of coefficients.toReversed()) for (let byte = 0; byte < value.length; byte++) value[byte] = multiply(value[byte], at + 1) ^ coefficient[byte];
    return { index: at + 1, threshold, id, value };
  });
  wipe(...coefficients.slice(1));
  return shares;
}

/** Interpolates at 0. Wrong shares give a wrong secret: whoever uses it must be able to tell. Throws ShareError. */
export function combineShares(shares: readonly Share[]): Uint8Array {
  const [first] = shares;
  const distinct = [...new Map(shares.map((share) => [share.index, share])).values()];
  if (shares.some(({ id, value, threshold }) => id !== first.id || value.length !== first.value.length || threshold !== first.threshold)) throw new ShareError('the shares do not belong together');
  if (first === undefined || distinct.length < first.threshold) throw new ShareError(`${first?.threshold ?? 'more'} shares are needed, ${distinct.length} are here`);
  const used = distinct.slice(0, first.threshold);
  const secret = new Uint8Array(first.value.length);
  for (const { index, value } of used) {
    let weight = 1;
    for (const { index: other } of used) if (other !== index) weight = multiply(weight, multiply(other, invert(other ^ index)));
    for (let byte = 0; byte < secret.length; byte++) secret[byte] ^= multiply(value[byte], weight);
  }
  return secret;
}

const PREFIX = 'cloister-share-v1';

/** One line, with a checksum against slips of the pen. */
export function encodeShare({ index, threshold, id, value }: Share): string {
  const body = `${PREFIX}:${index}:${threshold}:${id}:${toHex(value)}`;
  return `${body}:${checksum(body)}`;
}

const checksum = (body: string): string => toHex(sha256(new TextEncoder().encode(body)).subarray(0, 4));

/** Throws ShareError. */
export function decodeShare(text: string): Share {
  const line = text.trim();
  const match = /^(cloister-share-v1:(\d{1,3}):(\d{1,3}):([0-9a-f]{8}):((?:[0-9a-f]{2})+)):([0-9a-f]{8})$/.exec(line);
  if (match === null) throw new ShareError('this is not a share of a key');
  const [, body, index, threshold, id, value, sum] = match;
  if (checksum(body) !== sum) throw new ShareError('the share is damaged: its checksum is wrong');
  const share = { index: Number(index), threshold: Number(threshold), id, value: fromHex(value) };
  if (share.index < 1 || share.index > 255 || share.threshold < 2) throw new ShareError('this is not a share of a key');
  return share;
}
