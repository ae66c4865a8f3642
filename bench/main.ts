/**
 * `npm run bench [-- ROW…]`: every row, or those whose names contain one of the words, on this machine natively, in an enclave
 * and, where it is installed, under qemu-x86_64; medians; the whole run is kept in `bench/history/`. `--help` has the options.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { measureAttestation } from './attestation.ts';
import { measureBroker } from './broker.ts';
import { COMPUTE } from './compute.ts';
import { measure, type SideName } from './measure.ts';
import { keep, median, megabytes, printHeader, printRow, printStart, printSummary, type Result, summarize, time } from './report.ts';
import { ROWS, type Row } from './rows.ts';
import { measureStarts } from './starts.ts';
import { type Build, CLI, programPath, QEMU, Stage } from './stage.ts';

const ROW_TIMEOUT_MS = 180_000;
/** What the machine does beside changes by the minute: the sides take turns. */
const TURNS = 3;
const HISTORY = join(import.meta.dirname, 'history');

const HELP = `npm run bench [-- OPTIONS ROW…]: every row, or those whose names contain one of the words

  --quick         a dozen compute rows, one repetition after the first, without qemu: about two minutes
  --once          one repetition after the first, of any rows
  --group NAME    starts, kernel, compute, files, attestation or broker (the last two apart from the others)
  --no-qemu       native and enclave only
  --native        the enclave is not measured
  --keep          a part of the rows is kept in the history too
  --no-history    nothing is kept

  npm run bench -- --group kernel pipe spawn
`;
const { values: options, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: 'boolean', short: 'h' },
    quick: { type: 'boolean' },
    once: { type: 'boolean' },
    group: { type: 'string' },
    'no-qemu': { type: 'boolean' },
    native: { type: 'boolean' },
    keep: { type: 'boolean' },
    'no-history': { type: 'boolean' },
  },
});

/** The numbers that a command prints, or why there are none. */
function numbersOf(command: string, args: readonly string[], cwd: string): readonly number[] | string {
  const { stdout, stderr, status, signal, error } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: ROW_TIMEOUT_MS, killSignal: 'SIGKILL' });
  if (status !== 0) return `${signal ?? error?.message ?? `status ${status}`}: ${(stderr ?? '').trim().split('\n').at(-1)}`;
  return stdout
    .split('\n')
    .filter((line) => /^[\d.]+$/.test(line))
    .map(Number);
}

/** A row of `programs/micro.c`, which takes its times itself: the medians over all turns. */
function measureMicro(row: Row, sides: readonly SideName[], { work, micro, instance, files }: Stage): Result {
  const { name, group, goal } = row;
  const missing = row.needs.filter((program) => programPath(program) === undefined);
  if (missing.length > 0) return { name, group, goal, problem: `not installed here: ${missing.join(', ')}` };
  const here = row.args.map((arg) => arg.replace(/^\/bin\/micro$/, micro).replace(/^\/(?:data|bench)\//, `${files}/`));
  const commands: Readonly<Record<SideName, readonly [string, readonly string[]]>> = {
    native: [micro, here],
    enclave: [CLI, ['-C', instance, 'run', '--quiet', '/bin/micro', ...row.args]],
    qemu: [QEMU, [micro, ...here]],
  };
  // qemu-user does not translate what its guest executes, so only rows within one program say something.
  const within = !['spawn', 'fork-exec', 'command'].includes(row.args[0]);
  const all: Partial<Record<SideName, number[]>> = {};
  let problem: string | undefined;
  for (let turn = 0; turn < TURNS && problem === undefined; turn++)
    for (const side of sides) {
      // Nothing is asked of it here, and 10,000 threads take it a minute.
      if (side === 'qemu' && (turn > 0 || !within)) continue;
      const numbers = numbersOf(...commands[side], work);
      if (typeof numbers === 'string') problem ??= `${side}: ${numbers}`;
      else (all[side] ??= []).push(...numbers);
    }
  return { name, group, goal, nativeNs: median(all.native ?? []), enclaveNs: median(all.enclave ?? []), qemuNs: median(all.qemu ?? []), problem };
}

function printBuild({ buildNs, rebuildNs, imageBytes, translatedBytes }: Build): void {
  console.log(`build: ${time(buildNs)}; image ${megabytes(imageBytes)}, of which translated code ${megabytes(translatedBytes)}${rebuildNs === undefined ? '' : `; again after touching one file: ${time(rebuildNs)}`}\n`);
}

if (options.help) {
  process.stdout.write(HELP);
  process.exit();
}

const isChosen = (name: string): boolean => words.length === 0 || words.some((word) => name.includes(word));

async function main(): Promise<void> {
  if (options.group === 'broker') return void (await measureBroker(isChosen));
  if (options.group === 'attestation') return measureAttestation();
  const work = mkdtempSync(join(tmpdir(), 'cloister-bench-'));
  try {
    const inGroup = (group: string): boolean => options.group === undefined || options.group === group;
    const compute = COMPUTE.filter(({ name, quick }) => inGroup('compute') && isChosen(name) && (!options.quick || quick));
    const micro = options.quick ? [] : ROWS.filter(({ name, group }) => inGroup(group) && isChosen(name));
    const isWhole = words.length === 0 && options.group === undefined && !options.quick && !options.once;
    const sides: SideName[] = ['native'];
    if (!options.native) sides.push('enclave');
    if (!options['no-qemu'] && !options.quick && existsSync(QEMU)) sides.push('qemu');

    const stage = new Stage(work);
    mkdirSync(join(work, 'data'));
    const programs = ['true', ...(options.group === 'starts' ? ['python3'] : []), ...micro.flatMap(({ needs }) => needs), ...compute.map(({ argv }) => basename(argv[0]))];
    const build = options.native ? undefined : stage.makeInstance(programs, options.quick ? 'once' : 'twice');
    if (build !== undefined) printBuild(build);
    // Other work on the machine shows here: beyond 1 at the start the ratios are doubtful.
    const load = [loadavg()[0]];
    printHeader();
    const starts = (isWhole || options.group === 'starts') && build !== undefined ? await measureStarts(stage) : [];
    const broker = isWhole && build !== undefined ? await measureBroker(isChosen) : [];
    starts.forEach(printStart);
    const results: Result[] = [];
    const add = (result: Result): void => {
      printRow(result);
      results.push(result);
    };
    for (const row of micro) add(measureMicro(row, sides, stage));
    for (const row of compute) {
      const missing = stage.missing(row);
      add(missing.length > 0 ? { name: row.name, group: 'compute', problem: `not installed here: ${missing.join(', ')}` } : await measure(row, sides, stage, options.quick || options.once ? 1 : undefined));
    }
    const summary = summarize(results);
    if (summary !== undefined) printSummary(summary);
    if (options['no-history'] || options.native || !(isWhole || options.keep)) return;
    load.push(loadavg()[0]);
    console.log(`kept in ${keep(HISTORY, new Date(), { load, build, starts, broker, summary, results })}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

await main();
