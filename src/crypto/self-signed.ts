/**
 * A self-signed certificate (RFC 5280) of one shape: P-256, ECDSA with SHA-256, names for a server. For clients that pin it;
 * nothing vouches for it but itself.
 */

import { isIP } from 'node:net';
import { concat } from '../base/bytes.ts';
import { randomBytes } from './random.ts';
import type { PrivateKey } from './sign.ts';

function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const body = concat(parts);
  const length = body.length < 128 ? [body.length] : body.length < 256 ? [0x81, body.length] : body.length < 65536 ? [0x82, body.length >> 8, body.length & 0xff] : [0x83, body.length >> 16, (body.length >> 8) & 0xff, body.length & 0xff];
  return concat([new Uint8Array([tag, ...length]), body]);
}

const utf8 = new TextEncoder();
const [SEQUENCE, SET, INTEGER, OID, BIT_STRING, OCTET_STRING, UTF8_STRING, GENERALIZED_TIME, BOOLEAN] = [0x30, 0x31, 0x02, 0x06, 0x03, 0x04, 0x0c, 0x18, 0x01];
const oid = (...bytes: readonly number[]): Uint8Array => der(OID, new Uint8Array(bytes));
/** `2.23.133.5.4.9`: the first two numbers share a byte, the others have seven bits in each. */
function dotted(id: string): Uint8Array {
  const [first, second, ...rest] = id.split('.').map(Number);
  const septets = (value: number): number[] => (value < 128 ? [value] : [...septets(Math.floor(value / 128)).map((septet) => septet | 0x80), value % 128]);
  return oid(...septets(first * 40 + second), ...rest.flatMap(septets));
}

const ECDSA_SHA256 = der(SEQUENCE, oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
const TRUE = der(BOOLEAN, new Uint8Array([0xff]));

/** Positive, without superfluous zeros. */
function integer(bytes: Uint8Array): Uint8Array {
  let at = 0;
  while (at < bytes.length - 1 && bytes[at] === 0) at++;
  const digits = bytes.subarray(at);
  return der(INTEGER, digits[0] >= 128 ? concat([new Uint8Array(1), digits]) : digits);
}

const time = (ms: number): Uint8Array => der(GENERALIZED_TIME, utf8.encode(`${new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '')}`));

function addressBytes(address: string): Uint8Array {
  if (isIP(address) === 4) return new Uint8Array(address.split('.').map(Number));
  const [head, tail] = address.split('::').map((half) => half.split(':').filter((group) => group !== ''));
  const groups = tail === undefined ? head : [...head, ...new Array<string>(8 - head.length - tail.length).fill('0'), ...tail];
  return new Uint8Array(groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]));
}

/** subjectAltName: [7] addresses, [2] names. */
const generalName = (name: string): Uint8Array => (isIP(name) === 0 ? der(0x82, utf8.encode(name)) : der(0x87, addressBytes(name)));

export interface CertificateRequest {
  readonly commonName: string;
  /** Host names and addresses. */
  readonly names: readonly string[];
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** What it may be shown for; a server, unless given. */
  readonly usages?: readonly ('server' | 'client')[];
  /** More extensions, none of them critical: dotted identifier, and value (DER or whatever it has). */
  readonly extensions?: readonly (readonly [id: string, value: Uint8Array])[];
}

/** PEM. The key must be ES256 (RangeError otherwise). */
export function selfSignedCertificate(key: PrivateKey, { commonName, names, notBefore, notAfter, usages = ['server'], extensions: more = [] }: CertificateRequest): string {
  if (key.publicKey.algorithm !== 'ES256') throw new RangeError('a P-256 key is needed');
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, oid(0x55, 0x04, 0x03), der(UTF8_STRING, utf8.encode(commonName)))));
  const serial = randomBytes(16);
  serial[0] = (serial[0] & 0x7f) | 0x40;
  const extension = (id: Uint8Array, critical: boolean, value: Uint8Array): Uint8Array => der(SEQUENCE, id, ...(critical ? [TRUE] : []), der(OCTET_STRING, value));
  const extensions = der(
    SEQUENCE,
    // No authority (rustls takes none for a server), and no key usage (OpenSSL would want the one of an authority).
    extension(oid(0x55, 0x1d, 0x13), true, der(SEQUENCE)),
    extension(oid(0x55, 0x1d, 0x25), false, der(SEQUENCE, ...usages.map((usage) => oid(0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, usage === 'server' ? 1 : 2)))),
    extension(oid(0x55, 0x1d, 0x11), false, der(SEQUENCE, ...names.map(generalName))),
    ...more.map(([id, value]) => extension(dotted(id), false, value)),
  );
  const tbs = der(SEQUENCE, der(0xa0, der(INTEGER, new Uint8Array([2]))), integer(serial), ECDSA_SHA256, name, der(SEQUENCE, time(notBefore), time(notAfter)), name, key.publicKey.spki(), der(0xa3, extensions));
  const signature = key.sign(tbs);
  const certificate = der(SEQUENCE, tbs, ECDSA_SHA256, der(BIT_STRING, new Uint8Array(1), der(SEQUENCE, integer(signature.subarray(0, 32)), integer(signature.subarray(32)))));
  const base64 = certificate.toBase64().replace(/.{64}/g, '$&\n').trimEnd();
  return `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`;
}
