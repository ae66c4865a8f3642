/** Errors of the layers below, by what they mean to a person. */

import { RemoteError, type WireError } from '../pal/node/messages.ts';
import { Failure, type FailureKind } from './failure.ts';

export { Failure, type FailureKind };

// biome-ignore format: a table
const KINDS: Readonly<Record<string, readonly [FailureKind, string?]>> = {
  'configuration':        ['configuration', 'Correct the lines named above.'],
  'image-format':         ['verification', 'The image was changed or damaged. Build it again: cloister build'],
  'image-corrupt':        ['verification', 'The image was changed or damaged. Build it again: cloister build'],
  'image-changed':        ['verification', 'The image is not the one that was signed. Build it again: cloister build'],
  'image-key-needed':     ['key', 'Name the key that the image was encrypted with: --image-key FILE'],
  'image-key-wrong':      ['key', 'Name the key that the image was encrypted with: --image-key FILE'],
  'layer-corrupt':        ['verification', 'The writable layer was changed from outside. Restore it from a copy.'],
  'layer-missing':        ['verification', 'Files of the writable layer are gone. Restore them from a copy.'],
  'layer-rolled-back':    ['verification', 'The writable layer is older than its record. Restore the newest copy.'],
  'layer-key-wrong':      ['key', 'The writable layer belongs to another signer, instance or machine.'],
  'layer-in-use':         ['busy', 'Use `cloister exec` to run another program in it, or `cloister stop`.'],
  'layer-full':           ['host', 'Make room on the disk.'],
  'key-format':           ['key', 'Make a key with: cloister gen-image-key FILE'],
  'manifest-format':      ['verification', 'Build again: cloister build'],
  'manifest-measurement': ['verification', 'Build again: cloister build'],
  'manifest-signature':   ['verification', 'Build again: cloister build'],
  'manifest-signer':      ['verification', 'Build again: cloister build'],
  'missing-library':      ['build', 'Install the package that has it, or leave it out on purpose with --no-deps.'],
  'missing-interpreter':  ['build', 'Install the libc that the program was linked with, or leave it out with --no-deps.'],
  'wrong-libc':           ['build'],
  'wrong-machine':        ['build'],
  'bom-format':           ['build', 'Correct the bill of materials.'],
  'bom-file':             ['build', 'Correct the bill of materials.'],
  'unreadable':           ['build'],
  'ENOSPC':               ['host', 'Make room on the disk.'],
};

/** Any error as a `Failure`; what nobody expected is `internal`. */
export function toFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof RemoteError && error.kind !== undefined) {
    const failure = new Failure(error.kind as FailureKind, error.message, error.hint);
    if (error.stack !== undefined) failure.stack = error.stack;
    return failure;
  }
  const { code, message, stack } = error as { code?: unknown; message?: string; stack?: string };
  const known = typeof code === 'string' ? (KINDS[code] ?? (/^E[A-Z]+$/.test(code) ? (['host'] as const) : undefined)) : undefined;
  const failure = new Failure(known?.[0] ?? 'internal', String(message ?? error), known?.[1]);
  if (stack !== undefined) failure.stack = stack;
  return failure;
}

export function toWire(error: unknown): WireError {
  const { kind, message, hint, stack } = toFailure(error);
  return { kind, code: kind, message, ...(hint !== undefined && { hint }), ...(stack !== undefined && { stack }) };
}
