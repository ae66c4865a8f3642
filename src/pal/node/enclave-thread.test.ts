import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ControlClient, ControlError } from './control/client.ts';
import { encodeFrame, FRAME } from './control/frame.ts';
import { listen } from './control/server.ts';
import { peerUser } from './process.ts';
import { EnclaveError, EnclaveThread, type Program, type Sink, type Source } from './enclave-thread.ts';

const start = (): EnclaveThread => new EnclaveThread({ module: new URL('./testing/echo-worker.ts', import.meta.url), boot: { hello: 1 }, stackMb: 4, heapMb: 64, onLog() {}, onTrace() {} });

/** Gives `bytes` in pieces of odd sizes, later. */
function sourceOf(bytes: Uint8Array): Source & { given: number } {
  return {
    given: 0,
    pull(limit, deliver) {
      const count = Math.min(limit, bytes.length - this.given, 1 + (this.given % 30_011));
      const piece = bytes.subarray(this.given, this.given + count);
      this.given += count;
      setImmediate(deliver, count === 0 ? undefined : piece);
    },
    close() {},
  };
}

function collector(): Sink & { bytes(): Uint8Array } {
  const parts: Uint8Array[] = [];
  return {
    write(bytes, done) {
      parts.push(bytes.slice());
      setImmediate(done, true);
    },
    close() {},
    bytes: () => Buffer.concat(parts),
  };
}

const program = (argv: string[], input: Source = sourceOf(new Uint8Array(0)), output: Sink = collector()): Program => ({ argv, env: [], hostEnv: [], cwd: '/', input, output, error: collector() });
const request = (argv: string[]) => ({ argv, env: [], hostEnv: [], cwd: '/' });

test('programs in an enclave', async (t) => {
  const enclave = start();
  assert.deepEqual(await enclave.booted, { hello: 1 });

  await t.test('bytes go through unchanged, back-pressure and all', async () => {
    const bytes = Uint8Array.from({ length: 3_000_000 }, (_, index) => (index * 7) ^ (index >> 11));
    const output = collector();
    assert.equal(await enclave.exec(program(['cat'], sourceOf(bytes), output)).exited, 0);
    assert.ok(Buffer.from(bytes).equals(output.bytes()));
  });
  await t.test('input is taken only as far as it is asked for', async () => {
    const input = sourceOf(new Uint8Array(100_000));
    assert.equal(await enclave.exec(program(['cat', '10'], input)).exited, 0);
    assert.equal(input.given, 10);
  });
  await t.test('many at once', async () => {
    const outputs = Array.from({ length: 8 }, () => collector());
    const statuses = await Promise.all(outputs.map((output) => enclave.exec(program(['flood', '700000'], undefined, output)).exited));
    assert.deepEqual(
      statuses,
      outputs.map(() => 0),
    );
    for (const output of outputs) assert.equal(output.bytes().length, 700_000);
  });
  await t.test('a reader that has gone is a broken pipe', async () => {
    assert.equal(await enclave.exec(program(['flood', '70000000'], undefined, { write: (_, done) => done(false), close() {} })).exited, 13);
  });
  await t.test('a failure to write is that error, in what was not written yet', async () => {
    const full: Sink = { write: (_, done) => done(false, 28), close() {} };
    assert.equal(await enclave.exec(program(['flood', '70000000'], undefined, full)).exited, 28 << 8);
    assert.equal(await enclave.exec(program(['flood', '100'], undefined, full)).exited, 0);
  });
  await t.test('exit codes, signals, refusals, calls', async () => {
    assert.equal(await enclave.exec(program(['exit', '7'])).exited, 7 << 8);
    const held = enclave.exec(program(['hold']));
    held.signal(15);
    assert.equal(await held.exited, 15);
    await assert.rejects(enclave.exec(program(['refuse'])).exited, (error) => error instanceof EnclaveError && error.code === 'entry-point');
    assert.deepEqual(await enclave.call('anything', [1]), { result: [1] });
    assert.equal(await enclave.kill(1, 9), true);
  });
  await t.test('after a second with nothing to do, too', async () => {
    await new Promise((resolve) => setTimeout(resolve, 1200));
    assert.equal(await enclave.exec(program(['exit', '3'])).exited, 3 << 8);
  });
  enclave.shutdown();
  await enclave.ended;
});

test('a fault in the enclave ends every session with it', async () => {
  const enclave = start();
  const held = enclave.exec(program(['hold']));
  void enclave.call('fail', undefined);
  await assert.rejects(held.exited, /a fault of ours/);
  await assert.rejects(enclave.ended, /a fault of ours/);
});

test('the control socket', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'cloister-control-'));
  const deep = join(directory, 'a'.repeat(120));
  mkdirSync(deep);
  const path = join(deep, 'control.sock');
  const enclave = start();
  const toWire = (error: unknown) => ({ code: 'x', kind: 'usage', message: (error as Error).message });
  let peer = peerUser();
  const refusals: string[] = [];
  const server = await listen({
    path,
    enclave,
    toWire,
    peer: peer && ((fd) => peer?.(fd)),
    onRefused: (message) => refusals.push(message),
    answer: async (method, params) => (method === 'echo' ? params : Promise.reject(new Error('no such method'))),
  });

  await t.test('programs and calls', async () => {
    const bytes = Uint8Array.from({ length: 1_000_000 }, (_, index) => index * 31);
    const output = collector();
    const client = new ControlClient(path);
    assert.equal(await client.exec(request(['cat']), sourceOf(bytes), output, collector()), 0);
    assert.ok(Buffer.from(bytes).equals(output.bytes()));
    const calls = new ControlClient(path);
    assert.deepEqual(await calls.call('echo', { a: 1 }), { a: 1 });
    assert.equal(await calls.call('echo', 2), 2);
    await assert.rejects(calls.call('nothing', 2), (error) => error instanceof ControlError && error.kind === 'usage');
    calls.close();
  });
  await t.test('what keeps output from being written reaches the program', async () => {
    for (const [errno, status] of [
      [28, 28 << 8],
      [undefined, 13],
      [99_999, 13],
    ] as const) {
      assert.equal(await new ControlClient(path).exec(request(['flood', '70000000']), sourceOf(new Uint8Array(0)), { write: (_, done) => done(false, errno), close() {} }, collector()), status);
    }
  });
  await t.test('a signal reaches its own program only', async () => {
    const [one, two] = [new ControlClient(path), new ControlClient(path)];
    const exits = [one, two].map((client) => client.exec(request(['hold']), sourceOf(new Uint8Array(0)), collector(), collector()));
    one.signal(2);
    assert.equal(await exits[0], 2);
    two.signal(15);
    assert.equal(await exits[1], 15);
  });
  await t.test('a client that disappears hangs its program up', async () => {
    const client = new ControlClient(path);
    const gone = client.exec(request(['hold']), sourceOf(new Uint8Array(0)), collector(), collector());
    gone.catch(() => {});
    setTimeout(() => client.close(), 50);
    await assert.rejects(gone);
  });
  await t.test('nonsense is answered and cut off', async () => {
    for (const nonsense of [Buffer.from('GET / HTTP/1.1\r\n\r\n'), encodeFrame(FRAME.exec, new Uint8Array(0)), encodeFrame(FRAME.hello, Buffer.from('{"protocol":99}'))]) {
      const socket = connect(`/proc/self/fd/${openSync(deep, 'r')}/control.sock`);
      let answer = '';
      socket.on('data', (bytes) => (answer += bytes.toString('latin1')));
      socket.end(nonsense);
      await new Promise((resolve) => socket.once('close', resolve));
      assert.match(answer, /control socket: /);
    }
  });
  await t.test('another user is refused', { skip: peer === undefined && 'node:ffi is off' }, async () => {
    const real = peer;
    for (const user of [12_345_678, undefined]) {
      peer = () => user;
      const client = new ControlClient(path);
      await assert.rejects(client.call('echo', 1), (error) => error instanceof ControlError && error.code === 'peer');
    }
    assert.deepEqual(refusals, ['a connection of user 12345678 was refused', 'a connection of user unknown was refused']);
    peer = real;
    const client = new ControlClient(path);
    assert.equal(await client.call('echo', 1), 1);
    client.close();
  });
  server.close();
  enclave.shutdown();
  await enclave.ended;
  await assert.rejects(new ControlClient(path).call('echo', 1), (error) => error instanceof ControlError && error.kind === 'not-running');
  rmSync(directory, { recursive: true });
});
