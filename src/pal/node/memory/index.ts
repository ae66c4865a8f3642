/** Memory back ends of Node (kernel/platform.ts `MemoryBackend`): real address spaces where the host offers them, else copies. */

import type { MemoryBackend } from '../../../kernel/platform.ts';
import { CopyBackend } from './copy.ts';
import { FfiBackend } from './ffi.ts';
import { openLibc } from './libc.ts';

/** `ffi` throws where it is not available; `auto` takes what there is (`name` says which). */
export function openMemoryBackend(choice: 'auto' | 'ffi' | 'copy' = 'auto'): MemoryBackend {
  if (choice === 'copy') return new CopyBackend();
  try {
    const libc = openLibc();
    if (libc !== undefined) return new FfiBackend(libc);
  } catch (error) {
    if (choice === 'ffi') throw error;
  }
  if (choice === 'ffi') throw new Error('node:ffi is not available here (Node 26 on Linux, without --no-experimental-ffi)');
  return new CopyBackend();
}
