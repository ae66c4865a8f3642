/**
 * Quotes of the simulated TEE: `u32 length ‖ canonical JSON ‖ P-256 signature`. Such a quote says which key made it and
 * nothing about any hardware; a policy has to name the key.
 */

import { concat } from '../../../base/bytes.ts';
import { type Canonical, canonicalJson } from '../../canonical.ts';
import type { Policy } from '../policy.ts';
import { FormatError, Reader } from '../reader.ts';
import type { Findings } from '../verdict.ts';
import { verifySignature } from '../x509/subtle.ts';
import { type SimKey, simKeysIn } from './keys.ts';

const DOMAIN = new TextEncoder().encode('cloister sim quote v1\0');
const SIGNATURE_BYTES = 64;

export interface SimBody {
  readonly measurement: string;
  readonly signer: string;
  readonly productId: number;
  readonly securityVersion: number;
  readonly debuggable: boolean;
  readonly register: string;
  readonly reportData: string;
}

/** Does it look like one? */
export function isSimQuote(bytes: Uint8Array): boolean {
  if (bytes.length < 4 + SIGNATURE_BYTES + 2) return false;
  return new Reader(bytes).u32() === bytes.length - 4 - SIGNATURE_BYTES && bytes[4] === 0x7b;
}

const isHex = (value: unknown, bytes: number): value is string => typeof value === 'string' && value.length === bytes * 2 && /^[0-9a-f]*$/.test(value);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** Throws FormatError for anything but the canonical encoding of exactly these members. */
export function readSimQuote(bytes: Uint8Array): { readonly body: SimBody; readonly signed: Uint8Array; readonly signature: Uint8Array } {
  if (!isSimQuote(bytes)) throw new FormatError('not a simulated quote');
  const signed = bytes.subarray(4, bytes.length - SIGNATURE_BYTES);
  let value: Record<string, unknown>;
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(signed);
    value = JSON.parse(text) as Record<string, unknown>;
    if (canonicalJson(value as Canonical) !== text) throw new FormatError('the body of the simulated quote is not canonical');
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw new FormatError('the body of the simulated quote is not JSON');
  }
  const { type, measurement, signer, productId, securityVersion, debuggable, register, reportData } = value;
  const whole = type === 'sim' && isHex(measurement, 48) && isHex(signer, 48) && isCount(productId) && isCount(securityVersion) && typeof debuggable === 'boolean' && isHex(register, 48) && isHex(reportData, 64);
  if (!whole || Object.keys(value).length !== 8) throw new FormatError('a member of the simulated quote is missing or wrong');
  return { body: { measurement, signer, productId, securityVersion, debuggable, register, reportData }, signed, signature: bytes.subarray(bytes.length - SIGNATURE_BYTES) };
}

/** What the quote says. */
export async function judgeSim(quote: Uint8Array, policy: Policy, findings: Findings): Promise<SimBody> {
  const { body, signed, signature } = readSimQuote(quote);
  const { measurement, signer, productId, securityVersion, debuggable, register, reportData } = body;
  Object.assign(findings.claims, { warning: 'SIMULATED: nothing is protected from the machine that made this', measurement, signer, productId, securityVersion, debug: debuggable, register, reportData });
  const keys = (await Promise.all(policy.simKeys.map(simKeysIn))).flat();
  let by: SimKey | undefined;
  for (const key of keys) if (await verifySignature({ name: 'ECDSA', curve: 'P-256', hash: 'SHA-256' }, key.spki, signature, concat([DOMAIN, signed]))) by = key;
  if (keys.length === 0) findings.fail('sim-key-unknown', 'the policy names no key of a simulated machine');
  else if (by === undefined) findings.fail('quote-signature', 'the signature of the quote is by none of the keys of the policy');
  else findings.claims.simKey = by.id;
  if (policy.debug === 'refused' && debuggable) findings.fail('debug', 'the build is debuggable');
  if (policy.measurement !== 'unchecked' && !policy.measurement.includes(measurement)) findings.fail('measurement', `the measurement is ${measurement}`);
  if (policy.signer !== 'unchecked' && !policy.signer.includes(signer)) findings.fail('signer', `the signer is ${signer}`);
  if (policy.productId !== 'unchecked' && productId !== policy.productId) findings.fail('product-id', `the product id is ${productId}, not ${policy.productId}`);
  if (policy.minimumSecurityVersion !== 'unchecked' && securityVersion < policy.minimumSecurityVersion) findings.fail('security-version', `the security version is ${securityVersion}, below ${policy.minimumSecurityVersion}`);
  return body;
}
