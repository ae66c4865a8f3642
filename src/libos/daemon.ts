/** Entry of the process behind `cloister start`: an enclave that waits for requests on its control socket. */

import { closeSync, rmSync, writeSync } from 'node:fs';
import { listen } from '../pal/node/control/server.ts';
import { peerUser } from '../pal/node/process.ts';
import type { BootInfo, BootRequest } from './boot.ts';
import { startEnclave } from './enclave.ts';
import type { EvidenceEndpoint } from '../pal/tls/index.ts';
import { isNonce } from '../attestation/statement.ts';
import { ATTEST, evidenceSource } from './attest-call.ts';
import { Failure, toWire } from './errors.ts';
import { Instance } from './instance.ts';
import type { CallResult } from './calls.ts';

/** The pipe on which the starter waits for one line: `{}`, or an error. */
const READY_FD = 3;

const { evidence: address, ...request } = JSON.parse(process.argv[2]) as Omit<BootRequest, 'stateDirectory'> & { readonly evidence?: string };
const instance = Instance.at(request.directory);

// A full disk keeps lines out of the log, and nothing else.
process.stderr.on('error', () => {});

function log(level: string, message: string): void {
  process.stderr.write(`${new Date().toISOString()} ${level} ${message}\n`);
}

function ready(line: unknown): void {
  try {
    writeSync(READY_FD, `${JSON.stringify(line)}\n`);
  } catch {
    // The starter has gone; the enclave stays.
  }
}

/** Methods that this process answers itself; the enclave answers the others. */
const OWN: Readonly<Record<string, (params: unknown) => Promise<unknown>>> = {
  status: async () => ({ ...info, ...(endpoint !== undefined && { evidence: endpoint.url }), pid: process.pid, residentBytes: process.memoryUsage.rss(), ffi: peer !== undefined, ...((await ask('status', undefined)) as object) }),
  kill: async (params) => {
    const { pid, signal } = (params ?? {}) as { pid?: unknown; signal?: unknown };
    if (!Number.isInteger(pid) || !Number.isInteger(signal) || (signal as number) < 0 || (signal as number) > 64) throw new Failure('usage', 'kill wants a pid and a signal');
    if (!(await enclave.kill(pid as number, signal as number))) throw new Failure('usage', `there is no process ${String(pid)} in the enclave`, 'cloister ps lists them.');
    return {};
  },
  evidence: async (params) => {
    const { nonce } = (params ?? {}) as { nonce?: unknown };
    if (!isNonce(nonce)) throw new Failure('usage', 'evidence wants a nonce of 8 to 64 bytes, in hexadecimal');
    return evidenceSource(enclave).evidence(nonce);
  },
  shutdown: async () => {
    stop();
    await enclave.ended;
    return {};
  },
};

async function ask(method: string, params: unknown): Promise<unknown> {
  if (method === ATTEST) throw new Failure('usage', `there is no method ${method}`);
  const answer = (await enclave.call(method, params)) as CallResult;
  if ('error' in answer) throw new Failure('host', answer.error);
  return answer.result;
}

let stopping = false;
function stop(): void {
  if (stopping) return;
  stopping = true;
  endpoint?.close();
  log('info', 'stopping');
  enclave.shutdown();
}

/** Asks the host which user has connected; undefined without FFI. */
const peer = peerUser();
const enclave = startEnclave({ ...request, onLog: log });
let info: BootInfo;
let endpoint: EvidenceEndpoint | undefined;

async function main(): Promise<number> {
  try {
    info = (await enclave.booted) as BootInfo;
    if (address !== undefined) endpoint = await (await import('./evidence.ts')).answerForEvidence(enclave, address, (message) => log('warn', message));
    await listen({ path: instance.socket, enclave, toWire, peer, onRefused: (message) => log('warn', message), answer: (method, params) => (Object.hasOwn(OWN, method) ? OWN[method](params) : ask(method, params)) });
  } catch (error) {
    const wire = toWire(error);
    log('error', wire.message);
    ready({ error: wire });
    return 1;
  }
  log('info', `started, measurement ${info.measurement}`);
  if (info.warning !== undefined) log('warn', info.warning);
  ready({ info, ...(endpoint !== undefined && { evidenceUrl: endpoint.url }) });
  closeSync(READY_FD);
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('SIGHUP', () => {});
  let code = 0;
  try {
    await enclave.ended;
  } catch (error) {
    const { kind, message, stack } = error as Error & { kind?: string };
    log('error', kind === undefined || kind === 'internal' ? (stack ?? message) : message);
    code = 1;
  }
  rmSync(instance.socket, { force: true });
  log('info', 'stopped');
  // Whoever asked for the end is answered first.
  await new Promise((resolve) => setImmediate(resolve));
  return code;
}

void main().then((code) => process.exit(code));
