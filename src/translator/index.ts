/** The engine that users get: guest functions translated to WebAssembly. */
export { TranslatorEngine } from './executor.ts';
export { LaidOutElf, translateElf } from './ahead.ts';
export * from './optimizations.ts';
export { CodeStore, encodeModule, encodeStore } from './store.ts';
