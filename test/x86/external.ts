/**
 * Instruction tests that nobody here wrote, as guest programs: `npm run test:x86:external`.
 *
 * - Valgrind's `none/tests/amd64/insn_*.def`, through their own generator (PCLMULQDQ is not part of x86-64-v2).
 * - QEMU's `tests/tcg/i386/test-i386.c` in its 64-bit mode, and the x87 programs beside it.
 *
 * The sources come from Debian's source packages at test time (apt lists of our own, nothing of the system is
 * changed) and are never part of this repository. Each program runs on the host first; the enclave's output
 * must be the same, byte for byte. Needs Debian's apt, gcc and perl; says what is missing.
 *
 *   --engine interpreter|translator   default: translator
 *   --only NAME                       one program
 */

import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({ options: { engine: { type: 'string', default: 'translator' }, only: { type: 'string' } } });
const ROOT = new URL('../..', import.meta.url).pathname;
const CACHE = join(ROOT, 'node_modules/.cache/cloister-x86');
const CLI = [join(ROOT, 'src/cli/main.ts')];
const MiB = 1 << 20;

interface Program {
  readonly name: string;
  /** Shell words that make `$OUT` from the unpacked source. */
  readonly directory: string;
  readonly make: string;
}

const VALGRIND = ['basic', 'mmx', 'sse', 'sse2', 'sse3', 'ssse3', 'fpu'];
const QEMU_X87 = ['f2xm1', 'fbstp', 'fisttp', 'fldcst', 'fp-exceptions', 'fpatan', 'fprem', 'fscale', 'fxam', 'fxtract', 'fyl2x', 'fyl2xp1', 'pseudo-denormal', 'snan-convert'];
const PROGRAMS: readonly Program[] = [
  ...VALGRIND.map(
    (name): Program => ({
      name: `insn_${name}`,
      directory: 'valgrind/none/tests/amd64',
      make: `perl gen_insn_test.pl < insn_${name}.def > insn_${name}.c && gcc -static -O0 -w -I../../.. -o "$OUT" insn_${name}.c -lm`,
    }),
  ),
  { name: 'test-x86_64', directory: 'qemu/tests/tcg/i386', make: 'gcc -static -O2 -fno-strict-aliasing -w -I../../../include -o "$OUT" test-i386.c -lm' },
  { name: 'test-i386-pcmpistri', directory: 'qemu/tests/tcg/i386', make: 'gcc -static -w -msse4.2 -o "$OUT" test-i386-pcmpistri.c' },
  ...QEMU_X87.map((name): Program => ({ name: `test-i386-${name}`, directory: 'qemu/tests/tcg/i386', make: `gcc -static -O0 -w -o "$OUT" test-i386-${name}.c -lm` })),
];
const SOURCES = [
  { package: 'valgrind', parts: ['*/none/tests/amd64/*', '*/tests/*.h'] },
  { package: 'qemu', parts: ['*/tests/tcg/i386/*', '*/include/qemu/compiler.h'] },
];

function shell(command: string, cwd: string, env: Readonly<Record<string, string>> = {}): { readonly status: number; readonly text: string } {
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command], { cwd, env: { ...process.env, ...env }, encoding: 'latin1', maxBuffer: 512 * MiB });
  return { status: status ?? 1, text: `${stdout}${stderr}` };
}

/** Unpacks what is needed of the source packages; a reason where that cannot be done. */
function fetchSources(): string | undefined {
  for (const tool of ['apt-get', 'gcc', 'perl', 'tar']) if (shell(`command -v ${tool}`, '/').status !== 0) return `${tool} is not installed`;
  mkdirSync(CACHE, { recursive: true });
  const missing = SOURCES.filter((source) => !existsSync(join(CACHE, source.package)));
  if (missing.length === 0) return undefined;
  const apt = join(CACHE, 'apt');
  for (const part of ['lists/partial', 'cache/archives/partial', 'empty']) mkdirSync(join(apt, part), { recursive: true });
  const release = shell('. /etc/os-release && echo "$VERSION_CODENAME"', '/').text.trim() || 'stable';
  writeFileSync(join(apt, 'sources.list'), `deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian ${release} main\n`);
  writeFileSync(join(apt, 'apt.conf'), `Dir::Etc::SourceList "${apt}/sources.list";\nDir::Etc::SourceParts "${apt}/empty";\nDir::State::Lists "${apt}/lists";\nDir::Cache "${apt}/cache";\nAPT::Sandbox::User "";\n`);
  const env = { APT_CONFIG: join(apt, 'apt.conf') };
  const update = shell('apt-get -q update', apt, env);
  if (update.status !== 0) return `apt-get update: ${update.text.slice(-300)}`;
  for (const source of missing) {
    const got = shell(`apt-get -q source --download-only ${source.package}`, apt, env);
    if (got.status !== 0) return `apt-get source ${source.package}: ${got.text.slice(-300)}`;
    const into = join(CACHE, `${source.package}.new`);
    rmSync(into, { recursive: true, force: true });
    mkdirSync(into);
    const unpacked = shell(`tar xf ../apt/${source.package}_*.orig.tar.* --strip-components=1 --wildcards ${source.parts.map((part) => `'${part}'`).join(' ')}`, into);
    if (unpacked.status !== 0) return `tar: ${unpacked.text.slice(-300)}`;
    if (shell(`mv ${source.package}.new ${source.package}`, CACHE).status !== 0) return 'the source cannot be put in place';
  }
  return undefined;
}

function compile(): Program[] {
  mkdirSync(join(CACHE, 'bin'), { recursive: true });
  return PROGRAMS.filter((program) => {
    if (options.only !== undefined && options.only !== program.name) return false;
    const out = join(CACHE, 'bin', program.name);
    if (existsSync(out)) return true;
    const made = shell(program.make, join(CACHE, program.directory), { OUT: out });
    if (made.status !== 0) throw new Error(`${program.name} does not compile: ${made.text.slice(0, 400)}`);
    return true;
  });
}

interface Outcome {
  readonly status: number | string;
  readonly output: Buffer;
}

function run(command: string, args: readonly string[], cwd: string): Outcome {
  const { status, signal, stdout, error } = spawnSync(command, args, { cwd, maxBuffer: 512 * MiB, timeout: 300_000, stdio: ['ignore', 'pipe', 'ignore'] });
  return { status: status ?? signal ?? String(error), output: stdout };
}

/** Line and text of the first difference. */
function firstDifference(a: Buffer, b: Buffer): string {
  const [x, y] = [a.toString('latin1').split('\n'), b.toString('latin1').split('\n')];
  const at = x.findIndex((line, index) => line !== y[index]);
  return at < 0 ? `${y.length - x.length} lines more` : `line ${at + 1}: host ${JSON.stringify(x[at])}, enclave ${JSON.stringify(y[at])}`;
}

function main(): number {
  const reason = fetchSources();
  if (reason !== undefined) {
    console.log(`test:x86:external: skipped, ${reason}`);
    return 0;
  }
  const programs = compile();
  const work = mkdtempSync(join(tmpdir(), 'cloister-x86-'));
  let failed = 0;
  try {
    const cli = (args: readonly string[], cwd: string): Outcome => run(process.execPath, [...CLI, ...args], cwd);
    if (cli(['new', 'x86'], work).status !== 0) throw new Error('cloister new fails');
    const instance = join(work, 'x86');
    for (const { name } of programs) copyFileSync(join(CACHE, 'bin', name), join(instance, 'image/bin', name));
    if (readdirSync(join(instance, 'image/bin')).length < programs.length || cli(['build'], instance).status !== 0) throw new Error('cloister build fails');
    for (const { name } of programs) {
      const host = run(join(CACHE, 'bin', name), [], work);
      const started = performance.now();
      const guest = cli(['run', '--engine', options.engine, `/bin/${name}`], instance);
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      const lines = host.output.toString('latin1').split('\n').length - 1;
      const same = host.status === guest.status && host.output.equals(guest.output);
      if (!same) failed++;
      const why = same ? 'same as the host' : host.status === guest.status ? firstDifference(host.output, guest.output) : `exit ${guest.status}, on the host ${host.status}`;
      console.log(`${name.padEnd(26)} ${String(lines).padStart(8)} lines  ${why}  ${seconds} s`);
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  console.log(failed === 0 ? `all ${programs.length} programs as on the host` : `${failed} of ${programs.length} programs differ`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = main();
