/**
 * The journal of a layer: a chain of sealed frames, `journal.<generation>`. A generation begins with a snapshot (one
 * or more frames, the last one marked) and goes on with one frame for each commit.
 *
 *     u32 kind, u32 length, f64 sequence, 12 nonce, 16 tag, then `length` sealed bytes
 *
 * Header and the tag of the frame before are authenticated with each frame: none can be left out, moved, or come
 * from another generation (whose key differs). A frame that a crash tore ends the chain.
 */

import { type HostDirectory, type HostFile, readFully, writeFully } from '../../base/host-files.ts';
import { concat } from '../../base/bytes.ts';
import { type AeadKey, NONCE_BYTES, TAG_BYTES } from '../../crypto/index.ts';
import type { LayerKeys } from '../1-crypto/layer-keys.ts';
import { NoncePool } from '../1-crypto/keys.ts';

export type FrameKind = 'snapshot' | 'snapshot-end' | 'commit';
const KINDS: readonly FrameKind[] = ['snapshot', 'snapshot-end', 'commit'];

const HEADER = 16,
  FRAME_OVERHEAD = HEADER + NONCE_BYTES + TAG_BYTES;
const PREFIX = 'journal.';

export interface Frame {
  readonly kind: FrameKind;
  readonly sequence: number;
  readonly body: Uint8Array;
  readonly tag: Uint8Array;
}

export const journalName = (generation: number): string => `${PREFIX}${generation}`;

/** The generations there are, newest first. */
export function generationsIn(directory: HostDirectory): number[] {
  return directory
    .list()
    .filter((name) => /^journal\.[1-9]\d{0,14}$/.test(name))
    .map((name) => Number(name.slice(PREFIX.length)))
    .sort((a, b) => b - a);
}

export class Journal {
  readonly generation: number;
  readonly #file: HostFile;
  readonly #key: AeadKey;
  readonly #nonces = new NoncePool();
  #tag: Uint8Array = new Uint8Array(TAG_BYTES);
  #end = 0;

  constructor(file: HostFile, keys: LayerKeys, generation: number) {
    this.generation = generation;
    this.#file = file;
    this.#key = keys.derive(`journal ${generation}`);
  }

  /** Where the next frame goes: all bytes before it are authentic. */
  get end(): number {
    return this.#end;
  }

  /** Of the last frame. */
  get tag(): Uint8Array {
    return this.#tag;
  }

  /** The frames from the beginning to the end of the chain. */
  *frames(): Generator<Frame> {
    const size = this.#file.size();
    const head = new Uint8Array(FRAME_OVERHEAD);
    for (;;) {
      if (this.#end + FRAME_OVERHEAD > size || readFully(this.#file, this.#end, head) < FRAME_OVERHEAD) return;
      const view = new DataView(head.buffer);
      const length = view.getUint32(4, true);
      const kind = KINDS[view.getUint32(0, true)];
      if (kind === undefined || this.#end + FRAME_OVERHEAD + length > size) return;
      const sealed = new Uint8Array(length);
      if (readFully(this.#file, this.#end + FRAME_OVERHEAD, sealed) < length) return;
      const tag = head.slice(HEADER + NONCE_BYTES);
      const body = this.#key.open(head.subarray(HEADER, HEADER + NONCE_BYTES), sealed, concat([head.subarray(0, HEADER), this.#tag]), tag);
      if (body === undefined) return;
      this.#tag = tag;
      this.#end += FRAME_OVERHEAD + length;
      yield { kind, sequence: view.getFloat64(8, true), body, tag };
    }
  }

  /** When this throws HostFileError, the chain is as it was, and the next frame goes to the same place. */
  append(kind: FrameKind, sequence: number, body: Uint8Array): void {
    const frame = new Uint8Array(FRAME_OVERHEAD + body.length);
    const view = new DataView(frame.buffer);
    view.setUint32(0, KINDS.indexOf(kind), true);
    view.setUint32(4, body.length, true);
    view.setFloat64(8, sequence, true);
    const nonce = this.#nonces.next();
    frame.set(nonce, HEADER);
    const tag = new Uint8Array(TAG_BYTES);
    frame.set(this.#key.seal(nonce, body, concat([frame.subarray(0, HEADER), this.#tag]), tag), FRAME_OVERHEAD);
    frame.set(tag, HEADER + NONCE_BYTES);
    writeFully(this.#file, this.#end, frame);
    this.#tag = tag;
    this.#end += frame.length;
  }

  /** Takes back what was appended since `end` and `tag` were these. */
  rewind(end: number, tag: Uint8Array): void {
    this.#end = end;
    this.#tag = tag;
  }

  size(): number {
    return this.#file.size();
  }

  /** Cuts what a crash left behind the chain. */
  trim(): void {
    if (this.#file.size() > this.#end) this.#file.truncate(this.#end);
  }

  sync(): void {
    this.#file.sync();
  }

  close(): void {
    this.#file.close();
  }
}
