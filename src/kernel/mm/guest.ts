/**
 * Guest bytes. The only module that touches them: every access is checked against the mappings first, because a
 * JavaScript access to a page that is not there kills the whole enclave. Refusals are EFAULT, as copy_from_user gives.
 *
 * A `view` is the guest's memory itself, good until the next call that may map, grow or switch memory: use it at
 * once, never keep it.
 */

import type { GuestAddr } from '../../base/flavor.ts';
import { byteString } from '../../base/bytes.ts';
import { E2BIG, EFAULT, EINVAL, ENAMETOOLONG } from '../errno.ts';
import { PROT_READ, PROT_WRITE } from '../platform.ts';
import type { SysResult } from '../result.ts';
import type { AddressSpace } from './space.ts';

const EMPTY = new Uint8Array(0);

/** The most bytes that one transfer moves (MAX_RW_COUNT). */
export const MAX_RW_COUNT = 0x7fff_f000;
/** Where a program's addresses end (TASK_SIZE). */
export const USER_LIMIT = 0x7fff_ffff_f000;
export const UIO_MAXIOV = 1024;
export const PATH_MAX = 4096;

/** Programs read into and write from the same buffers again and again. */
function bytesAt({ memory: { bytes }, views }: AddressSpace, address: GuestAddr, length: number, access: 'read' | 'write'): Uint8Array {
  const last = views[access];
  if (last.byteOffset === address && last.length === length && last.buffer === bytes.buffer) return last;
  return (views[access] = bytes.subarray(address, address + length));
}

/** The guest's own bytes [address, address + length), live. */
export function view(mm: AddressSpace, address: GuestAddr, length: number, access: 'read' | 'write'): Uint8Array {
  if (length === 0) return EMPTY;
  if (!mm.vmas.allows(address, length, access === 'read' ? PROT_READ : PROT_WRITE)) throw EFAULT;
  return bytesAt(mm, address, length, access);
}

/** As `view`, but shortened to the part that is accessible; EFAULT where nothing is. For transfers that may be partial. */
export function viewPrefix(mm: AddressSpace, address: GuestAddr, length: number, access: 'read' | 'write'): Uint8Array {
  if (length === 0) return EMPTY;
  const allowed = mm.vmas.allowedPrefix(address, length, access === 'read' ? PROT_READ : PROT_WRITE);
  if (allowed <= 0) throw EFAULT;
  return bytesAt(mm, address, allowed, access);
}

/**
 * What a read gives whose buffer is not there at all: EFAULT at once for addresses that no program has, else what `read` says,
 * which raises EFAULT when there is something to put into the buffer.
 */
export function faulting(error: unknown, { base, length }: Segment, read: () => SysResult): SysResult {
  if (error !== EFAULT || base + length > USER_LIMIT) throw error;
  return read();
}

/** A copy of guest bytes. */
export function readBytes(mm: AddressSpace, address: GuestAddr, length: number): Uint8Array {
  return view(mm, address, length, 'read').slice();
}

export function writeBytes(mm: AddressSpace, address: GuestAddr, bytes: Uint8Array): void {
  view(mm, address, bytes.length, 'write').set(bytes);
}

/** Zeroes guest bytes. */
export function clearBytes(mm: AddressSpace, address: GuestAddr, length: number): void {
  view(mm, address, length, 'write').fill(0);
}

/** A string up to its NUL, as a byte string; more than `limit` bytes without one throw `tooLong`. */
export function readCString(mm: AddressSpace, address: GuestAddr, limit: number = PATH_MAX, tooLong: { readonly errno: number } = ENAMETOOLONG): string {
  let at: number = address;
  let out = '';
  let left = limit;
  while (left > 0) {
    const allowed = mm.vmas.allowedPrefix(at, Math.min(left, 4096), PROT_READ);
    if (allowed <= 0) throw EFAULT;
    const bytes = mm.memory.bytes;
    const end = at + allowed;
    if (out === '' && allowed > 0) {
      // Short strings, the usual case, without an intermediate array.
      let zero = at;
      while (zero < end && bytes[zero] !== 0) zero++;
      if (zero < end) return zero - at < 64 ? shortString(bytes, at, zero) : byteString(bytes.subarray(at, zero));
    } else {
      const zero = bytes.subarray(at, end).indexOf(0);
      if (zero >= 0) return out + byteString(bytes.subarray(at, at + zero));
    }
    out += byteString(bytes.subarray(at, end));
    at = end;
    left -= allowed;
  }
  throw tooLong;
}

function shortString(bytes: Uint8Array, from: number, to: number): string {
  let out = '';
  for (let at = from; at < to; at++) out += String.fromCharCode(bytes[at]);
  return out;
}

/** A NULL-terminated array of strings (argv, envp); `budget` bytes in all, E2BIG beyond. A null pointer is an empty one. */
export function readStringArray(mm: AddressSpace, address: GuestAddr, budget: number): string[] {
  const out: string[] = [];
  if (address === 0) return out;
  let left = budget;
  for (let at: number = address; ; at += 8) {
    const pointer = getU64(mm, at);
    if (pointer === 0) return out;
    const text = readCString(mm, pointer, Math.min(left, 131072), E2BIG);
    left -= text.length + 9;
    if (left < 0) throw E2BIG;
    out.push(text);
  }
}

/** The guest's memory at whole, for reading or writing the fields of a structure at [address, address + length): as `view`, to be used at once. */
export function fields(mm: AddressSpace, address: GuestAddr, length: number, access: 'read' | 'write'): DataView {
  return checked(mm, address, length, access === 'read' ? PROT_READ : PROT_WRITE);
}

function checked(mm: AddressSpace, address: number, length: number, need: number): DataView {
  if (!mm.vmas.allows(address, length, need)) throw EFAULT;
  return mm.memory.view;
}

export const getU8 = (mm: AddressSpace, address: GuestAddr): number => checked(mm, address, 1, PROT_READ).getUint8(address);
export const getU16 = (mm: AddressSpace, address: GuestAddr): number => checked(mm, address, 2, PROT_READ).getUint16(address, true);
export const getI16 = (mm: AddressSpace, address: GuestAddr): number => checked(mm, address, 2, PROT_READ).getInt16(address, true);
export const getU32 = (mm: AddressSpace, address: GuestAddr): number => checked(mm, address, 4, PROT_READ).getUint32(address, true);
export const getI32 = (mm: AddressSpace, address: GuestAddr): number => checked(mm, address, 4, PROT_READ).getInt32(address, true);
export const getBig = (mm: AddressSpace, address: GuestAddr): bigint => checked(mm, address, 8, PROT_READ).getBigUint64(address, true);

/** Exact below 2^53, rounded above. */
export function getU64(mm: AddressSpace, address: GuestAddr): number {
  const data = checked(mm, address, 8, PROT_READ);
  return data.getUint32(address, true) + data.getUint32(address + 4, true) * 0x1_0000_0000;
}

/** Exact within ±2^53. */
export function getI64(mm: AddressSpace, address: GuestAddr): number {
  const data = checked(mm, address, 8, PROT_READ);
  return data.getUint32(address, true) + data.getInt32(address + 4, true) * 0x1_0000_0000;
}

export const putU8 = (mm: AddressSpace, address: GuestAddr, value: number): void => checked(mm, address, 1, PROT_WRITE).setUint8(address, value);
export const putU16 = (mm: AddressSpace, address: GuestAddr, value: number): void => checked(mm, address, 2, PROT_WRITE).setUint16(address, value, true);
/** Also for signed values. */
export const putU32 = (mm: AddressSpace, address: GuestAddr, value: number): void => checked(mm, address, 4, PROT_WRITE).setUint32(address, value, true);
export const putBig = (mm: AddressSpace, address: GuestAddr, value: bigint): void => checked(mm, address, 8, PROT_WRITE).setBigUint64(address, value, true);

/** Also for signed values; integers of at most 53 bits. */
export function putU64(mm: AddressSpace, address: GuestAddr, value: number): void {
  const data = checked(mm, address, 8, PROT_WRITE);
  data.setUint32(address, value, true);
  data.setInt32(address + 4, Math.floor(value / 0x1_0000_0000), true);
}

/** One part of a scattered transfer. */
export interface Segment {
  readonly base: GuestAddr;
  readonly length: number;
}

/** struct iovec[count]: EINVAL for too many or a sum that overflows; lengths are cut at MAX_RW_COUNT as Linux does. */
export function readIovecs(mm: AddressSpace, address: GuestAddr, count: number): Segment[] {
  if (count < 0 || count > UIO_MAXIOV) throw EINVAL;
  const out: Segment[] = [];
  let left = MAX_RW_COUNT;
  for (let index = 0; index < count; index++) {
    const base = getU64(mm, address + index * 16);
    const length = getI64(mm, address + index * 16 + 8);
    if (length < 0) throw EINVAL;
    const take = Math.min(length, left);
    left -= take;
    out.push({ base, length: take });
  }
  return out;
}

/** struct timespec to nanoseconds; EINVAL when it is not normalised or negative. */
export function readTimespec(mm: AddressSpace, address: GuestAddr): number {
  const seconds = getI64(mm, address);
  const nanoseconds = getI64(mm, address + 8);
  if (seconds < 0 || nanoseconds < 0 || nanoseconds >= 1e9) throw EINVAL;
  return seconds * 1e9 + nanoseconds;
}

export function writeTimespec(mm: AddressSpace, address: GuestAddr, ns: number): void {
  const data = checked(mm, address, 16, PROT_WRITE);
  const seconds = Math.floor(ns / 1e9);
  data.setUint32(address, seconds, true);
  data.setInt32(address + 4, Math.floor(seconds / 0x1_0000_0000), true);
  data.setUint32(address + 8, Math.round(ns - seconds * 1e9), true);
  data.setUint32(address + 12, 0, true);
}

/** struct timeval to nanoseconds; EINVAL when it is not normalised or negative. */
export function readTimeval(mm: AddressSpace, address: GuestAddr): number {
  const seconds = getI64(mm, address);
  const microseconds = getI64(mm, address + 8);
  if (seconds < 0 || microseconds < 0 || microseconds >= 1e6) throw EINVAL;
  return seconds * 1e9 + microseconds * 1000;
}

export function writeTimeval(mm: AddressSpace, address: GuestAddr, ns: number): void {
  const seconds = Math.floor(ns / 1e9);
  putU64(mm, address, seconds);
  putU64(mm, address + 8, Math.floor((ns - seconds * 1e9) / 1000));
}
