/** DER written, for forged chains. */

export type Der = Uint8Array;

export function tlv(tag: number, ...parts: readonly Uint8Array[]): Der {
  const body = Buffer.concat(parts);
  const { length } = body;
  const head = length < 128 ? [tag, length] : length < 256 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Uint8Array.from(head), body]);
}

export const sequence = (...parts: readonly Der[]): Der => tlv(0x30, ...parts);
export const setOf = (...parts: readonly Der[]): Der => tlv(0x31, ...parts);
export const octets = (bytes: Uint8Array): Der => tlv(0x04, bytes);
export const bits = (bytes: Uint8Array): Der => tlv(0x03, Uint8Array.of(0), bytes);
export const bool = (value: boolean): Der => tlv(0x01, Uint8Array.of(value ? 0xff : 0));
export const utf8 = (text: string): Der => tlv(0x0c, Buffer.from(text));
export const ia5 = (text: string): Der => tlv(0x16, Buffer.from(text));
export const explicit = (number: number, ...parts: readonly Der[]): Der => tlv(0xa0 | number, ...parts);

export function integer(value: number | Uint8Array): Der {
  let bytes =
    typeof value === 'number'
      ? Uint8Array.from(
          (
            value
              .toString(16)
              .padStart(value.toString(16).length + (value.toString(16).length % 2), '0')
              .match(/../g) ?? []
          ).map((pair) => Number.parseInt(pair, 16)),
        )
      : value;
  while (bytes.length > 1 && bytes[0] === 0 && bytes[1] < 0x80) bytes = bytes.subarray(1);
  return bytes[0] >= 0x80 ? tlv(0x02, Uint8Array.of(0), bytes) : tlv(0x02, bytes);
}

export function oid(dotted: string): Der {
  const [first, second, ...rest] = dotted.split('.').map(Number);
  const out: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const digits = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) digits.unshift((left % 128) | 0x80);
    out.push(...digits);
  }
  return tlv(0x06, Uint8Array.from(out));
}

export function time(date: Date): Der {
  const digits = date.toISOString().replace(/[-:T]/g, '').slice(0, 14);
  return date.getUTCFullYear() < 2050 ? tlv(0x17, Buffer.from(`${digits.slice(2)}Z`)) : tlv(0x18, Buffer.from(`${digits}Z`));
}
