/** A broker as users have it: a process of its own, started by the command line. */

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EnclaveIdentity, SimTee } from '../../src/attestation/index.ts';
import { toByteString } from '../../src/base/bytes.ts';
import { BrokerClient, type Send } from '../../src/broker/client.ts';
import { signRequest } from '../../src/broker/index.ts';
import { PrivateKey } from '../../src/crypto/index.ts';
import { Exchange } from '../../src/pal/broker/exchange.ts';
import { NodeDirectory } from '../../src/pal/node/storage.ts';
import { simAttester } from './support.ts';

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname;

export class BrokerProcess {
  readonly place = mkdtempSync(join(tmpdir(), 'cloister-broker-process-'));
  readonly state = join(this.place, 'kbs');
  readonly env: NodeJS.ProcessEnv = { ...process.env, CLOISTER_STATE: join(this.place, 'state') };
  readonly identity: EnclaveIdentity = { measurement: new Uint8Array(48).fill(1), signer: new Uint8Array(48).fill(2), productId: 0, securityVersion: 0, debuggable: true };
  readonly #exchange = new Exchange();
  readonly #transport: readonly string[];
  #child: ChildProcess | undefined;
  log = '';

  /** Without TLS, unless options say otherwise. */
  constructor(transport: readonly string[] = ['--insecure-http']) {
    this.#transport = transport;
  }

  start(...words: readonly string[]): Promise<this> {
    return this.startUnder([], ...words);
  }

  /** `wrapper`: a command that runs the one that follows. */
  async startUnder(wrapper: readonly string[], ...words: readonly string[]): Promise<this> {
    rmSync(join(this.state, 'serving.json'), { force: true });
    const [program, ...before] = [...wrapper, process.execPath];
    const child = spawn(program, [...before, MAIN, 'broker', 'serve', '--state', this.state, '--listen', '127.0.0.1:0', '--allow-sim', ...this.#transport, '--rate-limit', '0', ...words], {
      env: this.env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child = child;
    child.stderr?.on('data', (text: Buffer) => {
      this.log += text.toString();
    });
    while (!existsSync(join(this.state, 'serving.json'))) {
      if (child.exitCode !== null) throw new Error(`the broker ended with ${child.exitCode}: ${this.log}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return this;
  }

  get base(): URL {
    return new URL(JSON.parse(readFileSync(join(this.state, 'serving.json'), 'utf8')).url);
  }

  /** A command of the command line; the event loop goes on meanwhile. */
  run(...words: readonly string[]): Promise<{ code: number | null; output: string; error: string }> {
    const child = spawn(process.execPath, [MAIN, ...words], { env: this.env, stdio: ['ignore', 'pipe', 'pipe'] });
    let [output, error] = ['', ''];
    child.stdout.on('data', (text: Buffer) => void (output += text.toString()));
    child.stderr.on('data', (text: Buffer) => void (error += text.toString()));
    return new Promise((resolve) => child.once('close', (code) => resolve({ code, output, error })));
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    child.kill(signal);
    return ended;
  }

  readonly send: Send = async (method, path, headers, body) => {
    const answer = await this.#exchange.send({ base: this.base, method, path, headers, ...(body !== undefined && { body }) });
    return { status: answer.status, body: answer.body.toString(), cookie: answer.headers['set-cookie']?.[0]?.split(';')[0] as string };
  };

  client(): BrokerClient {
    return new BrokerClient(this.send, simAttester(new SimTee(new NodeDirectory(toByteString(join(this.place, 'state/sim'))), this.identity)));
  }

  /** By the first owner. */
  async admin(method: string, target: string, content = ''): Promise<{ status: number; body: string }> {
    const key = PrivateKey.fromPem(readFileSync(join(this.state, 'admin.pem'), 'utf8'));
    const { pathname: path, searchParams: query } = new URL(target, 'http://broker');
    const body = new TextEncoder().encode(content);
    const authorization = `Bearer ${await signRequest('admin', key, { method, path, query, body }, Date.now())}`;
    const answer = await this.#exchange.send({ base: this.base, method, path: target, headers: { authorization }, body });
    return { status: answer.status, body: answer.body.toString() };
  }

  async close(): Promise<void> {
    await this.end('SIGKILL');
    this.#exchange.close();
    rmSync(this.place, { recursive: true, force: true });
  }
}
