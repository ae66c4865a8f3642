/**
 * DER (X.690 §10): one value, one encoding. Indefinite and over-long lengths, long tags, padded integers and trailing
 * bytes are refused, so that whatever is accepted cannot be written in another way.
 */

export class DerError extends Error {
  override readonly name = 'DerError';
}

export interface DerNode {
  readonly tag: number;
  readonly raw: Uint8Array;
  readonly body: Uint8Array;
}

// biome-ignore format: a table
export const TAG = {
  boolean: 0x01, integer: 0x02, bitString: 0x03, octetString: 0x04, null: 0x05, oid: 0x06, enumerated: 0x0a, utf8: 0x0c,
  utcTime: 0x17, generalizedTime: 0x18, sequence: 0x30, set: 0x31,
} as const;

/** Tag of a context-specific element; `constructed` is the usual explicit one. */
export const context = (number: number): number => 0xa0 | number;

function nodeAt(bytes: Uint8Array, at: number): DerNode {
  if (at + 2 > bytes.length) throw new DerError('truncated');
  const tag = bytes[at];
  if ((tag & 0x1f) === 0x1f) throw new DerError('long tag');
  let length = bytes[at + 1];
  let start = at + 2;
  if (length >= 0x80) {
    const octets = length & 0x7f;
    if (octets === 0 || octets > 3 || start + octets > bytes.length) throw new DerError('length');
    length = 0;
    for (let index = 0; index < octets; index++) length = length * 256 + bytes[start + index];
    if (length < 0x80 || length < 256 ** (octets - 1)) throw new DerError('length is not minimal');
    start += octets;
  }
  if (start + length > bytes.length) throw new DerError('truncated');
  return { tag, raw: bytes.subarray(at, start + length), body: bytes.subarray(start, start + length) };
}

/** Exactly one element. */
export function readDer(bytes: Uint8Array, tag: number): DerNode {
  const node = nodeAt(bytes, 0);
  if (node.tag !== tag) throw new DerError(`tag ${node.tag.toString(16)} in place of ${tag.toString(16)}`);
  if (node.raw.length !== bytes.length) throw new DerError('trailing bytes');
  return node;
}

export function childrenOf(node: DerNode): DerNode[] {
  const children: DerNode[] = [];
  for (let at = 0; at < node.body.length; ) {
    const child = nodeAt(node.body, at);
    children.push(child);
    at += child.raw.length;
  }
  return children;
}

/** Reads the elements of a constructed one in order. */
export class DerCursor {
  readonly #nodes: readonly DerNode[];
  #at = 0;

  constructor(node: DerNode) {
    this.#nodes = childrenOf(node);
  }

  next(tag: number): DerNode {
    const node = this.#nodes[this.#at++];
    if (node?.tag !== tag) throw new DerError(`${node === undefined ? 'nothing' : `tag ${node.tag.toString(16)}`} in place of tag ${tag.toString(16)}`);
    return node;
  }

  optional(tag: number): DerNode | undefined {
    return this.#nodes[this.#at]?.tag === tag ? this.#nodes[this.#at++] : undefined;
  }

  either(...tags: readonly number[]): DerNode {
    const node = this.#nodes[this.#at];
    if (node === undefined || !tags.includes(node.tag)) throw new DerError('unexpected element');
    this.#at++;
    return node;
  }

  get done(): boolean {
    return this.#at === this.#nodes.length;
  }

  end(): void {
    if (!this.done) throw new DerError('more elements than expected');
  }
}

/** Dotted. */
export function oidOf({ body }: DerNode): string {
  if (body.length === 0 || body[body.length - 1] >= 0x80) throw new DerError('object identifier');
  const arcs: number[] = [];
  let arc = 0;
  for (let at = 0; at < body.length; at++) {
    if (arc === 0 && body[at] === 0x80) throw new DerError('object identifier');
    arc = arc * 128 + (body[at] & 0x7f);
    if (arc > Number.MAX_SAFE_INTEGER) throw new DerError('object identifier');
    if (body[at] < 0x80) {
      arcs.push(arc);
      arc = 0;
    }
  }
  const top = Math.min(2, Math.floor(arcs[0] / 40));
  return [top, arcs[0] - top * 40, ...arcs.slice(1)].join('.');
}

/** Two's complement, minimal. */
export function integerBytes({ body }: DerNode): Uint8Array {
  if (body.length === 0 || (body.length > 1 && ((body[0] === 0 && body[1] < 0x80) || (body[0] === 0xff && body[1] >= 0x80)))) throw new DerError('integer');
  return body;
}

/** A number that is not negative and below 2^48. */
export function smallInteger(node: DerNode): number {
  const bytes = integerBytes(node);
  if (bytes[0] >= 0x80 || bytes.length > 6) throw new DerError('integer out of range');
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}

export function booleanOf({ body }: DerNode): boolean {
  if (body.length !== 1 || (body[0] !== 0 && body[0] !== 0xff)) throw new DerError('boolean');
  return body[0] === 0xff;
}

/** A bit string of whole bytes. */
export function bitStringBytes({ body }: DerNode): Uint8Array {
  if (body.length < 1 || body[0] !== 0) throw new DerError('bit string');
  return body.subarray(1);
}

/** Milliseconds since 1970 (RFC 5280 §4.1.2.5: in UTC, with seconds). */
export function timeOf({ tag, body }: DerNode): number {
  const digits = body.length > 15 ? undefined : /^(\d{12}|\d{14})Z$/.exec(String.fromCharCode(...body))?.[1];
  if (digits === undefined || (digits.length === 14) !== (tag === TAG.generalizedTime)) throw new DerError('time');
  const full = digits.length === 14 ? digits : `${Number(digits.slice(0, 2)) >= 50 ? '19' : '20'}${digits}`;
  const iso = full.replace(/^(....)(..)(..)(..)(..)(..)$/, '$1-$2-$3T$4:$5:$6Z');
  const time = Date.parse(iso);
  if (!Number.isFinite(time) || new Date(time).toISOString().slice(0, 19) !== iso.slice(0, 19)) throw new DerError('time');
  return time;
}

/** What a certificate and a list of revoked ones have in common (RFC 5280 §4.1, §5.1): content, algorithm, signature. */
export interface SignedContent {
  /** As it is signed. */
  readonly raw: Uint8Array;
  readonly fields: DerCursor;
  readonly signatureAlgorithm: Uint8Array;
  readonly signature: Uint8Array;
}

/** Throws DerError. */
export function signedContent(der: Uint8Array): SignedContent {
  const outer = new DerCursor(readDer(der, TAG.sequence));
  const content = outer.next(TAG.sequence);
  const signatureAlgorithm = outer.next(TAG.sequence).raw;
  const signature = bitStringBytes(outer.next(TAG.bitString));
  outer.end();
  return { raw: content.raw, fields: new DerCursor(content), signatureAlgorithm, signature };
}
