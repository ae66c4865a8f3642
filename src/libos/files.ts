/** The files that a program finds: the image with its writable layer over it, and what the kernel makes itself. */

import { OverlayFs } from '../kernel/fs/overlayfs.ts';
import { Tmpfs } from '../kernel/fs/tmpfs.ts';
import { VolumeFs } from '../kernel/fs/volumefs.ts';
import type { MemoryBackend } from '../kernel/platform.ts';
import { Vfs } from '../kernel/vfs/vfs.ts';
import type { Volume } from '../kernel/vfs/volume.ts';
import { PlainStdio } from './plain-stdio.ts';

export interface FilesOptions {
  readonly memory: MemoryBackend;
  readonly image: Volume;
  readonly layer: Volume;
  /** Absolute byte strings. */
  readonly tmpfs: readonly string[];
}

export function assembleFiles({ memory, image, layer, tmpfs }: FilesOptions): Vfs {
  const vfs = new Vfs(memory);
  vfs.mountRoot(new OverlayFs(new VolumeFs(image, memory), new VolumeFs(layer, memory)), 'overlay');
  for (const path of tmpfs) vfs.mountAt(path, new Tmpfs({ memory, now: () => vfs.now() }), 'tmpfs');
  vfs.stdio = new PlainStdio();
  return vfs;
}

