/**
 * `npm run test:syscalls [-- NAME…]`: each guest program of this directory is compiled by the host's compiler,
 * run on the host's own kernel, which must satisfy it, and then in an enclave.
 *
 * Options: `--native` (the host only), `--engine translator|interpreter`, `--memory ffi|copy`, `--dynamic`.
 */

import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openLibc } from '../../src/pal/node/memory/libc.ts';

const HERE = dirname(fileURLToPath(import.meta.url));
/** The sources as they are now, not what was last built. */
const CLI = ['--disable-warning=ExperimentalWarning', join(HERE, '../../src/cli/main.ts')];
const TIMEOUT_MS = 40_000;
/** What address spaces that are copies cannot do: two mappings of the same pages in one of them agree without a system call. They must fail here. */
const COPY_CANNOT: Readonly<Record<string, string>> = { mmap: "second[0] == 'S'", sysvipc: 'b[0] == 42' };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { native: { type: 'boolean' }, engine: { type: 'string' }, memory: { type: 'string' }, dynamic: { type: 'boolean' }, verbose: { type: 'boolean', short: 'v' } },
});

interface Outcome {
  readonly ok: number;
  readonly failed: readonly string[];
  /** Why it did not come to its end, if so. */
  readonly broken?: string;
}

/** Reads the lines that check.h prints. */
function outcomeOf(stdout: string, status: number | null, stderr: string): Outcome {
  const lines = stdout.split('\n');
  const failed: string[] = [];
  let ok = 0;
  lines.forEach((line, index) => {
    if (line.startsWith('ok ')) ok++;
    else if (line.startsWith('not ok ')) failed.push(lines[index + 1]?.startsWith('#') ? `${line} ${lines[index + 1]}` : line);
  });
  const plan = lines.some((line) => /^1\.\.\d+$/.test(line));
  return { ok, failed, ...(!plan && { broken: `ended early (status ${status})${stderr === '' ? '' : `: ${stderr.trim().split('\n').slice(-4).join(' | ')}`}` }) };
}

function run(command: string, args: readonly string[], cwd: string): Outcome {
  const { stdout, stderr, status } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: TIMEOUT_MS, killSignal: 'SIGKILL', maxBuffer: 1 << 26 });
  return outcomeOf(stdout, status, stderr);
}

function withoutCopies(name: string, outcome: Outcome): Outcome {
  const cannot = COPY_CANNOT[name];
  if (cannot === undefined) return outcome;
  const failed = outcome.failed.filter((line) => !line.includes(cannot));
  return { ...outcome, failed: failed.length < outcome.failed.length ? failed : [...failed, `${cannot} holds now: strike it from COPY_CANNOT`] };
}

function report(name: string, where: string, { ok, failed, broken }: Outcome): boolean {
  const good = failed.length === 0 && broken === undefined && ok > 0;
  console.log(`${good ? 'ok  ' : 'FAIL'} ${name} (${where}): ${ok} of ${ok + failed.length}${broken === undefined ? '' : `, ${broken}`}`);
  for (const line of failed.slice(0, values.verbose ? 1000 : 12)) console.log(`       ${line}`);
  return good;
}

function main(): boolean {
  const work = mkdtempSync(join(tmpdir(), 'cloister-syscalls-'));
  try {
    const names =
      positionals.length > 0
        ? positionals
        : readdirSync(HERE)
            .filter((each) => each.endsWith('.c'))
            .map((each) => each.slice(0, -2))
            .sort();
    let good = true;
    const ready = names.filter((name) => {
      const flags = values.dynamic ? [] : ['-static-pie'];
      const { status, stderr } = spawnSync('gcc', ['-O1', '-w', ...flags, '-o', join(work, name), join(HERE, `${name}.c`), '-lpthread', '-lrt', '-lutil'], { encoding: 'utf8' });
      if (status !== 0) {
        console.log(`FAIL ${name}: does not compile\n${stderr}`);
        good = false;
        return false;
      }
      const fine = report(name, 'host', run(join(work, name), [], work));
      good &&= fine;
      return fine;
    });
    if (values.native) return good;
    const instance = join(work, 'instance');
    const cloister = (...args: string[]) => spawnSync(process.execPath, [...CLI, ...args], { cwd: work, encoding: 'utf8', timeout: TIMEOUT_MS });
    const created = cloister('new', instance);
    if (created.status !== 0) throw new Error(`cloister new: ${created.stderr}`);
    for (const name of ready) cpSync(join(work, name), join(instance, 'image/bin', name));
    for (const name of ['sh', 'rm', 'true', 'cat']) copyFileSync(join('/bin', name), join(instance, 'image/bin', name));
    const built = cloister('-C', instance, 'build', '--no-translate');
    if (built.status !== 0) throw new Error(`cloister build: ${built.stderr}`);
    const options = [...(values.engine === undefined ? [] : ['--engine', values.engine]), ...(values.memory === undefined ? [] : ['--memory', values.memory])];
    const copies = values.memory === 'copy' || openLibc() === undefined;
    for (const name of ready) {
      const outcome = run(process.execPath, [...CLI, '-C', instance, 'run', ...options, `/bin/${name}`], work);
      const fine = report(name, 'enclave', copies ? withoutCopies(name, outcome) : outcome);
      good &&= fine;
    }
    return good;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

process.exitCode = main() ? 0 : 1;
