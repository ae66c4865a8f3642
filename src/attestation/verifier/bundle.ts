/** Fetched collateral as one JSON file, for machines without a network: Intel's in the form that other verifiers of quotes read. */

import { toHex } from '../../base/bytes.ts';
import type { NamedBytes } from './collateral.ts';
import { memberTexts } from './signed-json.ts';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
/** DER as hexadecimal; what a PCCS gives as hexadecimal already, as it is. */
const derHex = (bytes: Uint8Array): string => (bytes[0] === 0x30 && bytes[1] >= 0x80 ? toHex(bytes) : text(bytes).trim());

/** `files` as `fetchCollateral` gives them, named by address. */
export function collateralBundle(files: readonly NamedBytes[]): Readonly<Record<string, unknown>> {
  const find = (part: string, chain = false): Uint8Array | undefined => files.find(({ name }) => name.includes(part) && name.endsWith('(issuer chain)') === chain)?.bytes;
  const [tcb, identity, pckCrl, rootCrl] = [find('/tcb?'), find('/qe/identity'), find('/pckcrl'), find('IntelSGXRootCA.der') ?? find('/rootcacrl')];
  if (tcb === undefined || identity === undefined || pckCrl === undefined || rootCrl === undefined) return { files: files.map(({ name, bytes }) => ({ name, content: bytes[0] === 0x30 ? toHex(bytes) : text(bytes) })) };
  const chain = (part: string): string => text(find(part, true) ?? new Uint8Array());
  const [tcbMembers, identityMembers] = [memberTexts(text(tcb)), memberTexts(text(identity))];
  return {
    pck_crl_issuer_chain: chain('/pckcrl'),
    root_ca_crl: derHex(rootCrl),
    pck_crl: derHex(pckCrl),
    tcb_info_issuer_chain: chain('/tcb?'),
    tcb_info: tcbMembers.get('tcbInfo'),
    tcb_info_signature: JSON.parse(tcbMembers.get('signature') ?? '""'),
    qe_identity_issuer_chain: chain('/qe/identity'),
    qe_identity: identityMembers.get('enclaveIdentity'),
    qe_identity_signature: JSON.parse(identityMembers.get('signature') ?? '""'),
  };
}
