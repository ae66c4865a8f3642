/** Who may do what (path_resolution(7) "Permissions", inode(7), capabilities(7)). */

import { S_ISGID, S_ISVTX } from '../../abi/stat.ts';
import { EACCES, EPERM, EROFS } from '../errno.ts';
import { CAP, type Creds, hasCap, inGroup } from '../task/creds.ts';
import type { Inode } from './inode.ts';
import type { Mount } from './mount.ts';

export const MAY_EXEC = 1,
  MAY_WRITE = 2,
  MAY_READ = 4;

export function mayAccess(creds: Creds, inode: Inode, want: number): boolean {
  const { mode } = inode;
  const bits = creds.fsuid === inode.uid ? mode >> 6 : inGroup(creds, inode.gid) ? mode >> 3 : mode;
  if ((bits & want) === want) return true;
  if (inode.isDirectory) {
    if (hasCap(creds, CAP.DAC_OVERRIDE)) return true;
    return (want & MAY_WRITE) === 0 && hasCap(creds, CAP.DAC_READ_SEARCH);
  }
  if ((want & MAY_EXEC) === 0 || (mode & 0o111) !== 0) if (hasCap(creds, CAP.DAC_OVERRIDE)) return true;
  return want === MAY_READ && hasCap(creds, CAP.DAC_READ_SEARCH);
}

export function needAccess(creds: Creds, inode: Inode, want: number): void {
  if (!mayAccess(creds, inode, want)) throw EACCES;
}

export function needWritable(mount: Mount): void {
  if (mount.readOnly) throw EROFS;
}

export const isOwner = (creds: Creds, inode: Inode): boolean => creds.fsuid === inode.uid || hasCap(creds, CAP.FOWNER);

/** Entries of a sticky directory belong to their owners (inode(7) S_ISVTX). */
export function needDelete(creds: Creds, directory: Inode, victim: Inode): void {
  needAccess(creds, directory, MAY_WRITE | MAY_EXEC);
  if ((directory.mode & S_ISVTX) !== 0 && creds.fsuid !== victim.uid && creds.fsuid !== directory.uid && !hasCap(creds, CAP.FOWNER)) throw EPERM;
}

/** Owner of what is made in a directory: set-group-ID directories pass on their group. */
export function ownerOfNew(creds: Creds, directory: Inode): { uid: number; gid: number } {
  return { uid: creds.fsuid, gid: (directory.mode & S_ISGID) !== 0 ? directory.gid : creds.fsgid };
}
