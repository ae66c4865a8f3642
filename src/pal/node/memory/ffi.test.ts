import { describeMemoryBackend } from './conformance.ts';
import { openMemoryBackend } from './index.ts';
import { openLibc } from './libc.ts';

describeMemoryBackend('ffi', () => openMemoryBackend('ffi'), openLibc() === undefined ? 'node:ffi is off' : undefined);
