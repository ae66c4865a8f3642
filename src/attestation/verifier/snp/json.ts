/** SEV-SNP reports as JSON, as the `sev` crate writes them (Trustee's evidence), back to the bytes that were signed. */

import { byteString, fromHex } from '../../../base/bytes.ts';
import { UnreadableError } from '../verdict.ts';
import { parseCertificate, type Certificate } from '../x509/certificate.ts';
import { DerError } from '../x509/der.ts';
import { fromBase64, pemBlocks } from '../x509/pem.ts';
import { productOf, SNP_REPORT_BYTES, type SnpProduct } from './abi.ts';

type Json = Readonly<Record<string, unknown>>;

const objectOf = (value: unknown, name: string): Json => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new UnreadableError(`${name} is not an object`);
  return value as Json;
};

/** Numbers, or hexadecimal or base64 text. */
export function jsonBytes(value: unknown, name: string): Uint8Array {
  if (Array.isArray(value) && value.every((byte) => Number.isInteger(byte) && byte >= 0 && byte < 256)) return Uint8Array.from(value);
  if (typeof value === 'string') {
    const digits = value.replace(/^0x/i, '');
    if (digits !== '' && /^(?:[0-9a-fA-F]{2})+$/.test(digits)) return fromHex(digits);
    const bytes = fromBase64(value);
    if (bytes !== undefined) return bytes;
  }
  throw new UnreadableError(`${name} is not a list of bytes`);
}

function exact(value: unknown, length: number, name: string): Uint8Array {
  const bytes = jsonBytes(value, name);
  if (bytes.length !== length) throw new UnreadableError(`${name} has ${bytes.length} bytes in place of ${length}`);
  return bytes;
}

function numberIn(value: unknown, name: string): bigint {
  const inner = typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.values(value)[0] : value;
  if (typeof inner === 'number' && Number.isSafeInteger(inner) && inner >= 0) return BigInt(inner);
  if (typeof inner === 'string' && /^(?:0x[0-9a-fA-F]+|\d+)$/.test(inner)) return BigInt(inner);
  throw new UnreadableError(`${name} is not a number that is exact in JSON`);
}

function tcbBytes(value: unknown, product: SnpProduct | undefined, name: string): Uint8Array {
  const tcb = objectOf(value, name);
  const level = (member: string): number => {
    const svn = tcb[member];
    if (!Number.isInteger(svn) || (svn as number) < 0 || (svn as number) > 255) throw new UnreadableError(`${name}.${member} is not a byte`);
    return svn as number;
  };
  const late = product === undefined ? typeof tcb.fmc === 'number' : product === 'Turin';
  return late ? Uint8Array.of(level('fmc'), level('bootloader'), level('tee'), level('snp'), 0, 0, 0, level('microcode')) : Uint8Array.of(level('bootloader'), level('tee'), 0, 0, 0, 0, level('snp'), level('microcode'));
}

/** Member by member, or as text of its bytes. Throws UnreadableError. */
export function reportFromJson(value: unknown): Uint8Array {
  if (typeof value === 'string') return jsonBytes(value, 'attestation_report');
  const json = objectOf(value, 'attestation_report');
  const out = new Uint8Array(SNP_REPORT_BYTES);
  const view = new DataView(out.buffer);
  const u32 = (at: number, name: string): void => view.setUint32(at, Number(BigInt.asUintN(32, numberIn(json[name], name))), true);
  const u64 = (at: number, name: string): void => view.setBigUint64(at, numberIn(json[name], name), true);
  const field = (at: number, name: string, length: number): void => out.set(exact(json[name], length, name), at);
  const version = Number(numberIn(json.version, 'version'));
  u32(0x00, 'version');
  u32(0x04, 'guest_svn');
  u64(0x08, 'policy');
  field(0x10, 'family_id', 16);
  field(0x20, 'image_id', 16);
  u32(0x30, 'vmpl');
  u32(0x34, 'sig_algo');
  u64(0x40, 'plat_info');
  u32(0x48, json.key_info !== undefined ? 'key_info' : json._author_key_en !== undefined ? '_author_key_en' : 'author_key_en');
  field(0x50, 'report_data', 64);
  field(0x90, 'measurement', 48);
  field(0xc0, 'host_data', 32);
  field(0xe0, 'id_key_digest', 48);
  field(0x110, 'author_key_digest', 48);
  field(0x140, 'report_id', 32);
  field(0x160, 'report_id_ma', 32);
  const cpuid = ['cpuid_fam_id', 'cpuid_mod_id', 'cpuid_step'].map((name) => (json[name] === undefined || json[name] === null ? 0 : Number(numberIn(json[name], name))));
  out.set(cpuid, 0x188);
  const product = version >= 3 ? productOf({ family: cpuid[0], model: cpuid[1] }) : undefined;
  // biome-ignore format: a table
  for (const [at, name] of [[0x38, 'current_tcb'], [0x180, 'reported_tcb'], [0x1e0, 'committed_tcb'], [0x1f0, 'launch_tcb']] as const) out.set(tcbBytes(json[name], product, name), at);
  field(0x1a0, 'chip_id', 64);
  for (const [at, name] of [
    [0x1e8, 'current'],
    [0x1ec, 'committed'],
  ] as const) {
    const nested = json[name] as Json | undefined;
    for (const [index, part] of ['build', 'minor', 'major'].entries()) out[at + index] = Number(numberIn(nested === undefined ? json[`${name}_${part}`] : nested[part], `${name}.${part}`));
  }
  if (version >= 5) {
    u64(0x1f8, 'launch_mit_vector');
    u64(0x200, 'current_mit_vector');
  }
  const signature = objectOf(json.signature, 'signature');
  out.set(exact(signature.r, 72, 'signature.r'), 0x2a0);
  out.set(exact(signature.s, 72, 'signature.s'), 0x2e8);
  return out;
}

/** One certificate: DER or PEM, as bytes or as text. Throws UnreadableError. */
export function certificateFromJson(value: unknown, name: string): Certificate[] {
  const bytes = typeof value === 'string' && value.includes('-----BEGIN') ? new TextEncoder().encode(value) : jsonBytes(value, name);
  const text = bytes[0] === 0x2d ? byteString(bytes) : undefined;
  try {
    if (text === undefined) return [parseCertificate(bytes)];
    const blocks = pemBlocks(text);
    if (blocks === undefined || blocks.length === 0) throw new DerError('damaged PEM');
    return blocks.map(({ der }) => parseCertificate(der));
  } catch (error) {
    if (error instanceof DerError) throw new UnreadableError(`${name} is not a certificate: ${error.message}`);
    throw error;
  }
}

/** The certificates beside the report, as a list or by name; what each is, its content tells as well. */
export function chainFromJson(value: unknown): Certificate[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) return Object.entries(objectOf(value, 'cert_chain')).flatMap(([name, certificate]) => (certificate === null ? [] : certificateFromJson(certificate, `cert_chain.${name}`)));
  return value.flatMap((entry, index) => certificateFromJson(objectOf(entry, 'cert_chain').data, `cert_chain ${index}`));
}
