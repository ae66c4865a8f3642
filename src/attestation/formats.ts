/** Names that writers and readers of evidence share. Imports nothing. */

export const EVIDENCE_FORMAT = 'cloister-evidence-v1';
/** Where an enclave answers for itself, `?nonce=HEX`. */
export const EVIDENCE_PATH = '/.well-known/cloister-evidence';
/** tcg-dice-tagged-evidence. */
export const DICE_EVIDENCE = '2.23.133.5.4.9';
/** Tag of an array of evidence with an Intel quote, and claims (IANA CBOR tags). */
export const DICE_TAG_INTEL = 60000;
/** Ours, for environments that have no registered tag: SEV-SNP (report ‖ certificates) and sim. "clos". */
export const DICE_TAG_CLOISTER = 0x636c6f73;
