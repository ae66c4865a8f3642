/** Why an image cannot be built. */

export type ImageBuildErrorCode = 'missing-library' | 'missing-interpreter' | 'wrong-libc' | 'wrong-machine' | 'bom-format' | 'bom-file' | 'unreadable';

export class ImageBuildError extends Error {
  override readonly name = 'ImageBuildError';
  readonly code: ImageBuildErrorCode;

  constructor(code: ImageBuildErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
