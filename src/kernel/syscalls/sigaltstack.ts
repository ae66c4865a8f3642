/** sigaltstack(2). */

import { MINSIGSTKSZ, SS_AUTODISARM, SS_DISABLE, SS_ONSTACK } from '../../abi/signal.ts';
import { RSP } from '../../x86/state.ts';
import { EINVAL, ENOMEM, EPERM } from '../errno.ts';
import { getU32, getU64, putU32, putU64, view } from '../mm/guest.ts';
import { altStackFlags } from '../signal/frame.ts';
import type { Task } from '../task/task.ts';

export function sys_sigaltstack(task: Task, stackAt: number, oldAt: number): number {
  const { mm } = task;
  const old = task.altStack;
  const state = altStackFlags(task, mm.executor.cpu.reg(RSP));
  if (stackAt !== 0) {
    view(mm, stackAt, 24, 'read');
    const base = getU64(mm, stackAt);
    const flags = getU32(mm, stackAt + 8);
    const size = getU64(mm, stackAt + 16);
    if (state === SS_ONSTACK) throw EPERM;
    const mode = (flags & ~SS_AUTODISARM) >>> 0;
    if (mode !== SS_DISABLE && mode !== SS_ONSTACK && mode !== 0) throw EINVAL;
    if (mode !== SS_DISABLE && size < MINSIGSTKSZ) throw ENOMEM;
    if (oldAt !== 0) view(mm, oldAt, 24, 'write');
    task.altStack = mode === SS_DISABLE ? { base: 0, size: 0, flags: SS_DISABLE } : { base, size, flags: flags & SS_AUTODISARM };
  }
  if (oldAt !== 0) {
    putU64(mm, oldAt, old.base);
    putU32(mm, oldAt + 8, (state | (old.flags & SS_AUTODISARM)) >>> 0);
    putU32(mm, oldAt + 12, 0);
    putU64(mm, oldAt + 16, old.size);
  }
  return 0;
}
