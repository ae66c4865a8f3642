/**
 * One suite for every file system that can be written: tmpfs, volumes, overlays in several states, and the host's own
 * as the oracle that the suite itself is right. After it, random operations must have the same results as on the host.
 */

import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
  type Stats,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { FileSystem } from '../vfs/inode.ts';
import { OverlayFs } from './overlayfs.ts';
import { MemoryVolume } from './testing/memory-volume.ts';
import { plainMemory, type Subject, type SubjectStat, subjectOver, taskOver, testClock } from './testing/subject.ts';
import { Tmpfs } from './tmpfs.ts';
import { VolumeFs } from './volumefs.ts';

function hostSubject(): Subject {
  const root = mkdtempSync(join(tmpdir(), 'fs-oracle-'));
  after(() => rmSync(root, { recursive: true, force: true }));
  const at = (path: string): string => (path === '' ? '' : `${root}/${path}`);
  const statOf = ({ ino, mode, nlink, size, mtimeMs }: Stats): SubjectStat => ({ ino, mode, nlink, size, mtimeMs: Math.floor(mtimeMs) });
  const contents = (fd: number): string => {
    const bytes = Buffer.alloc(fstatSync(fd).size + 1);
    return bytes.toString('latin1', 0, readSync(fd, bytes, 0, bytes.length, 0));
  };
  return {
    write: (path, text, how) => (how === 'append' ? appendFileSync(at(path), text, 'latin1') : writeFileSync(at(path), text, { encoding: 'latin1', flag: how === 'new' ? 'wx' : 'w' })),
    writeAt(path, offset, text) {
      const fd = openSync(at(path), 'r+');
      writeSync(fd, Buffer.from(text, 'latin1'), 0, text.length, offset);
      closeSync(fd);
    },
    read: (path) => readFileSync(at(path), 'latin1'),
    mkdir: (path) => mkdirSync(at(path)),
    rmdir: (path) => rmdirSync(at(path)),
    unlink: (path) => unlinkSync(at(path)),
    rename: (from, to) => renameSync(at(from), at(to)),
    link: (from, to) => linkSync(at(from), at(to)),
    symlink: (target, path) => symlinkSync(target, at(path)),
    readlink: (path) => readlinkSync(at(path)),
    stat: (path) => statOf(statSync(at(path))),
    lstat: (path) => statOf(lstatSync(at(path))),
    list: (path) => readdirSync(at(path)).sort(),
    chmod: (path, mode) => chmodSync(at(path), mode),
    truncate: (path, size) => truncateSync(at(path), size),
    utimes: (path, seconds) => utimesSync(at(path), seconds, seconds),
    hold(path) {
      const fd = openSync(at(path), 'r+');
      return { read: () => contents(fd), write: (text) => void writeSync(fd, Buffer.from(text, 'latin1'), 0, text.length, 0), close: () => closeSync(fd) };
    },
  };
}

const fails = (code: string, work: () => unknown): void => {
  assert.throws(work, (error: { code?: string }) => {
    assert.equal(error.code, code);
    return true;
  });
};

/** Every writable file system behaves so. `make` gives an empty one. */
export function describeFileSystem(name: string, make: () => Subject): void {
  describe(name, () => {
    it('writes, appends, replaces and reads', () => {
      const fs = make();
      fs.write('a', 'hello', 'new');
      assert.equal(fs.read('a'), 'hello');
      fs.write('a', ' world', 'append');
      assert.equal(fs.read('a'), 'hello world');
      fs.write('a', 'x', 'replace');
      assert.equal(fs.read('a'), 'x');
      fails('EEXIST', () => fs.write('a', '', 'new'));
      fs.writeAt('a', 5000, 'far');
      assert.equal(fs.read('a'), `x${'\0'.repeat(4999)}far`);
      assert.equal(fs.stat('a').size, 5003);
    });

    it('keeps large files', () => {
      const fs = make();
      const text = 'The quick brown fox. '.repeat(20_000);
      fs.write('large', text, 'new');
      fs.writeAt('large', 100_000, 'CHANGED');
      const expected = `${text.slice(0, 100_000)}CHANGED${text.slice(100_007)}`;
      assert.equal(fs.read('large'), expected);
      fs.truncate('large', 70_000);
      fs.truncate('large', 140_000);
      assert.equal(fs.read('large'), expected.slice(0, 70_000) + '\0'.repeat(70_000));
    });

    it('makes and removes directories', () => {
      const fs = make();
      fs.mkdir('d');
      fs.mkdir('d/e/');
      fails('EEXIST', () => fs.mkdir('d'));
      fails('ENOENT', () => fs.mkdir('x/y'));
      fs.write('d/f', '1', 'new');
      assert.deepEqual(fs.list('d'), ['e', 'f']);
      assert.equal(fs.stat('d').mode & 0o170000, 0o040000);
      fails('ENOTEMPTY', () => fs.rmdir('d'));
      fails('ENOTDIR', () => fs.rmdir('d/f'));
      fails('EISDIR', () => fs.read('d'));
      fails('ENOTDIR', () => fs.read('d/f/g'));
      fails('EINVAL', () => fs.rmdir('d/e/.'));
      fails('ENOTEMPTY', () => fs.rmdir('d/e/..'));
      fs.rmdir('d/e');
      fs.unlink('d/f');
      fs.rmdir('d');
      fails('ENOENT', () => fs.stat('d'));
    });

    it('resolves names', () => {
      const fs = make();
      fs.mkdir('d');
      fs.write('d/f', 'text', 'new');
      assert.equal(fs.read('d/../d/./f'), 'text');
      assert.equal(fs.read('d//f'), 'text');
      fails('ENOTDIR', () => fs.read('d/f/'));
      fails('ENAMETOOLONG', () => fs.write('n'.repeat(256), '', 'new'));
      fails('ENOENT', () => fs.stat(''));
      fs.write('n'.repeat(255), '', 'new');
      fails('EISDIR', () => fs.write('new/', '', 'replace'));
    });

    it('follows symbolic links', () => {
      const fs = make();
      fs.mkdir('d');
      fs.write('d/f', 'text', 'new');
      fs.symlink('d/f', 'l');
      fs.symlink('d', 'ld');
      fs.symlink('f', 'd/rel');
      assert.equal(fs.readlink('l'), 'd/f');
      assert.equal(fs.read('l'), 'text');
      assert.equal(fs.read('ld/rel'), 'text');
      assert.equal(fs.lstat('l').mode & 0o170000, 0o120000);
      assert.equal(fs.lstat('l').size, 3);
      fs.symlink('made', 'dangling');
      fails('ENOENT', () => fs.read('dangling'));
      fs.write('dangling', 'by link', 'replace');
      assert.equal(fs.read('made'), 'by link');
      fails('EEXIST', () => fs.write('dangling', '', 'new'));
      fs.symlink('loop', 'loop');
      fails('ELOOP', () => fs.read('loop'));
      fails('EINVAL', () => fs.readlink('d'));
      fails('EEXIST', () => fs.symlink('x', 'l'));
      fs.unlink('l');
      assert.equal(fs.read('d/f'), 'text');
    });

    it('has hard links', () => {
      const fs = make();
      fs.write('a', '1', 'new');
      fs.mkdir('d');
      fs.link('a', 'd/b');
      assert.equal(fs.stat('a').ino, fs.stat('d/b').ino);
      assert.equal(fs.stat('a').nlink, 2);
      fs.write('d/b', '22', 'replace');
      assert.equal(fs.read('a'), '22');
      fs.unlink('a');
      assert.equal(fs.stat('d/b').nlink, 1);
      assert.equal(fs.read('d/b'), '22');
      fails('EPERM', () => fs.link('d', 'e'));
      fails('EEXIST', () => fs.link('d/b', 'd'));
      fails('ENOENT', () => fs.link('none', 'e'));
    });

    it('renames', () => {
      const fs = make();
      fs.write('a', '1', 'new');
      fs.write('b', '2', 'new');
      const { ino } = fs.stat('a');
      fs.rename('a', 'b');
      assert.equal(fs.read('b'), '1');
      assert.equal(fs.stat('b').ino, ino);
      fails('ENOENT', () => fs.stat('a'));
      fails('ENOENT', () => fs.rename('a', 'c'));
      fs.mkdir('d');
      fs.rename('b', 'd/c');
      fails('ENOTEMPTY', () => fs.rename('d/c', 'd'));
      fs.write('file', '', 'new');
      fails('EISDIR', () => fs.rename('file', 'd'));
      fs.mkdir('e');
      fs.rename('d', 'e');
      assert.equal(fs.read('e/c'), '1');
      fs.mkdir('empty');
      fails('ENOTEMPTY', () => fs.rename('empty', 'e'));
      fails('ENOTDIR', () => fs.rename('empty', 'e/c'));
      fails('EINVAL', () => fs.rename('e', 'e/inside'));
      fs.rename('e', 'e');
      fs.rename('e/c', 'e/c');
      fs.mkdir('e/sub');
      fs.rename('e/sub', 'moved');
      assert.deepEqual(fs.list('.').includes('moved'), true);
      assert.equal(fs.stat('e').nlink, 2);
    });

    it('renames links to the same file as Linux does', () => {
      const fs = make();
      fs.write('a', '1', 'new');
      fs.link('a', 'b');
      fs.rename('a', 'b');
      assert.equal(fs.read('a'), '1');
      assert.equal(fs.stat('b').nlink, 2);
    });

    it('keeps open files that have lost their names', () => {
      const fs = make();
      fs.write('a', 'before', 'new');
      const held = fs.hold('a');
      fs.unlink('a');
      assert.equal(held.read(), 'before');
      held.write('after!');
      assert.equal(held.read(), 'after!');
      fs.write('a', 'other', 'new');
      assert.equal(held.read(), 'after!');
      held.close();
      assert.equal(fs.read('a'), 'other');
      const replaced = fs.hold('a');
      fs.write('b', 'new', 'new');
      fs.rename('b', 'a');
      assert.equal(replaced.read(), 'other');
      replaced.close();
      assert.equal(fs.read('a'), 'new');
    });

    it('keeps modes and times', () => {
      const fs = make();
      fs.write('a', '1', 'new');
      assert.equal(fs.stat('a').mode, 0o100644);
      fs.chmod('a', 0o4751);
      assert.equal(fs.stat('a').mode, 0o104751);
      fs.utimes('a', 1_000_000_000);
      assert.equal(fs.stat('a').mtimeMs, 1_000_000_000_000);
      const { ino } = fs.stat('a');
      fs.write('a', '2', 'append');
      assert.notEqual(fs.stat('a').mtimeMs, 1_000_000_000_000);
      assert.equal(fs.stat('a').ino, ino);
    });
  });
}

const tmpfs = (): Tmpfs => new Tmpfs({ memory: plainMemory, now: testClock, mode: 0o755 });
const volume = (): VolumeFs => new VolumeFs(new MemoryVolume(), plainMemory);
const over = (fs: FileSystem): Subject => subjectOver(taskOver(fs));

/** A lower side full of things that the suite also makes, all removed again: whiteouts everywhere. */
function scarred(): Subject {
  const lower = new MemoryVolume();
  const names = ['a', 'b', 'l', 'made', 'moved', 'large', 'loop', 'dangling', 'empty', 'ld'];
  for (const name of names) lower.write(lower.create(1, name, 0o100644, 0, 0, 0), 0, new TextEncoder().encode('old'));
  for (const directory of ['d', 'e']) lower.create(lower.mkdir(1, directory, 0o755, 0, 0), 'c', 0o100644, 0, 0, 0);
  lower.readOnly = true;
  const fs = over(new OverlayFs(new VolumeFs(lower, plainMemory), volume()));
  for (const name of names) fs.unlink(name);
  for (const directory of ['d', 'e']) {
    fs.unlink(`${directory}/c`);
    fs.rmdir(directory);
  }
  return fs;
}

/** Something under every name that the random operations use. */
function fill(fs: Subject): void {
  for (const a of ['p', 'q', 'r', 's']) {
    fs.mkdir(a);
    for (const b of ['p', 'q', 'r', 's']) {
      if (a === b) fs.mkdir(`${a}/${b}`);
      else if (b === 's') fs.symlink('../p', `${a}/${b}`);
      else fs.write(`${a}/${b}`, `${a} and ${b}`, 'new');
    }
  }
}

function overFullImage(): Subject {
  const lower = new MemoryVolume();
  fill(over(new VolumeFs(lower, plainMemory)));
  lower.readOnly = true;
  const upper = new MemoryVolume();
  reopen = () => over(new OverlayFs(new VolumeFs(lower, plainMemory), new VolumeFs(upper, plainMemory)));
  return reopen();
}

/** The same volumes in an enclave that was started anew. */
let reopen: (() => Subject) | undefined;

/** The whole tree as text. */
function dump(fs: Subject, path = '.'): string {
  return fs
    .list(path)
    .map((name) => {
      const at = `${path}/${name}`;
      switch (fs.lstat(at).mode & 0o170000) {
        case 0o040000:
          return `${at}/\n${dump(fs, at)}`;
        case 0o120000:
          return `${at} -> ${fs.readlink(at)}\n`;
        default:
          return `${at}: ${fs.read(at)}\n`;
      }
    })
    .join('');
}

const SUBJECTS: readonly (readonly [string, () => Subject, ((fs: Subject) => void)?])[] = [
  ['tmpfs', () => over(tmpfs())],
  ['a volume', () => over(volume())],
  ['an overlay of volumes', () => over(new OverlayFs(volume(), volume()))],
  ['an overlay over tmpfs', () => over(new OverlayFs(tmpfs(), tmpfs()))],
  ['an overlay full of whiteouts', scarred],
];

describeFileSystem('the host', hostSubject);
for (const [name, make] of SUBJECTS) describeFileSystem(name, make);

describe('random operations agree with the host', () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  for (const [name, make, prepare] of [...SUBJECTS, ['an overlay over a full image', overFullImage, fill] as const]) {
    it(`${name} (seed ${seed})`, () => {
      let state = seed;
      const random = (limit: number): number => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
        return Math.floor((state / 0x1_0000_0000) * limit);
      };
      const components = ['p', 'q', 'r', 's'];
      const path = (): string => Array.from({ length: 1 + random(3) }, () => components[random(components.length)]).join('/');
      const subject = make();
      const oracle = hostSubject();
      prepare?.(oracle);
      for (let step = 0; step < 1500; step++) {
        const [a, b] = [path(), path()];
        const text = String(step).repeat(1 + random(40));
        // biome-ignore format: a table
        const operations: readonly (readonly [string, (fs: Subject) => unknown])[] = [
          [`write ${a}`,      (fs) => fs.write(a, text, 'replace')],
          [`new ${a}`,        (fs) => fs.write(a, text, 'new')],
          [`append ${a}`,     (fs) => fs.write(a, text, 'append')],
          [`read ${a}`,       (fs) => fs.read(a)],
          [`mkdir ${a}`,      (fs) => fs.mkdir(a)],
          [`mkdir ${b}`,      (fs) => fs.mkdir(b)],
          [`rmdir ${a}`,      (fs) => fs.rmdir(a)],
          [`unlink ${a}`,     (fs) => fs.unlink(a)],
          [`rename ${a} ${b}`, (fs) => fs.rename(a, b)],
          [`link ${a} ${b}`,  (fs) => fs.link(a, b)],
          [`symlink ${a} ${b}`, (fs) => fs.symlink(a, b)],
          [`readlink ${a}`,   (fs) => fs.readlink(a)],
          [`list ${a}`,       (fs) => fs.list(a)],
          [`stat ${a}`,       (fs) => { const { mode, nlink, size } = fs.stat(a); return (mode & 0o170000) === 0o040000 ? mode : { mode, nlink, size }; }],
          [`truncate ${a}`,   (fs) => fs.truncate(a, text.length * 3)],
        ];
        const [what, run] = operations[random(operations.length)];
        const outcome = (fs: Subject): unknown => {
          try {
            return run(fs) ?? 'done';
          } catch (error) {
            return (error as { code?: string }).code ?? error;
          }
        };
        const mine = outcome(subject);
        // A directory with a lower part cannot be renamed: programs then copy it.
        if (mine !== 'EXDEV') assert.deepEqual(mine, outcome(oracle), `step ${step}: ${what}`);
      }
      assert.equal(dump(subject), dump(oracle));
      if (prepare !== undefined && reopen !== undefined) assert.equal(dump(reopen()), dump(oracle), 'after a restart');
    });
  }
});
