/**
 * `npm run bench [-- ROW…]`: every row on this machine natively, in an enclave and, where it is installed, under
 * qemu-x86_64; medians of seven (of three where that takes too long); the result is appended to `bench/history/`.
 *
 * Natively and under qemu the paths `/bin/micro` and `/data` are replaced by a temporary directory's.
 * Options: `--native` (no enclave), `--no-history`.
 */

import { spawnSync } from 'node:child_process';
import { closeSync, copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ROWS, type Row } from './rows.ts';

const HERE = dirname(fileURLToPath(import.meta.url));
const CLI = join(HERE, '../bin/cloister');
const DATA_BYTES = 24_000_000;
const STARTS = 7;
/** As in programs/micro.c. */
const ENOUGH_MS = 4000;
const ROW_TIMEOUT_MS = 180_000;

const { values, positionals } = parseArgs({ allowPositionals: true, options: { native: { type: 'boolean' }, 'no-history': { type: 'boolean' } } });

interface Result {
  readonly name: string;
  readonly nativeNs: number | undefined;
  readonly enclaveNs: number | undefined;
  readonly qemuNs: number | undefined;
  readonly goal: number | undefined;
  readonly problem: string | undefined;
}

/** What has no native counterpart: a limit instead of a ratio. */
interface Start {
  readonly name: string;
  readonly unit: 'ns' | 'bytes';
  readonly value?: number | undefined;
  readonly limit: number;
  readonly problem?: string | undefined;
}

function median(numbers: readonly number[]): number | undefined {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
}

function programPath(name: string): string | undefined {
  return ['/bin', '/usr/bin', '/usr/local/bin'].map((directory) => join(directory, name)).find((path) => existsSync(path));
}

/** The median of the numbers that a command prints, or why there is none. */
function numbersOf(command: string, args: readonly string[], cwd: string): { ns?: number; problem?: string } {
  const { stdout, stderr, status, signal, error } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: ROW_TIMEOUT_MS, killSignal: 'SIGKILL' });
  const numbers = (stdout ?? '').split('\n').filter((line) => /^[\d.]+$/.test(line)).map(Number);
  if (status !== 0) return { problem: `${signal ?? error?.message ?? `status ${status}`}: ${(stderr ?? '').trim().split('\n').at(-1)}` };
  return { ns: median(numbers) };
}

/** Wall time of a whole command: the median of seven, of fewer where that takes longer than four seconds. */
function wallNs(command: string, args: readonly string[], cwd: string): { ns?: number; problem?: string } {
  const times: number[] = [];
  const began = performance.now();
  for (let i = 0; i < STARTS && (i < 3 || performance.now() - began < ENOUGH_MS); i++) {
    const start = process.hrtime.bigint();
    const { status, signal, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: ROW_TIMEOUT_MS, stdio: ['ignore', 'ignore', 'pipe'] });
    if (status !== 0) return { problem: `${signal ?? `status ${status}`}: ${stderr?.trim().split('\n').at(-1)}` };
    times.push(Number(process.hrtime.bigint() - start));
  }
  return { ns: median(times) };
}

/** The same 24 MB on every machine: lines of two numbers from a linear congruential generator. */
function writeData(path: string): void {
  const fd = openSync(path, 'w');
  let state = 12345;
  for (let written = 0; written < DATA_BYTES; ) {
    let block = '';
    while (block.length < 1_000_000) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      block += `${state} ${state >>> 7}\n`;
    }
    written += writeSync(fd, block);
  }
  closeSync(fd);
}

function time(ns: number | undefined): string {
  if (ns === undefined) return '–';
  if (ns < 1e3) return `${ns.toFixed(0)} ns`;
  if (ns < 1e6) return `${(ns / 1e3).toFixed(1)} µs`;
  if (ns < 1e9) return `${(ns / 1e6).toFixed(1)} ms`;
  return `${(ns / 1e9).toFixed(2)} s`;
}

/** How fast, native being 1. */
function speed(nativeNs: number | undefined, ns: number | undefined): number | undefined {
  return nativeNs === undefined || ns === undefined ? undefined : nativeNs / ns;
}

function line(cells: readonly string[]): string {
  const widths = [27, 10, 10, 8, 9, 10, 8];
  return cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i] ?? 8))).join(' ');
}

function printRow({ name, nativeNs, enclaveNs, qemuNs, goal, problem }: Result): void {
  const ratio = speed(nativeNs, enclaveNs);
  const verdict = ratio === undefined || goal === undefined ? '' : ratio >= goal ? 'reached' : 'missed';
  const qemu = speed(nativeNs, qemuNs);
  console.log(line([name, time(nativeNs), time(enclaveNs), ratio === undefined ? '–' : `${ratio.toFixed(2)}×`, goal === undefined ? '' : `${goal}×`, verdict, qemu === undefined ? '–' : `${qemu.toFixed(2)}×`]));
  if (problem !== undefined) console.log(`    ${problem}`);
}

function printStart({ name, unit, value, limit, problem }: Start): void {
  const shown = (each: number | undefined): string => (unit === 'ns' ? time(each) : each === undefined ? '–' : `${(each / 1e6).toFixed(0)} MB`);
  console.log(line([name, '', shown(value), '', `≤ ${shown(limit).replace('.0', '')}`, value === undefined ? '' : value <= limit ? 'reached' : 'missed', '']));
  if (problem !== undefined) console.log(`    ${problem}`);
}

interface Places {
  readonly work: string;
  readonly micro: string;
  readonly data: string;
  readonly instance: string | undefined;
  readonly qemu: string | undefined;
}

function cloister(args: readonly string[], cwd: string): void {
  const { status, stderr } = spawnSync(CLI, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`cloister ${args.join(' ')}: ${stderr}`);
}

function makeInstance(rows: readonly Row[], work: string, micro: string, data: string): string {
  const instance = join(work, 'instance');
  cloister(['new', instance], work);
  const bin = join(instance, 'image/bin');
  copyFileSync(micro, join(bin, 'micro'));
  for (const name of new Set(['true', ...rows.flatMap((row) => row.needs)])) {
    const path = programPath(name);
    if (path !== undefined) copyFileSync(path, join(bin, name));
  }
  const python = !rows.some((row) => row.needs.includes('python3')) ? undefined : spawnSync('/usr/bin/python3', ['-c', 'import sys; print(f"{sys.version_info[0]}.{sys.version_info[1]}")'], { encoding: 'utf8' });
  if (python?.status === 0) {
    const library = `usr/lib/python${python.stdout.trim()}`;
    mkdirSync(join(instance, 'image/usr/bin'), { recursive: true });
    copyFileSync('/usr/bin/python3', join(instance, 'image/usr/bin/python3'));
    cpSync(join('/', library), join(instance, 'image', library), { recursive: true, dereference: true, filter: (path) => !/\/(test|__pycache__|site-packages|dist-packages|lib-dynload|ensurepip|idlelib|config-)/.test(path) });
  }
  mkdirSync(join(instance, 'image/data'), { recursive: true });
  copyFileSync(data, join(instance, 'image/data/text'));
  cloister(['-C', instance, 'build'], work);
  return instance;
}

function measure(row: Row, { work, micro, data, instance, qemu }: Places): Result {
  const missing = row.needs.filter((name) => programPath(name) === undefined);
  const result = { name: row.name, nativeNs: undefined, enclaveNs: undefined, qemuNs: undefined, goal: row.goal };
  if (missing.length > 0) return { ...result, problem: `not installed here: ${missing.join(', ')}` };
  const here = row.args.map((arg) => arg.replace(/^\/bin\/micro$/, micro).replace(/^\/data\//, `${data}/`));
  const native = numbersOf(micro, here, work);
  const enclave = instance === undefined ? {} : numbersOf(CLI, ['-C', instance, 'run', '--quiet', '/bin/micro', ...row.args], work);
  // qemu-user does not translate what its guest executes, so only rows within one program say something.
  const within = qemu !== undefined && !['spawn', 'fork-exec', 'command'].includes(row.args[0]);
  const emulated = within ? numbersOf(qemu, [micro, ...here], work) : qemu !== undefined && row.args[0] === 'command' ? wallNs(qemu, [programPath(row.needs[0]) as string, ...here.slice(2)], work) : {};
  return { ...result, nativeNs: native.ns, enclaveNs: enclave.ns, qemuNs: emulated.ns, problem: native.problem ?? enclave.problem ?? emulated.problem };
}

/** The most memory that one process of `run /bin/true` had resident. */
function peakBytes(args: readonly string[], work: string): { value?: number; problem?: string } {
  const out = join(work, 'peak');
  const { status, stderr, error } = spawnSync('/usr/bin/time', ['-f', '%M', '-o', out, CLI, ...args], { cwd: work, encoding: 'utf8', timeout: ROW_TIMEOUT_MS });
  return status === 0 ? { value: Number(readFileSync(out, 'latin1').trim()) * 1024 } : { problem: error?.message ?? stderr };
}

function measureStarts({ work, instance }: Places): Start[] {
  if (instance === undefined) return [];
  const run = ['-C', instance, 'run', '--quiet', '/bin/true'];
  const { ns, problem } = wallNs(CLI, run, work);
  const starts: Start[] = [
    { name: 'run /bin/true', unit: 'ns', value: ns, limit: 400e6, problem },
    { name: 'run /bin/true, peak', unit: 'bytes', limit: 200e6, ...peakBytes(run, work) },
  ];
  const started = spawnSync(CLI, ['-C', instance, 'start'], { cwd: work, stdio: 'ignore', timeout: 30_000 });
  if (started.status !== 0) return [...starts, { name: 'exec /bin/true', unit: 'ns', limit: 30e6, problem: `start: status ${started.status}` }];
  const exec = wallNs(CLI, ['-C', instance, 'exec', '/bin/true'], work);
  spawnSync(CLI, ['-C', instance, 'stop'], { cwd: work, stdio: 'ignore', timeout: 30_000 });
  return [...starts, { name: 'exec /bin/true', unit: 'ns', value: exec.ns, limit: 30e6, problem: exec.problem }];
}

function geomean(numbers: readonly number[]): number {
  return Math.exp(numbers.reduce((sum, each) => sum + Math.log(each), 0) / numbers.length);
}

function main(): void {
  const work = mkdtempSync(join(tmpdir(), 'cloister-bench-'));
  try {
    const micro = join(work, 'micro');
    const compiled = spawnSync('gcc', ['-O2', '-w', '-static', '-o', micro, join(HERE, 'programs/micro.c')], { encoding: 'utf8' });
    if (compiled.status !== 0) throw new Error(`the bench needs gcc:\n${compiled.stderr}`);
    mkdirSync(join(work, 'data'));
    writeData(join(work, 'data/text'));
    const chosen = ROWS.filter((row) => positionals.length === 0 || positionals.some((each) => row.name.includes(each)));
    const places: Places = { work, micro, data: join(work, 'data'), instance: values.native ? undefined : makeInstance(chosen, work, micro, join(work, 'data/text')), qemu: programPath('qemu-x86_64') };
    // Other work on the machine shows here: beyond 1 at the start the ratios are doubtful.
    const loads = [loadavg()[0]];
    console.log(line(['', 'native', 'enclave', 'speed', 'goal', '', 'qemu']));
    const results: Result[] = [];
    const add = (result: Result): void => {
      printRow(result);
      results.push(result);
    };
    const starts = positionals.length === 0 ? measureStarts(places) : [];
    starts.forEach(printStart);
    for (const row of chosen) add(measure(row, places));
    const compute = chosen.flatMap((row) => {
      const result = results.find((each) => each.name === row.name);
      const ratio = row.group === 'compute' && result !== undefined ? speed(result.nativeNs, result.enclaveNs) : undefined;
      return ratio === undefined ? [] : [ratio];
    });
    if (compute.length > 0) console.log(`\ncompute, geometric mean of ${compute.length} rows: ${geomean(compute).toFixed(3)} of native speed`);
    if (values['no-history'] || values.native) return;
    mkdirSync(join(HERE, 'history'), { recursive: true });
    loads.push(loadavg()[0]);
    const at = new Date().toISOString();
    const file = join(HERE, 'history', `${at.slice(0, 19).replaceAll(':', '-')}.json`);
    writeFileSync(file, `${JSON.stringify({ at, cpu: cpus()[0]?.model, cores: cpus().length, kernel: release(), node: process.version, load: loads, starts, results }, undefined, 1)}\n`);
    console.log(`kept in ${file}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

main();
