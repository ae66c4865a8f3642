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
import { LayerVolume } from '../encfs/5-disk/layer-volume.ts';
import type { KernelMount } from '../kernel/vfs/kernel-files.ts';
import { Exchange } from '../pal/broker/exchange.ts';
import { NodeDirectory, NodeFile } from '../pal/node/storage.ts';
import { resolve } from 'node:path';
import { Failure } from './failure.ts';
import { BrokerCounters, type CounterPosition } from './broker-counters.ts';
import { attesterOf, carrier } from './broker-session.ts';
import { countedKeys, neededKeys, SECRETS } from './needs.ts';
import type { AttesterRequest } from './tee.ts';

const text = new TextDecoder('utf-8', { fatal: true });

export interface Keys {
  /** By `kbs:///…`. */
  readonly secrets: ReadonlyMap<string, Uint8Array>;
  /** Of the volumes that can be written, by the same. */
  readonly counters: ReadonlyMap<string, CounterPosition>;
}

/** Throws BrokerClientError, ExchangeError, Failure. */
export async function fetchKeys(attester: Attester, configuration: Configuration, imageKey: string | undefined): Promise<Keys> {
  const needed = neededKeys(configuration, imageKey);
  const counted = new Set(countedKeys(configuration));
  const exchange = new Exchange();
  const client = new BrokerClient(carrier(exchange, configuration.broker), attesterOf(attester));
  try {
    const secrets = new Map<string, Uint8Array>();
    const counters = new Map<string, CounterPosition>();
    // One after the other: the session is made by the first.
    for (const uri of needed) {
      const path = parseKbsUri(uri)?.path;
      if (path === undefined) throw new Failure('configuration', `${uri} is not kbs:///REPOSITORY/TYPE/TAG`);
      if (counted.has(uri)) counters.set(uri, { path, ...(await client.counter(path)) });
      secrets.set(uri, await client.resource(path, counters.get(uri)?.version));
    }
    return { secrets, counters };
  } catch (error) {
    throw error instanceof JweError ? new Failure('broker', `the broker's answer cannot be opened: ${error.message}`, undefined, 'broker-answer') : error;
  } finally {
    exchange.close();
  }
}

export function imageKeyOf(keys: Keys, uri: string): Uint8Array {
  return parseImageKey(text.decode(keys.secrets.get(uri)));
}

export interface Attested {
  readonly mounts: readonly KernelMount[];
  /** `NAME=value` as byte strings, for every program. */
  readonly env: readonly string[];
  /** Closes the volumes, in the end. Throws Errno. */
  close(): void;
}

export interface AttestedPlaces {
  readonly directory: string;
  /** Where records of freshness are. */
  readonly records: string;
  /** For evidence of the thread that advances counters. */
  readonly tee: AttesterRequest;
  readonly log: (message: string) => void;
  readonly nowNs: () => bigint;
  /** The first change of a volume since it was committed. */
  readonly changed: (volume: LayerVolume) => void;
}

/** Opens volumes and lays out secrets; wipes the keys. Throws StorageError, Failure. */
export function attach({ broker, volumes, secrets }: Configuration, { secrets: keys, counters: positions }: Keys, { directory, records, tee, log, nowNs, changed }: AttestedPlaces): Attested {
  const counters = new BrokerCounters({ broker, tee, log });
  const mounts: KernelMount[] = [];
  const layers: LayerVolume[] = [];
  for (const { target, source, type, key } of volumes) {
    const path = toByteString(resolve(directory, source));
    const secret = text.decode(keys.get(key));
    if (type === 'layer') {
      const record = toByteString(`${records}/volume-${target.replace(/[^A-Za-z0-9]/g, (unit) => `_${unit.charCodeAt(0).toString(16)}`)}`);
      const position = positions.get(key);
      const layer: LayerVolume = LayerVolume.open({
        directory: new NodeDirectory(path),
        freshness: new NodeDirectory(record),
        sealingKey: parseImageKey(secret),
        log,
        nowNs,
        onChanged: () => changed(layer),
        ...(position !== undefined && { counter: counters.at(position) }),
      });
      layers.push(layer);
      mounts.push({ target: toByteString(target), type: 'volume', volume: layer });
      continue;
    }
    const { key: imageKey, root } = parseVolumeKey(secret);
    let file: NodeFile;
    try {
      file = new NodeFile(path, 'r');
    } catch (error) {
      if ((error as { code?: string }).code === 'ENOENT') throw new Failure('instance', `the volume ${source} is missing`, `It belongs at ${resolve(directory, source)}.`);
      throw error;
    }
    mounts.push({ target: toByteString(target), type: 'volume', volume: ImageVolume.open(file, { root, key: imageKey, log }) });
    wipe(imageKey);
  }
  const files = new Map(secrets.filter(({ file }) => file !== '').map(({ key, file }) => [toByteString(file), (keys.get(key) as Uint8Array).slice()]));
  if (files.size > 0) mounts.push({ target: SECRETS, type: 'tmpfs', files });
  const env = secrets.filter(({ env }) => env !== '').map(({ key, env }) => `${env}=${toByteString(variable(keys.get(key) as Uint8Array, key))}`);
  wipe(...keys.values());
  return {
    mounts,
    env,
    close() {
      try {
        for (const layer of layers) layer.close();
      } finally {
        counters.close();
      }
    },
  };
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
