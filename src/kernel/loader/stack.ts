/** What a new program finds on its stack: strings, vectors, auxiliary vector (System V ABI AMD64, 3.4.1). */

import type { AddressSpace } from '../mm/space.ts';
import { bytesOf } from '../../base/bytes.ts';
import { writeBytes } from '../mm/guest.ts';

export interface StackContent {
  readonly argv: readonly string[];
  readonly env: readonly string[];
  readonly execfn: string;
  readonly random: Uint8Array;
  readonly platform: string;
  /** Pairs without AT_RANDOM, AT_PLATFORM, AT_EXECFN and AT_NULL, whose addresses are known only here. */
  auxv(addresses: { random: number; platform: number; execfn: number }): readonly (readonly [number, number])[];
}

/** Bytes that strings and pointers take, as execve's limit counts them. */
export function argumentBytes(argv: readonly string[], env: readonly string[]): number {
  let total = 0;
  for (const text of argv) total += text.length + 9;
  for (const text of env) total += text.length + 9;
  return total;
}

/** Writes below `top` and returns the stack pointer. */
export function buildStack(mm: AddressSpace, top: number, content: StackContent): number {
  const { argv, env } = content;
  let bytes = 8 + content.execfn.length + 1;
  for (const text of env) bytes += text.length + 1;
  for (const text of argv) bytes += text.length + 1;
  const block = new Uint8Array(bytes);
  const start = top - bytes;
  let at = 0;
  const put = (text: string): number => {
    const address = start + at;
    for (let index = 0; index < text.length; index++) block[at + index] = text.charCodeAt(index);
    at += text.length + 1;
    return address;
  };
  const argvAt = argv.map(put);
  mm.argStart = start;
  mm.argEnd = start + at;
  mm.envStart = start + at;
  const envAt = env.map(put);
  mm.envEnd = start + at;
  const execfn = put(content.execfn);
  writeBytes(mm, start, block);

  const platformBytes = bytesOf(`${content.platform}\0`);
  let sp = start - platformBytes.length;
  const platform = sp;
  writeBytes(mm, sp, platformBytes);
  sp -= content.random.length;
  const random = sp;
  writeBytes(mm, sp, content.random);

  const auxv = content.auxv({ random, platform, execfn });
  const words = 1 + argv.length + 1 + env.length + 1 + auxv.length * 2;
  sp -= words * 8;
  sp -= sp % 16;
  const table = new Uint8Array(words * 8);
  const data = new DataView(table.buffer);
  let word = 0;
  const push = (value: number): void => {
    data.setUint32(word, value, true);
    data.setUint32(word + 4, Math.floor(value / 0x1_0000_0000), true);
    word += 8;
  };
  push(argv.length);
  for (const address of argvAt) push(address);
  push(0);
  for (const address of envAt) push(address);
  push(0);
  const auxvAt = word;
  for (const [type, value] of auxv) {
    push(type);
    push(value);
  }
  writeBytes(mm, sp, table);
  mm.auxv = table.slice(auxvAt);
  return sp;
}
