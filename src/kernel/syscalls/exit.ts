/** exit(2), exit_group(2). */

import { exitedStatus } from '../../abi/wait.ts';
import { BLOCKED } from '../result.ts';
import { exitGroup, exitTask } from '../task/exit.ts';
import type { Task } from '../task/task.ts';

export function sys_exit(task: Task, code: number): number {
  exitTask(task, exitedStatus(code));
  return BLOCKED;
}

export function sys_exit_group(task: Task, code: number): number {
  exitGroup(task, exitedStatus(code));
  return BLOCKED;
}
