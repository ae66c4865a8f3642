/** Names of AF_UNIX (unix(7)): paths, whose inodes stand for sockets, and abstract names. */

import { AT_FDCWD } from '../../abi/fcntl.ts';
import { AF_UNIX } from '../../abi/socket.ts';
import { S_IFSOCK } from '../../abi/stat.ts';
import { EADDRINUSE, ECONNREFUSED, EEXIST, EINVAL, EPROTOTYPE } from '../errno.ts';
import type { Task } from '../task/task.ts';
import type { Inode } from '../vfs/inode.ts';
import { lookupAt } from '../vfs/names.ts';
import { makeNode } from '../vfs/operations.ts';
import { MAY_WRITE, needAccess } from '../vfs/perm.ts';
import { type Address, UNNAMED } from './address.ts';
import type { Names, Socket } from './socket.ts';

export class UnixNames implements Names {
  readonly #abstract = new Map<string, Socket>();
  readonly #paths = new Map<Inode, Socket>();
  readonly #inodes = new Map<Socket, Inode>();
  #lastNumber = 0;

  bind(task: Task, socket: Socket, address: Address): void {
    if (address.family !== AF_UNIX) throw EINVAL;
    const { name } = address;
    if (socket.local !== undefined) throw EINVAL;
    if (name === '') {
      this.autobind(socket);
      return;
    }
    if (name.charCodeAt(0) === 0) {
      if (this.#abstract.has(name)) throw EADDRINUSE;
      this.#abstract.set(name, socket);
    } else {
      let inode: Inode;
      try {
        ({ inode } = makeNode(task, AT_FDCWD, name, S_IFSOCK | 0o777, 0));
      } catch (error) {
        throw error === EEXIST ? EADDRINUSE : error;
      }
      inode.retain();
      this.#paths.set(inode, socket);
      this.#inodes.set(socket, inode);
    }
    socket.local = address;
  }

  /** Five hexadecimal digits, abstract. */
  autobind(socket: Socket): void {
    if (socket.local !== undefined) return;
    let name: string;
    do {
      this.#lastNumber = (this.#lastNumber + 1) & 0xf_ffff;
      name = `\0${this.#lastNumber.toString(16).padStart(5, '0')}`;
    } while (this.#abstract.has(name));
    this.#abstract.set(name, socket);
    socket.local = { family: AF_UNIX, name };
  }

  find(task: Task, from: Socket, address: Address): Socket {
    if (address.family !== AF_UNIX || address.name === '') throw EINVAL;
    const { name } = address;
    let found: Socket | undefined;
    if (name.charCodeAt(0) === 0) found = this.#abstract.get(name);
    else {
      const { inode } = lookupAt(task, AT_FDCWD, name);
      needAccess(task.creds, inode, MAY_WRITE);
      found = inode.type === S_IFSOCK ? this.#paths.get(inode) : undefined;
    }
    if (found === undefined) throw ECONNREFUSED;
    if (found.type !== from.type) throw EPROTOTYPE;
    return found;
  }

  /** Names of this family do not change with the peer. */
  disconnect(): void {}

  /** A path stays; nobody answers there any more. */
  unbind(socket: Socket): void {
    if (socket.local?.family !== AF_UNIX) return;
    if (this.#abstract.get(socket.local.name) === socket) this.#abstract.delete(socket.local.name);
    const inode = this.#inodes.get(socket);
    if (inode === undefined) return;
    this.#inodes.delete(socket);
    this.#paths.delete(inode);
    inode.release();
  }

  sourceFor(from: Socket): Address {
    return from.local ?? UNNAMED;
  }

  destination(found: Socket): Address {
    return found.local ?? UNNAMED;
  }
}
