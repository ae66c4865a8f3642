/** Where a process stands in the tree: root, working directory, umask. Shared after clone(CLONE_FS). */

import type { Path } from './mount.ts';

export class FsContext {
  root: Path;
  cwd: Path;
  umask = 0o022;
  #users = 1;

  constructor(root: Path, cwd: Path) {
    this.root = root;
    this.cwd = cwd;
  }

  share(): FsContext {
    this.#users++;
    return this;
  }

  fork(): FsContext {
    const copy = new FsContext(this.root, this.cwd);
    copy.umask = this.umask;
    return copy;
  }

  release(): void {
    this.#users--;
  }
}
