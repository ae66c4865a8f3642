/**
 * Starts of functions as unwind information tells them (LSB Core, "Exception Frames"): the `.eh_frame` section of files
 * without the `.eh_frame_hdr` that a dynamic linker would want. It is a hint: what cannot be read is left out.
 */

import { byteString } from '../base/bytes.ts';
import { type ElfHeader, viewOf } from './header.ts';
import { sectionNamed } from './sections.ts';

/** DW_EH_PE_pcrel | DW_EH_PE_sdata4: what compilers write. */
const RELATIVE = 0x1b;

/** Virtual addresses, not sorted. */
export function frameStarts(bytes: Uint8Array, header: ElfHeader): number[] {
  const frames = sectionNamed(bytes, header, '.eh_frame');
  if (frames === undefined) return [];
  const data = viewOf(bytes);
  const found: number[] = [];
  /** Offsets of common information entries whose frame entries hold a relative address. */
  const relative = new Set<number>();
  for (let at = frames.offset; at + 12 <= frames.end; ) {
    const length = data.getUint32(at, true);
    if (length === 0 || length === 0xffff_ffff || at + 4 + length > frames.end) break;
    const id = data.getUint32(at + 4, true);
    if (id === 0) {
      if (encodingOf(bytes, at + 8, at + 4 + length) === RELATIVE) relative.add(at);
    } else if (relative.has(at + 4 - id) && length >= 8) {
      found.push(frames.address + (at + 8 - frames.offset) + data.getInt32(at + 8, true));
    }
    at += 4 + length;
  }
  return found;
}

/** How a common information entry says that addresses are written; `from` is behind its id. */
function encodingOf(bytes: Uint8Array, from: number, end: number): number | undefined {
  let at = from + 1;
  const leb = (): void => {
    while (at < end && bytes[at] >= 0x80) at++;
    at++;
  };
  const zero = bytes.indexOf(0, at);
  if (zero < 0 || zero >= end) return undefined;
  const augmentation = byteString(bytes.subarray(at, zero));
  at = zero + 1;
  if (!augmentation.startsWith('z')) return undefined;
  // Alignment factors of code and data, return address register, length of what follows.
  for (let skip = 0; skip < 4; skip++) leb();
  for (const letter of augmentation.slice(1)) {
    if (at >= end) return undefined;
    if (letter === 'R') return bytes[at];
    if (letter === 'L') at++;
    else if (letter === 'P' && (bytes[at] & 0x0f) === (RELATIVE & 0x0f)) at += 5;
    else if (letter !== 'S' && letter !== 'B') return undefined;
  }
  return undefined;
}
