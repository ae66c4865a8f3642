/** What goes in and comes out of the broker's routes, as schemas. */

import type { EvidenceEnvelope } from '../attestation/envelope.ts';
import type { ReferenceValues } from '../attestation/index.ts';
import type { EarJwk } from '../attestation/token/index.ts';
import type { FlattenedJwe, RecipientJwk } from '../crypto/index.ts';
import type { OwnerInfo } from './admin/owners.ts';
import type { AuditEntry, SignedHead } from './audit/log.ts';
import type { ProvenEntry } from './audit/verify.ts';
import type { KeyInfo } from './keys/ring.ts';
import { anything, base64url, either, hex, list, mapOf, named, object, oneOf, optional, orNull, type Schema, text, time, truth, whole } from './openapi.ts';
import type { Counter, Owner, PolicyInfo, ResourceInfo } from './resources.ts';

type Anything = NonNullable<unknown> | null;

const role = oneOf('admin', 'owner');
const hash = named('Hash', { json: { type: 'string', pattern: '^([0-9a-f]{64}|[0-9a-f]{96})$', description: 'Hexadecimal.' } } as Schema<string>);

/** Members that the other side hashes with the rest, such as `use`, are allowed. */
const ecKey = object<Extract<RecipientJwk, { kty: 'EC' }>>({ kty: oneOf('EC'), alg: oneOf('ECDH-ES+A256KW'), crv: oneOf('P-256', 'P-521'), x: base64url, y: base64url }, 'open');
const rsaKey = object<Extract<RecipientJwk, { kty: 'RSA' }>>({ kty: oneOf('RSA'), alg: oneOf('RSA-OAEP-256'), n: base64url, e: base64url }, 'open');
export const recipient = named('RecipientKey', either(ecKey, rsaKey));

export const jwe = named('Jwe', object<FlattenedJwe>({ protected: base64url, encrypted_key: base64url, iv: base64url, ciphertext: base64url, tag: base64url }));
export const jwks = object<{ readonly keys: readonly EarJwk[] }>({ keys: list(object<EarJwk>({ kty: oneOf('EC'), crv: oneOf('P-256'), x: base64url, y: base64url, kid: base64url, alg: oneOf('ES256'), use: oneOf('sig') })) });

export const challengeRequest = object<{ version: string; tee: string; 'extra-params'?: Anything }>({ version: text, tee: text, 'extra-params': optional(anything) });
export const challenge = object<{ nonce: string; 'extra-params': Anything }>({ nonce: text, 'extra-params': anything });
const runtimeData = object<{ nonce: string; 'tee-pubkey': RecipientJwk; cloister?: Anything }>({ nonce: text, 'tee-pubkey': recipient, cloister: optional(anything) }, 'open');
export const attestationRequest = object<{ 'runtime-data': Anything; 'tee-evidence': Anything; 'init-data'?: Anything }>({ 'runtime-data': runtimeData, 'tee-evidence': anything, 'init-data': optional(anything) }, 'open');
export const attestation = object<{ token: string }>({ token: text });

export const counter = named('Counter', object<Counter>({ value: whole, version: whole }));
export const advance = object<{ value: number; from: number; holder: string }>({ value: whole, from: whole, holder: { json: { type: 'string', pattern: '^[0-9a-f]{32}$' } } });

const owner = object<Owner>({ id: text, tenant: text, role });
export const ownerInfo = named('Owner', object<OwnerInfo>({ id: text, tenant: text, role, publicKey: text, created: time }));
export const newOwner = object<Owner & { publicKey: string }>({ id: text, tenant: text, role, publicKey: text });

export const head = named('SignedHead', object<SignedHead>({ size: whole, root: hash, at: time, signature: hex }));
export interface BrokerStatus {
  readonly version: string;
  readonly database: string;
  readonly rootKey: string;
  readonly evidence: readonly string[];
  readonly owner: Owner;
  readonly owners: number;
  readonly sessions: number;
  readonly resources: number;
  readonly audit: SignedHead | null;
  readonly auditKey: string;
  /** What its evidence states. */
  readonly key: string;
}
export const status = object<BrokerStatus>({
  version: text,
  database: oneOf('sqlite', 'postgresql'),
  rootKey: text,
  evidence: list(text),
  owner,
  owners: whole,
  sessions: whole,
  resources: whole,
  audit: orNull(head),
  auditKey: text,
  key: hash,
});

export const resource = named('Resource', object<ResourceInfo>({ path: text, version: whole, owner: text, keyVersion: whole, labels: list(text), created: time, expires: optional(time), deleted: truth }));
export const version = object<{ version: number }>({ version: whole });
export const deleted = object<{ deleted: number }>({ deleted: whole });
export const readRequest = object<{ recipient: RecipientJwk }>({ recipient });
export const readAnswer = object<{ version: number; jwe: FlattenedJwe }>({ version: whole, jwe });

export const policy = named('Policy', object<PolicyInfo>({ name: text, text, version: whole }));
export const policyTexts = mapOf(text);
export const policyRequest = object<{ policy: string }>({ policy: base64url }, 'open');

type Reference = ReferenceValues & { readonly id: string; readonly publisher: string; readonly created: number };
// biome-ignore format: a table
export const reference = named('Reference', object<Reference>({
  id: hex, publisher: hash, created: time, format: oneOf('cloister-reference-v1'), name: text, measurement: hash, signer: hash, productId: whole, securityVersion: whole, debug: truth,
  imageKind: oneOf('integrity', 'encrypted'), runtime: text,
}));
export const newReference = object<{ document: string; publisher: string }>({ document: text, publisher: hash });
export const addedReference = object<{ id: string; name: string; measurement: string }>({ id: hex, name: text, measurement: hash });

export const key = named('Key', object<KeyInfo>({ id: text, version: whole, parent: text, parentVersion: whole, state: oneOf('active', 'retired', 'revoked'), created: time, expires: optional(time) }));
export const rotated = object<{ id: string; version: number }>({ id: text, version: whole });
export const revoked = object<{ id: string; revoked: number }>({ id: text, revoked: whole });

export const entry = named('AuditEntry', object<AuditEntry>({ seq: whole, at: time, previous: hex, event: text as Schema<any>, owner: text, subject: text, detail: mapOf(anything) }));
export const proven = object<ProvenEntry & { publicKey: string }>({ entry, proof: list(hash), head, publicKey: text });
export const nothing = object<Readonly<Record<never, never>>>({});
export const ownEvidence = object<EvidenceEnvelope>({ format: oneOf('cloister-evidence-v1'), tee: oneOf('sgx', 'tdx', 'snp', 'sim'), quote: text, certificates: optional(list(text)), eventLog: optional(text), runtimeData: text });
export const healthy = object<{ status: 'ok' }>({ status: oneOf('ok') });
export const document = object<{ openapi: string }>({ openapi: text }, 'open');

/** Parameters of queries. */
export const versionQuery = { version: whole };
export const expiresQuery = { expires: { json: { type: 'string', format: 'date-time', description: 'A time to come.' } } as Schema<string> };
export const putQuery = { label: list(text), ...expiresQuery };
export const nonceQuery = { nonce: hex };
export const pageQuery = { limit: whole, before: whole };
