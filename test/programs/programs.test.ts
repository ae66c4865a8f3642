/**
 * Unmodified Debian programs: every row of `rows.ts` runs on the host and in one enclave, and must say the same.
 *
 * `PROGRAMS_ROWS=text` runs the rows whose name has it; `PROGRAMS_ENGINE=interpreter` runs them in the other engine;
 * `PROGRAMS_TREE=dir` keeps the instance there for a next run. `PROGRAMS_ALL=1` runs the slow rows too.
 */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { toByteString } from '../../src/base/bytes.ts';
import { build } from '../../src/libos/build.ts';
import { type RunningEnclave, startEnclave } from '../../src/libos/enclave.ts';
import { createInstance } from '../../src/libos/instance.ts';
import type { Sink, Source } from '../../src/pal/node/enclave-thread.ts';
import { openLibc } from '../../src/pal/node/memory/libc.ts';
import { ROWS, type Row } from './rows.ts';
import { lacks, stage } from './stage.ts';

const TIMEOUT_MS = 90_000,
  SLOW_TIMEOUT_MS = 400_000;
/** Without real pages nothing that was translated ahead fits. */
const TIMES = openLibc() === undefined ? 4 : 1;
const limit = ({ slow }: Row): number => (slow ? SLOW_TIMEOUT_MS : TIMEOUT_MS) * TIMES;
const VARIABLES: Readonly<Record<string, string>> = { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8', HOME: '/tmp', TZ: 'UTC0' };
const kept = process.env.PROGRAMS_TREE;
const place = kept ?? mkdtempSync(join(tmpdir(), 'programs-'));
const filter = process.env.PROGRAMS_ROWS ?? '';
const engine = process.env.PROGRAMS_ENGINE === 'interpreter' ? 'interpreter' : 'translator';
process.env.CLOISTER_STATE = join(place, 'state');

interface Outcome {
  readonly output: string;
  readonly error: string;
  /** As wait(2) gives it. */
  readonly status: string;
}

const statusText = (code: number | null, signal: number | string | null): string => (signal === null || signal === 0 ? `exit ${code}` : `signal ${signal}`);

/** bash says which process was killed. */
const withoutPids = (text: string): string => text.replace(/^(.*: line \d+:) +\d+ (Killed|Segmentation fault|Terminated|Aborted)/gm, '$1 PID $2');

function onTheHost(row: Row): Promise<Outcome> {
  const { shell, script } = row;
  const directory = mkdtempSync(join(tmpdir(), 'row-'));
  return new Promise((resolve) => {
    const child = spawn(shell[0], [...shell.slice(1), script], { cwd: directory, env: VARIABLES, stdio: ['ignore', 'pipe', 'pipe'], timeout: limit(row) });
    const output: Buffer[] = [],
      error: Buffer[] = [];
    child.stdout.on('data', (bytes: Buffer) => output.push(bytes));
    child.stderr.on('data', (bytes: Buffer) => error.push(bytes));
    child.on('close', (code, signal) => {
      rmSync(directory, { recursive: true, force: true });
      resolve({ output: Buffer.concat(output).toString('latin1'), error: Buffer.concat(error).toString('latin1'), status: statusText(code, signal) });
    });
  });
}

const nothing: Source = { pull: (_limit, deliver) => deliver(undefined), close() {} };

function collector(): { readonly sink: Sink; text(): string } {
  const parts: Buffer[] = [];
  return {
    sink: {
      write(bytes, done) {
        parts.push(Buffer.from(bytes));
        done(true);
      },
      close() {},
    },
    text: () => Buffer.concat(parts).toString('latin1'),
  };
}

async function inTheEnclave(enclave: RunningEnclave, row: Row, directory: string): Promise<Outcome> {
  const { shell, script } = row;
  const output = collector(),
    error = collector();
  const session = enclave.exec({
    argv: [...shell, script].map(toByteString),
    env: Object.entries(VARIABLES).map(([name, text]) => toByteString(`${name}=${text}`)),
    hostEnv: [],
    cwd: directory,
    input: nothing,
    output: output.sink,
    error: error.sink,
  });
  const timer = setTimeout(() => session.signal(9), limit(row));
  const status = await session.exited;
  clearTimeout(timer);
  const signal = status & 0x7f;
  return { output: output.text(), error: error.text(), status: statusText(status >> 8, signal) };
}

const reasonToSkip = (row: Row): string | undefined => lacks(row) ?? (row.slow && process.env.PROGRAMS_ALL === undefined ? 'takes minutes to translate: PROGRAMS_ALL=1 runs it' : undefined);

const rows = ROWS.filter(({ name }) => name.includes(filter));
const runnable = rows.filter((row) => lacks(row) === undefined);
const CORE = spawnSync('dpkg', ['-L', 'coreutils'], { encoding: 'utf8' }).stdout?.match(/(?<=^\/(usr\/)?s?bin\/).+$/gm) ?? [];

describe('programs of this machine', { skip: process.arch !== 'x64' || !existsSync('/bin/bash') ? 'needs the programs of an x86-64 Linux' : false }, () => {
  let enclave: RunningEnclave;

  before(async () => {
    const directory = join(place, 'programs');
    if (!existsSync(join(directory, 'build/manifest.json'))) {
      const instance = createInstance(directory, 'new');
      stage(
        instance.tree,
        ROWS.filter((row) => lacks(row) === undefined),
        CORE,
      );
      for (const index of ROWS.keys()) mkdirSync(join(instance.tree, 'row', String(index)), { recursive: true });
      const configuration = readFileSync(instance.configuration, 'utf8');
      writeFileSync(instance.configuration, configuration.replace('untrusted: []', `untrusted: [${Object.keys(VARIABLES).join(', ')}]`));
      build(instance, { dependencies: 'resolve', translation: 'none' });
    }
    enclave = startEnclave({ directory, engine, memory: 'auto', strace: false, onLog: (level, message) => void (level !== 'debug' && process.env.PROGRAMS_LOG !== undefined && console.error(message)) });
    await enclave.booted;
  });

  after(async () => {
    enclave.shutdown();
    await enclave.ended;
    if (kept === undefined) rmSync(place, { recursive: true, force: true });
  });

  for (const row of rows) {
    test(row.name, { skip: reasonToSkip(row) ?? false }, async () => {
      const [expected, actual] = await Promise.all([onTheHost(row), inTheEnclave(enclave, row, `/row/${ROWS.indexOf(row)}`)]);
      const named = ({ output, error, status }: Outcome): string => `${output}\n-- error --\n${withoutPids(error)}\n-- ${status}`;
      const normal = (text: string): string => text.replaceAll(/signal (SIG\w+|\d+)/g, 'signal');
      assert.equal(normal(named(actual)), normal(named(expected)));
    });
  }
  assert.ok(runnable.length > 0 || filter !== '');
});
