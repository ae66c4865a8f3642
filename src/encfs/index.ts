/** Sealed storage. See README.md for the layers. */

export { formatImageKey, generateImageKey, parseImageKey } from './1-crypto/keys.ts';
export { rewrapLayer } from './1-crypto/layer-keys.ts';
export type { ImageDirectory, ImageFile, ImageNode, ImageSymlink } from './4-tree/image-tree.ts';
export { type ImageOptions, ImageVolume } from './5-disk/image-volume.ts';
export { writeImage } from './5-disk/image-writer.ts';
export { LayerVolume, type LayerVolumeOptions } from './5-disk/layer-volume.ts';
export { StorageError, type StorageErrorCode, type StorageLog } from './errors.ts';
