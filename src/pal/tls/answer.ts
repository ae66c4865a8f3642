/**
 * One answer of HTTP/1.1 (RFC 9112), of the shape that servers of ours send over a connection that is the application's
 * afterwards: a status line, headers with a content-length, as many bytes. Anything else is refused.
 */

export interface HttpAnswer {
  readonly status: number;
  readonly body: Uint8Array;
  /** How many bytes it took. */
  readonly length: number;
}

export class AnswerError extends Error {
  override readonly name = 'AnswerError';
}

export const MAX_HEAD_BYTES = 16 << 10;
/** Event logs are the largest part. */
export const MAX_BODY_BYTES = 8 << 20;

/** `undefined` as long as it is not all there. Throws AnswerError. */
export function readAnswer(bytes: Uint8Array): HttpAnswer | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, MAX_HEAD_BYTES)).toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) {
    if (bytes.length >= MAX_HEAD_BYTES) throw new AnswerError('its headers are too long');
    return undefined;
  }
  const [first, ...lines] = text.slice(0, end).split('\r\n');
  const status = /^HTTP\/1\.1 ([1-5]\d\d)(?: [\x20-\x7e]*)?$/.exec(first)?.[1];
  if (status === undefined) throw new AnswerError('it does not speak HTTP/1.1');
  let length: number | undefined;
  for (const line of lines) {
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(line);
    if (match === null) throw new AnswerError('a header is damaged');
    const name = match[1].toLowerCase();
    if (name === 'transfer-encoding') throw new AnswerError('its answer has no length');
    if (name !== 'content-length') continue;
    if (length !== undefined || !/^\d{1,9}$/.test(match[2])) throw new AnswerError('the length of its answer is damaged');
    length = Number(match[2]);
  }
  if (length === undefined) throw new AnswerError('its answer has no length');
  if (length > MAX_BODY_BYTES) throw new AnswerError('its answer is too long');
  const whole = end + 4 + length;
  return bytes.length < whole ? undefined : { status: Number(status), body: bytes.slice(end + 4, whole), length: whole };
}
