/** getpid(2), gettid(2). */

import type { Task } from '../task/task.ts';

export const sys_getpid = (task: Task): number => task.process.pid;
/** 1 stands for the kernel itself, which is the parent of root processes and orphans. */
export const sys_getppid = (task: Task): number => task.process.parent?.pid ?? 1;
export const sys_gettid = (task: Task): number => task.tid;
