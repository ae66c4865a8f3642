import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AF_INET, AF_INET6 } from '../../abi/socket.ts';
import { EACCES, EADDRINUSE, EADDRNOTAVAIL, ECONNREFUSED, EINVAL, ENETUNREACH, type Errno } from '../errno.ts';
import { credsOf, ROOT_CREDS } from '../task/creds.ts';
import type { Task } from '../task/task.ts';
import { ANY6, type Host, type InetAddress, LOOPBACK4, LOOPBACK6 } from './address.ts';
import { InetNames } from './inet.ts';
import type { Socket } from './socket.ts';

type Fake = { family: number; local?: InetAddress; remote?: InetAddress; reuseAddress: boolean; reusePort: boolean; v6Only: boolean; listening: boolean };

const root = { creds: ROOT_CREDS } as Task;
const user = { creds: credsOf(1000, 1000) } as Task;
const fake = (family: typeof AF_INET | typeof AF_INET6 = AF_INET, change: Partial<Fake> = {}): Socket => ({ family, reuseAddress: false, reusePort: false, v6Only: false, listening: false, ...change }) as unknown as Socket;
const four = (host: Host, port: number): InetAddress => ({ family: AF_INET, host, port });
const six = (host: Host, port: number): InetAddress => ({ family: AF_INET6, host, port });
const refuses = (run: () => unknown, error: Errno): void => assert.throws(run, (thrown) => thrown === error);

test('a port belongs to one socket for each address', () => {
  const names = new InetNames(0);
  const first = fake();
  names.bind(root, first, four(LOOPBACK4, 80));
  refuses(() => names.bind(root, fake(), four(LOOPBACK4, 80)), EADDRINUSE);
  refuses(() => names.bind(root, fake(), four(0, 80)), EADDRINUSE);
  refuses(() => names.bind(root, fake(AF_INET6), six(ANY6, 80)), EADDRINUSE);
  refuses(() => names.bind(root, first, four(LOOPBACK4, 81)), EINVAL);
  names.bind(root, fake(AF_INET6, { v6Only: true }), six(ANY6, 80));
  names.bind(root, fake(), four(LOOPBACK4 + 1, 80));
  names.unbind(first);
  names.bind(root, fake(), four(LOOPBACK4, 80));
});

test('SO_REUSEADDR and SO_REUSEPORT need both sides; a listening socket does not share by the former', () => {
  const names = new InetNames(0);
  names.bind(root, fake(AF_INET, { reuseAddress: true }), four(0, 80));
  refuses(() => names.bind(root, fake(), four(0, 80)), EADDRINUSE);
  names.bind(root, fake(AF_INET, { reuseAddress: true, listening: true }), four(0, 80));
  refuses(() => names.bind(root, fake(AF_INET, { reuseAddress: true }), four(0, 80)), EADDRINUSE);
  names.bind(root, fake(AF_INET, { reusePort: true }), four(0, 90));
  names.bind(root, fake(AF_INET, { reusePort: true }), four(0, 90));
});

test('the outside is out of reach, low ports are for those who may', () => {
  const names = new InetNames(0);
  refuses(() => names.bind(root, fake(), four(0x08080808, 80)), EADDRNOTAVAIL);
  refuses(() => names.find(root, fake(), four(0x08080808, 80)), ENETUNREACH);
  refuses(() => names.find(root, fake(AF_INET6), six('\x20'.repeat(16), 80)), ENETUNREACH);
  refuses(() => names.find(root, fake(), four(LOOPBACK4, 80)), ECONNREFUSED);
  refuses(() => names.bind(user, fake(), four(0, 80)), EACCES);
  names.bind(user, fake(), four(0, 8080));
});

test('the closest name wins, and connected sockets hear their peers only', () => {
  const names = new InetNames(0);
  const exact = fake();
  const any = fake();
  names.bind(root, exact, four(LOOPBACK4 + 1, 80));
  names.bind(root, any, four(0, 81));
  const dual = fake(AF_INET6);
  names.bind(root, dual, six(ANY6, 82));
  const client = fake();
  assert.equal(names.find(root, client, four(LOOPBACK4 + 1, 80)), exact);
  refuses(() => names.find(root, client, four(LOOPBACK4, 80)), ECONNREFUSED);
  assert.equal(names.find(root, client, four(0, 81)), any);
  assert.equal(names.find(root, client, four(LOOPBACK4, 82)), dual);
  assert.equal(names.find(root, fake(AF_INET6), six(LOOPBACK6, 82)), dual);
  names.bind(root, client, four(0, 9000));
  any.remote = four(LOOPBACK4, 9000);
  assert.equal(names.find(root, client, four(LOOPBACK4, 81)), any);
  any.remote = four(LOOPBACK4, 9001);
  refuses(() => names.find(root, client, four(LOOPBACK4, 81)), ECONNREFUSED);
});

test('ephemeral ports are free, in range, and run out', () => {
  const names = new InetNames(12345);
  const seen = new Set<number>();
  for (let index = 0; index < 60999 - 32768 + 1; index++) {
    const socket = fake();
    names.autobind(socket);
    seen.add((socket.local as InetAddress).port);
  }
  assert.equal(seen.size, 60999 - 32768 + 1);
  assert.ok(Math.min(...seen) === 32768 && Math.max(...seen) === 60999);
  refuses(() => names.autobind(fake()), EADDRINUSE);
});
