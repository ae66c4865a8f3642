/**
 * Where kernel, engine, storage and host meet. Runs in the enclave's thread.
 *
 * The order is the point: manifest, configuration, image and writable layer are verified before the kernel exists,
 * and nothing that fails leaves anything running.
 */

import { rmSync } from 'node:fs';
import type { Manifest, Tee, TeeChoice } from '../attestation/index.ts';
import { toByteString, toHex } from '../base/bytes.ts';
import type { Configuration } from '../config/index.ts';
import type { LayerVolume } from '../encfs/5-disk/layer-volume.ts';
import { Errno } from '../kernel/errno.ts';
import { Kernel } from '../kernel/kernel.ts';
import type { Engine, MemoryBackend } from '../kernel/platform.ts';
import { tracerTo } from '../kernel/strace/index.ts';
import { KernelFiles } from '../kernel/vfs/kernel-files.ts';
import type { WorkerHost } from '../pal/node/host.ts';
import { openMemoryBackend } from '../pal/node/memory/index.ts';
import { cpuidLeaf } from '../x86/cpuid.ts';
import type { CodeStore } from '../translator/index.ts';
import { ATTEST, attest } from './attest-call.ts';
import { admit } from './admission.ts';
import { openCodeStore } from './ahead.ts';
import type { BrokerKeys } from './attested.ts';
import { answer } from './calls.ts';
import { Failure } from './errors.ts';
import { Instance } from './instance.ts';
import { layerFailure } from './layer.ts';
import { neededKeys } from './needs.ts';
import { guestAttestation, layerKeyOf, openAttester } from './tee.ts';
import { openImage, verifyBuild } from './verify.ts';
import { type StorageKey, Volumes } from './volumes.ts';

/** At about 0.7 GB/s: a fifth of a second. */
const VERIFY_LAYER_AT_ONCE = 128 << 20;
/** What no program synced is durable after this at the latest. */
const WRITE_BACK_NS = 5e9;

export interface BootRequest {
  /** The instance, and where keys of the user and of the simulated machine are. */
  readonly directory: string;
  readonly stateDirectory: string;
  readonly imageKey?: string;
  /** What is found, unless given. */
  readonly tee?: TeeChoice;
  readonly engine: 'translator' | 'interpreter';
  readonly memory: 'auto' | 'ffi' | 'copy';
  readonly strace: boolean;
}

/** What `status` tells. */
export interface BootInfo {
  readonly measurement: string;
  readonly signer: string;
  readonly debuggable: boolean;
  readonly tee: string;
  readonly warning?: string;
  readonly engine: string;
  readonly memory: string;
}

export interface Enclave {
  readonly kernel: Kernel;
  readonly info: BootInfo;
  close(): void;
}

async function openEngine(name: BootRequest['engine'], store: CodeStore | undefined): Promise<Engine> {
  if (name === 'translator') return new (await import('../translator/index.ts')).TranslatorEngine(store);
  return (await import('../interpreter/index.ts')).interpreterEngine;
}

/** Throws before anything runs if anything is not as it was signed. */
export async function boot(request: BootRequest, host: WorkerHost): Promise<Enclave> {
  const instance = Instance.at(request.directory);
  const { manifest, configuration, imageKey } = verifyBuild(instance);
  if (request.strace && !configuration.metadata.debuggable) {
    throw new Failure('verification', 'system calls cannot be traced: the instance was not built debuggable', 'Set metadata.debuggable in cloister.yaml, then build again.');
  }
  const { id } = instance;
  const log = (message: string): void => host.log('error', message);
  const teeRequest = { stateDirectory: request.stateDirectory, identity: manifest.identity, imageKind: manifest.claims.imageKind, ...(request.tee !== undefined && { choice: request.tee }) };
  const attester = openAttester(teeRequest);
  attester.record();
  const kept = request.imageKey === undefined ? imageKey : undefined;
  const keys = neededKeys(configuration, kept).length > 0 ? await (await import('./attested.ts')).fetchKeys(attester, configuration, { imageKey: kept, tee: teeRequest, log }) : undefined;
  let running: Kernel | undefined;
  const early: LayerVolume[] = [];
  // Mount points may be made before there is a kernel with timers.
  const writeBackLater = (volume: LayerVolume): void => {
    if (running === undefined) early.push(volume);
    else running.timers.add(host.monotonicNs() + WRITE_BACK_NS, () => volume.writeBack());
  };
  const volumes = new Volumes({ log, nowNs: () => BigInt(host.realtimeNs()), changed: writeBackLater });
  try {
    const image = volumes.sealed(openImage(instance, manifest, keys !== undefined && kept !== undefined ? keys.imageKey(kept) : request.imageKey, log));
    const records = `${request.stateDirectory}/instances/${id}`;
    const layer = openLayer(volumes, instance, records, layerKeyOf(attester.tee, id, configuration.layer, keys), configuration.layer);
    // What an enclave that was killed has left: nobody listens there.
    rmSync(instance.socket, { force: true });
    // Beyond this, damage is met when it is read: EIO to the guest, a line in the log.
    if (layer.storedBytes <= VERIFY_LAYER_AT_ONCE) layer.verifyAll();
    const attached = keys?.attach(configuration, volumes, { directory: instance.directory, records, log });
    const store = openCodeStore(image);
    const engine = await openEngine(request.engine, store);
    const memory = openMemoryBackend(request.memory);
    const files = new KernelFiles({ memory, image, layer, mounts: [...tmpfsMounts(configuration), ...(attached?.mounts ?? [])], attestation: guestAttestation(attester, log) });
    const kernel: Kernel = new Kernel({ memory, engine }, host, files, {
      memoryLimitBytes: configuration.resources.memory,
      maxTasks: configuration.resources.processes,
      stackBytes: configuration.process.stack,
      openFiles: configuration.process.files,
      hwcap: cpuidLeaf(1, 0)[3],
      ...(store && { prelink: store.prelink }),
      hostname: configuration.process.hostname,
      onCall: (method, params) => (method === ATTEST ? attest(attester, params) : answer(kernel, method, params)),
      ...(request.strace && { strace: tracerTo((line) => host.post({ kind: 'trace', text: `${line}\n` })) }),
    });
    running = kernel;
    early.forEach(writeBackLater);
    host.admit = (message) => admit(configuration, files, message, attached?.env);
    return { kernel, info: infoOf(manifest, attester.tee, engine, memory), close: () => closeAll(volumes, keys) };
  } catch (error) {
    volumes.abandon();
    keys?.abandon();
    throw error;
  }
}

function openLayer(volumes: Volumes, instance: Instance, records: string, key: StorageKey, layer: Configuration['layer']): LayerVolume {
  try {
    return volumes.writable(instance.layer, records, key);
  } catch (error) {
    throw layerFailure(error, instance, records, layer);
  }
}

function infoOf({ identity }: Manifest, { type, warning }: Tee, engine: Engine, memory: MemoryBackend): BootInfo {
  return {
    measurement: toHex(identity.measurement),
    signer: toHex(identity.signer),
    debuggable: identity.debuggable,
    tee: type,
    ...(warning !== undefined && { warning }),
    engine: engine.name,
    memory: memory.name,
  };
}

function closeAll(volumes: Volumes, keys: BrokerKeys | undefined): void {
  try {
    volumes.close();
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    throw new Failure('host', `the writable layer is not complete: ${error.message}`, 'What programs wrote and did not sync is lost; what was there before is not. Make room, and look at the disk.');
  } finally {
    keys?.close();
  }
}

function tmpfsMounts({ mounts }: Configuration): { target: string; type: 'tmpfs' }[] {
  return mounts.flatMap(({ target, type }) => (type === 'tmpfs' ? [{ target: toByteString(target), type }] : []));
}
