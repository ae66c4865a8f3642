/** Advisory locks: flock(2), fcntl(2) record locks of processes and of open descriptions. One object for each inode that ever had a lock. */

import { WaitQueue } from '../wait.ts';
import type { FdTable } from './fdtable.ts';
import type { OpenFile } from './file.ts';

/** Who holds it: a process (its descriptor table) or an open description. */
export type LockOwner = FdTable | OpenFile;

export interface RecordLock {
  readonly owner: LockOwner;
  /** -1 for locks of open descriptions. */
  readonly pid: number;
  readonly exclusive: boolean;
  readonly start: number;
  /** Exclusive; Infinity = to the end of the file, however it grows. */
  readonly end: number;
}

export class FileLocks {
  #records: RecordLock[] = [];
  readonly #flocks = new Map<OpenFile, 'shared' | 'exclusive'>();
  /** Woken when a lock goes. */
  readonly queue = new WaitQueue();

  /** The first lock of somebody else that stands in the way. */
  conflict(want: RecordLock): RecordLock | undefined {
    return this.#records.find((held) => held.owner !== want.owner && held.start < want.end && want.start < held.end && (held.exclusive || want.exclusive));
  }

  /** Replaces the owner's locks in the range. The caller has looked for conflicts. */
  set(lock: RecordLock): void {
    this.#cut(lock.owner, lock.start, lock.end);
    let { start, end } = lock;
    this.#records = this.#records.filter((held) => {
      const joins = held.owner === lock.owner && held.exclusive === lock.exclusive && held.start <= end && start <= held.end;
      if (joins) {
        start = Math.min(start, held.start);
        end = Math.max(end, held.end);
      }
      return !joins;
    });
    this.#records.push({ ...lock, start, end });
    this.#records.sort((a, b) => a.start - b.start);
    // A lock that became weaker may let others in.
    this.queue.wake();
  }

  clear(owner: LockOwner, start: number, end: number): void {
    if (this.#cut(owner, start, end)) this.queue.wake();
  }

  #cut(owner: LockOwner, start: number, end: number): boolean {
    const out: RecordLock[] = [];
    let changed = false;
    for (const held of this.#records) {
      if (held.owner !== owner || held.end <= start || end <= held.start) {
        out.push(held);
        continue;
      }
      changed = true;
      if (held.start < start) out.push({ ...held, end: start });
      if (end < held.end) out.push({ ...held, start: end });
    }
    this.#records = out;
    return changed;
  }

  /** True when the description holds the lock afterwards. */
  flock(file: OpenFile, kind: 'shared' | 'exclusive'): boolean {
    for (const [other, held] of this.#flocks) if (other !== file && (held === 'exclusive' || kind === 'exclusive')) return false;
    const before = this.#flocks.get(file);
    this.#flocks.set(file, kind);
    if (before === 'exclusive' && kind === 'shared') this.queue.wake();
    return true;
  }

  unflock(file: OpenFile): void {
    if (this.#flocks.delete(file)) this.queue.wake();
  }

  /** Closing any descriptor of a file drops all record locks that the process has on it (fcntl(2)). */
  releasePosix(table: FdTable): void {
    if (this.#records.length > 0) this.clear(table, 0, Number.POSITIVE_INFINITY);
  }

  releaseFile(file: OpenFile): void {
    this.unflock(file);
    if (this.#records.length > 0) this.clear(file, 0, Number.POSITIVE_INFINITY);
  }

  /** For /proc/locks and tests. */
  get records(): readonly RecordLock[] {
    return this.#records;
  }
}
