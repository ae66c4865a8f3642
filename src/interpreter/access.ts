/** What the load and store operations do to bytes; shared by guest memory and the register file. */

import type { Datum } from './scalar.ts';

/** The value that a load operation makes of the bytes it reads. */
export function loaded(op: string, bytes: Uint8Array): Datum {
  const [type, name] = op.split('.') as [string, string];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (type === 'v128') return loadedVector(name, bytes, view);
  const narrow = /^load(8|16|32)_([su])$/.exec(name);
  const width = narrow === null ? bytes.length * 8 : Number(narrow[1]);
  let value = 0n;
  for (let at = bytes.length - 1; at >= 0; at--) value = (value << 8n) | BigInt(bytes[at]);
  if (narrow?.[2] === 's') value = BigInt.asIntN(width, value);
  return type === 'i64' || type === 'f64' ? BigInt.asUintN(64, value) : Number(BigInt.asIntN(32, value));
}

function loadedVector(name: string, bytes: Uint8Array, view: DataView): Uint8Array {
  const out = new Uint8Array(16);
  const to = new DataView(out.buffer);
  const splat = /^load(8|16|32|64)_splat$/.exec(name);
  const extend = /^load(8x8|16x4|32x2)_([su])$/.exec(name);
  if (splat !== null) {
    for (let at = 0; at < 16; at += bytes.length) out.set(bytes, at);
  } else if (extend !== null) {
    const s = extend[2] === 's';
    if (extend[1] === '8x8') for (let at = 0; at < 8; at++) to.setInt16(at * 2, s ? view.getInt8(at) : view.getUint8(at), true);
    else if (extend[1] === '16x4') for (let at = 0; at < 4; at++) to.setInt32(at * 4, s ? view.getInt16(at * 2, true) : view.getUint16(at * 2, true), true);
    else for (let at = 0; at < 2; at++) to.setBigInt64(at * 8, BigInt(s ? view.getInt32(at * 4, true) : view.getUint32(at * 4, true)), true);
  } else out.set(bytes);
  return out;
}

/** The bytes that a store operation of `width` bytes writes. */
export function stored(width: number, value: Datum): Uint8Array {
  if (value instanceof Uint8Array) return value;
  const out = new Uint8Array(width);
  let rest = BigInt.asUintN(64, BigInt(value));
  for (let at = 0; at < width; at++) {
    out[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return out;
}
