/** Starts an enclave's thread from the outside. */

import { EnclaveThread } from '../pal/node/enclave-thread.ts';
import { yieldToEnclave } from '../pal/node/process.ts';
import type { LogLevel } from '../pal/node/messages.ts';
import type { BootInfo, BootRequest } from './boot.ts';
import { entry } from './entry.ts';
import { stateDirectory } from './instance.ts';

/** Guest calls are calls on this stack. */
const STACK_MB = 256;
const HEAP_MB = 4096;

export interface StartOptions extends Omit<BootRequest, 'stateDirectory'> {
  readonly onLog: (level: LogLevel, message: string) => void;
  readonly onTrace?: (text: string) => void;
}

export type RunningEnclave = EnclaveThread;

export function startEnclave({ onLog, onTrace, ...request }: StartOptions): RunningEnclave {
  const bootRequest: BootRequest = { ...request, stateDirectory: stateDirectory() };
  const thread = new EnclaveThread({
    module: entry('worker'),
    boot: bootRequest,
    stackMb: STACK_MB,
    heapMb: HEAP_MB,
    onLog,
    onTrace: onTrace ?? (() => {}),
  });
  yieldToEnclave();
  return thread;
}

export type { BootInfo };
