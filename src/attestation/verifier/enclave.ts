/** What the enclave or broker behind the evidence states about itself (statement.ts), once the evidence was found to bind it. */

import { type StatedClaims, type Statement, StatementError } from '../statement.ts';
import type { TeeType } from '../tee-type.ts';
import { type Policy, type PolicyKey, UNCHECKED } from './policy.ts';
import type { Findings } from './verdict.ts';

/** Reads a statement; one that is damaged is a failure, not an absence. */
export function statementOr<T>(read: () => T, findings: Findings): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof StatementError)) throw error;
    findings.fail('enclave-claims', error.message);
    return undefined;
  }
}

const DEMANDS = ['enclave.measurement', 'enclave.signer', 'enclave.productId', 'enclave.minimumSecurityVersion', 'enclave.imageKind', 'enclave.guestData'] as const;

/** Does the policy say which software may state anything? */
function namesPlatform(policy: Policy, tee: TeeType): boolean {
  const named = (...keys: readonly PolicyKey[]): boolean => keys.some((key) => policy[key] !== UNCHECKED);
  if (tee === 'tdx') return named('measurement') && named('tdx.rtmr1', 'tdx.rtmr2');
  return tee === 'sim' || named('measurement') || (tee === 'sgx' && named('signer'));
}

/** Who has stated something, and which broker it is. */
function judgeBroker(statement: Statement | undefined, policy: Policy, findings: Findings): void {
  const { broker } = statement ?? {};
  if (broker !== undefined) findings.claims.broker = { ...broker };
  const by = broker !== undefined ? 'broker' : statement?.cloister !== undefined ? 'enclave' : undefined;
  if (policy.statement !== UNCHECKED && by !== policy.statement)
    findings.fail('enclave-claims', `the evidence has to state ${policy.statement === 'broker' ? 'a broker' : 'an enclave'}; it states ${by === undefined ? 'nothing' : by === 'broker' ? 'a broker' : 'an enclave'}`);
  const keys = policy['broker.key'];
  if (keys === UNCHECKED) return;
  if (broker === undefined) findings.fail('enclave-claims', 'the evidence does not state what the policy demands: broker.key');
  else if (!keys.includes(broker.key)) findings.fail('broker-key', `it is the broker with the key ${broker.key}`);
}

/** A quote of the simulated TEE says itself what the others have stated. */
export type SimClaims = Omit<StatedClaims, 'imageKind'>;

/** `sim`: the claims of a simulated quote, which a statement has to repeat. */
export function judgeEnclave(tee: TeeType, statement: Statement | undefined, sim: SimClaims | undefined, policy: Policy, findings: Findings): void {
  const stated = statement?.cloister;
  judgeBroker(statement, policy, findings);
  if (sim !== undefined && stated !== undefined && (['measurement', 'signer', 'productId', 'securityVersion', 'debuggable'] as const).some((name) => stated[name] !== sim[name]))
    findings.fail('enclave-claims', 'the claims stated are not those of the simulated quote');
  if (stated !== undefined) {
    const { debuggable, ...claims } = stated;
    findings.claims.enclave = { ...claims, debug: debuggable, ...(statement?.data !== undefined && { guestData: statement.data }) };
  }
  const claims = stated ?? sim;
  const demanded = [...DEMANDS, 'statement' as const, 'broker.key' as const].some((name) => policy[name] !== UNCHECKED);
  if (demanded && policy['enclave.platform'] === 'named' && !namesPlatform(policy, tee)) findings.fail('enclave-claims', 'any software can state what the policy demands: it has to name the one that is believed (enclave.platform)');
  const missing = DEMANDS.filter((name) => policy[name] !== UNCHECKED && (claims === undefined || (stated === undefined && name === 'enclave.imageKind') || (statement?.data === undefined && name === 'enclave.guestData')));
  if (missing.length > 0) findings.fail('enclave-claims', `the evidence does not state what the policy demands: ${missing.join(', ')}`);
  if (claims === undefined) return;
  const { measurement, signer, productId, securityVersion, debuggable } = claims;
  const [measurements, signers, product, least, kind, data] = DEMANDS.map((name) => policy[name]) as [
    Policy['enclave.measurement'],
    Policy['enclave.signer'],
    Policy['enclave.productId'],
    Policy['enclave.minimumSecurityVersion'],
    Policy['enclave.imageKind'],
    Policy['enclave.guestData'],
  ];
  if (measurements !== UNCHECKED && !measurements.includes(measurement)) findings.fail('measurement', `the enclave's measurement is ${measurement}`);
  if (signers !== UNCHECKED && !signers.includes(signer)) findings.fail('signer', `the enclave's signer is ${signer}`);
  if (product !== UNCHECKED && product !== productId) findings.fail('product-id', `the enclave's product id is ${productId}, not ${product}`);
  if (least !== UNCHECKED && securityVersion < least) findings.fail('security-version', `the enclave's security version is ${securityVersion}, below ${least}`);
  // Of the simulated TEE, `debug` says it already.
  if (policy['enclave.debug'] === 'refused' && debuggable && sim === undefined) findings.fail('debug', 'the enclave was built debuggable');
  if (stated !== undefined && kind !== UNCHECKED && stated.imageKind !== kind) findings.fail('enclave-claims', `the enclave's image is ${stated.imageKind}, not ${kind}`);
  if (statement?.data !== undefined && data !== UNCHECKED && statement.data !== data) findings.fail('report-data', `the program inside gave ${statement.data}`);
}
