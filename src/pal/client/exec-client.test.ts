import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { encodeFrame, FRAME } from '../node/control/frame.ts';
import { listen } from '../node/control/server.ts';
import { EnclaveThread, type Program, type Session } from '../node/enclave-thread.ts';
import { program } from './assembler.ts';
import { execClient } from './exec-client.ts';

const skip = process.platform !== 'linux' || process.arch !== 'x64' ? 'the client is for Linux on x86-64' : false;
const CODES = { notRunning: 118, host: 119, internal: 120 };
let directory: string, client: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'cloister-client-'));
  client = join(directory, 'client');
  writeFileSync(client, execClient(CODES), { mode: 0o755 });
});
after(() => rmSync(directory, { recursive: true }));

/** `/bin/echo` stands for Node: it shows the command line that would be left to it. */
const wordsFor = (path: string, argv: readonly string[]): string[] => [path, '/bin/echo', 'FLAG', 'ENTRY', '-C', 'DIR', 'exec', ...argv];
const LEFT_TO_NODE = /^FLAG ENTRY -C DIR exec /;

interface Outcome {
  readonly code: number | null;
  readonly output: Buffer;
  readonly error: string;
}

function outcomeOf(child: ChildProcess): Promise<Outcome> {
  const output: Buffer[] = [];
  let error = '';
  child.stdout?.on('data', (bytes: Buffer) => output.push(bytes));
  child.stderr?.on('data', (bytes: Buffer) => (error += bytes.toString()));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, output: Buffer.concat(output), error })));
}

function run(path: string, argv: readonly string[], input: Uint8Array = new Uint8Array(0)): Promise<Outcome> {
  const child = spawn(client, wordsFor(path, argv), { stdio: 'pipe' });
  // Who ends without reading its input is not an error.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  return outcomeOf(child);
}

const toWire = (error: unknown) => ({ code: 'x', kind: 'usage', message: (error as Error).message });

async function serve(name: string, enclave: EnclaveThread): Promise<{ path: string; close(): void }> {
  const path = join(directory, name);
  const server = await listen({ path, enclave, toWire, peer: undefined, onRefused() {}, answer: async () => undefined });
  return { path, close: () => void server.close() };
}

test('a program behind the client is as one in front of it', { skip }, async (t) => {
  const enclave = new EnclaveThread({ module: new URL('../node/testing/echo-worker.ts', import.meta.url), boot: {}, stackMb: 4, heapMb: 64, onLog() {}, onTrace() {} });
  await enclave.booted;
  const { path, close } = await serve('echo.sock', enclave);
  t.after(async () => {
    close();
    enclave.shutdown();
    await enclave.ended;
  });
  await t.test('bytes', async () => {
    const bytes = Uint8Array.from({ length: 3_000_000 }, (_, index) => (index * 7) ^ (index >> 11));
    const { code, output } = await run(path, ['cat'], bytes);
    assert.equal(code, 0);
    assert.ok(output.equals(bytes));
  });
  await t.test('files', async () => {
    const from = join(directory, 'from'),
      to = join(directory, 'to');
    writeFileSync(from, 'x'.repeat(500_000));
    const [input, output] = [openSync(from, 'r'), openSync(to, 'a')];
    writeFileSync(to, 'before ');
    const { code } = await outcomeOf(spawn(client, wordsFor(path, ['cat']), { stdio: [input, output, 'inherit'] }));
    assert.equal(code, 0);
    assert.equal(readFileSync(to, 'latin1'), `before ${'x'.repeat(500_000)}`);
    closeSync(input);
    closeSync(output);
  });
  await t.test('input is taken only as far as it is asked for', async () => {
    const child = spawn('/bin/sh', ['-c', '{ "$@" >/dev/null; cat; }', 'sh', client, ...wordsFor(path, ['cat', '10'])], { stdio: 'pipe' });
    child.stdin.end('0123456789the rest');
    assert.equal((await outcomeOf(child)).output.toString(), 'the rest');
  });
  await t.test('exit codes', async () => {
    for (const code of [0, 7, 255]) assert.equal((await run(path, ['exit', String(code)])).code, code);
  });
  await t.test('signals', async () => {
    for (const [name, signal] of [
      ['SIGINT', 2],
      ['SIGTERM', 15],
      ['SIGHUP', 1],
    ] as const) {
      const child = spawn(client, wordsFor(path, ['hold']), { stdio: 'pipe' });
      const outcome = outcomeOf(child);
      // Blocked from its first instructions on; before them the signal would be its end.
      while (!/^SigBlk:\s*0*a/m.test(readFileSync(`/proc/${child.pid}/status`, 'utf8'))) await new Promise((resolve) => setTimeout(resolve, 2));
      child.kill(name);
      assert.equal((await outcome).code, 128 + signal);
    }
  });
  await t.test('a reader that has gone', async () => {
    const child = spawn(client, wordsFor(path, ['flood', '70000000']), { stdio: 'pipe' });
    const outcome = outcomeOf(child);
    child.stdout.once('data', () => child.stdout.destroy());
    assert.equal((await outcome).code, 128 + 13);
  });
  await t.test('output that cannot be written', async () => {
    const into = async (path_: string, flags: string, argv: readonly string[]): Promise<Outcome> => {
      const output = openSync(path_, flags);
      const child = spawn(client, wordsFor(path, argv), { stdio: ['ignore', output, 'pipe'] });
      closeSync(output);
      return outcomeOf(child);
    };
    const told = "cloister: the program's output: ENOSPC: no space left on device, write\n";
    // The program has ended before it could know; a program that has not gets the error.
    assert.deepEqual(await into('/dev/full', 'w', ['flood', '100']), { code: CODES.host, output: Buffer.alloc(0), error: told });
    assert.deepEqual(await into('/dev/full', 'w', ['flood', '70000000']), { code: 28, output: Buffer.alloc(0), error: told });
    assert.deepEqual(await into('/dev/full', 'w', ['exit', '7']), { code: 7, output: Buffer.alloc(0), error: '' });
    const closed = await into('/dev/null', 'r', ['flood', '100']);
    assert.equal(closed.code, CODES.host);
    assert.match(closed.error, /EBADF/);
  });
  await t.test('what is refused is left to Node', async () => {
    assert.match((await run(path, ['refuse', 'a b'])).output.toString(), /^FLAG ENTRY -C DIR exec refuse a b\n$/);
  });
});

test('an enclave that goes away', { skip }, async (t) => {
  const path = join(directory, 'raw.sock');
  const frame = (type: number, ...payload: number[]): Uint8Array => encodeFrame(type, Uint8Array.from(payload));
  const rows = [
    { answer: [], code: 0, says: LEFT_TO_NODE },
    { answer: [frame(FRAME.refused, 0x7b, 0x7d)], code: 0, says: LEFT_TO_NODE },
    { answer: [frame(FRAME.welcome)], code: CODES.notRunning, says: /the enclave has stopped/ },
    { answer: [frame(FRAME.welcome), frame(FRAME.want, 1, 0, 0, 0), frame(FRAME.refused, 0x7b, 0x7d)], code: CODES.internal, says: /the enclave has failed/ },
    // More than was taken, and a frame longer than there are.
    { answer: [frame(FRAME.welcome), frame(FRAME.error, 65), frame(FRAME.error, 66)], code: CODES.notRunning, says: /the enclave has stopped/ },
    { answer: [frame(FRAME.welcome), Uint8Array.of(FRAME.output, 0xff, 0xff, 0xff, 0xff)], code: CODES.notRunning, says: /the enclave has stopped/ },
  ];
  for (const { answer, code, says } of rows) {
    const server = createServer((socket) => {
      socket.on('error', () => {}).once('data', () => socket.end(Buffer.concat(answer)));
    });
    t.after(() => server.close());
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const outcome = await run(path, ['/bin/x']);
    assert.match(outcome.output.toString() + outcome.error, says);
    assert.equal(outcome.code, code);
    await new Promise((resolve) => server.close(resolve));
  }
});

test('what the client is given arrives as it is, and signals while a reader is slow', { skip }, async (t) => {
  const programs: Program[] = [];
  const exit = Promise.withResolvers<number>();
  // Ten times this is more than lies between the client and somebody who does not read.
  const chunk = new Uint8Array(200_000);
  let taken = 0;
  const session: Session = { id: 1, exited: exit.promise, signal: (signal) => exit.resolve(signal), resize() {} };
  const enclave = {
    exec(started: Program): Session {
      programs.push(started);
      const more = (): void => started.output.write(chunk, (open) => open && ++taken < 10 && more());
      more();
      return session;
    },
  } as unknown as EnclaveThread;
  const { path, close } = await serve('fake.sock', enclave);
  t.after(close);
  const child = spawn(client, wordsFor(path, ['/bin/x', '', 'a b', '\u00fc', '']), { stdio: ['ignore', 'pipe', 'inherit'], env: { A: '1', EMPTY: '', B: 'x=y' } });
  child.stdout.pause();
  const ended = new Promise((resolve) => child.on('exit', resolve));
  while (programs.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  child.kill('SIGTERM');
  assert.equal(await ended, 128 + 15);
  assert.ok(taken < 10);
  const [{ argv, env, hostEnv, cwd }] = programs;
  assert.deepEqual([argv, env, hostEnv, cwd], [['/bin/x', '', 'a b', '\u00c3\u00bc', ''], [], ['A=1', 'EMPTY=', 'B=x=y'], '']);
});

test('without an enclave everything is left to Node', { skip }, async () => {
  for (const path of [join(directory, 'nothing.sock'), `/${'x'.repeat(200)}`, '']) assert.match((await run(path, ['/bin/x'])).output.toString(), LEFT_TO_NODE);
  const nobody = spawnSync(client, ['/nothing', '/nothing', 'FLAG', 'ENTRY', '-C', 'DIR', 'exec', '/bin/x']);
  assert.equal(nobody.status, CODES.host);
});

test('the assembler says what it does not know', () => {
  const source = (text: string) => ({ text, constants: {}, data: {}, memory: {} });
  assert.throws(() => program(source('mov eax, nothing')), /does not know nothing/);
  assert.throws(() => program(source('mov eax, rbx')), /no such instruction: mov with gpr32, gpr64/);
  assert.equal(Buffer.from(program(source('mov eax, 60\nxor edi, edi\nsyscall')).subarray(-9)).toString('hex'), 'b83c00000031ff0f05');
});
