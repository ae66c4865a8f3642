/** What goes wrong with stores as a whole: refused before anything of them is used. Reads of a mounted volume fail with EIO instead. */

export type StorageErrorCode = 'image-format' | 'image-corrupt' | 'image-changed' | 'image-key-needed' | 'image-key-wrong' | 'layer-corrupt' | 'layer-missing' | 'layer-rolled-back' | 'layer-key-wrong' | 'layer-in-use' | 'key-format';

export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly code: StorageErrorCode;

  constructor(code: StorageErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Where a mounted volume says what it found before it answers EIO. */
export type StorageLog = (message: string) => void;
