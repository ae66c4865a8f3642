/** Socket options (socket(7), tcp(7), ip(7), ipv6(7)), a row each. Most are kept and reported: there is no wire to set them on. */

import {
  AF_INET, AF_INET6, IP_BIND_ADDRESS_NO_PORT, IP_FREEBIND, IP_MTU_DISCOVER, IP_MULTICAST_LOOP, IP_MULTICAST_TTL, IP_PKTINFO, IP_RECVERR, IP_TOS, IP_TTL, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP,
  IPV6_MULTICAST_HOPS, IPV6_RECVERR, IPV6_RECVPKTINFO, IPV6_TCLASS, IPV6_UNICAST_HOPS, IPV6_V6ONLY, SO_ACCEPTCONN, SO_BROADCAST, SO_DEBUG, SO_DOMAIN, SO_DONTROUTE, SO_ERROR,
  SO_INCOMING_CPU, SO_KEEPALIVE, SO_LINGER, SO_OOBINLINE, SO_PASSCRED, SO_PEERCRED, SO_PEERGROUPS, SO_PEERSEC, SO_PRIORITY, SO_PROTOCOL, SO_RCVBUF, SO_RCVBUFFORCE, SO_RCVLOWAT, SO_RCVTIMEO,
  SO_REUSEADDR, SO_REUSEPORT, SO_SNDBUF, SO_SNDBUFFORCE, SO_SNDLOWAT, SO_SNDTIMEO, SO_TIMESTAMP, SO_TYPE, SOL_SOCKET, TCP_CORK, TCP_DEFER_ACCEPT, TCP_FASTOPEN, TCP_INFO, TCP_KEEPCNT,
  TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_LINGER2, TCP_MAXSEG, TCP_NODELAY, TCP_QUICKACK, TCP_SYNCNT, TCP_USER_TIMEOUT, UCRED_BYTES,
} from '../../abi/socket.ts';
import { EDOM, EINVAL, ENODATA, ENOPROTOOPT, EOPNOTSUPP, type Errno } from '../errno.ts';
import { BUFFER_BYTES } from './channel.ts';
import type { Socket } from './socket.ts';

const TIMEVAL_BYTES = 16, LINGER_BYTES = 8, TCP_INFO_BYTES = 232;
const TCP_ESTABLISHED = 1, TCP_CLOSE = 7, TCP_LISTEN = 10;

interface Option {
  readonly get: (socket: Socket) => Uint8Array;
  /** `value` has at least `bytes` bytes. */
  readonly set: ((socket: Socket, value: DataView) => void) | undefined;
  readonly bytes: number;
}

function int(value: number): Uint8Array {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setInt32(0, value, true);
  return out;
}

const keyOf = (level: number, name: number): number => level * 65536 + name;

/** Cannot be set. */
const shows = (get: (socket: Socket) => number): Option => ({ get: (socket) => int(get(socket)), set: undefined, bytes: 4 });
const has = (get: (socket: Socket) => number, set: (socket: Socket, value: number) => void): Option => ({ get: (socket) => int(get(socket)), set: (socket, value) => set(socket, value.getInt32(0, true)), bytes: 4 });

type Kept = (level: number, name: number) => Option;
const keep = (kept: (value: number) => number, initial: number): Kept => (level, name) => {
  const key = keyOf(level, name);
  return has((socket) => socket.options?.get(key) ?? initial, (socket, value) => {
    socket.options ??= new Map();
    socket.options.set(key, kept(value));
  });
};
/** A number that is kept, and one that is 0 or 1. */
const number = (initial: number): Kept => keep((value) => value, initial);
const flag: Kept = keep((value) => (value === 0 ? 0 : 1), 0);
/** Linux doubles what is asked for, for its own needs. */
const buffer: Kept = keep((value) => Math.min(Math.max(value, 1152), BUFFER_BYTES) * 2, BUFFER_BYTES);

function timeout(get: (socket: Socket) => number, set: (socket: Socket, ns: number) => void): Option {
  return {
    bytes: TIMEVAL_BYTES,
    get: (socket) => {
      const out = new Uint8Array(TIMEVAL_BYTES);
      const ns = get(socket);
      if (ns !== Number.POSITIVE_INFINITY) {
        const data = new DataView(out.buffer);
        data.setBigInt64(0, BigInt(Math.floor(ns / 1e9)), true);
        data.setBigInt64(8, BigInt(Math.floor((ns % 1e9) / 1000)), true);
      }
      return out;
    },
    set: (socket, value) => {
      const seconds = Number(value.getBigInt64(0, true));
      const micros = Number(value.getBigInt64(8, true));
      if (micros < 0 || micros >= 1e6) throw EDOM;
      // A negative time is none at all; zero is for ever.
      set(socket, seconds < 0 ? 0 : seconds === 0 && micros === 0 ? Number.POSITIVE_INFINITY : seconds * 1e9 + micros * 1000);
    },
  };
}

const linger: Option = {
  bytes: LINGER_BYTES,
  get: (socket) => {
    const out = new Uint8Array(LINGER_BYTES);
    const seconds = socket.options?.get(keyOf(SOL_SOCKET, SO_LINGER)) ?? -1;
    out.set(int(seconds < 0 ? 0 : 1));
    out.set(int(Math.max(seconds, 0)), 4);
    return out;
  },
  set: (socket, value) => {
    socket.options ??= new Map();
    socket.options.set(keyOf(SOL_SOCKET, SO_LINGER), value.getInt32(0, true) === 0 ? -1 : Math.max(value.getInt32(4, true), 0));
  },
};

const peerCred: Option = {
  bytes: UCRED_BYTES,
  set: undefined,
  get: ({ peerCreds: { pid, uid, gid } }) => {
    const out = new Uint8Array(UCRED_BYTES);
    [pid, uid, gid].forEach((value, index) => out.set(int(value), index * 4));
    return out;
  },
};

/** The state; the measures of a path that takes no time are zero. */
const tcpInfo: Option = {
  bytes: TCP_INFO_BYTES,
  set: undefined,
  get: (socket) => {
    const out = new Uint8Array(TCP_INFO_BYTES);
    out[0] = socket.listening ? TCP_LISTEN : socket.remote === undefined ? TCP_CLOSE : TCP_ESTABLISHED;
    return out;
  },
};

const v6Only: Option = has(({ v6Only }) => (v6Only ? 1 : 0), (socket, value) => {
  if (socket.local !== undefined) throw EINVAL;
  socket.v6Only = value !== 0;
});

const never = (error: { readonly errno: number }): Option => ({ bytes: 0, set: undefined, get: () => { throw error; } });

// biome-ignore format: a table
const ROWS: readonly (readonly [level: number, name: number, option: Option | Kept])[] = [
  [SOL_SOCKET, SO_DEBUG, flag],
  [SOL_SOCKET, SO_REUSEADDR, has((socket) => (socket.reuseAddress ? 1 : 0), (socket, value) => { socket.reuseAddress = value !== 0; })],
  [SOL_SOCKET, SO_TYPE, shows((socket) => socket.type)],
  [SOL_SOCKET, SO_ERROR, shows((socket) => socket.takeError()?.errno ?? 0)],
  [SOL_SOCKET, SO_DONTROUTE, flag],
  [SOL_SOCKET, SO_BROADCAST, flag],
  [SOL_SOCKET, SO_SNDBUF, buffer],
  [SOL_SOCKET, SO_RCVBUF, buffer],
  [SOL_SOCKET, SO_KEEPALIVE, flag],
  [SOL_SOCKET, SO_OOBINLINE, flag],
  [SOL_SOCKET, SO_PRIORITY, number(0)],
  [SOL_SOCKET, SO_LINGER, linger],
  [SOL_SOCKET, SO_REUSEPORT, has((socket) => (socket.reusePort ? 1 : 0), (socket, value) => { socket.reusePort = value !== 0; })],
  [SOL_SOCKET, SO_PASSCRED, has((socket) => (socket.passCred ? 1 : 0), (socket, value) => { socket.passCred = value !== 0; })],
  [SOL_SOCKET, SO_PEERCRED, peerCred],
  [SOL_SOCKET, SO_RCVLOWAT, number(1)],
  [SOL_SOCKET, SO_SNDLOWAT, shows(() => 1)],
  [SOL_SOCKET, SO_RCVTIMEO, timeout((socket) => socket.receiveTimeoutNs, (socket, ns) => { socket.receiveTimeoutNs = ns; })],
  [SOL_SOCKET, SO_SNDTIMEO, timeout((socket) => socket.sendTimeoutNs, (socket, ns) => { socket.sendTimeoutNs = ns; })],
  [SOL_SOCKET, SO_TIMESTAMP, flag],
  [SOL_SOCKET, SO_ACCEPTCONN, shows((socket) => (socket.listening ? 1 : 0))],
  [SOL_SOCKET, SO_PEERSEC, never(ENOPROTOOPT)],
  [SOL_SOCKET, SO_SNDBUFFORCE, buffer],
  [SOL_SOCKET, SO_RCVBUFFORCE, buffer],
  [SOL_SOCKET, SO_PROTOCOL, shows((socket) => socket.protocol)],
  [SOL_SOCKET, SO_DOMAIN, shows((socket) => socket.family)],
  [SOL_SOCKET, SO_INCOMING_CPU, number(0)],
  [SOL_SOCKET, SO_PEERGROUPS, never(ENODATA)],
  [IPPROTO_TCP, TCP_NODELAY, flag],
  [IPPROTO_TCP, TCP_MAXSEG, number(65483)],
  [IPPROTO_TCP, TCP_CORK, flag],
  [IPPROTO_TCP, TCP_KEEPIDLE, number(7200)],
  [IPPROTO_TCP, TCP_KEEPINTVL, number(75)],
  [IPPROTO_TCP, TCP_KEEPCNT, number(9)],
  [IPPROTO_TCP, TCP_SYNCNT, number(6)],
  [IPPROTO_TCP, TCP_LINGER2, number(60)],
  [IPPROTO_TCP, TCP_DEFER_ACCEPT, number(0)],
  [IPPROTO_TCP, TCP_INFO, tcpInfo],
  [IPPROTO_TCP, TCP_QUICKACK, number(1)],
  [IPPROTO_TCP, TCP_USER_TIMEOUT, number(0)],
  [IPPROTO_TCP, TCP_FASTOPEN, never(EOPNOTSUPP)],
  [IPPROTO_IP, IP_TOS, number(0)],
  [IPPROTO_IP, IP_TTL, number(64)],
  [IPPROTO_IP, IP_PKTINFO, flag],
  [IPPROTO_IP, IP_MTU_DISCOVER, number(1)],
  [IPPROTO_IP, IP_RECVERR, flag],
  [IPPROTO_IP, IP_FREEBIND, flag],
  [IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, flag],
  [IPPROTO_IP, IP_MULTICAST_TTL, number(1)],
  [IPPROTO_IP, IP_MULTICAST_LOOP, number(1)],
  [IPPROTO_IPV6, IPV6_UNICAST_HOPS, number(64)],
  [IPPROTO_IPV6, IPV6_MULTICAST_HOPS, number(1)],
  [IPPROTO_IPV6, IPV6_RECVERR, flag],
  [IPPROTO_IPV6, IPV6_V6ONLY, v6Only],
  [IPPROTO_IPV6, IPV6_RECVPKTINFO, flag],
  [IPPROTO_IPV6, IPV6_TCLASS, number(0)],
];

const OPTIONS: ReadonlyMap<number, Option> = new Map(ROWS.map(([level, name, option]) => [keyOf(level, name), typeof option === 'function' ? option(level, name) : option]));

/** ENOPROTOOPT for what the protocol does not know; `foreign` for levels of others, where unix(7) answers EOPNOTSUPP. */
function optionOf(socket: Socket, level: number, name: number, foreign: Errno): Option {
  const { family } = socket;
  const fits = level === SOL_SOCKET || (level === IPPROTO_TCP && socket.protocol === IPPROTO_TCP) || (level === IPPROTO_IP && (family === AF_INET || family === AF_INET6)) || (level === IPPROTO_IPV6 && family === AF_INET6);
  if (!fits) throw socket.isUnix ? EOPNOTSUPP : foreign;
  const option = name < 0 || name > 0xffff ? undefined : OPTIONS.get(keyOf(level, name));
  if (option === undefined) throw ENOPROTOOPT;
  return option;
}

export const getOption = (socket: Socket, level: number, name: number): Uint8Array => optionOf(socket, level, name, socket.family === AF_INET ? EOPNOTSUPP : ENOPROTOOPT).get(socket);

/** `value` is live guest memory. */
export function setOption(socket: Socket, level: number, name: number, value: (bytes: number) => DataView, length: number): void {
  const option = optionOf(socket, level, name, ENOPROTOOPT);
  if (option.set === undefined) throw ENOPROTOOPT;
  if (length < option.bytes) throw EINVAL;
  option.set(socket, value(option.bytes));
}
