/** `#!` lines (execve(2), "Interpreter scripts"). */

import { byteString } from '../../base/bytes.ts';
import { ENOEXEC } from '../errno.ts';

/** Linux looks at this much of a file. */
export const HEAD_BYTES = 256;

export const isScript = (head: Uint8Array): boolean => head[0] === 0x23 && head[1] === 0x21;

/** Interpreter and its one optional argument. */
export function parseScript(head: Uint8Array): { interpreter: string; argument: string | undefined } {
  const end = head.indexOf(10);
  const line = byteString(head.subarray(2, end < 0 ? head.length : end)).split('\0')[0];
  const match = /^[ \t]*([^ \t]+)(?:[ \t]+(.*?))?[ \t]*$/.exec(line);
  if (match === null) throw ENOEXEC;
  // Without a newline the interpreter's own name must end inside what was read.
  if (end < 0 && head.length >= HEAD_BYTES && match[2] === undefined && !/[ \t]$/.test(line)) throw ENOEXEC;
  return { interpreter: match[1], argument: match[2] === '' ? undefined : match[2] };
}
