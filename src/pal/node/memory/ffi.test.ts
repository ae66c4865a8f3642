import { describeMemoryBackend } from './conformance.ts';
import { openMemoryBackend } from './index.ts';

describeMemoryBackend('ffi', () => openMemoryBackend('ffi'));
