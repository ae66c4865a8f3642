/** getcwd(2). */

import { bytesOf } from '../../base/bytes.ts';
import type { GuestAddr } from '../../base/flavor.ts';
import { ENOENT, ERANGE } from '../errno.ts';
import { writeBytes } from '../mm/guest.ts';
import type { SysResult } from '../result.ts';
import type { Task } from '../task/task.ts';
import { pathName } from '../vfs/mount.ts';

export function sys_getcwd(task: Task, address: GuestAddr, size: number): SysResult {
  const { name, deleted, reachable } = pathName(task.fs.cwd, task.fs.root);
  if (deleted) throw ENOENT;
  const text = bytesOf(`${reachable ? '' : '(unreachable)'}${name}\0`);
  if (text.length > size) throw ERANGE;
  writeBytes(task.mm, address, text);
  return text.length;
}
