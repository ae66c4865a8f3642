/** The engine that users get: guest functions translated to WebAssembly. */
export { TranslatorEngine } from './executor.ts';
