/**
 * The certificate extension that carries evidence (2.23.133.5.4.9, TCG DICE Attestation Architecture; "Interoperable RA-TLS",
 * Confidential Computing Consortium): a tagged CBOR array of evidence and claims buffer.
 *
 *     60000([ quote, claims-buffer ])            SGX and TDX (IANA CBOR tags)
 *     1668050803([ evidence, claims-buffer ])    SEV-SNP: report ‖ table of certificates; sim: quote. A tag of ours ("clos"):
 *                                                none is registered
 *     claims-buffer = { "pubkey-hash": bstr .cbor [hash-alg-id, hash-value], ? "cloister": bstr, ? "broker": bstr }
 *     REPORT_DATA   = SHA-256(claims-buffer) ‖ 32 zero bytes
 *
 * `cloister` is our claim: the enclave's claims in canonical JSON (statement.ts); `broker` those of a broker. Reading is in `verifier/carrier.ts`.
 */

import { encode } from 'cborg';
import { concat } from '../../base/bytes.ts';
import { sha256 } from '../../crypto/index.ts';
import { DICE_TAG_CLOISTER, DICE_TAG_INTEL } from '../formats.ts';
import { claimsBufferReportData } from '../report-data.ts';
import { claimsBytes, type Stated } from '../statement.ts';
import type { Tee } from '../tee.ts';

/** SHA-256 in IANA's Named Information Hash Algorithm Registry. */
const SHA_256 = 1;

/** The head of a tag below 2^32 (RFC 8949 §3.4). */
function tagHead(tag: number): Uint8Array {
  const head = new Uint8Array(tag < 0x10000 ? 3 : 5);
  head[0] = tag < 0x10000 ? 0xd9 : 0xda;
  const view = new DataView(head.buffer);
  if (tag < 0x10000) view.setUint16(1, tag);
  else view.setUint32(1, tag);
  return head;
}

export const claimsBuffer = (spki: Uint8Array, stated: Stated): Uint8Array =>
  encode(new Map([['pubkey-hash', encode([SHA_256, sha256(spki)])], 'broker' in stated ? ['broker', claimsBytes(stated.broker)] : ['cloister', claimsBytes(stated.cloister)]]));

/** The extension's value for a key (SubjectPublicKeyInfo, DER). Throws TeeError. */
export function diceExtension(tee: Tee, stated: Stated, spki: Uint8Array): Uint8Array {
  const claims = claimsBuffer(spki, stated);
  const { quote, certificateTable } = tee.evidence(claimsBufferReportData(claims));
  const evidence = certificateTable === undefined ? quote : concat([quote, certificateTable]);
  return concat([tagHead(tee.type === 'sgx' || tee.type === 'tdx' ? DICE_TAG_INTEL : DICE_TAG_CLOISTER), encode([evidence, claims])]);
}
