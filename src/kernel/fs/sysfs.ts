/** The few files of sysfs(5) that programs ask for: processors. */

import { FS_MAGIC } from '../../abi/mount.ts';
import { anonymousDevice, type FileSystem, type FsStat, type Inode } from '../vfs/inode.ts';
import type { Vfs } from '../vfs/vfs.ts';
import { fixedDirectory, TextNode } from './nodes.ts';

type Tree = { readonly [name: string]: string | Tree };

// biome-ignore format: a table
const TREE: Tree = {
  block: {}, bus: {}, class: {}, dev: {}, firmware: {}, fs: { cgroup: {} },
  devices: { system: {
    cpu: { online: '0\n', possible: '0\n', present: '0\n', offline: '\n', kernel_max: '0\n', cpu0: { topology: { core_id: '0\n', physical_package_id: '0\n', thread_siblings: '1\n', thread_siblings_list: '0\n', core_siblings: '1\n', core_siblings_list: '0\n' } } },
    node: { online: '0\n', possible: '0\n', node0: { cpulist: '0\n', cpumap: '1\n' } },
  } },
  kernel: { mm: { transparent_hugepage: { enabled: 'always madvise [never]\n', hpage_pmd_size: '2097152\n' } } }, module: {}, power: {},
};

export class SysFs implements FileSystem {
  readonly type = 'sysfs';
  readonly dev = anonymousDevice();
  readonly readOnly = false;
  readonly volatile = false;
  readonly root: Inode;
  #lastIno = 0;

  constructor(_vfs: Vfs) {
    this.root = this.#make(TREE);
  }

  #make(tree: Tree): Inode {
    const made: Record<string, () => Inode> = {};
    for (const [name, value] of Object.entries(tree)) {
      const node = typeof value === 'string' ? new TextNode(this, ++this.#lastIno, 0o444, () => value) : this.#make(value);
      made[name] = () => node;
    }
    return fixedDirectory(this, ++this.#lastIno, made, 0o755);
  }

  statfs(): FsStat {
    return { magic: FS_MAGIC.sysfs, blockSize: 4096, blocks: 0, blocksFree: 0, files: 0, filesFree: 0 };
  }

  sync(): void {}
}
