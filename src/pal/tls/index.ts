export { type Appraisal, AttestationRefused, type AttestationRefusalCode, appraiseCertificate } from '../../attestation/tls/appraise.ts';
export { connectAttestedHttp2, pinAttested, type PinnedServer } from './client.ts';
export { type AttestedConnection, type AttestedConnectOptions, type AttestedOptions, connectAttested } from './connect.ts';
export { type EvidenceAddress, type EvidenceEndpoint, parseEvidenceAddress, serveEvidence } from './endpoint.ts';
export { AttestedAgent, attestedFetch } from './https.ts';
export { type AttestedIdentity, attestedIdentity, type IdentityOptions, TLS_OPTIONS } from './identity.ts';
export { appraiseClient, ATTESTED_CLIENTS, EvidenceResponder } from './server.ts';
