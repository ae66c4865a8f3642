export { FAILURE_CODES, type FailureCode } from './codes.ts';
export { type Collateral, type NamedBytes, NO_COLLATERAL, readCollateral } from './collateral.ts';
export type { CarrierCertificate, Evidence, TpmQuote, VtpmEvidence } from './evidence.ts';
export { AUTHENTIC, parsePolicy, type Policy, POLICY_KEYS, type PolicyKey, type SnpTcbFloor, UNCHECKED } from './policy.ts';
export { EVIDENCE_FORMAT, recognise, recogniseTpmQuote } from './recognise.ts';
export { type Claim, type Claims, type Failure, type TcbStatus, UnreadableError, type Verdict } from './verdict.ts';
export { verifyEvidence, type VerifyOptions } from './verify.ts';
