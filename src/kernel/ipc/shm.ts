/** System V shared memory (shmget(2)): pages that live until they are removed and nobody has them attached. */

import { SHM_DEST, SHM_LOCKED, SHMID_DS_BYTES } from '../../abi/ipc.ts';
import type { Kernel } from '../kernel.ts';
import { committedBacking } from '../mm/space.ts';
import type { Mappable } from '../mm/vma.ts';
import type { Backing } from '../platform.ts';
import type { Task } from '../task/task.ts';
import { SysvObject, SysvTable } from './sysv.ts';

export class ShmSegment extends SysvObject implements Mappable {
  readonly dev = 1;
  readonly ino: number;
  readonly size: number;
  readonly #pages: ReturnType<typeof committedBacking>;
  readonly #table: SysvTable<ShmSegment>;
  readonly creator: number;
  lastPid = 0;
  attachTime = 0;
  detachTime = 0;
  /** IPC_RMID while attached. */
  doomed = false;
  locked = false;
  /** Mappings. */
  attached = 0;

  constructor(task: Task, table: SysvTable<ShmSegment>, id: number, key: number, mode: number, size: number) {
    super(task, id, key, mode);
    this.#table = table;
    this.ino = id;
    this.size = size;
    this.creator = task.pid;
    this.#pages = committedBacking(task.kernel.account, task.kernel.platform.memory, size);
  }

  backing(): Backing {
    return this.#pages.backing;
  }

  retain(): void {
    this.attached++;
  }

  release(): void {
    this.attached--;
    if (this.attached === 0 && this.doomed) this.#table.remove(this);
  }

  /** IPC_RMID. */
  doom(): void {
    this.#table.forgetKey(this);
    this.doomed = true;
    if (this.attached === 0) this.#table.remove(this);
  }

  end(): void {
    this.#pages.release();
  }

  /** struct shmid64_ds. */
  encode(): Uint8Array {
    const out = new DataView(new ArrayBuffer(SHMID_DS_BYTES));
    this.writePerm(out, (this.doomed ? SHM_DEST : 0) | (this.locked ? SHM_LOCKED : 0));
    [this.size, this.attachTime, this.detachTime, this.changed].forEach((value, index) => out.setBigUint64(48 + index * 8, BigInt(value), true));
    out.setInt32(80, this.creator, true);
    out.setInt32(84, this.lastPid, true);
    out.setBigUint64(88, BigInt(this.attached), true);
    return new Uint8Array(out.buffer);
  }
}

const tables = new WeakMap<Kernel, SysvTable<ShmSegment>>();

export function segmentsOf({ kernel }: Task): SysvTable<ShmSegment> {
  let table = tables.get(kernel);
  if (table === undefined) tables.set(kernel, (table = new SysvTable()));
  return table;
}
