/** Where evidence carries what it is about. */

import { sha256, sha384 } from '../crypto/index.ts';
import { REPORT_DATA_BYTES } from './tee.ts';

function filled(hash: Uint8Array): Uint8Array {
  const data = new Uint8Array(REPORT_DATA_BYTES);
  data.set(hash);
  return data;
}

/** 64 bytes: SHA-384(runtime data) ‖ 16 zero bytes, as clients of the KBS protocol have it. */
export const reportDataOf = (runtimeData: Uint8Array): Uint8Array => filled(sha384(runtimeData));

/** 64 bytes: SHA-256(claims buffer) ‖ 32 zero bytes, as in certificates with the interoperable extension. */
export const claimsBufferReportData = (claimsBuffer: Uint8Array): Uint8Array => filled(sha256(claimsBuffer));
