/** Files in memory without a name (memfd_create(2)): unlinked tmpfs files on a mount that no path leads to. */

import { F_SEAL_EXEC, F_SEAL_SEAL, MFD_ALLOW_SEALING, MFD_NOEXEC_SEAL, O_LARGEFILE, O_RDWR } from '../../abi/fcntl.ts';
import { S_IFREG } from '../../abi/stat.ts';
import { Tmpfs, TmpfsInode } from '../fs/tmpfs.ts';
import type { Creds } from '../task/creds.ts';
import { RegularFile } from '../vfs/file.ts';
import { Dentry, Mount, Path } from '../vfs/mount.ts';
import type { Vfs } from '../vfs/vfs.ts';

const mounts = new WeakMap<Vfs, Mount>();

function mountOf(vfs: Vfs): Mount {
  let mount = mounts.get(vfs);
  if (mount === undefined) {
    const fs = new Tmpfs({ memory: vfs.memory, now: () => vfs.now(), charge: vfs.charge });
    mount = new Mount(0, fs, new Dentry('', undefined, fs.root), 'tmpfs', 0, undefined);
    mounts.set(vfs, mount);
  }
  return mount;
}

/** Its own description does not count as a writer: Linux runs what was just written to it (fexecve(3)). */
class MemfdFile extends RegularFile {
  constructor(inode: TmpfsInode, path: Path, flags: number) {
    super(inode, path, flags);
    inode.writers--;
  }

  protected override closed(): void {
    this.inode.writers++;
    super.closed();
  }
}

export function makeMemfd(vfs: Vfs, name: string, flags: number, creds: Creds): RegularFile {
  const mount = mountOf(vfs);
  const sealedExec = (flags & MFD_NOEXEC_SEAL) !== 0;
  const inode = new TmpfsInode(mount.fs as Tmpfs, S_IFREG | (sealedExec ? 0o666 : 0o777), { uid: creds.fsuid, gid: creds.fsgid }, 0);
  inode.seals = sealedExec ? F_SEAL_EXEC : (flags & MFD_ALLOW_SEALING) !== 0 ? 0 : F_SEAL_SEAL;
  return new MemfdFile(inode, new Path(mount, mount.root.nameless(`memfd:${name}`, inode)), O_RDWR | O_LARGEFILE);
}
