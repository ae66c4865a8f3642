/**
 * Futexes (futex(2), futex(7)): who sleeps on which word. A word in private memory is known by address space and
 * address, one in a shared mapping by the object and the offset, so that processes meet at it.
 */

import { FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS, ROBUST_LIST_LIMIT } from '../../abi/futex.ts';
import { EFAULT, EINVAL, Errno } from '../errno.ts';
import { getI64, getU32, getU64, putU32 } from '../mm/guest.ts';
import type { AddressSpace } from '../mm/space.ts';
import { WOULD_BLOCK } from '../result.ts';
import { block } from '../task/block.ts';
import type { Task } from '../task/task.ts';
import { WaitQueue } from '../wait.ts';

/** One sleeper. */
export interface Sleeper {
  readonly task: Task;
  readonly bitset: number;
  readonly queue: WaitQueue;
  woken: boolean;
  bucket: Bucket;
}

/** Everybody who sleeps on one word, longest first. */
export type Bucket = Set<Sleeper>;

/** Words that somebody sleeps on, or slept on since they were last swept. */
interface Words {
  readonly buckets: Map<number, Bucket>;
  /** Swept when there are so many. */
  sweepAt: number;
}

/** By address space or shared object. */
const TABLE = new WeakMap<object, Words>();
const SWEEP_LEAST = 1024;

function place(mm: AddressSpace, address: number): { owner: object; key: number } {
  if (address % 4 !== 0) throw EINVAL;
  const vma = mm.vmas.find(address);
  if (vma === undefined) throw EFAULT;
  if (vma.sharing === 'shared' && vma.file !== undefined) return { owner: vma.file, key: vma.offset + (address - vma.start) };
  return { owner: mm, key: address };
}

function bucketAt(mm: AddressSpace, address: number, make: 'make'): Bucket;
function bucketAt(mm: AddressSpace, address: number): Bucket | undefined;
function bucketAt(mm: AddressSpace, address: number, make?: 'make'): Bucket | undefined {
  const { owner, key } = place(mm, address);
  let words = TABLE.get(owner);
  if (words === undefined) {
    if (make === undefined) return undefined;
    words = { buckets: new Map(), sweepAt: SWEEP_LEAST };
    TABLE.set(owner, words);
  }
  const { buckets } = words;
  let bucket = buckets.get(key);
  if (bucket === undefined) {
    if (make === undefined) return undefined;
    // Buckets that emptied are swept when there are many: dropping them at once would cost more than it frees.
    if (buckets.size >= words.sweepAt) {
      for (const [old, set] of buckets) if (set.size === 0) buckets.delete(old);
      words.sweepAt = Math.max(SWEEP_LEAST, buckets.size * 2);
    }
    bucket = new Set();
    buckets.set(key, bucket);
  }
  return bucket;
}

/** Sleeps at a word; the caller has compared it. */
export function sleepAt(task: Task, address: number, bitset: number, deadlineNs: number, timedOut: () => number): number {
  const bucket = bucketAt(task.mm, address, 'make');
  const sleeper: Sleeper = { task, bitset, queue: new WaitQueue(), woken: false, bucket };
  bucket.add(sleeper);
  return block(task, [sleeper.queue], () => (sleeper.woken ? 0 : WOULD_BLOCK), {
    deadlineNs,
    timedOut,
    restart: deadlineNs === Number.POSITIVE_INFINITY ? 'always' : 'unlessHandler',
    cleanup: () => sleeper.bucket.delete(sleeper),
  });
}

/** Sleeps at several words; the result is the index of the one that woke it. */
export function sleepAtAny(task: Task, addresses: readonly number[], deadlineNs: number, timedOut: () => number): number {
  const queue = new WaitQueue();
  const sleepers = addresses.map((address): Sleeper => ({ task, bitset: -1, queue, woken: false, bucket: bucketAt(task.mm, address, 'make') }));
  for (const sleeper of sleepers) sleeper.bucket.add(sleeper);
  const attempt = (): number => {
    const index = sleepers.findIndex(({ woken }) => woken);
    return index < 0 ? WOULD_BLOCK : index;
  };
  return block(task, [queue], attempt, {
    deadlineNs,
    timedOut,
    restart: deadlineNs === Number.POSITIVE_INFINITY ? 'always' : 'unlessHandler',
    cleanup: () => {
      for (const sleeper of sleepers) sleeper.bucket.delete(sleeper);
    },
  });
}

export function rouse(sleeper: Sleeper): void {
  sleeper.bucket.delete(sleeper);
  sleeper.woken = true;
  sleeper.queue.wake();
}

/** Wakes at most `count` sleepers whose bitset meets `bitset`. */
export function wakeAt(mm: AddressSpace, address: number, count: number, bitset: number): number {
  const bucket = bucketAt(mm, address);
  if (bucket === undefined) return 0;
  let woken = 0;
  for (const sleeper of bucket) {
    if (woken >= count) break;
    if ((sleeper.bitset & bitset) === 0) continue;
    rouse(sleeper);
    woken++;
  }
  return woken;
}

/** The first sleeper at a word, if any. */
export function firstAt(mm: AddressSpace, address: number): Sleeper | undefined {
  const bucket = bucketAt(mm, address);
  if (bucket !== undefined) for (const sleeper of bucket) return sleeper;
  return undefined;
}

/** Whether somebody sleeps at a word. */
export const crowded = (mm: AddressSpace, address: number): boolean => (bucketAt(mm, address)?.size ?? 0) > 0;

/** Moves at most `count` sleepers to another word. */
export function requeue(mm: AddressSpace, from: number, to: number, count: number): number {
  const source = bucketAt(mm, from);
  if (source === undefined) return 0;
  const target = bucketAt(mm, to, 'make');
  if (source === target) return Math.min(source.size, count);
  let moved = 0;
  for (const sleeper of source) {
    if (moved >= count) break;
    source.delete(sleeper);
    sleeper.bucket = target;
    target.add(sleeper);
    moved++;
  }
  return moved;
}

/** For the kernel's own wake-ups (clear_child_tid): a bad address is nobody's error. */
export function wakeAddress(mm: AddressSpace, address: number, count: number): void {
  try {
    wakeAt(mm, address, count, -1);
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
  }
}

/** Marks the robust mutexes of a dying thread (get_robust_list(2)). */
export function robustExit(task: Task): void {
  const head = task.robustList;
  task.robustList = 0;
  if (head === 0) return;
  const { mm } = task;
  try {
    const offset = getI64(mm, head + 8);
    const pending = getU64(mm, head + 16);
    let entry = getU64(mm, head);
    for (let count = 0; entry !== head && entry !== 0 && count < ROBUST_LIST_LIMIT; count++) {
      const next = getU64(mm, entry - (entry % 2));
      if (entry !== pending) ownerDied(task, entry - (entry % 2) + offset);
      entry = next;
    }
    if (pending !== 0) ownerDied(task, pending - (pending % 2) + offset);
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
  }
}

function ownerDied(task: Task, address: number): void {
  const word = getU32(task.mm, address);
  if ((word & FUTEX_TID_MASK) !== task.tid) return;
  putU32(task.mm, address, (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED);
  if (word & FUTEX_WAITERS) wakeAt(task.mm, address, 1, -1);
}
