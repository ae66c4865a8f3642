/** Entry of the enclave's thread: boots, then runs the kernel's loop until it is told to stop. */

import { setFlagsFromString } from 'node:v8';
import { workerData } from 'node:worker_threads';
import type { InnerData } from '../pal/node/enclave-thread.ts';
import { WorkerHost } from '../pal/node/host.ts';
import { boot, type BootRequest, type Enclave } from './boot.ts';
import { toWire } from './errors.ts';

// Functions of a translated library are validated when they are first called: most never are.
setFlagsFromString('--wasm-lazy-validation');

const { port, bell, boot: request } = workerData as InnerData;
const host = new WorkerHost(port, bell);

async function main(): Promise<void> {
  let enclave: Enclave;
  try {
    enclave = await boot(request as BootRequest, host);
  } catch (error) {
    host.post({ kind: 'failed', error: toWire(error) });
    return;
  }
  host.post({ kind: 'booted', info: enclave.info });
  try {
    try {
      enclave.kernel.run();
    } finally {
      enclave.close();
    }
    host.post({ kind: 'closed' });
  } catch (error) {
    host.post({ kind: 'failed', error: toWire(error) });
  }
}

// Bundled as CommonJS, which has no top-level await.
void main().finally(() => port.close());
