/** How an enclave talks to its broker: over what, and with which evidence, its own and the broker's. */

import { type Attester, kbsEvidence } from '../attestation/index.ts';
import type { Appraisal } from '../attestation/tls/appraise.ts';
import { type CachedResponse, type CollateralCache, neededCollateral, parsePolicy, type Policy, UnreadableError } from '../attestation/verifier/index.ts';
import type { Attester as BrokerAttester, Send } from '../broker/client.ts';
import type { Configuration } from '../config/schema.ts';
import { Exchange } from '../pal/broker/exchange.ts';
import { fetchBounded } from '../pal/broker/fetch.ts';

type BrokerSection = Configuration['broker'];

/** For a broker: what enclaves state will not do. Throws UnreadableError for a policy about enclaves. */
export function brokerPolicy(policy: Policy): Policy {
  if (policy.statement === 'enclave') throw new UnreadableError('policy: statement: a broker is no enclave: leave it out, or write broker');
  return { ...policy, statement: 'broker' };
}

/** The certificate and the answer of each connection need the same. */
function keptInMemory(): CollateralCache {
  const kept = new Map<string, CachedResponse>();
  return { get: async (url) => kept.get(url), put: async (url, response) => void kept.set(url, response) };
}

/** What the measured configuration demands of the broker's evidence; `undefined` where it demands none, as those of older builds do. Throws UnreadableError. */
export function appraisalOf({ policy: given = {}, pcs = '', kds = '' }: Partial<BrokerSection>): Appraisal | undefined {
  if (Object.keys(given).length === 0) return undefined;
  const policy = brokerPolicy(parsePolicy(given));
  const options = { get: fetchBounded, cache: keptInMemory(), ...(pcs !== '' && { pcs }), ...(kds !== '' && { kds }) };
  return { policy, collateral: (evidence) => neededCollateral(evidence, options) };
}

export const exchangeWith = (broker: BrokerSection): Exchange => new Exchange(appraisalOf(broker));

export function carrier(exchange: Exchange, { url, certificate }: BrokerSection): Send {
  const base = new URL(url);
  return async (method, path, headers, body) => {
    const answer = await exchange.send({ base, method, path, headers, ...(body !== undefined && { body }), ...(certificate !== '' && { certificate }) });
    const cookie = answer.headers['set-cookie']?.[0]?.split(';')[0];
    return { status: answer.status, body: answer.body.toString('utf8'), ...(cookie !== undefined && { cookie }) };
  };
}

export const attesterOf = ({ tee, claims }: Attester): BrokerAttester => ({ tee: tee.type, cloister: { ...claims }, evidence: (reportData) => kbsEvidence(tee.type, tee.evidence(reportData)) });
