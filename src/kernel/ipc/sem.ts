/** System V semaphores (semop(2)): sets whose operations happen all together or not at all, undone when their process ends. */

import { IPC_NOWAIT, SEM_UNDO, SEMID_DS_BYTES, SEMVMX } from '../../abi/ipc.ts';
import { EAGAIN, EFBIG, ERANGE } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import type { Process, Task } from '../task/task.ts';
import { WaitQueue } from '../wait.ts';
import { seconds, SysvObject, SysvTable } from './sysv.ts';

export interface SemOp {
  readonly num: number;
  readonly op: number;
  readonly flags: number;
}

export class SemSet extends SysvObject {
  readonly values: Int32Array;
  /** Who changed each last. */
  readonly pids: Int32Array;
  /** Tasks that wait for each to grow, to be zero. */
  readonly growWaiters: Int32Array;
  readonly zeroWaiters: Int32Array;
  operated = 0;
  readonly queue = new WaitQueue();
  /** What is added when a process ends. */
  readonly #undo = new Map<Process, Int32Array>();

  constructor(task: Task, id: number, key: number, mode: number, count: number) {
    super(task, id, key, mode);
    this.values = new Int32Array(count);
    this.pids = new Int32Array(count);
    this.growWaiters = new Int32Array(count);
    this.zeroWaiters = new Int32Array(count);
  }

  /** Undefined when done, else the operation that must wait. EAGAIN where that must not; EFBIG, ERANGE. */
  apply(task: Task, ops: readonly SemOp[]): SemOp | undefined {
    for (const { num } of ops) if (num >= this.values.length) throw EFBIG;
    const after = this.values.slice();
    for (const one of ops) {
      const { num, op, flags } = one;
      const value = after[num] + op;
      if (op === 0 ? after[num] !== 0 : value < 0) {
        if ((flags & IPC_NOWAIT) !== 0) throw EAGAIN;
        return one;
      }
      if (value > SEMVMX) throw ERANGE;
      after[num] = value;
    }
    this.values.set(after);
    for (const { num, op, flags } of ops) {
      this.pids[num] = task.pid;
      if (op !== 0 && (flags & SEM_UNDO) !== 0) this.#adjustments(task.process)[num] -= op;
    }
    this.operated = seconds(task);
    this.queue.wake();
    return undefined;
  }

  #adjustments(process: Process): Int32Array {
    let adjustments = this.#undo.get(process);
    if (adjustments === undefined) {
      adjustments = new Int32Array(this.values.length);
      this.#undo.set(process, adjustments);
      process.exitQueue.add({ woken: () => this.#ended(process) });
    }
    return adjustments;
  }

  #ended(process: Process): void {
    const adjustments = this.#undo.get(process);
    if (adjustments === undefined) return;
    this.#undo.delete(process);
    adjustments.forEach((by, num) => {
      if (by === 0) return;
      this.values[num] = Math.min(Math.max(this.values[num] + by, 0), SEMVMX);
      this.pids[num] = process.pid;
    });
    this.queue.wake();
  }

  /** SETVAL, SETALL: what was to be undone no longer is. */
  set(task: Task, num: number, value: number): void {
    if (value < 0 || value > SEMVMX) throw ERANGE;
    this.values[num] = value;
    this.pids[num] = task.pid;
    for (const adjustments of this.#undo.values()) adjustments[num] = 0;
    this.changed = seconds(task);
    this.queue.wake();
  }

  end(): void {
    this.#undo.clear();
    this.queue.wake();
  }

  /** struct semid64_ds. */
  encode(): Uint8Array {
    const out = new DataView(new ArrayBuffer(SEMID_DS_BYTES));
    this.writePerm(out);
    out.setBigUint64(48, BigInt(this.operated), true);
    out.setBigUint64(64, BigInt(this.changed), true);
    out.setBigUint64(80, BigInt(this.values.length), true);
    return new Uint8Array(out.buffer);
  }
}

const tables = new WeakMap<Kernel, SysvTable<SemSet>>();

export function semaphoresOf({ kernel }: Task): SysvTable<SemSet> {
  let table = tables.get(kernel);
  if (table === undefined) tables.set(kernel, (table = new SysvTable()));
  return table;
}
