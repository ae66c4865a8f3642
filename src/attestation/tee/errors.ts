/** What a TEE, or the kernel's door to it, refuses. */

export type TeeErrorCode = 'tee-missing' | 'tee-busy' | 'tee-answer' | 'tee-sealing';

export class TeeError extends Error {
  override readonly name = 'TeeError';
  readonly code: TeeErrorCode;

  constructor(code: TeeErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
