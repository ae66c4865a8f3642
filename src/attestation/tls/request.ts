/** What is asked at `/.well-known/cloister-evidence`. Uses no Node API. */

import { EVIDENCE_PATH } from '../formats.ts';
import { isNonce } from '../statement.ts';

export type EvidenceRequest = { readonly nonce: string } | { readonly status: 400 | 404 | 405; readonly message: string };

/** `undefined` for another path: somebody else's business. */
export function readEvidenceRequest(method: string | undefined, url: string | undefined): EvidenceRequest | undefined {
  if (url === undefined) return undefined;
  const question = url.indexOf('?');
  if ((question < 0 ? url : url.slice(0, question)) !== EVIDENCE_PATH) return undefined;
  if (method !== 'GET') return { status: 405, message: 'evidence is asked for with GET' };
  const nonces = new URLSearchParams(question < 0 ? '' : url.slice(question + 1)).getAll('nonce');
  const [nonce] = nonces;
  if (nonces.length !== 1 || !isNonce(nonce)) return { status: 400, message: 'the query is nonce=HEX, with 8 to 64 bytes' };
  return { nonce };
}
