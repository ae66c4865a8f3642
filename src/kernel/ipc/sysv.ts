/** What the three kinds of System V objects have in common (sysvipc(7)): keys, identifiers, owners, permissions. */

import { IPC_CREAT, IPC_EXCL, IPC_PERM_BYTES, IPC_PRIVATE, IPCMNI } from '../../abi/ipc.ts';
import { EACCES, EEXIST, EINVAL, ENOENT, ENOSPC, EPERM } from '../errno.ts';
import { CAP, hasCap, inGroup } from '../task/creds.ts';
import type { Task } from '../task/task.ts';

export const READ = 4,
  WRITE = 2;

export abstract class SysvObject {
  readonly id: number;
  readonly key: number;
  uid: number;
  gid: number;
  readonly cuid: number;
  readonly cgid: number;
  /** Permissions only. */
  mode: number;
  changed: number;
  removed = false;

  constructor(task: Task, id: number, key: number, mode: number) {
    this.id = id;
    this.key = key;
    this.uid = this.cuid = task.creds.euid;
    this.gid = this.cgid = task.creds.egid;
    this.mode = mode & 0o777;
    this.changed = seconds(task);
  }

  needAccess({ creds }: Task, want: number): void {
    const { euid } = creds;
    const bits = euid === this.uid || euid === this.cuid ? this.mode >> 6 : inGroup(creds, this.gid) || inGroup(creds, this.cgid) ? this.mode >> 3 : this.mode;
    if ((bits & want) !== want && !hasCap(creds, CAP.IPC_OWNER)) throw EACCES;
  }

  /** For IPC_SET and IPC_RMID. */
  needOwner({ creds }: Task): void {
    if (creds.euid !== this.uid && creds.euid !== this.cuid && !hasCap(creds, CAP.SYS_ADMIN)) throw EPERM;
  }

  /** Told once, when the identifier ends. */
  abstract end(): void;

  /** struct ipc64_perm. */
  writePerm(out: DataView, extraMode = 0): void {
    out.setInt32(0, this.key, true);
    [this.uid, this.gid, this.cuid, this.cgid, this.mode | extraMode].forEach((value, index) => out.setUint32(4 + index * 4, value, true));
    out.setUint16(24, this.id >>> 15, true);
  }

  /** IPC_SET: owner and mode from a struct ipc64_perm. */
  readPerm(task: Task, from: DataView): void {
    this.uid = from.getUint32(4, true);
    this.gid = from.getUint32(8, true);
    this.mode = from.getUint32(20, true) & 0o777;
    this.changed = seconds(task);
  }
}

export const seconds = (task: Task): number => Math.floor(task.kernel.host.realtimeNs() / 1e9);
export const PERM_BYTES = IPC_PERM_BYTES;

/** The objects of one kind. An identifier is a slot and how often it has been used, so that old ones are noticed. */
export class SysvTable<T extends SysvObject> {
  readonly #slots: (T | undefined)[] = [];
  readonly #sequences: number[] = [];
  readonly #byKey = new Map<number, T>();

  /** The object for a key, as semget(2), shmget(2) and msgget(2) find or make it. */
  get(task: Task, key: number, flags: number, fits: (found: T) => void, make: (id: number) => T): number {
    const found = key === IPC_PRIVATE ? undefined : this.#byKey.get(key);
    if (found !== undefined) {
      if ((flags & (IPC_CREAT | IPC_EXCL)) === (IPC_CREAT | IPC_EXCL)) throw EEXIST;
      fits(found);
      found.needAccess(task, ((flags >> 6) | (flags >> 3) | flags) & (READ | WRITE));
      return found.id;
    }
    if (key !== IPC_PRIVATE && (flags & IPC_CREAT) === 0) throw ENOENT;
    let slot = this.#slots.indexOf(undefined);
    if (slot < 0) slot = this.#slots.length;
    if (slot >= IPCMNI) throw ENOSPC;
    const made = make((this.#sequences[slot] ?? 0) * IPCMNI + slot);
    this.#slots[slot] = made;
    if (key !== IPC_PRIVATE) this.#byKey.set(key, made);
    return made.id;
  }

  find(id: number): T {
    const object = id < 0 ? undefined : this.#slots[id % IPCMNI];
    if (object === undefined || object.id !== id) throw EINVAL;
    return object;
  }

  /** For the *_STAT commands, which count slots. */
  at(slot: number): T {
    const object = this.#slots[slot];
    if (object === undefined) throw EINVAL;
    return object;
  }

  remove(object: T): void {
    const slot = object.id % IPCMNI;
    this.forgetKey(object);
    this.#slots[slot] = undefined;
    this.#sequences[slot] = ((this.#sequences[slot] ?? 0) + 1) % 0x8000;
    object.removed = true;
    object.end();
  }

  /** The key is free for another object; the identifier goes on. */
  forgetKey(object: T): void {
    if (this.#byKey.get(object.key) === object) this.#byKey.delete(object.key);
  }
}
