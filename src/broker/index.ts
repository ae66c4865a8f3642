export { signRequest } from './admin/owners.ts';
export { type AuditEntry, type SignedHead } from './audit/log.ts';
export { type ProvenEntry, verifyExport, verifyProven, type VerifiedLog } from './audit/verify.ts';
export { Broker, type BrokerRequest } from './broker.ts';
export { type Appraiser, type CollateralSource, EVIDENCE, sampleAppraiser, simAppraiser, verifierAppraiser, type Verdict } from './kbs/appraise.ts';
export { type RootGuard, RootKeyError, sharesGuard, teeGuard, transitGuard } from './keys/root.ts';
export { decodeShare, encodeShare, ShareError, splitSecret } from './keys/shamir.ts';
export { openApi, ROUTES } from './routes.ts';
export { type Database, DatabaseError } from './sql.ts';
