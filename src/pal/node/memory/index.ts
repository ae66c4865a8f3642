/** Memory back ends of Node (kernel/platform.ts `MemoryBackend`): real address spaces where the host offers them, else copies. */

import type { MemoryBackend } from '../../../kernel/platform.ts';
import { CopyBackend } from './copy.ts';

export function openMemoryBackend(choice: 'auto' | 'ffi' | 'copy' = 'auto'): MemoryBackend {
  if (choice === 'ffi') throw new Error('not available yet');
  return new CopyBackend();
}
