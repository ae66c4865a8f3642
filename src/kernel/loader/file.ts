/** What execve(2) needs to know of a file; the VFS makes it. */

import type { Mappable } from '../mm/vma.ts';

export interface ExecFile extends Mappable {
  /** Absolute path inside the enclave, links resolved: /proc/<pid>/exe. */
  readonly path: string;
  /** S_IFMT bits and permissions. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** The file system is mounted nosuid. */
  readonly nosuid: boolean;
  /** Fills `into`; fewer bytes only at end of file. */
  read(offset: number, into: Uint8Array): number;
}

/**
 * Resolves a program for execve(2)/execveat(2): search permission on the way, execute permission on the file, regular
 * file, no noexec mount: EACCES; open for writing somewhere: ETXTBSY; and the errors of path resolution.
 */
export type OpenExec = (task: import('../task/task.ts').Task, dirfd: number, path: string, flags: number) => ExecFile;
