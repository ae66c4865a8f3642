/** `cloister seal`: from a directory to a sealed volume, which is an encrypted image without programs to prepare. */

import { buildImage, type BuiltImage } from '../image/index.ts';
import { nodeTree, writeAtomically } from '../pal/node/storage.ts';

/** Paths are byte strings. Throws ImageBuildError, StorageError, HostFileError. */
export function sealVolume(directory: string, output: string, key: Uint8Array): BuiltImage {
  return buildImage({ host: nodeTree, writeAtomically, tree: directory, output, key, dependencies: 'none' });
}
