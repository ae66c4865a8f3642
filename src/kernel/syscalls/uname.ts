/** uname(2), sethostname(2), setdomainname(2). */

import { byteString } from '../../base/bytes.ts';
import { UTS } from '../../abi/utsname.ts';
import { EINVAL, EPERM } from '../errno.ts';
import { readBytes, view } from '../mm/guest.ts';
import { CAP, hasCap } from '../task/creds.ts';
import type { Task } from '../task/task.ts';

const FIELD_BYTES = 65;

export function sys_uname(task: Task, address: number): number {
  const { kernel } = task;
  const out = view(task.mm, address, FIELD_BYTES * 6, 'write');
  out.fill(0);
  const fields = [UTS.sysname, kernel.hostname, UTS.release, UTS.version, UTS.machine, kernel.domainname];
  for (const [index, text] of fields.entries()) for (let at = 0; at < text.length; at++) out[index * FIELD_BYTES + at] = text.charCodeAt(at);
  return 0;
}

function name(task: Task, address: number, length: number): string {
  if (!hasCap(task.creds, CAP.SYS_ADMIN)) throw EPERM;
  if (length > FIELD_BYTES - 1) throw EINVAL;
  return byteString(readBytes(task.mm, address, length)).split('\0')[0];
}

export function sys_sethostname(task: Task, address: number, length: number): number {
  task.kernel.hostname = name(task, address, length);
  return 0;
}

export function sys_setdomainname(task: Task, address: number, length: number): number {
  task.kernel.domainname = name(task, address, length);
  return 0;
}
