export { AeadKey, KEY_BYTES, NONCE_BYTES, TAG_BYTES } from './aead.ts';
export { type Hasher, hkdfSha256, hmacSha256, SHA256_BYTES, SHA384_BYTES, sha256, sha256Hasher, sha384 } from './hash.ts';
export { fillRandom, randomBytes, wipe } from './random.ts';
export { KeyError, PrivateKey, PublicKey, type SignatureAlgorithm } from './sign.ts';
export { base64url, type EcCurve, type EcPublicJwk, encryptJwe, type FlattenedJwe, fromBase64url, JweError, RecipientKey, recipientOf, type RecipientJwk, type RsaPublicJwk } from './jwe.ts';
