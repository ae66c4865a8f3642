/** Forged certificates and revocation lists, with every part open to change. */

import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { bits, bool, type Der, explicit, integer, octets, oid, sequence, setOf, time, utf8 } from './der.ts';

export interface Key {
  readonly privateKey: KeyObject;
  readonly spki: Uint8Array;
  readonly kind: 'P-256' | 'P-384' | 'RSA';
}

export function newKey(kind: Key['kind']): Key {
  const pair = kind === 'RSA' ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : generateKeyPairSync('ec', { namedCurve: kind });
  return { privateKey: pair.privateKey, spki: new Uint8Array(pair.publicKey.export({ format: 'der', type: 'spki' })), kind };
}

/** ECDSA on P-256 with SHA-256, on P-384 with SHA-384, RSA-PSS with SHA-384. */
const SHA384 = sequence(oid('2.16.840.1.101.3.4.2.2'), Uint8Array.of(5, 0));
const ALGORITHMS: Readonly<Record<Key['kind'], Der>> = {
  'P-256': sequence(oid('1.2.840.10045.4.3.2')),
  'P-384': sequence(oid('1.2.840.10045.4.3.3')),
  RSA: sequence(oid('1.2.840.113549.1.1.10'), sequence(explicit(0, SHA384), explicit(1, sequence(oid('1.2.840.113549.1.1.8'), SHA384)), explicit(2, integer(48)))),
};

function signature(key: Key, message: Uint8Array): Uint8Array {
  if (key.kind === 'RSA') return sign('sha384', message, { key: key.privateKey, padding: 6, saltLength: 48 });
  return sign(key.kind === 'P-256' ? 'sha256' : 'sha384', message, key.privateKey);
}

/** r ‖ s. */
export const signRaw = (key: Key, message: Uint8Array): Uint8Array => new Uint8Array(sign(key.kind === 'P-256' ? 'sha256' : 'sha384', message, { key: key.privateKey, dsaEncoding: 'ieee-p1363' }));

const name = (common: string): Der => sequence(setOf(sequence(oid('2.5.4.3'), utf8(common))));

export interface CertificateOptions {
  readonly subject: string;
  readonly key: Key;
  readonly issuer?: string;
  readonly issuerKey?: Key;
  readonly serial?: number;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly ca?: boolean;
  /** Dotted identifier, value, critical. */
  readonly extensions?: readonly (readonly [id: string, value: Der, critical?: boolean])[];
}

export function certificate({ subject, key, issuer = subject, issuerKey = key, serial = 1, notBefore = new Date('2020-01-01'), notAfter = new Date('2040-01-01'), ca = false, extensions = [] }: CertificateOptions): Uint8Array {
  const usage = Uint8Array.of(3, 2, ca ? 1 : 6, ca ? 0x06 : 0xc0);
  const all = [['2.5.29.19', ca ? sequence(bool(true)) : sequence(), true] as const, ['2.5.29.15', usage, true] as const, ...extensions];
  const tbs = sequence(
    explicit(0, integer(2)),
    integer(serial),
    ALGORITHMS[issuerKey.kind],
    name(issuer),
    sequence(time(notBefore), time(notAfter)),
    name(subject),
    key.spki,
    explicit(3, sequence(...all.map(([id, value, critical]) => sequence(oid(id), ...(critical ? [bool(true)] : []), octets(value))))),
  );
  return new Uint8Array(sequence(tbs, ALGORITHMS[issuerKey.kind], bits(signature(issuerKey, tbs))));
}

export interface CrlOptions {
  readonly issuer: string;
  readonly key: Key;
  readonly thisUpdate?: Date;
  readonly nextUpdate?: Date;
  readonly revoked?: readonly number[];
}

export function crl({ issuer, key, thisUpdate = new Date('2026-01-01'), nextUpdate = new Date('2026-02-01'), revoked = [] }: CrlOptions): Uint8Array {
  const entries = revoked.length === 0 ? [] : [sequence(...revoked.map((serial) => sequence(integer(serial), time(thisUpdate))))];
  const tbs = sequence(integer(1), ALGORITHMS[key.kind], name(issuer), time(thisUpdate), time(nextUpdate), ...entries, explicit(0, sequence(sequence(oid('2.5.29.20'), octets(integer(1))))));
  return new Uint8Array(sequence(tbs, ALGORITHMS[key.kind], bits(signature(key, tbs))));
}

export const pem = (der: Uint8Array): string =>
  `-----BEGIN CERTIFICATE-----\n${(
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  ).join('\n')}\n-----END CERTIFICATE-----\n`;
