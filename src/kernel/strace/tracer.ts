/** What the kernel tells whoever watches system calls. */

import type { CpuState } from '../../x86/state.ts';
import type { Task } from '../task/task.ts';

export interface Tracer {
  /** Registers hold number and arguments. */
  entered(task: Task, cpu: CpuState): void;
  /** The call has ended; undefined when it does not return (exit). */
  resumed(task: Task, cpu: CpuState, result: number | undefined): void;
}
