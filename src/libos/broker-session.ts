/** How an enclave talks to its broker: over what, and with which evidence. */

import { type Attester, kbsEvidence } from '../attestation/index.ts';
import type { Attester as BrokerAttester, Send } from '../broker/client.ts';
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

export const attesterOf = ({ tee, claims }: Attester): BrokerAttester => ({ tee: tee.type, cloister: { ...claims }, evidence: (reportData) => kbsEvidence(tee.type, tee.evidence(reportData)) });
