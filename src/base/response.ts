/** Bodies of HTTP, with a limit: who answers may go on without an end. */

import { concat } from './bytes.ts';

/** The whole body; undefined, and nothing more is read, once it is longer than `maxBytes`. Rejects as the stream does. */
export async function boundedBody({ body }: Pick<Response, 'body'>, maxBytes: number): Promise<Uint8Array | undefined> {
  if (body === null) return new Uint8Array();
  const reader = body.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    length += part.value.length;
    if (length > maxBytes) {
      // That it is not wanted is all that the other side has to know.
      reader.cancel().catch(() => {});
      return undefined;
    }
    parts.push(part.value);
  }
  return concat(parts);
}
