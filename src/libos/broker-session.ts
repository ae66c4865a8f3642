/** How an enclave talks to its broker: over what, and with which evidence. */

import { kbsEvidence, type Tee } from '../attestation/index.ts';
import type { Attester, Send } from '../broker/client.ts';
import type { Configuration } from '../config/schema.ts';
import type { Exchange } from '../pal/broker/exchange.ts';

export function carrier(exchange: Exchange, { url, certificate }: Configuration['broker']): Send {
  const base = new URL(url);
  return async (method, path, headers, body) => {
    const answer = await exchange.send({ base, method, path, headers, ...(body !== undefined && { body }), ...(certificate !== '' && { certificate }) });
    const cookie = answer.headers['set-cookie']?.[0]?.split(';')[0];
    return { status: answer.status, body: answer.body.toString('utf8'), ...(cookie !== undefined && { cookie }) };
  };
}

export const attesterOf = (tee: Tee): Attester => ({ tee: tee.type, evidence: (reportData) => kbsEvidence(tee.type, tee.evidence(reportData)) });
