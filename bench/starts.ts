/** What starting costs, and what stays resident: from outside, as a user's shell would see it. */

import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { median, type Start } from './report.ts';
import { CLI, programPath, type Stage } from './stage.ts';

const TIMES = 7;
const ENOUGH_MS = 4000;
const TIMEOUT_MS = 180_000;
const IDLE_PROCESSES = 32,
  IDLE_THREADS = 10_000;
/** Garbage of the last program is collected by then, or stays. */
const SETTLE_MS = 1500;
/** Goals: a limit each, but python3's, which is relative to the host. */
const LIMITS = { run: 150e6, peak: 200e6, exec: 10e6, python: 3, resident: 120e6, process: 2e6, thread: 32e3 } as const;

interface Measured {
  readonly value?: number | undefined;
  readonly problem?: string | undefined;
}

/** Wall time of commands taking turns: the median of seven, of fewer where that takes longer than four seconds. */
function wallNs(cwd: string, ...commands: readonly (readonly string[])[]): Measured[] {
  const times: number[][] = commands.map(() => []);
  const problems: (string | undefined)[] = commands.map(() => undefined);
  const began = performance.now();
  for (let i = 0; i < TIMES && (i < 3 || performance.now() - began < ENOUGH_MS * commands.length); i++) {
    commands.forEach(([command, ...args], which) => {
      const start = process.hrtime.bigint();
      const { status, signal, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: TIMEOUT_MS, stdio: ['ignore', 'ignore', 'pipe'] });
      if (status === 0) times[which].push(Number(process.hrtime.bigint() - start));
      else problems[which] = `${signal ?? `status ${status}`}: ${stderr?.trim().split('\n').at(-1)}`;
    });
  }
  return times.map((each, which) => ({ value: median(each), problem: problems[which] }));
}

/** The most memory that one process of a command had resident. */
function peakBytes(args: readonly string[], work: string): Measured {
  const out = join(work, 'peak');
  const { status, stderr, error } = spawnSync('/usr/bin/time', ['-f', '%M', '-o', out, CLI, ...args], { cwd: work, encoding: 'utf8', timeout: TIMEOUT_MS });
  return status === 0 ? { value: Number(readFileSync(out, 'latin1').trim()) * 1024 } : { problem: error?.message ?? stderr };
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, SETTLE_MS));

async function residentBytes(instance: string): Promise<number> {
  await settled();
  const { stdout } = spawnSync(CLI, ['-C', instance, 'status', '--json'], { encoding: 'utf8' });
  return (JSON.parse(stdout) as { residentBytes: number }).residentBytes;
}

/** What each of many idle ones adds: twice, for the first time also grows what stays. */
async function eachBytes(instance: string, kind: 'processes' | 'threads', count: number): Promise<Measured> {
  let value = 0;
  for (let time = 0; time < 2; time++) {
    const before = await residentBytes(instance);
    const holder = spawn(CLI, ['-C', instance, 'exec', '/bin/idle', kind, String(count)], { stdio: ['pipe', 'pipe', 'ignore'] });
    const ended = new Promise<number | null>((resolve) => holder.on('exit', resolve));
    const ready = await Promise.race([new Promise<true>((resolve) => holder.stdout.once('data', () => resolve(true))), ended]);
    if (ready !== true) return { problem: `status ${String(ready)}` };
    value = ((await residentBytes(instance)) - before) / count;
    holder.stdin.end();
    const status = await ended;
    if (status !== 0) return { problem: `status ${String(status)}` };
  }
  return { value };
}

export async function measureStarts({ work, instance }: Stage): Promise<Start[]> {
  const run = ['-C', instance, 'run', '--quiet', '/bin/true'];
  const [bare, cold] = wallNs(work, [process.execPath, '-e', '0'], [CLI, ...run]);
  const starts: Start[] = [
    { name: 'node -e 0, for comparison', unit: 'ns', ...bare },
    { name: 'run /bin/true', unit: 'ns', limit: LIMITS.run, ...cold },
    { name: 'run /bin/true, peak', unit: 'bytes', limit: LIMITS.peak, ...peakBytes(run, work) },
  ];
  const started = spawnSync(CLI, ['-C', instance, 'start'], { cwd: work, stdio: 'ignore', timeout: TIMEOUT_MS });
  if (started.status !== 0) return [...starts, { name: 'idle enclave', unit: 'bytes', limit: LIMITS.resident, problem: `start: status ${started.status}` }];
  try {
    starts.push({ name: 'idle enclave', unit: 'bytes', limit: LIMITS.resident, value: await residentBytes(instance) });
    const exec = [CLI, '-C', instance, 'exec'];
    const [nothing] = wallNs(work, [...exec, '/bin/true']);
    const [host, python] = wallNs(work, [programPath('python3') ?? 'python3', '-c', 'pass'], [...exec, '/usr/bin/python3', '-c', 'pass']);
    starts.push(
      { name: 'exec /bin/true', unit: 'ns', limit: LIMITS.exec, ...nothing },
      { name: 'exec python3 -c pass', unit: 'ns', native: host.value, ...(host.value !== undefined && { limit: LIMITS.python * host.value }), ...python },
      { name: 'idle enclave, used', unit: 'bytes', limit: LIMITS.resident, value: await residentBytes(instance) },
      { name: 'idle process', unit: 'bytes', limit: LIMITS.process, ...(await eachBytes(instance, 'processes', IDLE_PROCESSES)) },
      { name: 'idle thread', unit: 'bytes', limit: LIMITS.thread, ...(await eachBytes(instance, 'threads', IDLE_THREADS)) },
    );
  } finally {
    spawnSync(CLI, ['-C', instance, 'stop'], { cwd: work, stdio: 'ignore', timeout: TIMEOUT_MS });
  }
  return starts;
}
