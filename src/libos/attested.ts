/**
 * The attested part of a start: evidence of this enclave to the broker that the measured configuration names, and keys and
 * secrets back. Nothing runs before all of them are here.
 */

import { kbsEvidence, type Tee } from '../attestation/index.ts';
import { toByteString } from '../base/bytes.ts';
import { BrokerClient, parseKbsUri, type Send } from '../broker/client.ts';
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
import { neededKeys, SECRETS } from './needs.ts';

const text = new TextDecoder('utf-8', { fatal: true });

/** By `kbs:///…`. */
export type Keys = ReadonlyMap<string, Uint8Array>;

function carrier(exchange: Exchange, { url, certificate }: Configuration['broker']): Send {
  const base = new URL(url);
  return async (method, path, headers, body) => {
    const answer = await exchange.send({ base, method, path, headers, ...(body !== undefined && { body }), ...(certificate !== '' && { certificate }) });
    const cookie = answer.headers['set-cookie']?.[0]?.split(';')[0];
    return { status: answer.status, body: answer.body.toString('utf8'), ...(cookie !== undefined && { cookie }) };
  };
}

/** Throws BrokerClientError, ExchangeError, Failure. */
export async function fetchKeys(tee: Tee, configuration: Configuration, imageKey: string | undefined): Promise<Keys> {
  const needed = neededKeys(configuration, imageKey);
  const exchange = new Exchange();
  const client = new BrokerClient(carrier(exchange, configuration.broker), { tee: tee.type, evidence: (reportData) => kbsEvidence(tee.type, tee.evidence(reportData)) });
  try {
    const keys = new Map<string, Uint8Array>();
    // One after the other: the session is made by the first.
    for (const uri of needed) {
      const parsed = parseKbsUri(uri);
      if (parsed === undefined) throw new Failure('configuration', `${uri} is not kbs:///REPOSITORY/TYPE/TAG`);
      keys.set(uri, await client.resource(parsed.path));
    }
    return keys;
  } catch (error) {
    throw error instanceof JweError ? new Failure('broker', `the broker's answer cannot be opened: ${error.message}`, undefined, 'broker-answer') : error;
  } finally {
    exchange.close();
  }
}

export function imageKeyOf(keys: Keys, uri: string): Uint8Array {
  return parseImageKey(text.decode(keys.get(uri)));
}

export interface Attested {
  readonly mounts: readonly KernelMount[];
  /** `NAME=value` as byte strings, for every program. */
  readonly env: readonly string[];
  /** Volumes that have to be closed, in the end. */
  readonly layers: readonly LayerVolume[];
}

export interface AttestedPlaces {
  readonly directory: string;
  /** Where records of freshness are. */
  readonly records: string;
  readonly log: (message: string) => void;
  readonly nowNs: () => bigint;
  /** The first change of a volume since it was committed. */
  readonly changed: (volume: LayerVolume) => void;
}

/** Opens volumes and lays out secrets; wipes the keys. Throws StorageError, Failure. */
export function attach({ volumes, secrets }: Configuration, keys: Keys, { directory, records, log, nowNs, changed }: AttestedPlaces): Attested {
  const mounts: KernelMount[] = [];
  const layers: LayerVolume[] = [];
  for (const { target, source, type, key } of volumes) {
    const path = toByteString(resolve(directory, source));
    const secret = text.decode(keys.get(key));
    if (type === 'layer') {
      const record = toByteString(`${records}/volume-${target.replace(/[^A-Za-z0-9]/g, (unit) => `_${unit.charCodeAt(0).toString(16)}`)}`);
      const layer: LayerVolume = LayerVolume.open({ directory: new NodeDirectory(path), freshness: new NodeDirectory(record), sealingKey: parseImageKey(secret), log, nowNs, onChanged: () => changed(layer) });
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
  return { mounts, env, layers };
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
