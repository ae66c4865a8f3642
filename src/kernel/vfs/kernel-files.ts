/** The tree of a running enclave: the sealed image under the writable layer, and the kernel's own file systems. */

import { S_IFREG } from '../../abi/stat.ts';
import { MS_NODEV, MS_NOEXEC, MS_NOSUID } from '../../abi/mount.ts';
import { ENOTDIR } from '../errno.ts';
import { AttestationFs, type GuestAttestation } from '../fs/attestation.ts';
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
  readonly mounts?: readonly KernelMount[];
  /** What /dev/attestation offers; without it there is none. */
  readonly attestation?: GuestAttestation;
}

/** `files` are in it from the start, readable by root only; a volume is mounted or the boot fails. */
export type KernelMount = { readonly target: string; readonly type: 'tmpfs'; readonly sizeBytes?: number; readonly files?: ReadonlyMap<string, Uint8Array> } | { readonly target: string; readonly type: 'volume'; readonly volume: Volume };

export class KernelFiles extends Vfs {
  constructor(options: KernelFilesOptions) {
    super(options.memory);
    const image = new VolumeFs(options.image, options.memory);
    this.populate(options.layer === undefined ? image : new OverlayFs(image, new VolumeFs(options.layer, options.memory)), options.mounts ?? []);
    if (options.attestation !== undefined) this.mountIfPossible('/dev/attestation', new AttestationFs(options.attestation), 'attestation', MS_NOSUID | MS_NODEV | MS_NOEXEC);
  }

  /** Mounts everything over a root file system. */
  protected populate(root: FileSystem, mounts: NonNullable<KernelFilesOptions['mounts']>): void {
    this.mountRoot(root, root.type === 'overlay' ? 'overlay' : '/dev/root');
    const pts = new DevptsFs(this);
    this.stdio = new HostStdio(pts);
    const safe = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    const tmpfs = (mode: number, sizeBytes?: number): Tmpfs => new Tmpfs({ memory: this.memory, now: () => this.now(), charge: this.charge, mode, limitBytes: sizeBytes });
    this.mountIfPossible('/proc', new ProcFs(this), 'proc', safe);
    this.mountIfPossible('/sys', new SysFs(this), 'sysfs', safe);
    this.mountIfPossible('/dev', makeDevfs(this), 'devtmpfs', MS_NOSUID);
    this.mountIfPossible('/dev/pts', pts, 'devpts', MS_NOSUID | MS_NOEXEC);
    this.mountIfPossible('/dev/shm', tmpfs(0o1777), 'tmpfs', MS_NOSUID | MS_NODEV);
    for (const mount of mounts) {
      if (mount.type === 'volume') this.#mountOrFail(mount.target, new VolumeFs(mount.volume, this.memory), 'volume');
      else if (mount.files === undefined) this.mountIfPossible(mount.target, tmpfs(0o1777, mount.sizeBytes), 'tmpfs', MS_NOSUID | MS_NODEV);
      else {
        // Not charged: there is no kernel yet that could count.
        const fs = new Tmpfs({ memory: this.memory, now: () => this.now(), mode: 0o700 });
        for (const [name, content] of mount.files) fs.root.create(name, S_IFREG | 0o400, { uid: 0, gid: 0 }, 0).write(0, content);
        this.#mountOrFail(mount.target, fs, 'tmpfs');
      }
    }
  }

  #mountOrFail(target: string, fs: FileSystem, source: string): void {
    this.mountIfPossible(target, fs, source, MS_NOSUID | MS_NODEV);
    if (!this.mounts.list.some((mount) => mount.fs === fs)) throw ENOTDIR;
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
