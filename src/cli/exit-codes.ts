/** Exit codes by kind of failure. `run` and `exec` otherwise give the program's own, as a shell does. */

import type { FailureKind } from '../libos/failure.ts';

// biome-ignore format: a table
export const EXIT_CODES: Readonly<Record<FailureKind, readonly [code: number, meaning: string]>> = {
  usage:         [110, 'The command line is wrong.'],
  configuration: [111, 'cloister.yaml is wrong.'],
  instance:      [112, 'Not an instance, not built yet, or it exists already.'],
  build:         [113, 'The image cannot be built: a library or dynamic linker is missing or made for another libc or machine, or the bill of materials is wrong.'],
  verification:  [114, 'Image, configuration, measurement, signature or writable layer was changed; nothing was run.'],
  key:           [115, 'A key is missing, wrong, or not a key.'],
  'entry-point': [116, 'The program is not below one of the entry points.'],
  busy:          [117, 'The instance is running already, or another `run`, cp, ls or cat has it.'],
  'not-running': [118, 'The instance is not running, or only for a `run`.'],
  host:          [119, 'The host refused: no room on the disk, no permission, no suitable Node. run, exec: the program succeeded, and its output was lost.'],
  broker:        [121, 'A broker refused, or cannot be reached.'],
  internal:      [120, 'A fault of Cloister itself.'],
};

/** 126 and 127 as a shell gives them; 128 + n when the program was ended by signal n. */
export const CANNOT_EXECUTE = 126;
export const NOT_FOUND = 127;

/** A program's own code, but for success where something of what it wrote did not arrive. */
export function exitCodeOver(waitStatus: number, ...outputs: readonly { readonly lost: boolean }[]): number {
  const code = exitCodeOf(waitStatus);
  return code === 0 && outputs.some(({ lost }) => lost) ? EXIT_CODES.host[0] : code;
}

function exitCodeOf(waitStatus: number): number {
  const signal = waitStatus & 0x7f;
  return signal === 0 ? (waitStatus >> 8) & 0xff : 128 + signal;
}
