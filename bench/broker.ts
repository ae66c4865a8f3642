/**
 * The broker: full handshakes (challenge, evidence, one resource) by clients of our own in this process, against a server in
 * one of its own. How many a second, how many a second of the server's processor time (what one core would do), and how long one
 * takes at half of that load.
 */

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SimTee } from '../src/attestation/index.ts';
import { toByteString } from '../src/base/bytes.ts';
import { BrokerClient, type Send } from '../src/broker/client.ts';
import { signRequest } from '../src/broker/index.ts';
import { PrivateKey } from '../src/crypto/index.ts';
import { Exchange } from '../src/pal/broker/exchange.ts';
import { NodeDirectory } from '../src/pal/node/storage.ts';
import { CLI } from './stage.ts';

export interface BrokerResult {
  readonly name: string;
  /** Handshakes a second of wall-clock time, with this process taking its share of the machine. */
  readonly perSecond: number;
  /** Handshakes a second of the server's processor time. */
  readonly perCoreSecond: number;
  /** At half of `perCoreSecond`, milliseconds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const CLIENTS = 16;
const FLAT_OUT_MS = 5000;
const HALF_LOAD_MS = 5000;

/** Seconds of processor time that a process has used (proc(5), fields 14 and 15). */
function processorSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const percentile = (sorted: readonly number[], part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];

async function measure(name: string, transport: readonly string[]): Promise<BrokerResult> {
  const place = mkdtempSync(join(tmpdir(), 'cloister-bench-broker-'));
  const state = join(place, 'kbs');
  const env = { ...process.env, CLOISTER_STATE: join(place, 'state') };
  const server = spawn(CLI, ['broker', 'serve', '--state', state, '--listen', '127.0.0.1:0', '--allow-sim', '--rate-limit', '0', ...transport], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const exchange = new Exchange();
  try {
    while (!existsSync(join(state, 'serving.json'))) await new Promise((resolve) => setTimeout(resolve, 50));
    const { url, pid } = JSON.parse(readFileSync(join(state, 'serving.json'), 'utf8')) as { url: string; pid: number };
    const base = new URL(url);
    const certificate = base.protocol === 'https:' ? readFileSync(join(state, 'certificate.pem'), 'utf8') : undefined;
    const send: Send = async (method, path, headers, body) => {
      const answer = await exchange.send({ base, method, path, headers, ...(body !== undefined && { body }), ...(certificate !== undefined && { certificate }) });
      const cookie = answer.headers['set-cookie']?.[0]?.split(';')[0];
      return { status: answer.status, body: answer.body.toString('utf8'), ...(cookie !== undefined && { cookie }) };
    };
    const key = PrivateKey.fromPem(readFileSync(join(state, 'admin.pem'), 'utf8'));
    for (const [path, content] of [
      ['/cloister/v0/resources/bench/key/one', '0123456789abcdef0123456789abcdef'],
      ['/cloister/v0/policies/bench', `permit (principal, action, resource in Cloister::Repository::"bench") when { context.measurement == "${'01'.repeat(48)}" };`],
    ]) {
      const body = new TextEncoder().encode(content);
      const authorization = `Bearer ${await signRequest('admin', key, { method: 'PUT', path, query: new URLSearchParams(), body }, Date.now())}`;
      const { status, body: answer } = await exchange.send({ base, method: 'PUT', path, headers: { authorization }, body, ...(certificate !== undefined && { certificate }) });
      if (status !== 200) throw new Error(answer.toString('utf8'));
    }
    const tee = new SimTee(new NodeDirectory(toByteString(join(place, 'state/sim'))), { measurement: new Uint8Array(48).fill(1), signer: new Uint8Array(48).fill(2), productId: 0, securityVersion: 0, debuggable: false });
    const attester = { tee: 'sim', evidence: (reportData: Uint8Array) => ({ quote: tee.quote(reportData).toBase64() }) };
    const handshake = async (): Promise<void> => {
      const resource = await new BrokerClient(send, attester).resource('bench/key/one');
      if (resource.length !== 32) throw new Error('not the resource');
    };
    const flatOut = async (forMs: number): Promise<number> => {
      let count = 0;
      const end = performance.now() + forMs;
      await Promise.all(
        Array.from({ length: CLIENTS }, async () => {
          for (; performance.now() < end; count++) await handshake();
        }),
      );
      return count;
    };
    await flatOut(1500);
    const [cpu, start] = [processorSeconds(pid), performance.now()];
    const count = await flatOut(FLAT_OUT_MS);
    const perSecond = count / ((performance.now() - start) / 1000);
    const perCoreSecond = count / (processorSeconds(pid) - cpu);
    // An open loop: handshakes begin when they are due, whatever became of those before.
    const times: number[] = [];
    const all: Promise<void>[] = [];
    const every = 1000 / (perCoreSecond / 2);
    const begin = performance.now();
    for (let at = 0; at * every < HALF_LOAD_MS; at++) {
      const due = begin + at * every;
      if (due > performance.now()) await new Promise((resolve) => setTimeout(resolve, due - performance.now()));
      all.push(handshake().then(() => void times.push(performance.now() - due)));
    }
    await Promise.all(all);
    times.sort((a, b) => a - b);
    return { name, perSecond, perCoreSecond, p50Ms: percentile(times, 0.5), p99Ms: percentile(times, 0.99) };
  } finally {
    exchange.close();
    server.kill('SIGTERM');
    await new Promise((resolve) => server.once('exit', resolve));
    rmSync(place, { recursive: true, force: true });
  }
}

/** The aim: 500 a second on one core, p99 of 50 ms at half of it. */
export async function measureBroker(isChosen: (name: string) => boolean): Promise<BrokerResult[]> {
  const results: BrokerResult[] = [];
  for (const [name, transport] of [
    ['broker-handshakes', ['--insecure-http']],
    ['broker-handshakes-tls', []],
  ] as const) {
    if (!isChosen(name)) continue;
    const result = await measure(name, transport);
    results.push(result);
    console.log(`${name.padEnd(24)} ${result.perCoreSecond.toFixed(0)}/s of one core (${result.perSecond.toFixed(0)}/s with its clients beside it), at half of that p50 ${result.p50Ms.toFixed(1)} ms, p99 ${result.p99Ms.toFixed(1)} ms`);
  }
  return results;
}
