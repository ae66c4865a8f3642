import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IN_CREATE, IN_DELETE_SELF, IN_IGNORED, IN_MASK_ADD, IN_MODIFY, IN_ONESHOT, IN_OPEN, IN_Q_OVERFLOW } from '../../abi/inotify.ts';
import { byteString } from '../../base/bytes.ts';
import { EINVAL } from '../errno.ts';
import { WOULD_BLOCK } from '../result.ts';
import type { Task } from '../task/task.ts';
import { notifyInode } from '../vfs/notify.ts';
import { anonymous } from './anon.ts';
import { InotifyFile } from './inotify.ts';

const task = {} as Task;

function events(file: InotifyFile, room = 4096): [wd: number, mask: number, name: string][] {
  const into = new Uint8Array(room);
  const count = file.read(task, into);
  const out: [number, number, string][] = [];
  const data = new DataView(into.buffer);
  for (let at = 0; at < count; ) {
    const length = data.getUint32(at + 12, true);
    out.push([data.getInt32(at, true), data.getUint32(at + 4, true), byteString(into.subarray(at + 16, at + 16 + length)).replace(/\0+$/, '')]);
    at += 16 + length;
  }
  return out;
}

test('events that were asked for, in order; equal neighbours once', () => {
  const file = new InotifyFile(0);
  const inode = anonymous('watched');
  const wd = file.watch(inode, IN_CREATE | IN_OPEN);
  notifyInode(inode, IN_CREATE, 0, 'a name of 17 bytes');
  notifyInode(inode, IN_MODIFY);
  notifyInode(inode, IN_OPEN);
  notifyInode(inode, IN_OPEN);
  assert.throws(() => file.read(task, new Uint8Array(40)), EINVAL);
  assert.deepEqual(events(file, 48), [[wd, IN_CREATE, 'a name of 17 bytes']]);
  assert.deepEqual(events(file), [[wd, IN_OPEN, '']]);
  assert.equal(file.read(task, new Uint8Array(100)), WOULD_BLOCK);
});

test('one watch for each inode; it ends with the inode, at once, or by request', () => {
  const file = new InotifyFile(0);
  const inode = anonymous('watched');
  const wd = file.watch(inode, IN_OPEN);
  assert.equal(file.watch(inode, IN_MODIFY | IN_MASK_ADD), wd);
  notifyInode(inode, IN_OPEN);
  notifyInode(inode, IN_DELETE_SELF);
  assert.deepEqual(events(file), [
    [wd, IN_OPEN, ''],
    [wd, IN_IGNORED, ''],
  ]);
  assert.throws(() => file.remove(wd), EINVAL);
  const once = file.watch(inode, IN_MODIFY | IN_ONESHOT);
  notifyInode(inode, IN_MODIFY);
  notifyInode(inode, IN_MODIFY);
  assert.deepEqual(events(file), [
    [once, IN_MODIFY, ''],
    [once, IN_IGNORED, ''],
  ]);
  assert.equal(inode.watchers, undefined);
});

test('a queue that nobody reads overflows with one event that says so', () => {
  const file = new InotifyFile(0);
  const inode = anonymous('watched');
  file.watch(inode, IN_CREATE);
  for (let index = 0; index < 16390; index++) notifyInode(inode, IN_CREATE, 0, String(index));
  const all = events(file, 1 << 20);
  assert.equal(all.length, 16385);
  assert.deepEqual(all.at(-1), [-1, IN_Q_OVERFLOW, '']);
});
