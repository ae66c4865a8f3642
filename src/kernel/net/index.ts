/** The network of an enclave: what socket(2) and socketpair(2) make. Nothing here leaves the enclave. */

import { AF_INET, AF_INET6, AF_UNIX, IPPROTO_TCP, IPPROTO_UDP, SOCK_DCCP, SOCK_DGRAM, SOCK_PACKET, SOCK_RAW, SOCK_SEQPACKET, SOCK_STREAM } from '../../abi/socket.ts';
import { EAFNOSUPPORT, EINVAL, EOPNOTSUPP, EPERM, EPROTONOSUPPORT, ESOCKTNOSUPPORT } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../task/task.ts';
import { ConnectionSocket, pairOf } from './connection.ts';
import { DatagramSocket } from './datagram.ts';
import { InetNames } from './inet.ts';
import type { Names, Socket } from './socket.ts';
import { UnixNames } from './unix.ts';

class Net {
  readonly unix = new UnixNames();
  readonly tcp: Names;
  readonly udp: Names;

  constructor(kernel: Kernel) {
    const seed = new Uint8Array(4);
    kernel.host.random(seed);
    this.tcp = new InetNames(seed[0] + seed[1] * 256);
    this.udp = new InetNames(seed[2] + seed[3] * 256);
  }
}

const nets = new WeakMap<Kernel, Net>();

function netOf(task: Task): Net {
  let net = nets.get(task.kernel);
  if (net === undefined) {
    net = new Net(task.kernel);
    nets.set(task.kernel, net);
  }
  return net;
}

/** `flags`: O_NONBLOCK or 0. */
export function makeSocket(task: Task, family: number, type: number, protocol: number, flags: number): Socket {
  if (type < 0 || type > SOCK_PACKET) throw EINVAL;
  switch (family) {
    case AF_UNIX: {
      if (protocol !== 0 && protocol !== AF_UNIX) throw EPROTONOSUPPORT;
      const { unix } = netOf(task);
      if (type === SOCK_STREAM || type === SOCK_SEQPACKET) return new ConnectionSocket(unix, family, type, 0, flags);
      if (type === SOCK_DGRAM || type === SOCK_RAW) return new DatagramSocket(unix, family, SOCK_DGRAM, 0, flags);
      throw ESOCKTNOSUPPORT;
    }
    case AF_INET:
    case AF_INET6:
      switch (type) {
        case SOCK_STREAM:
          if (protocol !== 0 && protocol !== IPPROTO_TCP) throw EPROTONOSUPPORT;
          return new ConnectionSocket(netOf(task).tcp, family, type, IPPROTO_TCP, flags);
        case SOCK_DGRAM:
          if (protocol !== 0 && protocol !== IPPROTO_UDP) throw EPROTONOSUPPORT;
          return new DatagramSocket(netOf(task).udp, family, type, IPPROTO_UDP, flags);
        case SOCK_RAW:
          throw EPERM;
        default:
          throw type === SOCK_SEQPACKET || type === SOCK_DCCP ? ESOCKTNOSUPPORT : EINVAL;
      }
    default:
      throw EAFNOSUPPORT;
  }
}

export function makeSocketPair(task: Task, family: number, type: number, protocol: number, flags: number): [Socket, Socket] {
  if (family === AF_INET || family === AF_INET6) throw EOPNOTSUPP;
  if (family !== AF_UNIX) throw EAFNOSUPPORT;
  if (protocol !== 0 && protocol !== AF_UNIX) throw EPROTONOSUPPORT;
  const { unix } = netOf(task);
  if (type === SOCK_STREAM || type === SOCK_SEQPACKET) return pairOf(task, unix, family, type, flags);
  if (type !== SOCK_DGRAM && type !== SOCK_RAW) throw ESOCKTNOSUPPORT;
  const pair: [DatagramSocket, DatagramSocket] = [new DatagramSocket(unix, family, SOCK_DGRAM, 0, flags), new DatagramSocket(unix, family, SOCK_DGRAM, 0, flags)];
  pair[0].pairWith(task, pair[1]);
  pair[1].pairWith(task, pair[0]);
  return pair;
}
