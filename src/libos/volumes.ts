/**
 * The volumes of a run: its image, its own layer, and those that the configuration names. All of them are opened before anything
 * runs, and closed together: at the end, or when the start fails in the middle.
 */

import { toByteString } from '../base/bytes.ts';
import type { Configuration } from '../config/schema.ts';
import type { ImageVolume } from '../encfs/5-disk/image-volume.ts';
import type { LayerOptions } from '../encfs/5-disk/layer-store.ts';
import { LayerVolume } from '../encfs/5-disk/layer-volume.ts';
import { Errno } from '../kernel/errno.ts';
import { NodeDirectory } from '../pal/node/storage.ts';

/** What opens a volume that can be written, and what counts its commits where that is not left to the machine. */
export type StorageKey = Pick<LayerOptions, 'sealingKey' | 'counter'>;

/** A broker that has given its keys. */
export interface StorageKeys {
  storageKey(storage: Configuration['layer']): StorageKey;
}

export interface VolumesRequest {
  readonly log: (message: string) => void;
  readonly nowNs: () => bigint;
  /** The first change of a volume since it was committed. */
  readonly changed: (volume: LayerVolume) => void;
}

export class Volumes {
  readonly #request: VolumesRequest;
  readonly #sealed: ImageVolume[] = [];
  readonly #writable: LayerVolume[] = [];

  constructor(request: VolumesRequest) {
    this.#request = request;
  }

  sealed(volume: ImageVolume): ImageVolume {
    this.#sealed.push(volume);
    return volume;
  }

  /** Made where there is none. Paths of directories: what is stored, and the record of its freshness. Throws StorageError, HostFileError. */
  writable(path: string, record: string, key: StorageKey): LayerVolume {
    const { log, nowNs, changed } = this.#request;
    const volume: LayerVolume = LayerVolume.open({ directory: new NodeDirectory(toByteString(path)), freshness: new NodeDirectory(toByteString(record)), ...key, log, nowNs, onChanged: () => changed(volume) });
    this.#writable.push(volume);
    return volume;
  }

  /** Commits and closes each, whatever happens to the others. Throws the first Errno. */
  close(): void {
    let first: Errno | undefined;
    for (const volume of this.#writable) {
      try {
        volume.close();
      } catch (error) {
        if (!(error instanceof Errno)) throw error;
        first ??= error;
      }
    }
    for (const volume of this.#sealed) volume.close();
    if (first !== undefined) throw first;
  }

  /** Lets go of everything as it was found: nothing has run. */
  abandon(): void {
    for (const volume of this.#writable) volume.abandon();
    for (const volume of this.#sealed) volume.close();
  }
}
