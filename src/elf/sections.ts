/** Sections by name (gABI, "Sections"). Files need none to run, so what they tell is a hint. */

import { byteString } from '../base/bytes.ts';
import { type ElfHeader, u64, viewOf } from './header.ts';

const SECTION_BYTES = 64;

export interface Section {
  readonly address: number;
  readonly offset: number;
  readonly end: number;
}

export function sectionNamed(bytes: Uint8Array, { shoff, shnum, shstrndx }: ElfHeader, name: string): Section | undefined {
  if (shoff === 0 || shstrndx >= shnum || shoff + shnum * SECTION_BYTES > bytes.length) return undefined;
  const data = viewOf(bytes);
  const names = u64(data, shoff + shstrndx * SECTION_BYTES + 24);
  for (let index = 0; index < shnum; index++) {
    const at = shoff + index * SECTION_BYTES;
    const nameAt = names + data.getUint32(at, true);
    if (nameAt + name.length >= bytes.length || byteString(bytes.subarray(nameAt, nameAt + name.length)) !== name || bytes[nameAt + name.length] !== 0) continue;
    const offset = u64(data, at + 24);
    const end = offset + u64(data, at + 32);
    return end > bytes.length ? undefined : { address: u64(data, at + 16), offset, end };
  }
  return undefined;
}

/**
 * Virtual addresses of code that runs before and after the program, where no dynamic section tells them: what the compiler's
 * start files put into `.init` and `.fini`, and what the arrays beside them lead to.
 */
export function initialisers(bytes: Uint8Array, header: ElfHeader): number[] {
  const data = viewOf(bytes);
  const found: number[] = [];
  for (const name of ['.init', '.fini']) {
    const section = sectionNamed(bytes, header, name);
    if (section !== undefined) found.push(section.address);
  }
  for (const name of ['.init_array', '.fini_array']) {
    const section = sectionNamed(bytes, header, name);
    for (let at = section?.offset ?? 0; at + 8 <= (section?.end ?? 0); at += 8) found.push(u64(data, at));
  }
  return found;
}
