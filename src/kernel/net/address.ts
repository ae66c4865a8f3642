/** Socket addresses between guest memory and the kernel (unix(7), ip(7), ipv6(7)). */

import { AF_INET, AF_INET6, AF_UNIX, AF_UNSPEC, SOCKADDR_IN6_BYTES, SOCKADDR_IN_BYTES, SOCKADDR_STORAGE_BYTES, SOCKADDR_UN_BYTES } from '../../abi/socket.ts';
import { byteString, bytesOf } from '../../base/bytes.ts';
import type { GuestAddr } from '../../base/flavor.ts';
import { EAFNOSUPPORT, EINVAL } from '../errno.ts';
import { getI32, putU32, view } from '../mm/guest.ts';
import type { AddressSpace } from '../mm/space.ts';

export interface UnixAddress {
  readonly family: typeof AF_UNIX;
  /** A path; or an abstract name, which begins with a NUL; or `''` for none. */
  readonly name: string;
}

/** IPv4 addresses, also mapped ones, as numbers; IPv6 ones as 16-byte strings. */
export type Host = number | string;

export interface InetAddress {
  readonly family: typeof AF_INET | typeof AF_INET6;
  readonly host: Host;
  readonly port: number;
}

/** AF_UNSPEC: dissolves an association. */
export interface NoAddress {
  readonly family: typeof AF_UNSPEC;
}

export type Address = UnixAddress | InetAddress | NoAddress;

export const UNNAMED: UnixAddress = { family: AF_UNIX, name: '' };
export const ANY6 = '\0'.repeat(16);
export const LOOPBACK6 = `${'\0'.repeat(15)}\x01`;
const MAPPED = `${'\0'.repeat(10)}\xff\xff`;
export const LOOPBACK4 = 0x7f00_0001;

/** The bytes of a socket address as the kernel keeps it. */
export function parseAddress(bytes: Uint8Array): Address {
  if (bytes.length < 2) throw EINVAL;
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const family = data.getUint16(0, true);
  switch (family) {
    case AF_UNSPEC:
      return { family };
    case AF_UNIX: {
      if (bytes.length > SOCKADDR_UN_BYTES) throw EINVAL;
      const name = bytes.subarray(2);
      if (name.length === 0) return UNNAMED;
      if (name[0] === 0) return { family, name: byteString(name) };
      const end = name.indexOf(0);
      return { family, name: byteString(end < 0 ? name : name.subarray(0, end)) };
    }
    case AF_INET:
      if (bytes.length < SOCKADDR_IN_BYTES) throw EINVAL;
      return { family, port: data.getUint16(2), host: data.getUint32(4) };
    case AF_INET6: {
      // RFC 2133 has no scope.
      if (bytes.length < SOCKADDR_IN6_BYTES - 4) throw EINVAL;
      const host = byteString(bytes.subarray(8, 24));
      return { family, port: data.getUint16(2), host: host.startsWith(MAPPED) ? data.getUint32(20) : host };
    }
    default:
      throw EAFNOSUPPORT;
  }
}

export function formatAddress(address: Address): Uint8Array {
  switch (address.family) {
    case AF_UNIX: {
      const { name } = address;
      const out = new Uint8Array(2 + name.length + (name !== '' && name.charCodeAt(0) !== 0 ? 1 : 0));
      out[0] = AF_UNIX;
      out.set(bytesOf(name), 2);
      return out;
    }
    case AF_INET: {
      const out = new Uint8Array(SOCKADDR_IN_BYTES);
      const data = new DataView(out.buffer);
      data.setUint16(0, AF_INET, true);
      data.setUint16(2, address.port);
      data.setUint32(4, address.host as number);
      return out;
    }
    case AF_INET6: {
      const out = new Uint8Array(SOCKADDR_IN6_BYTES);
      const data = new DataView(out.buffer);
      data.setUint16(0, AF_INET6, true);
      data.setUint16(2, address.port);
      if (typeof address.host === 'string') out.set(bytesOf(address.host), 8);
      else {
        out.set(bytesOf(MAPPED), 8);
        data.setUint32(20, address.host);
      }
      return out;
    }
    default:
      return new Uint8Array(2);
  }
}

export function readAddress(mm: AddressSpace, at: GuestAddr, length: number): Address {
  if (length < 0 || length > SOCKADDR_STORAGE_BYTES) throw EINVAL;
  return parseAddress(view(mm, at, length, 'read'));
}

/** Writes an address and its true length where the guest wants them; the address is cut at the length that was there. */
export function writeAddress(mm: AddressSpace, at: GuestAddr, lengthAt: GuestAddr, address: Address | undefined): void {
  if (at === 0) return;
  const room = getI32(mm, lengthAt);
  if (room < 0) throw EINVAL;
  putU32(mm, lengthAt, address === undefined ? 0 : putAddress(mm, at, room, address));
}

/** At most `room` bytes of it; gives the true length. */
export function putAddress(mm: AddressSpace, at: GuestAddr, room: number, address: Address): number {
  const bytes = formatAddress(address);
  const count = Math.min(room, bytes.length);
  view(mm, at, count, 'write').set(bytes.subarray(0, count));
  return bytes.length;
}

export const isLoopback4 = (host: Host): host is number => typeof host === 'number' && host >>> 24 === 127;
