/** From a name to a place (path_resolution(7)). */

import { RESOLVE_BENEATH, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_NO_XDEV } from '../../abi/fcntl.ts';
import { ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, EXDEV } from '../errno.ts';
import type { Task } from '../task/task.ts';
import type { Dentry, Mount } from './mount.ts';
import { Path } from './mount.ts';
import { MAY_EXEC, needAccess } from './perm.ts';

const NAME_MAX = 255;
const PATH_MAX = 4096;
const MAX_LINKS = 40;

export interface Found {
  /** The directory that holds the last component. */
  readonly parent: Path;
  /** The last component; `''` when the name led to `/` or through a magic link, `.` and `..` as they are. */
  readonly name: string;
  /** What the name stands for; undefined when there is no such entry (`missing: 'allowed'`). */
  readonly path: Path | undefined;
  /** The name ended in a slash: only a directory will do. */
  readonly slash: boolean;
}

export interface WalkOptions {
  /** What to do with a symbolic link as the last component. */
  readonly links: 'follow' | 'keep';
  /** Default: ENOENT. */
  readonly missing?: 'allowed';
  /** RESOLVE_* of openat2(2). */
  readonly resolve?: number;
}

/** Walks `name` from `start` (absolute names from the root of the task). */
export function walk(task: Task, start: Path, name: string, options: WalkOptions): Found {
  if (name === '') throw ENOENT;
  if (name.length >= PATH_MAX) throw ENAMETOOLONG;
  const resolve = options.resolve ?? 0;
  const scoped = (resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) !== 0;
  const root = scoped ? start : task.fs.root;
  const { creds } = task;
  let mount: Mount = start.mount;
  let dentry: Dentry = start.dentry;
  let rest = name;
  let at = 0;
  let links = 0;

  const leave = (path: Path): void => {
    if ((resolve & RESOLVE_NO_XDEV) !== 0 && path.mount !== mount) throw EXDEV;
    mount = path.mount;
    dentry = path.dentry;
  };
  const toRoot = (): void => {
    if ((resolve & RESOLVE_BENEATH) !== 0) throw EXDEV;
    leave(root);
  };

  if (rest.charCodeAt(0) === 47) toRoot();
  while (true) {
    while (rest.charCodeAt(at) === 47) at++;
    if (at === rest.length) {
      // Only slashes: the root itself.
      return { parent: new Path(mount, dentry), name: '', path: new Path(mount, dentry), slash: true };
    }
    let end = rest.indexOf('/', at);
    if (end < 0) end = rest.length;
    const component = rest.slice(at, end);
    let next = end;
    while (rest.charCodeAt(next) === 47) next++;
    const last = next === rest.length;
    const slash = last && next > end;
    at = next;

    const directory = dentry.inode;
    directory.mustBeDirectory();
    needAccess(creds, directory, MAY_EXEC);

    if (component === '.') {
      if (last) return { parent: new Path(mount, dentry), name: '.', path: new Path(mount, dentry), slash };
      continue;
    }
    if (component === '..') {
      const parent = new Path(mount, dentry);
      up();
      if (last) return { parent, name: '..', path: new Path(mount, dentry), slash };
      continue;
    }
    if (component.length > NAME_MAX) throw ENAMETOOLONG;

    const child = dentry.child(component);
    if (child === undefined) {
      if (!last || options.missing !== 'allowed') throw ENOENT;
      return { parent: new Path(mount, dentry), name: component, path: undefined, slash };
    }
    const { inode } = child;
    if (inode.isSymlink && !(last && !slash && options.links === 'keep')) {
      links++;
      if (links > MAX_LINKS || (resolve & RESOLVE_NO_SYMLINKS) !== 0) throw ELOOP;
      const magic = inode.jump(task);
      if (magic !== undefined) {
        if ((resolve & (RESOLVE_NO_MAGICLINKS | RESOLVE_BENEATH | RESOLVE_IN_ROOT)) !== 0) throw (resolve & RESOLVE_NO_MAGICLINKS) !== 0 ? ELOOP : EXDEV;
        const parent = new Path(mount, dentry);
        leave(magic);
        if (!last) continue;
        if (slash) dentry.inode.mustBeDirectory();
        return { parent, name: '', path: magic, slash };
      }
      const target = inode.readlink(task);
      if (target === '') throw ENOENT;
      rest = last ? (slash ? `${target}/` : target) : `${target}/${rest.slice(at)}`;
      at = 0;
      if (rest.charCodeAt(0) === 47) toRoot();
      continue;
    }
    if (child.mounts !== undefined) {
      const top = topOf(mount, child);
      if (top !== undefined) {
        if (last) {
          if ((resolve & RESOLVE_NO_XDEV) !== 0) throw EXDEV;
          return { parent: new Path(mount, dentry), name: component, path: top, slash };
        }
        leave(top);
        continue;
      }
    }
    if (last) {
      if (slash && !inode.isDirectory) throw ENOTDIR;
      return { parent: new Path(mount, dentry), name: component, path: new Path(mount, child), slash };
    }
    dentry = child;
  }

  function up(): void {
    if (mount === root.mount && dentry === root.dentry) {
      if ((resolve & RESOLVE_BENEATH) !== 0) throw EXDEV;
      return;
    }
    while (dentry === mount.root) {
      if (mount.at === undefined) return;
      if ((resolve & RESOLVE_NO_XDEV) !== 0) throw EXDEV;
      ({ mount, dentry } = mount.at);
      if (mount === root.mount && dentry === root.dentry) return;
    }
    dentry = dentry.parent;
    const top = topOf(mount, dentry);
    if (top !== undefined) leave(top);
  }
}

/** The topmost mount over a dentry, if it is covered. */
function topOf(mount: Mount, dentry: Dentry): Path | undefined {
  let covered: Path | undefined;
  while (dentry.mounts !== undefined) {
    const under = mount;
    const covering = dentry.mounts.findLast((other) => other.at?.mount === under);
    if (covering === undefined) break;
    mount = covering;
    dentry = covering.root;
    covered = new Path(mount, dentry);
  }
  return covered;
}
