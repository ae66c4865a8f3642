export { type Canonical, canonicalBytes, canonicalJson } from './canonical.ts';
export { type Manifest, ManifestError, type ManifestErrorCode, identityOf, signManifest, verifyManifest } from './manifest.ts';
export { type EnclaveClaims, type EnclaveIdentity, measure, signerOf } from './measurement.ts';
export { openSimQuote, SIM_WARNING, type SimQuote, SimTee } from './sim.ts';
export { REPORT_DATA_BYTES, type SealBinding, type Tee, type TeeType } from './tee.ts';
export { openReferenceValues, ReferenceError, type ReferenceValues, type SignedReferenceValues, signReferenceValues } from './reference.ts';
