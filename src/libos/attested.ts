/**
 * The attested part of a start: evidence of this enclave to the broker that the measured configuration names, and keys and
 * secrets back. Nothing runs before all of them are here.
 */

import type { Attester } from '../attestation/index.ts';
import { toByteString } from '../base/bytes.ts';
import { BrokerClient, parseKbsUri } from '../broker/client.ts';
import type { Configuration } from '../config/schema.ts';
import { JweError, wipe } from '../crypto/index.ts';
import { parseImageKey, parseVolumeKey } from '../encfs/1-crypto/keys.ts';
import { ImageVolume } from '../encfs/5-disk/image-volume.ts';
import type { KernelMount } from '../kernel/vfs/kernel-files.ts';
import { NodeFile } from '../pal/node/storage.ts';
import { resolve } from 'node:path';
import { Failure } from './failure.ts';
import { BrokerCounters, type CounterPosition } from './broker-counters.ts';
import { attesterOf, carrier, exchangeWith } from './broker-session.ts';
import { countedStorage, neededKeys, SECRETS } from './needs.ts';
import type { AttesterRequest } from './tee.ts';
import type { StorageKey, StorageKeys, Volumes } from './volumes.ts';

const text = new TextDecoder('utf-8', { fatal: true });

export interface KeysRequest {
  /** Of an image whose key is there. */
  readonly imageKey: string | undefined;
  /** For evidence of the thread that advances counters. */
  readonly tee: AttesterRequest;
  readonly log: (message: string) => void;
}

/** Throws BrokerClientError, ExchangeError, Failure. */
export async function fetchKeys(attester: Attester, configuration: Configuration, { imageKey, tee, log }: KeysRequest): Promise<BrokerKeys> {
  const { broker } = configuration;
  const counted = new Set(countedStorage(configuration).map(({ key }) => key));
  const exchange = exchangeWith(broker);
  const client = new BrokerClient(carrier(exchange, broker), attesterOf(attester));
  try {
    const secrets = new Map<string, Uint8Array>();
    const positions = new Map<string, CounterPosition>();
    // One after the other: the session is made by the first.
    for (const uri of neededKeys(configuration, imageKey)) {
      const path = parseKbsUri(uri)?.path;
      if (path === undefined) throw new Failure('configuration', `${uri} is not kbs:///REPOSITORY/TYPE/TAG`);
      if (counted.has(uri)) positions.set(uri, { path, ...(await client.counter(path)) });
      secrets.set(uri, await client.resource(path, positions.get(uri)?.version));
    }
    return new BrokerKeys(secrets, positions, new BrokerCounters({ broker, tee, log }));
  } catch (error) {
    throw error instanceof JweError ? new Failure('broker', `the broker's answer cannot be opened: ${error.message}`, undefined, 'broker-answer') : error;
  } finally {
    exchange.close();
  }
}

/** What the broker gave, by `kbs:///…`: keys and secrets until they are attached, counters until the end. */
export class BrokerKeys implements StorageKeys {
  readonly #secrets: ReadonlyMap<string, Uint8Array>;
  readonly #positions: ReadonlyMap<string, CounterPosition>;
  readonly #counters: BrokerCounters;

  constructor(secrets: ReadonlyMap<string, Uint8Array>, positions: ReadonlyMap<string, CounterPosition>, counters: BrokerCounters) {
    this.#secrets = secrets;
    this.#positions = positions;
    this.#counters = counters;
  }

  secret(uri: string): Uint8Array {
    return this.#secrets.get(uri) as Uint8Array;
  }

  imageKey(uri: string): Uint8Array {
    return parseImageKey(text.decode(this.secret(uri)));
  }

  volumeKey(uri: string): ReturnType<typeof parseVolumeKey> {
    return parseVolumeKey(text.decode(this.secret(uri)));
  }

  storageKey({ key, freshness }: Configuration['layer']): StorageKey {
    return { sealingKey: this.imageKey(key), ...(freshness === 'broker' && { counter: this.#counters.at(this.#positions.get(key) as CounterPosition) }) };
  }

  /** Opens volumes and lays out secrets; wipes all keys. Throws StorageError, HostFileError, Failure. */
  attach(configuration: Configuration, volumes: Volumes, places: AttachPlaces): Attached {
    const mounts = [...mountVolumes(configuration, this, volumes, places), ...mountSecrets(configuration, this)];
    const env = configuration.secrets.filter(({ env }) => env !== '').map(({ key, env }) => `${env}=${toByteString(variable(this.secret(key), key))}`);
    this.#wipe();
    return { mounts, env };
  }

  #wipe(): void {
    wipe(...this.#secrets.values());
  }

  /** After the volumes were closed: waits until all of their commits are counted. */
  close(): void {
    this.#counters.close();
  }

  /** For a start that failed. */
  abandon(): void {
    this.#wipe();
    this.#counters.abandon();
  }
}

export interface AttachPlaces {
  /** Of the instance. */
  readonly directory: string;
  /** Where records of freshness are. */
  readonly records: string;
  readonly log: (message: string) => void;
}

export interface Attached {
  readonly mounts: readonly KernelMount[];
  /** `NAME=value` as byte strings, for every program. */
  readonly env: readonly string[];
}

function mountVolumes(configuration: Configuration, keys: BrokerKeys, volumes: Volumes, { directory, records, log }: AttachPlaces): KernelMount[] {
  return configuration.volumes.map((named) => {
    const path = resolve(directory, named.source);
    const target = toByteString(named.target);
    const record = `${records}/volume-${named.target.replace(/[^A-Za-z0-9]/g, (unit) => `_${unit.charCodeAt(0).toString(16)}`)}`;
    const volume = named.type === 'layer' ? volumes.writable(path, record, keys.storageKey(named)) : volumes.sealed(openSealed(path, named.source, keys.volumeKey(named.key), log));
    return { target, type: 'volume', volume };
  });
}

function openSealed(path: string, source: string, { key, root }: ReturnType<typeof parseVolumeKey>, log: (message: string) => void): ImageVolume {
  let file: NodeFile;
  try {
    file = new NodeFile(toByteString(path), 'r');
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') throw new Failure('instance', `the volume ${source} is missing`, `It belongs at ${path}.`);
    throw error;
  }
  const volume = ImageVolume.open(file, { root, key, log });
  wipe(key);
  return volume;
}

function mountSecrets({ secrets }: Configuration, keys: BrokerKeys): KernelMount[] {
  const files = new Map(secrets.filter(({ file }) => file !== '').map(({ key, file }) => [toByteString(file), keys.secret(key).slice()]));
  return files.size === 0 ? [] : [{ target: SECRETS, type: 'tmpfs', files }];
}

function variable(value: Uint8Array, key: string): string {
  try {
    const decoded = text.decode(value).replace(/\n$/, '');
    if (!decoded.includes('\0')) return decoded;
  } catch {
    // Told below.
  }
  throw new Failure('broker', `the secret ${key} is no text: it cannot be an environment variable`, 'Place it as a file.', 'broker-answer');
}
