/** ELF64 parsing: the kernel's loader, the image builder and the translator read programs with it. */

export * from './dynamic.ts';
export * from './header.ts';
export * from './frames.ts';
export { initialisers } from './sections.ts';
export * from './tags.ts';
