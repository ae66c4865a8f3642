/** copy_file_range(2). */

import { O_APPEND } from '../../abi/fcntl.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EBADF, EFBIG, EINVAL, EISDIR } from '../errno.ts';
import type { Task } from '../task/task.ts';
import { End } from '../vfs/ends.ts';
import { MAX_OFFSET } from '../vfs/file.ts';
import { readableFile, writableFile } from '../vfs/transfer.ts';

const CHUNK_BYTES = 1 << 20;
/** The most that one call copies: others want the CPU too. */
const LIMIT_BYTES = 64 << 20;

export function sys_copy_file_range(task: Task, inFd: Fd, inOffsetAt: GuestAddr, outFd: Fd, outOffsetAt: GuestAddr, size: number, flags: number): number {
  if (flags !== 0) throw EINVAL;
  const source = readableFile(task, inFd);
  const sink = writableFile(task, outFd);
  if (source.inode.isDirectory || sink.inode.isDirectory) throw EISDIR;
  if (!source.inode.isRegular || !sink.inode.isRegular) throw EINVAL;
  if ((sink.flags & O_APPEND) !== 0) throw EBADF;
  const from = new End(task, source, inOffsetAt);
  const to = new End(task, sink, outOffsetAt);
  // coreutils ask for as much as a size_t holds: only what the source has counts.
  const count = Math.min(size, Math.max(source.inode.size - from.offset, 0), LIMIT_BYTES);
  if (to.offset + count > MAX_OFFSET) throw EFBIG;
  if (source.inode === sink.inode && from.offset < to.offset + count && to.offset < from.offset + count) throw EINVAL;
  const buffer = new Uint8Array(Math.min(count, CHUNK_BYTES));
  let done = 0;
  while (done < count) {
    try {
      const got = from.read(buffer.subarray(0, Math.min(buffer.length, count - done)));
      if (got <= 0) break;
      const put = to.write(buffer.subarray(0, got));
      from.advance(put);
      done += put;
      if (put < got) break;
    } catch (error) {
      if (done > 0) break;
      throw error;
    }
  }
  return done;
}
