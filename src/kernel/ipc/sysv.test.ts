import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IPC_CREAT, IPC_EXCL, IPC_NOWAIT, IPC_PRIVATE, MSG_EXCEPT, SEM_UNDO } from '../../abi/ipc.ts';
import { EACCES, EAGAIN, EEXIST, EFBIG, EINVAL, ENOENT, ERANGE } from '../errno.ts';
import { credsOf, ROOT_CREDS } from '../task/creds.ts';
import type { Task } from '../task/task.ts';
import { WaitQueue } from '../wait.ts';
import { MessageQueue } from './msg.ts';
import { SemSet } from './sem.ts';
import { SysvTable } from './sysv.ts';

const fake = (creds = ROOT_CREDS): Task => ({ pid: 7, creds, kernel: { host: { realtimeNs: () => 5e9 } }, process: { pid: 7, exitQueue: new WaitQueue() } }) as unknown as Task;
const task = fake();

test('keys lead to identifiers; an identifier that has been used is not used again soon', () => {
  const table = new SysvTable<MessageQueue>();
  const get = (key: number, flags: number, by = task): number =>
    table.get(
      by,
      key,
      flags,
      () => {},
      (id) => new MessageQueue(by, id, key, flags),
    );
  assert.throws(() => get(1, 0), ENOENT);
  const id = get(1, IPC_CREAT | 0o600);
  assert.equal(get(1, IPC_CREAT), id);
  assert.throws(() => get(1, IPC_CREAT | IPC_EXCL), EEXIST);
  assert.notEqual(get(IPC_PRIVATE, 0o600), get(IPC_PRIVATE, 0o600));
  assert.throws(() => get(1, 0o400, fake(credsOf(1000, 1000))), EACCES);
  table.remove(table.find(id));
  assert.throws(() => table.find(id), EINVAL);
  assert.throws(() => get(1, 0), ENOENT);
  assert.notEqual(get(1, IPC_CREAT), id);
});

test('semaphore operations happen together or not at all', () => {
  const set = new SemSet(task, 0, 0, 0o600, 2);
  set.set(task, 0, 3);
  assert.equal(
    set.apply(task, [
      { num: 0, op: -2, flags: 0 },
      { num: 1, op: -1, flags: 0 },
    ])?.num,
    1,
  );
  assert.deepEqual([...set.values], [3, 0]);
  assert.throws(() => set.apply(task, [{ num: 1, op: -1, flags: IPC_NOWAIT }]), EAGAIN);
  assert.throws(() => set.apply(task, [{ num: 2, op: 1, flags: 0 }]), EFBIG);
  assert.throws(() => set.apply(task, [{ num: 0, op: 32767, flags: 0 }]), ERANGE);
  assert.equal(
    set.apply(task, [
      { num: 0, op: -3, flags: 0 },
      { num: 0, op: 0, flags: 0 },
      { num: 1, op: 4, flags: 0 },
    ]),
    undefined,
  );
  assert.deepEqual([...set.values], [0, 4]);
});

test('what was to be undone is, when the process ends', () => {
  const set = new SemSet(task, 0, 0, 0o600, 2);
  set.set(task, 0, 3);
  set.apply(task, [
    { num: 0, op: -2, flags: SEM_UNDO },
    { num: 1, op: 5, flags: SEM_UNDO },
  ]);
  set.set(task, 1, 1);
  task.process.exitQueue.wake();
  assert.deepEqual([...set.values], [3, 1]);
  task.process.exitQueue.wake();
  assert.deepEqual([...set.values], [3, 1]);
});

test('messages by type', () => {
  const queue = new MessageQueue(task, 0, 0, 0o600);
  for (const type of [5, 3, 4, 3]) assert.ok(queue.send(task, { type, text: new Uint8Array(type) }));
  assert.equal(queue.find(0, 0), 0);
  assert.equal(queue.find(3, 0), 1);
  assert.equal(queue.find(5, MSG_EXCEPT), 1);
  assert.equal(queue.find(-4, 0), 1);
  assert.equal(queue.find(-2, 0), -1);
  queue.take(task, 1);
  assert.equal(queue.bytes, 12);
  assert.equal(queue.send(task, { type: 1, text: new Uint8Array(16384) }), false);
});
