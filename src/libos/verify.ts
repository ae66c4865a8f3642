/**
 * Everything that is checked before anything runs, in this order: the manifest's signature and measurement, the
 * configuration against it, the image's root. Reading damaged parts is refused here or, for file contents, when
 * they are read.
 */

import { readFileSync } from 'node:fs';
import { type Manifest, verifyManifest } from '../attestation/index.ts';
import { fromHex, toByteString, toHex } from '../base/bytes.ts';
import { HostFileError } from '../base/host-files.ts';
import type { Configuration } from '../config/index.ts';
import { sha384 } from '../crypto/index.ts';
import { ImageVolume } from '../encfs/5-disk/image-volume.ts';
import { NodeDirectory, NodeFile, nodeTree } from '../pal/node/storage.ts';
import { readImageKey, type SealedConfiguration } from './sealed.ts';
import { Failure } from './errors.ts';
import type { Instance } from './instance.ts';
import { RUNTIME } from './version.ts';

/** At about 1 GB/s: a second, once after each build. */
const VERIFY_AT_ONCE = 1 << 30;
const VERIFIED = 'verified';

export interface Verified {
  readonly manifest: Manifest;
  readonly configuration: Configuration;
  /** Of an encrypted image whose key is at the broker: `kbs:///…`. */
  readonly imageKey?: string;
}

function read(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new Failure('instance', `${path} is missing`, 'Build the instance first: cloister build');
    throw error;
  }
}

export function verifyBuild(instance: Instance): Verified {
  const manifest = verifyManifest(read(instance.manifest));
  if (manifest.claims.runtime !== RUNTIME) {
    throw new Failure('verification', `the instance was built for ${manifest.claims.runtime}; this is ${RUNTIME}`, 'Build again: cloister build');
  }
  const sealed = read(instance.sealedConfiguration);
  if (toHex(sha384(sealed)) !== manifest.claims.configuration) {
    throw new Failure('verification', `${instance.sealedConfiguration} is not the configuration that was measured`, 'Build again: cloister build');
  }
  const { source, configuration, imageKey } = JSON.parse(new TextDecoder().decode(sealed)) as SealedConfiguration;
  // A packaged instance has no cloister.yaml; where there is one, it must be what was built.
  let current: Uint8Array | undefined;
  try {
    current = readFileSync(instance.configuration);
  } catch {
    current = undefined;
  }
  if (current !== undefined && toHex(sha384(current)) !== source) {
    throw new Failure('verification', `${instance.configuration} has changed since the build`, 'Build again: cloister build');
  }
  return { manifest, configuration, ...(imageKey !== undefined && { imageKey }) };
}

export function openImage(instance: Instance, manifest: Manifest, imageKey: string | Uint8Array | undefined, log: (message: string) => void): ImageVolume {
  let file: NodeFile;
  try {
    file = new NodeFile(toByteString(instance.sealedImage), 'r');
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') throw new Failure('instance', `${instance.sealedImage} is missing`, 'Build the instance first: cloister build');
    throw error;
  }
  const key = typeof imageKey === 'string' ? readImageKey(imageKey) : imageKey;
  const image = ImageVolume.open(file, { root: fromHex(manifest.claims.imageRoot), log, ...(key && { key }) });
  if (image.storedBytes <= VERIFY_AT_ONCE) verifyOnce(instance, manifest, image);
  return image;
}

/**
 * Reads the whole image, so that damage is refused before anything runs. Not again for a file that the host says is
 * the same and has not changed: it is for the message's sake only. Whatever the host says, every block is verified when
 * it is read (EIO to the guest, a line in the log).
 */
function verifyOnce(instance: Instance, manifest: Manifest, image: ImageVolume): void {
  const cache = new NodeDirectory(toByteString(instance.cache));
  const stat = nodeTree.lstat(toByteString(instance.sealedImage));
  const stamp = `${manifest.claims.imageRoot} ${stat?.device} ${stat?.inode} ${stat?.size} ${stat?.mtimeNs} ${stat?.ctimeNs}\n`;
  if (new TextDecoder().decode(cache.load(VERIFIED)) === stamp) return;
  image.verifyAll();
  try {
    cache.replace(VERIFIED, new TextEncoder().encode(stamp));
  } catch (error) {
    // An instance that cannot be written to is verified each time.
    if (!(error instanceof HostFileError)) throw error;
  }
}
