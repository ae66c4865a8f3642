/**
 * `npm run quickstart`: the main job, shown step by step on this machine's own programs and on data of real size.
 * Everything happens in a temporary directory, which is removed at the end, and through the command line that users have.
 */

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { closeSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, readSync, realpathSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROWS = 600_000;
const PROGRAMS = ['date', 'bash', 'cat', 'ls', 'head', 'tail', 'wc', 'cut', 'sort', 'uniq', 'tr', 'tee', 'mkdir', 'rm', 'sha256sum', 'grep', 'sed', 'awk'];
const PIPELINE = "grep -v ',void,' /data/orders.csv | sed 's/\\.[0-9]*$//' | awk -F, 'NR > 1 { n[$3]++; sum[$3] += $5 } END { for (k in n) printf \"%s %d %d\\n\", k, n[k], sum[k] }' | LC_ALL=C sort -k3,3nr | head -n 10";

const root = new URL('..', import.meta.url).pathname;
const cloister = join(root, 'bin', 'cloister');
const place = mkdtempSync(join(tmpdir(), 'cloister-quickstart-'));
const instance = join(place, 'hello');
const env = { ...process.env, CLOISTER_STATE: join(place, 'state') };
let number = 0;

/** On a terminal only, and not where NO_COLOR is set. */
const bold = (text: string): string => (process.stdout.isTTY && !process.env.NO_COLOR ? `\x1b[1m${text}\x1b[0m` : text);

function step(title: string): void {
  process.stdout.write(`\n${bold(`${++number}. ${title}`)}\n`);
}

const say = (text: string): void => void process.stdout.write(`${text.trimEnd().replace(/^/gm, '   ')}\n`);

class Stop extends Error {}

function expect(holds: boolean, what: string): void {
  say(`${holds ? '✓' : '✗'} ${what}`);
  if (!holds) throw new Stop(what);
}

/** Runs the command line as a user would, and shows it. */
function run(words: readonly string[], shown: 'shown' | 'quiet' = 'shown', input?: string): { code: number; output: string; error: string; seconds: number } {
  say(`$ cloister ${words.map((word) => (/^[\w./:=-]+$/.test(word) ? word : `'${word}'`)).join(' ')}`.replaceAll(`${place}/`, '').slice(0, 200));
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync(cloister, words, { cwd: instance, env, encoding: 'utf8', maxBuffer: 1 << 28, input: input ?? '' });
  const result = { code: status ?? 255, output: stdout, error: stderr, seconds: (performance.now() - start) / 1000 };
  if (shown === 'shown' && result.output !== '') say(result.output);
  return result;
}

function must(words: readonly string[], shown: 'shown' | 'quiet' = 'shown'): { output: string; seconds: number } {
  const result = run(words, shown);
  if (result.code !== 0) {
    say(result.error);
    throw new Stop(`cloister ${words[0]} failed with exit code ${result.code}`);
  }
  return result;
}

/** The same rows on every machine: a linear congruential generator, no clock, no randomness. */
function writeOrders(path: string): void {
  const fd = openSync(path, 'w');
  const cities = ['Aarhus', 'Bergen', 'Cork', 'Delft', 'Evora', 'Fano', 'Ghent', 'Hilo', 'Izmir', 'Jena', 'Kyoto', 'Lima', 'Malmo', 'Nara', 'Oulu', 'Porto'];
  const states = ['paid', 'paid', 'paid', 'open', 'void'];
  let state = 20_260_101;
  const next = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  let lines = ['order,customer,city,state,amount'];
  for (let order = 1; order <= ROWS; order++) {
    lines.push(`${order},customer-${String(next(90_000)).padStart(5, '0')},${cities[next(cities.length)]},${states[next(states.length)]},${next(100_000)}.${String(next(100)).padStart(2, '0')}`);
    if (lines.length === 20_000 || order === ROWS) {
      writeSync(fd, `${lines.join('\n')}\n`);
      lines = [];
    }
  }
  closeSync(fd);
}

/** Looks for texts in every file below a directory. Returns how many bytes it looked at, and where one was found. */
function scan(directory: string, texts: readonly string[]): { bytes: number; found: string | undefined } {
  const needles = texts.map((text) => Buffer.from(text));
  let bytes = 0;
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const content = readFileSync(path);
    bytes += content.length;
    for (const needle of needles) if (content.includes(needle)) return { bytes, found: `${needle.toString()} in ${path}` };
  }
  return { bytes, found: undefined };
}

/** A broker of the data's owner, until `work` is done. */
async function withBroker(state: string, work: (url: string) => void): Promise<void> {
  say(`$ cloister broker serve --state ${state.replace(`${place}/`, '')} --allow-sim &`);
  const broker = spawn(cloister, ['broker', 'serve', '--state', state, '--listen', '127.0.0.1:0', '--allow-sim'], { env, stdio: 'ignore' });
  const ended = new Promise((resolve) => broker.once('exit', resolve));
  try {
    for (let waited = 0; !existsSync(join(state, 'serving.json')); waited += 50) {
      if (waited > 20_000 || broker.exitCode !== null) throw new Stop('the broker does not start');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    work(JSON.parse(readFileSync(join(state, 'serving.json'), 'utf8')).url);
  } finally {
    broker.kill('SIGTERM');
    await ended;
  }
}

async function attested(): Promise<void> {
  step("Data of somebody else: its owner's broker gives the key to the program that the owner allows");
  const state = join(place, 'kbs');
  const clinic = join(place, 'clinic');
  execFileSync(cloister, ['new', 'clinic'], { cwd: place, env });
  const program = join(clinic, 'image/bin/cat');
  copyFileSync(realpathSync('/bin/cat'), program);
  mkdirSync(join(place, 'records'));
  writeFileSync(join(place, 'records/patients.csv'), 'name,born\nAda,1815\nGrace,1906\n');
  await withBroker(state, (url) => {
    const owner = (...words: readonly string[]): string => must([...words, '--state', state], 'quiet').output;
    say(owner('seal', join(place, 'records'), join(clinic, 'records.sealed'), '--to', 'kbs:///clinic/key/records').replace(`${place}/`, ''));
    rmSync(join(place, 'records'), { recursive: true });
    const configuration = join(clinic, 'cloister.yaml');
    const certificate = readFileSync(join(state, 'certificate.pem'), 'utf8').trim().replace(/^/gm, '    ');
    writeFileSync(
      configuration,
      readFileSync(configuration, 'utf8')
        .replace(/^ {2}url: ""/m, `  url: ${url}`)
        .replace(/^ {2}certificate: ""/m, `  certificate: |\n${certificate}`)
        .replace(/^volumes: \[\]/m, 'volumes:\n  - { target: /records, source: records.sealed, key: kbs:///clinic/key/records }'),
    );
    say('cloister.yaml: volumes: [{ target: /records, source: records.sealed, key: kbs:///clinic/key/records }]');
    const build = (): string => JSON.parse(must(['-C', clinic, 'build', '--no-translate', '--json'], 'quiet').output).measurement;
    const measurement = build();
    say(owner('policy', 'set', 'clinic', '--ready', 'exact-build', '--for', 'clinic', '--with', `measurement=${measurement}`).split('\n')[0]);
    const read = ['-C', clinic, 'run', '--quiet', '/bin/cat', '/records/patients.csv'];
    expect(must(read).output.includes('Ada,1815'), 'the program that the owner allows reads the data');

    step('The same program with one byte changed');
    const bytes = readFileSync(program);
    bytes[bytes.length - 1] ^= 1;
    writeFileSync(program, bytes);
    build();
    const refused = run(read);
    say(refused.error);
    expect(refused.code === 121 && refused.output === '', `refused with exit code ${refused.code}; the program does not learn why, the owner does:`);
    const why = owner('audit', 'show', '--limit', '1').trimEnd().split('\n').at(-1) ?? '';
    say(why.replace(/ {2,}/g, '  '));
    expect(why.includes('the evidence says'), 'the log names the condition that did not hold');
    owner('audit', 'export', '-o', join(place, 'audit.jsonl'));
    say(must(['audit', 'verify', join(place, 'audit.jsonl')], 'quiet').output.split('\n')[0]);
  });
}

async function quickstart(): Promise<void> {
  const begin = performance.now();
  step('A new instance');
  say('$ cloister new hello');
  execFileSync(cloister, ['new', 'hello'], { cwd: place, env });
  say(readdirSync(join(instance, 'image')).join('  '));

  step("This machine's own programs, as they are");
  const found = PROGRAMS.flatMap((name) =>
    ['/bin', '/usr/bin']
      .map((directory) => join(directory, name))
      .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile())
      .slice(0, 1),
  );
  for (const path of found) copyFileSync(realpathSync(path), join(instance, 'image/bin', path.split('/').at(-1) as string));
  say(`copied ${found.join(' ')}`);

  step('The build: libraries found, everything sealed, measured and signed');
  const built = must(['build'], 'quiet');
  say(built.output);
  say(`(${built.seconds.toFixed(1)} s)`);

  step('Hello from the enclave');
  must(['run', '--quiet', '/bin/date']);

  step('Data of real size, sealed into the enclave');
  const data = join(place, 'orders.csv');
  writeOrders(data);
  say(`orders.csv: ${ROWS.toLocaleString('en')} rows, ${(statSync(data).size / 1e6).toFixed(1)} MB, generated, the same on every machine`);
  const sealing = must(['cp', data, ':/data/']);
  say(`sealed in ${sealing.seconds.toFixed(1)} s`);
  must(['ls', '-l', ':/data']);

  step('An unmodified shell pipeline over it');
  const inside = must(['run', '--quiet', '/bin/bash', '-c', `${PIPELINE} | tee /data/result.txt`]);
  say(`(${inside.seconds.toFixed(1)} s in the enclave)`);

  step('The same on the host');
  const start = performance.now();
  const outside = execFileSync('bash', ['--norc', '-c', PIPELINE.replace('/data/orders.csv', data)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: process.env.PATH ?? '', LANG: 'C.UTF-8' } });
  say(`(${((performance.now() - start) / 1000).toFixed(1)} s on the host)`);
  expect(outside === inside.output, 'the result of the enclave equals that of the host, byte for byte');

  step('What the host sees of it');
  rmSync(data);
  const wanted = ['customer-00', 'order,customer', ',paid,', inside.output.split('\n')[0]];
  const seen = scan(instance, wanted);
  say(`looked through ${(seen.bytes / 1e6).toFixed(1)} MB in the instance directory for ${wanted.map((text) => `"${text}"`).join(', ')}`);
  expect(seen.found === undefined, seen.found ?? 'neither data nor result are there in plain text');

  step('One byte of the image is flipped');
  const image = join(instance, 'build/image.sealed');
  const offset = Math.floor(statSync(image).size * 0.6);
  const fd = openSync(image, 'r+');
  const byte = new Uint8Array(1);
  readSync(fd, byte, 0, 1, offset);
  byte[0] ^= 1;
  writeSync(fd, byte, 0, 1, offset);
  closeSync(fd);
  const refused = run(['run', '--quiet', '/bin/date']);
  say(refused.error);
  expect(refused.code === 114 && refused.output === '', `refused with exit code ${refused.code}; nothing was run`);
  byte[0] ^= 1;
  const again = openSync(image, 'r+');
  writeSync(again, byte, 0, 1, offset);
  closeSync(again);
  expect(run(['cat', ':/data/result.txt'], 'quiet').output === inside.output, 'flipped back: the sealed result is still there');

  await attested();

  process.stdout.write(
    `\nDone in ${((performance.now() - begin) / 1000).toFixed(0)} s. This was a SIMULATED enclave: it shows how everything works and protects nothing from this machine.\nNext: cloister new hello && cp /bin/date hello/image/bin && cd hello && cloister build && cloister run /bin/date\n`,
  );
}

try {
  await quickstart();
} catch (error) {
  if (!(error instanceof Stop)) throw error;
  process.stderr.write(`\nThe quickstart stops here: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  rmSync(place, { recursive: true, force: true });
}
