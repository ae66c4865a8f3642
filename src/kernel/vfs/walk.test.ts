import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AT_FDCWD, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_PATH, O_RDONLY, O_TMPFILE, O_RDWR, O_WRONLY, RESOLVE_BENEATH, RESOLVE_IN_ROOT, RESOLVE_NO_SYMLINKS, RESOLVE_NO_XDEV } from '../../abi/fcntl.ts';
import { MS_NODEV, MS_RDONLY } from '../../abi/mount.ts';
import { makedev, S_IFCHR, S_IFREG } from '../../abi/stat.ts';
import type { Errno } from '../errno.ts';
import { Tmpfs } from '../fs/tmpfs.ts';
import { plainMemory, taskOver, testClock } from '../fs/testing/subject.ts';
import { credsOf } from '../task/creds.ts';
import type { Task } from '../task/task.ts';
import { Path, pathName } from './mount.ts';
import { lookupAt, startOf } from './names.ts';
import { openAt } from './open.ts';
import { makeDirectory, makeLink, makeSymlink, removeDirectory, removeFile, renameEntry } from './operations.ts';
import { vfsOf } from './vfs.ts';
import { walk } from './walk.ts';

const root = { uid: 0, gid: 0 };

function world(): Task {
  const fs = new Tmpfs({ memory: plainMemory, now: testClock, mode: 0o755 });
  const task = taskOver(fs);
  for (const name of ['/home', '/home/user', '/mnt', '/secret']) makeDirectory(task, AT_FDCWD, name, 0o755);
  fs.root.lookup('home')?.lookup('user')?.setattr({ uid: 1000, gid: 1000 });
  fs.root.lookup('secret')?.setattr({ mode: 0o700 });
  fs.root.create('file', S_IFREG | 0o644, root, 0);
  makeSymlink(task, '/file', AT_FDCWD, '/home/absolute');
  makeSymlink(task, '../file', AT_FDCWD, '/home/relative');
  return task;
}

const asUser = (task: Task): Task => {
  task.creds = credsOf(1000, 1000);
  return task;
};

const fails = (code: string, work: () => unknown): void => assert.throws(work, (error: Errno) => error.code === code || assert.fail(`${error.code ?? error} instead of ${code}`));
const nameOf = (task: Task, path: Path): string => pathName(path, task.fs.root).name;

describe('names', () => {
  it('lead through mounts and back', () => {
    const task = world();
    const inner = new Tmpfs({ memory: plainMemory, now: testClock });
    vfsOf(task).mountAt('/mnt', inner, 'inner');
    makeDirectory(task, AT_FDCWD, '/mnt/d', 0o755);
    assert.equal(inner.root.lookup('d')?.isDirectory, true);
    assert.equal(lookupAt(task, AT_FDCWD, '/mnt/d/../../file').inode, lookupAt(task, AT_FDCWD, '/file').inode);
    assert.equal(nameOf(task, lookupAt(task, AT_FDCWD, '/mnt/d')), '/mnt/d');
    fails('EBUSY', () => removeDirectory(task, AT_FDCWD, '/mnt'));
    fails('EBUSY', () => renameEntry(task, AT_FDCWD, '/mnt', AT_FDCWD, '/other', 0));
    fails('EXDEV', () => renameEntry(task, AT_FDCWD, '/file', AT_FDCWD, '/mnt/file', 0));
    fails('EXDEV', () => makeLink(task, lookupAt(task, AT_FDCWD, '/file'), AT_FDCWD, '/mnt/file'));
    fails('EXDEV', () => walk(task, task.fs.cwd, 'mnt/d', { links: 'follow', resolve: RESOLVE_NO_XDEV }));
  });

  it('stay inside a changed root', () => {
    const task = world();
    task.fs.root = task.fs.cwd = lookupAt(task, AT_FDCWD, '/home');
    assert.equal(nameOf(task, lookupAt(task, AT_FDCWD, '/../../user/..')), '/');
    fails('ENOENT', () => lookupAt(task, AT_FDCWD, '/absolute'));
  });

  it('obey openat2(2)', () => {
    const task = world();
    const home = lookupAt(task, AT_FDCWD, '/home');
    const go = (name: string, resolve: number) => walk(task, home, name, { links: 'follow', resolve }).path as Path;
    fails('EXDEV', () => go('../file', RESOLVE_BENEATH));
    fails('EXDEV', () => go('/home', RESOLVE_BENEATH));
    fails('EXDEV', () => go('relative', RESOLVE_BENEATH));
    fails('EXDEV', () => go('absolute', RESOLVE_BENEATH));
    assert.equal(go('user/../user', RESOLVE_BENEATH).inode.uid, 1000);
    assert.equal(go('../../user', RESOLVE_IN_ROOT).inode.uid, 1000);
    fails('ENOENT', () => go('absolute', RESOLVE_IN_ROOT));
    fails('ELOOP', () => go('relative', RESOLVE_NO_SYMLINKS));
  });

  it('need search permission', () => {
    const task = asUser(world());
    fails('EACCES', () => lookupAt(task, AT_FDCWD, '/secret/x'));
    fails('EACCES', () => makeDirectory(task, AT_FDCWD, '/mine', 0o755));
    makeDirectory(task, AT_FDCWD, '/home/user/mine', 0o755);
    assert.equal(lookupAt(task, AT_FDCWD, '/home/user/mine').inode.uid, 1000);
  });

  it('of moved and removed directories follow', () => {
    const task = world();
    task.fs.cwd = lookupAt(task, AT_FDCWD, '/home/user');
    renameEntry(task, AT_FDCWD, '/home', AT_FDCWD, '/houses', 0);
    assert.equal(nameOf(task, task.fs.cwd), '/houses/user');
    removeDirectory(task, AT_FDCWD, '/houses/user');
    assert.equal(pathName(task.fs.cwd, task.fs.root).deleted, true);
    fails('ENOENT', () => makeDirectory(task, AT_FDCWD, 'x', 0o755));
    assert.equal(nameOf(task, lookupAt(task, AT_FDCWD, '..')), '/houses');
  });
});

describe('open', () => {
  const open = (task: Task, name: string, flags: number, mode = 0o644) => openAt(task, startOf(task, AT_FDCWD, name), name, flags, mode);

  it('checks access modes against permissions', () => {
    const task = asUser(world());
    open(task, '/file', O_RDONLY);
    fails('EACCES', () => open(task, '/file', O_WRONLY));
    fails('EISDIR', () => open(task, '/home/user', O_RDWR));
    fails('EACCES', () => open(task, '/new', O_WRONLY | O_CREAT));
    const made = open(task, '/home/user/f', O_WRONLY | O_CREAT, 0);
    assert.equal(made.canWrite, true);
    fails('EACCES', () => open(task, '/home/user/f', O_RDONLY));
  });

  it('keeps to its flags', () => {
    const task = world();
    fails('ELOOP', () => open(task, '/home/relative', O_RDONLY | O_NOFOLLOW));
    assert.equal(open(task, '/home/relative', O_PATH | O_NOFOLLOW).inode.isSymlink, true);
    fails('ENOTDIR', () => open(task, '/file', O_RDONLY | O_DIRECTORY));
    fails('EEXIST', () => open(task, '/home/relative', O_CREAT | O_EXCL | O_WRONLY));
    fails('EISDIR', () => open(task, '/home', O_CREAT | O_RDONLY));
    fails('EINVAL', () => open(task, '/home', O_TMPFILE | O_RDONLY));
    const temporary = open(task, '/home', O_TMPFILE | O_RDWR);
    assert.equal(temporary.inode.nlink, 0);
    fails('EBADF', () => open(task, '/file', O_PATH).poll());
  });

  it('minds mount flags and running programs', () => {
    const task = world();
    const { inode } = lookupAt(task, AT_FDCWD, '/file');
    inode.executions = 1;
    fails('ETXTBSY', () => open(task, '/file', O_WRONLY));
    inode.executions = 0;
    const { mount } = task.fs.root;
    mount.flags = MS_RDONLY | MS_NODEV;
    fails('EROFS', () => open(task, '/file', O_WRONLY));
    fails('EROFS', () => open(task, '/new', O_CREAT | O_WRONLY));
    fails('EROFS', () => removeFile(task, AT_FDCWD, '/file'));
    lookupAt(task, AT_FDCWD, '/home').inode.create('null', S_IFCHR | 0o666, root, makedev(1, 3));
    fails('EACCES', () => open(task, '/home/null', O_RDONLY));
    mount.flags = 0;
    fails('ENXIO', () => open(task, '/home/null', O_RDONLY));
  });

  it('lets only owners delete from sticky directories', () => {
    const task = world();
    const tmp = lookupAt(task, AT_FDCWD, '/home').inode;
    tmp.setattr({ mode: 0o1777 });
    tmp.create('theirs', S_IFREG | 0o666, root, 0);
    tmp.create('mine', S_IFREG | 0o666, { uid: 1000, gid: 1000 }, 0);
    asUser(task);
    fails('EPERM', () => removeFile(task, AT_FDCWD, '/home/theirs'));
    fails('EPERM', () => renameEntry(task, AT_FDCWD, '/home/mine', AT_FDCWD, '/home/theirs', 0));
    removeFile(task, AT_FDCWD, '/home/mine');
  });
});
