/** Who holds a lock of `NodeDirectory.lock`, asked without touching the lock. Imports nothing: `exec` loads it. */

import { readFileSync, statSync } from 'node:fs';

/** The process that has locked the directory (proc_locks(5)); undefined where there is none, or none that can be seen from here. */
export function lockHolder(directory: string): number | undefined {
  try {
    const { ino } = statSync(`${directory}/lock`);
    for (const line of readFileSync('/proc/locks', 'latin1').split('\n')) {
      const [, pid, inode] = /^\d+: POSIX +ADVISORY +WRITE +(\d+) +\w+:\w+:(\d+) /.exec(line) ?? [];
      if (Number(inode) === ino) return Number(pid);
    }
  } catch {
    // No lock there, or no such list on this host.
  }
  return undefined;
}
