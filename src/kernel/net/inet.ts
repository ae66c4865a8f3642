/**
 * Names of AF_INET and AF_INET6 (ip(7), ipv6(7)): the enclave is a host with a loopback interface and nothing else.
 * Ports of TCP and UDP; an IPv6 socket hears IPv4 too unless IPV6_V6ONLY.
 */

import { AF_INET, AF_INET6 } from '../../abi/socket.ts';
import { EACCES, EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, ECONNREFUSED, EINVAL, ENETUNREACH } from '../errno.ts';
import { CAP, hasCap } from '../task/creds.ts';
import type { Task } from '../task/task.ts';
import { type Address, ANY6, type Host, type InetAddress, isLoopback4, LOOPBACK4, LOOPBACK6 } from './address.ts';
import type { Names, Socket } from './socket.ts';

/** net.ipv4.ip_local_port_range. */
const FIRST_EPHEMERAL = 32768,
  LAST_EPHEMERAL = 60999;
const FIRST_FREE_FOR_ALL = 1024;

const anyOf = ({ family }: Socket): Host => (family === AF_INET ? 0 : ANY6);
const isAny = (host: Host): boolean => host === 0 || host === ANY6;

export class InetNames implements Names {
  readonly #ports = new Map<number, Set<Socket>>();
  readonly #bound = new Map<Socket, InetAddress>();
  /** Sockets whose port was not asked for. */
  readonly #ephemeral = new WeakSet<Socket>();
  #next: number;

  /** `seed`: where to begin with ephemeral ports. */
  constructor(seed: number) {
    this.#next = FIRST_EPHEMERAL + (seed % (LAST_EPHEMERAL - FIRST_EPHEMERAL + 1));
  }

  bind(task: Task, socket: Socket, address: Address): void {
    if (address.family !== socket.family) throw address.family === AF_INET || address.family === AF_INET6 ? EINVAL : EAFNOSUPPORT;
    const { host, port } = address as InetAddress;
    if (this.#bound.has(socket)) throw EINVAL;
    if (!isAny(host) && !isLoopback4(host) && host !== LOOPBACK6) throw EADDRNOTAVAIL;
    if (socket.family === AF_INET6 && socket.v6Only && typeof host === 'number') throw EADDRNOTAVAIL;
    if (port !== 0 && port < FIRST_FREE_FOR_ALL && !hasCap(task.creds, CAP.NET_BIND_SERVICE)) throw EACCES;
    this.#take(socket, host, port);
  }

  autobind(socket: Socket): void {
    if (!this.#bound.has(socket)) this.#take(socket, (socket.local as InetAddress | undefined)?.host ?? anyOf(socket), 0);
  }

  #take(socket: Socket, host: Host, port: number): void {
    if (port === 0) {
      port = this.#freePort(socket, host);
      this.#ephemeral.add(socket);
    } else if (this.#taken(socket, host, port)) throw EADDRINUSE;
    const address: InetAddress = { family: socket.family as typeof AF_INET, host, port };
    socket.local = address;
    this.#bound.set(socket, address);
    const holders = this.#ports.get(port);
    if (holders === undefined) this.#ports.set(port, new Set([socket]));
    else holders.add(socket);
  }

  #freePort(socket: Socket, host: Host): number {
    for (let tries = FIRST_EPHEMERAL; tries <= LAST_EPHEMERAL; tries++) {
      const port = this.#next;
      this.#next = port === LAST_EPHEMERAL ? FIRST_EPHEMERAL : port + 1;
      if (!this.#ports.has(port) || !this.#taken(socket, host, port, 'whatever the options')) return port;
    }
    throw EADDRINUSE;
  }

  #taken(socket: Socket, host: Host, port: number, options?: 'whatever the options'): boolean {
    for (const other of this.#ports.get(port) ?? []) {
      const { host: otherHost } = this.#bound.get(other) as InetAddress;
      if (!overlap(socket, host, other, otherHost)) continue;
      if (options !== undefined) return true;
      if (socket.reusePort && other.reusePort) continue;
      if (socket.reuseAddress && other.reuseAddress && !other.listening) continue;
      return true;
    }
    return false;
  }

  /** 0.0.0.0 and :: as destinations are the host itself. */
  destination(_found: Socket, address: Address): InetAddress {
    if (address.family !== AF_INET && address.family !== AF_INET6) throw EAFNOSUPPORT;
    const { host } = address;
    if (host === 0) return { ...address, host: LOOPBACK4 };
    if (host === ANY6) return { ...address, host: LOOPBACK6 };
    if (!isLoopback4(host) && host !== LOOPBACK6) throw ENETUNREACH;
    return address;
  }

  find(_task: Task, from: Socket, address: Address): Socket {
    if (address.family === AF_INET6 && from.family === AF_INET) throw EAFNOSUPPORT;
    const { host, port } = this.destination(from, address);
    if (from.family === AF_INET6 && from.v6Only && typeof host === 'number') throw ENETUNREACH;
    let best: Socket | undefined;
    let bestRank = -1;
    for (const socket of this.#ports.get(port) ?? []) {
      const rank = this.#rank(socket, host, from);
      if (rank > bestRank) {
        best = socket;
        bestRank = rank;
      }
    }
    if (best === undefined) throw ECONNREFUSED;
    return best;
  }

  /** How well a socket fits what is sent to `host`; −1 = not at all. */
  #rank(socket: Socket, host: Host, from: Socket): number {
    const bound = this.#bound.get(socket) as InetAddress;
    let rank: number;
    if (bound.host === host) rank = 4;
    else if (bound.host === 0 && typeof host === 'number') rank = 3;
    else if (bound.host === ANY6 && (host === LOOPBACK6 || (typeof host === 'number' && !socket.v6Only))) rank = 2;
    else return -1;
    if (socket.listening) return rank + 20;
    const remote = socket.remote as InetAddress | undefined;
    if (remote === undefined) return rank;
    // A connected datagram socket hears its peer only.
    const source = this.sourceFor(from, { ...bound, host } as InetAddress);
    return remote.port === source.port && remote.host === source.host ? rank + 10 : -1;
  }

  /** What connect(2) has chosen is free again; what bind(2) was asked for stays. */
  disconnect(socket: Socket): void {
    const bound = this.#bound.get(socket);
    if (bound === undefined) return;
    if (!this.#ephemeral.has(socket)) {
      socket.local = bound;
      return;
    }
    this.unbind(socket);
    socket.local = isAny(bound.host) ? undefined : { ...bound, port: 0 };
  }

  unbind(socket: Socket): void {
    this.#ephemeral.delete(socket);
    const bound = this.#bound.get(socket);
    if (bound === undefined) return;
    this.#bound.delete(socket);
    const holders = this.#ports.get(bound.port);
    holders?.delete(socket);
    if (holders?.size === 0) this.#ports.delete(bound.port);
  }

  sourceFor(from: Socket, address: Address): InetAddress {
    const local = from.local as InetAddress;
    if (!isAny(local.host)) return local;
    const { host } = this.destination(from, address);
    return { family: local.family, host: typeof host === 'number' ? LOOPBACK4 : LOOPBACK6, port: local.port };
  }
}

/** Whether two sockets on one port could be meant by one address. */
function overlap(one: Socket, host: Host, other: Socket, otherHost: Host): boolean {
  if (host === otherHost) return true;
  const covers = (socket: Socket, wide: Host, narrow: Host): boolean => (wide === 0 && typeof narrow === 'number') || (wide === ANY6 && (typeof narrow === 'string' || !socket.v6Only));
  return covers(one, host, otherHost) || covers(other, otherHost, host);
}
