/** What a service publishes, over HTTP, with a limit on time and size. */

import { boundedBody } from '../../base/response.ts';
import type { FetchedResponse } from '../../broker/kbs/collateral.ts';

const TIMEOUT_MS = 20_000;
const MAX_BYTES = 8 << 20;

/** Rejects where there is no answer, or too long a one; any status is one. */
export async function fetchBounded(url: string): Promise<FetchedResponse> {
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'error' });
  const body = await boundedBody(response, MAX_BYTES);
  if (body === undefined) throw new Error(`answers more than ${MAX_BYTES} bytes`);
  return { status: response.status, headers: Object.fromEntries(response.headers), body };
}
