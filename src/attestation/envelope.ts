/** Evidence with what a verifier needs beside it, as one JSON object: `recognise` reads it. */

import { EVIDENCE_FORMAT } from './formats.ts';
import type { TeeEvidence, TeeType } from './tee.ts';
import { certificateEntries } from './verifier/snp/table.ts';

export interface EvidenceEnvelope {
  readonly format: typeof EVIDENCE_FORMAT;
  readonly tee: TeeType;
  /** Base64, as everything below. */
  readonly quote: string;
  readonly certificates?: readonly string[];
  readonly eventLog?: string;
  /** What the report data is the hash of. */
  readonly runtimeData: string;
}

export function evidenceEnvelope(tee: TeeType, { quote, certificateTable, eventLog }: TeeEvidence, runtimeData: Uint8Array): EvidenceEnvelope {
  return {
    format: EVIDENCE_FORMAT,
    tee,
    quote: quote.toBase64(),
    ...(certificateTable !== undefined && { certificates: certificateEntries(certificateTable).map(({ bytes }) => bytes.toBase64()) }),
    ...(eventLog !== undefined && { eventLog: eventLog.toBase64() }),
    runtimeData: runtimeData.toBase64(),
  };
}
