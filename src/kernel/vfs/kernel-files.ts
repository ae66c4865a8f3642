/** The tree of a running enclave: the sealed image under the writable layer, and the kernel's own file systems. */

import { MS_NODEV, MS_NOEXEC, MS_NOSUID } from '../../abi/mount.ts';
import { makeDevfs } from '../fs/devices.ts';
import { DevptsFs } from '../fs/devpts.ts';
import { OverlayFs } from '../fs/overlayfs.ts';
import { ProcFs } from '../fs/procfs.ts';
import { SysFs } from '../fs/sysfs.ts';
import { Tmpfs } from '../fs/tmpfs.ts';
import { VolumeFs } from '../fs/volumefs.ts';
import { HostStdio } from '../ipc/stdio.ts';
import type { MemoryBackend } from '../platform.ts';
import type { FileSystem } from './inode.ts';
import { Vfs } from './vfs.ts';
import type { Volume } from './volume.ts';

export interface KernelFilesOptions {
  readonly image: Volume;
  /** Without one the tree is read-only but for the mounts. */
  readonly layer?: Volume;
  readonly memory: MemoryBackend;
  /** More mounts, absolute paths as byte strings. */
  readonly mounts?: readonly { readonly target: string; readonly type: 'tmpfs'; readonly sizeBytes?: number }[];
}

export class KernelFiles extends Vfs {
  constructor(options: KernelFilesOptions) {
    super(options.memory);
    const image = new VolumeFs(options.image, options.memory);
    this.populate(options.layer === undefined ? image : new OverlayFs(image, new VolumeFs(options.layer, options.memory)), options.mounts ?? []);
  }

  /** Mounts everything over a root file system. */
  protected populate(root: FileSystem, mounts: NonNullable<KernelFilesOptions['mounts']>): void {
    this.mountRoot(root, root.type === 'overlay' ? 'overlay' : '/dev/root');
    this.stdio = new HostStdio();
    const safe = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    const tmpfs = (mode: number, sizeBytes?: number): Tmpfs => new Tmpfs({ memory: this.memory, now: () => this.now(), charge: this.charge, mode, limitBytes: sizeBytes });
    this.mountIfPossible('/proc', new ProcFs(this), 'proc', safe);
    this.mountIfPossible('/sys', new SysFs(this), 'sysfs', safe);
    this.mountIfPossible('/dev', makeDevfs(this), 'devtmpfs', MS_NOSUID);
    this.mountIfPossible('/dev/pts', new DevptsFs(this), 'devpts', MS_NOSUID | MS_NOEXEC);
    this.mountIfPossible('/dev/shm', tmpfs(0o1777), 'tmpfs', MS_NOSUID | MS_NODEV);
    for (const { target, sizeBytes } of mounts) this.mountIfPossible(target, tmpfs(0o1777, sizeBytes), 'tmpfs', MS_NOSUID | MS_NODEV);
  }

  /** Mount points that the tree lacks are made, where it can be written. */
  protected mountIfPossible(target: string, fs: FileSystem, source: string, flags: number): void {
    let at = this.mounts.root;
    for (const name of target.split('/')) {
      if (name === '') continue;
      let child = at.dentry.child(name);
      if (child === undefined) {
        if (at.mount.readOnly) return;
        child = at.dentry.adopt(name, at.inode.mkdir(name, 0o755, { uid: 0, gid: 0 }));
      }
      at = this.mounts.top(at.mount, child);
    }
    if (at.inode.isDirectory) this.mounts.mount(at, fs, source, flags);
  }
}
