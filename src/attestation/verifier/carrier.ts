/**
 * Certificates that carry evidence in an extension (RA-TLS), and how the evidence binds their key.
 *
 *     2.23.133.5.4.9          TCG DICE tagged evidence: CBOR tag 60000 of [quote, claims]; REPORT_DATA = SHA-256(claims) ‖ 0,
 *                             and the claims hold the hash of the SubjectPublicKeyInfo (interoperable RA-TLS); with a tag of
 *                             ours for SEV-SNP and sim, see tls/dice.ts
 *     1.2.840.113741.1337.6   Gramine: the quote; REPORT_DATA = SHA-256(SubjectPublicKeyInfo) ‖ 0
 *     1.2.840.113741.1.13.1   SGX SDK: the quote, under the identifier that PCK certificates use for their extension
 *     1.2.840.113556.10.1.1   Open Enclave: a report header, and the quote
 *     1.2.840.113556.10.1.2   Open Enclave: an evidence header, the quote, and claims whose hash is the report data
 */

import { decode } from 'cborg';
import { bytesOf, byteString, equalBytes, toHex } from '../../base/bytes.ts';
import { DICE_EVIDENCE, DICE_TAG_CLOISTER, DICE_TAG_INTEL } from '../formats.ts';
import { parseBrokerClaims, parseStatedClaims, type Statement, StatementError } from '../statement.ts';
import { quoteKind } from './dcap/abi.ts';
import { statementOr } from './enclave.ts';
import type { CarrierCertificate } from './evidence.ts';
import { isZero, Reader } from './reader.ts';
import type { Findings } from './verdict.ts';
import { UnreadableError } from './verdict.ts';
import { type Certificate, verifySigned } from './x509/certificate.ts';
import { day, validAt, validity } from './x509/chain.ts';
import { TAG, readDer } from './x509/der.ts';
import { toBase64 } from './x509/pem.ts';
import { digest, type HashName } from './x509/subtle.ts';

const GRAMINE = '1.2.840.113741.1337.6';
const SGX_SDK = '1.2.840.113741.1.13.1';
const OPEN_ENCLAVE_REPORT = '1.2.840.113556.10.1.1';
const OPEN_ENCLAVE_EVIDENCE = '1.2.840.113556.10.1.2';
const OE_REPORT_HEADER_BYTES = 16;
const OE_EVIDENCE_HEADER_BYTES = 28;

const DICE_TAGS: readonly number[] = [DICE_TAG_INTEL, DICE_TAG_CLOISTER];

const CBOR_OPTIONS = { strict: true, allowIndefinite: false, rejectDuplicateMapKeys: true, useMaps: true, allowUndefined: false } as const;

/** CBOR that ends where it should. Throws UnreadableError. */
function decodeCbor(bytes: Uint8Array, tags: Readonly<Record<number, (content: () => unknown) => unknown>> = {}): unknown {
  try {
    return decode(bytes, { ...CBOR_OPTIONS, tags });
  } catch (error) {
    throw new UnreadableError(`damaged CBOR: ${(error as Error).message}`);
  }
}

export interface Carried {
  readonly quote: Uint8Array;
  readonly carrier: CarrierCertificate;
}

function readDice(value: Uint8Array): { readonly quote: Uint8Array; readonly claims: Uint8Array } {
  const content = decodeCbor(value, Object.fromEntries(DICE_TAGS.map((tag) => [tag, (inner: () => unknown) => ({ tag, value: inner() })])));
  const array = (content as { tag?: number; value?: unknown } | null)?.value;
  if (!DICE_TAGS.includes((content as { tag?: number } | null)?.tag ?? 0) || !Array.isArray(array) || array.length !== 2 || !(array[0] instanceof Uint8Array) || !(array[1] instanceof Uint8Array))
    throw new UnreadableError(`the DICE evidence is not CBOR tag ${DICE_TAG_INTEL} of quote and claims`);
  return { quote: array[0], claims: array[1] };
}

/** Extensions hold the bare quote or wrap it once more. */
function unwrapped(value: Uint8Array): Uint8Array {
  if (quoteKind(value) !== undefined || value[0] !== TAG.octetString) return value;
  try {
    return readDer(value, TAG.octetString).body;
  } catch {
    return value;
  }
}

/** The evidence in a certificate; undefined where it carries none. Throws UnreadableError for a damaged extension. */
export function readCarrier(certificate: Certificate): Carried | undefined {
  const value = (id: string): Uint8Array | undefined => certificate.extensions.get(id)?.value;
  const dice = value(DICE_EVIDENCE);
  if (dice !== undefined) {
    const { quote, claims } = readDice(dice);
    return { quote, carrier: { certificate, form: 'dice', claims } };
  }
  const gramine = value(GRAMINE);
  if (gramine !== undefined) return { quote: unwrapped(gramine), carrier: { certificate, form: 'gramine' } };
  const sdk = value(SGX_SDK);
  if (sdk !== undefined && quoteKind(unwrapped(sdk)) !== undefined) return { quote: unwrapped(sdk), carrier: { certificate, form: 'sgx-sdk' } };
  const report = value(OPEN_ENCLAVE_REPORT);
  if (report !== undefined) return { quote: unwrapped(report).subarray(OE_REPORT_HEADER_BYTES), carrier: { certificate, form: 'open-enclave' } };
  const evidence = value(OPEN_ENCLAVE_EVIDENCE);
  if (evidence !== undefined) {
    const body = unwrapped(evidence).subarray(OE_EVIDENCE_HEADER_BYTES);
    const end = quoteEnd(body);
    return { quote: body.subarray(0, end), carrier: { certificate, form: 'open-enclave', claims: body.subarray(end) } };
  }
  return undefined;
}

/** Where a quote of version 3 ends: header, report, length, signature data. */
function quoteEnd(bytes: Uint8Array): number {
  if (bytes.length < 436) return bytes.length;
  return Math.min(bytes.length, 436 + new Reader(bytes, 432).u32());
}

/** Identifiers of hashes in claims (IANA Named Information Hash Algorithm Registry). */
const NAMED_HASHES: Readonly<Record<number, HashName>> = { 1: 'SHA-256', 7: 'SHA-384', 8: 'SHA-512' };

const zeroAfter = (reportData: Uint8Array, hash: Uint8Array): boolean => equalBytes(reportData.subarray(0, hash.length), hash) && isZero(reportData.subarray(hash.length));

/** Encodings of one key that the older forms hash: SPKI, the bare point (with and without its first byte), PEM (with and without NUL). */
function encodings(spki: Uint8Array): Uint8Array[] {
  const point = spki.subarray(spki.length - (spki.length > 100 ? 97 : 65));
  const pem = `-----BEGIN PUBLIC KEY-----\n${(toBase64(spki).match(/.{1,64}/g) ?? []).join('\n')}\n-----END PUBLIC KEY-----\n`;
  return [spki, point, point.subarray(1), bytesOf(pem), bytesOf(`${pem}\0`)];
}

/** `state` gets our claims among those of the claims buffer, once that is bound. */
async function bindsKey(carrier: CarrierCertificate, reportData: Uint8Array, findings: Findings, state: (cloister: Uint8Array | undefined, broker: Uint8Array | undefined) => void): Promise<string | undefined> {
  const { spki } = carrier.certificate;
  if (carrier.form === 'dice') {
    const claims = carrier.claims ?? new Uint8Array();
    if (!zeroAfter(reportData, await digest('SHA-256', claims))) return 'the report data is not the hash of the claims';
    let map: unknown;
    let entry: unknown;
    try {
      map = decodeCbor(claims);
      const hash = map instanceof Map ? map.get('pubkey-hash') : undefined;
      entry = hash instanceof Uint8Array ? decodeCbor(hash) : hash;
    } catch (error) {
      if (error instanceof UnreadableError) return error.message;
      throw error;
    }
    if (map instanceof Map) findings.claims.certificateClaims = [...map.keys()].filter((name) => typeof name === 'string').sort();
    if (!Array.isArray(entry) || entry.length !== 2 || !(entry[1] instanceof Uint8Array)) return 'the claims hold no hash of the key';
    const name = NAMED_HASHES[entry[0] as number];
    if (name === undefined) return `the key is hashed by algorithm ${String(entry[0])}, which is not known`;
    if (!equalBytes(await digest(name, spki), entry[1])) return "the claims hold another key's hash";
    const [cloister, broker] = ['cloister', 'broker'].map((member) => {
      const stated = (map as Map<unknown, unknown>).get(member);
      return stated === undefined || stated instanceof Uint8Array ? stated : new Uint8Array();
    });
    state(cloister, broker);
    return undefined;
  }
  if (carrier.claims !== undefined) {
    const text = byteString(carrier.claims);
    if (!zeroAfter(reportData, await digest('SHA-256', carrier.claims))) return 'the report data is not the hash of the claims';
    return encodings(spki).some((encoding) => encoding !== undefined && text.includes(byteString(encoding))) ? undefined : "the claims do not hold the certificate's key";
  }
  for (const encoding of encodings(spki)) for (const hash of ['SHA-256', 'SHA-384', 'SHA-512'] as const) if (zeroAfter(reportData, await digest(hash, encoding))) return undefined;
  return "the report data is not the hash of the certificate's key";
}

/** Resolves with what the enclave or broker states in the certificate, where it does and the evidence binds it. */
export async function judgeCarrier(carrier: CarrierCertificate, reportData: Uint8Array, at: number, checkDates: boolean, findings: Findings): Promise<Statement | undefined> {
  const { certificate, form } = carrier;
  findings.claims.certificate = { form, name: certificate.commonName, key: toHex(await digest('SHA-256', certificate.spki)) };
  if (!(await verifySigned(certificate, certificate.spki))) findings.fail('certificate-signature', 'the certificate is not signed by its own key');
  if (checkDates && !validAt(certificate, at)) findings.fail('certificate-expired', `${validity(certificate)}, not at ${day(at)}`);
  let statement: Statement | undefined;
  const fault = await bindsKey(carrier, reportData, findings, (cloister, broker) => {
    if (cloister === undefined && broker === undefined) return;
    statement = statementOr(() => {
      if (broker === undefined) return { cloister: parseStatedClaims(cloister as Uint8Array) };
      if (cloister !== undefined) throw new StatementError('the certificate states an enclave and a broker');
      return { broker: parseBrokerClaims(broker) };
    }, findings);
  });
  if (fault !== undefined) findings.fail('certificate-binding', fault);
  return statement;
}
