/** sendfile(2). */

import { O_APPEND } from '../../abi/fcntl.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EINVAL } from '../errno.ts';
import { MAX_RW_COUNT } from '../mm/guest.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import type { Task } from '../task/task.ts';
import { CHUNK_BYTES, End, transfer } from '../vfs/ends.ts';
import { readableFile, writableFile } from '../vfs/transfer.ts';

export function sys_sendfile(task: Task, outFd: Fd, inFd: Fd, offsetAt: GuestAddr, size: number): SysResult {
  const source = readableFile(task, inFd);
  const from = new End(task, source, offsetAt);
  const sink = writableFile(task, outFd);
  if (!source.seekable || source.inode.isDirectory || (sink.flags & O_APPEND) !== 0) throw EINVAL;
  const to = new End(task, sink, 0);
  const count = Math.min(size, MAX_RW_COUNT);
  const buffer = new Uint8Array(Math.min(CHUNK_BYTES, count));
  let done = 0;
  const step = (): SysResult => {
    while (done < count) {
      let moved: SysResult;
      try {
        const got = from.read(buffer.subarray(0, Math.min(buffer.length, count - done)));
        if (got <= 0) break;
        moved = to.write(buffer.subarray(0, got));
      } catch (error) {
        if (done > 0) break;
        throw error;
      }
      if (moved === WOULD_BLOCK) return WOULD_BLOCK;
      if (moved === 0) break;
      from.advance(moved);
      done += moved;
    }
    return done;
  };
  return transfer(task, [source, sink], sink.writeQueues, !sink.nonBlocking, step, () => done);
}
