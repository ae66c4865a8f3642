import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { immediateExit, peerUser, returnMemory, yieldToEnclave } from './process.ts';

const skip = immediateExit() === undefined ? 'node:ffi is off' : false;

/** By thread: its name and nice value, proc_pid_stat(5). */
function threads(): { name: string; nice: number }[] {
  return readdirSync('/proc/self/task').map((thread) => {
    const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'latin1');
    const [name, rest] = [stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')), stat.slice(stat.lastIndexOf(')') + 2)];
    return { name, nice: Number(rest.split(' ')[16]) };
  });
}

test('threads of V8 step back, others do not', { skip }, () => {
  const before = new Set(threads().map(({ nice }) => nice));
  assert.equal(before.size, 1);
  yieldToEnclave();
  const after = threads();
  const background = after.filter(({ name }) => name.includes('V8Worker'));
  assert.ok(background.length > 0 && background.every(({ nice }) => nice > [...before][0]));
  assert.ok(after.filter((thread) => !background.includes(thread)).every(({ nice }) => before.has(nice)));
});

test('the process ends at once, with its code', { skip }, () => {
  const program = `import { immediateExit } from ${JSON.stringify(new URL('./process.ts', import.meta.url).href)}; process.on('exit', () => console.log('later')); setInterval(() => {}, 1000); immediateExit()(77);`;
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  assert.deepEqual([status, stdout], [77, '']);
});

test('a descriptor that is no socket has nobody at its other end', { skip }, () => {
  assert.equal(peerUser()?.(-1), undefined);
  returnMemory()?.();
});
