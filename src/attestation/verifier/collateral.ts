/**
 * Collateral: what the vendors publish about their platforms, from any pile of files. A folder of responses of Intel's
 * PCS and AMD's KDS, and the JSON bundle that verifiers of quotes exchange, come to the same: certificates, revocation
 * lists, and signed JSON. Each is judged later by what it says and who signed it, never by where it lay.
 */

import { byteString, fromHex } from '../../base/bytes.ts';
import { isEventLog } from './event-log.ts';
import { recognise } from './recognise.ts';
import { readCertificateTable } from './snp/table.ts';
import { memberTexts } from './signed-json.ts';
import { UnreadableError } from './verdict.ts';
import { type Certificate, parseCertificate } from './x509/certificate.ts';
import { type Crl, parseCrl } from './x509/crl.ts';
import { DerError } from './x509/der.ts';
import { isHclReport } from './vtpm.ts';
import { fromBase64, pemBlocks } from './x509/pem.ts';

/** JSON with the text that was signed. */
export interface SignedDocument {
  readonly text: string;
  /** r ‖ s, 64 bytes. */
  readonly signature: Uint8Array;
  /** The chain that came with it, leaf first; undefined: to be looked for among all certificates. */
  readonly chain?: readonly Certificate[];
}

export interface CrlDocument {
  readonly crl: Crl;
  /** The issuer's chain that came with it. */
  readonly chain?: readonly Certificate[];
}

export interface Collateral {
  readonly certificates: readonly Certificate[];
  readonly crls: readonly CrlDocument[];
  readonly tcbInfos: readonly SignedDocument[];
  readonly qeIdentities: readonly SignedDocument[];
  /** Parts that should have been readable and are not. */
  readonly problems: readonly string[];
}

export interface NamedBytes {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export const NO_COLLATERAL: Collateral = { certificates: [], crls: [], tcbInfos: [], qeIdentities: [], problems: [] };

/** More than any vendor's collateral has. */
const MAX_BYTES = 16 << 20;
const MAX_DEPTH = 8;

export class CollateralBuilder {
  readonly certificates = new Map<string, Certificate>();
  readonly crls: CrlDocument[] = [];
  readonly tcbInfos: SignedDocument[] = [];
  readonly qeIdentities: SignedDocument[] = [];
  readonly problems: string[] = [];

  certificate(der: Uint8Array): Certificate {
    const id = byteString(der);
    let certificate = this.certificates.get(id);
    if (certificate === undefined) {
      certificate = parseCertificate(new Uint8Array(der));
      this.certificates.set(id, certificate);
    }
    return certificate;
  }

  build(): Collateral {
    return { certificates: [...this.certificates.values()], crls: this.crls, tcbInfos: this.tcbInfos, qeIdentities: this.qeIdentities, problems: this.problems };
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });
const textOf = (bytes: Uint8Array): string | undefined => {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
};

/** Headers of Intel's responses carry PEM percent-encoded. */
function unescapePem(text: string): string {
  if (!/BEGIN%20|%0A/i.test(text)) return text;
  return text.replace(/%([0-9a-fA-F]{2})/g, (_, pair: string) => String.fromCharCode(Number.parseInt(pair, 16)));
}

/** Bytes that a JSON member holds: hexadecimal, base64, or a list of numbers. */
function bytesIn(value: unknown): Uint8Array | undefined {
  if (Array.isArray(value)) return value.every((byte) => Number.isInteger(byte) && byte >= 0 && byte < 256) ? Uint8Array.from(value) : undefined;
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  const digits = text.replace(/^0x/i, '');
  if (digits !== '' && /^(?:[0-9a-fA-F]{2})+$/.test(digits)) return fromHex(digits);
  return fromBase64(text.replace(/\s+/g, ''));
}

function addDer(der: Uint8Array, builder: CollateralBuilder): boolean {
  try {
    builder.certificate(der);
    return true;
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
  }
  try {
    builder.crls.push({ crl: parseCrl(new Uint8Array(der)) });
    return true;
  } catch (error) {
    if (error instanceof DerError) return false;
    throw error;
  }
}

/** Blocks that may stand beside a certificate and are none of ours. */
const OTHER_LABELS = /(?:KEY|PARAMETERS)$/;

function addPem(text: string, name: string, builder: CollateralBuilder): boolean {
  const plain = unescapePem(text);
  if (!plain.includes('-----BEGIN ')) return false;
  const blocks = pemBlocks(plain);
  if (blocks === undefined) builder.problems.push(`${name}: damaged PEM`);
  for (const { label, der } of blocks ?? []) {
    const known = label === 'CERTIFICATE' || label === 'TRUSTED CERTIFICATE' || label === 'X509 CRL';
    if (known ? !addDer(der, builder) : !OTHER_LABELS.test(label)) builder.problems.push(`${name}: a ${label} that cannot be read`);
  }
  return true;
}

function chainOf(value: unknown, name: string, builder: CollateralBuilder): readonly Certificate[] | undefined {
  if (value === undefined) return undefined;
  const texts = Array.isArray(value) && value.every((entry) => typeof entry === 'string');
  const text = typeof value === 'string' ? value : texts ? value.join('\n') : Array.isArray(value) ? byteString(bytesIn(value) ?? new Uint8Array()) : '';
  const blocks = pemBlocks(unescapePem(text).replace(/\0+$/, ''));
  try {
    if (blocks === undefined || blocks.length === 0) throw new DerError('no PEM');
    return blocks.map(({ der }) => builder.certificate(der));
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    builder.problems.push(`${name} cannot be read`);
    return undefined;
  }
}

/** A CRL as DER, as hexadecimal or base64 of it, or as PEM. */
function crlOf(value: unknown): Crl {
  const text = typeof value === 'string' ? value.replace(/\0+$/, '') : undefined;
  const pem = text?.includes('-----BEGIN ') ? pemBlocks(text)?.[0]?.der : undefined;
  let der = pem ?? bytesIn(text ?? value);
  // Lists of numbers may hold PEM or hexadecimal text.
  if (der !== undefined && der[0] !== 0x30) {
    const inner = byteString(der).replace(/\0+$/, '');
    der = inner.includes('-----BEGIN ') ? pemBlocks(inner)?.[0]?.der : bytesIn(inner);
  }
  if (der === undefined) throw new DerError('neither DER, hexadecimal, base64 nor PEM');
  return parseCrl(new Uint8Array(der));
}

function signatureOf(value: unknown): Uint8Array {
  const bytes = bytesIn(value);
  return bytes?.length === 64 ? bytes : bytes?.length === 128 ? (bytesIn(byteString(bytes)) ?? bytes) : (bytes ?? new Uint8Array());
}

function documentText(value: unknown): string {
  const text = typeof value === 'string' ? value : Array.isArray(value) ? byteString(bytesIn(value) ?? new Uint8Array()) : '';
  return text.replace(/\0+$/, '');
}

/** Members of a JSON object by name, each as the text that stands there. */
type Members = ReadonlyMap<string, string>;

const BUNDLE_MARKS = ['tcb_info', 'qe_identity', 'pck_crl', 'root_ca_crl'];
const ALIASES: Readonly<Record<string, string>> = { raw_tcb_info: 'tcb_info', enclave_identity: 'qe_identity', raw_enclave_identity: 'qe_identity' };

/** The names of a bundle, however a tool spells them: `tcbInfoIssuerChain` is `tcb_info_issuer_chain`. */
function bundleNames(members: Members): Members {
  const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return new Map([...members].map(([name, text]) => [ALIASES[snake(name)] ?? snake(name), text]));
}

function addBundle(bundle: Members, name: string, builder: CollateralBuilder): void {
  const value = (member: string): unknown => {
    const text = bundle.get(member);
    return text === undefined ? undefined : JSON.parse(text);
  };
  for (const [member, chain] of [
    ['root_ca_crl', undefined],
    ['pck_crl', 'pck_crl_issuer_chain'],
  ] as const) {
    if (!bundle.has(member)) continue;
    try {
      builder.crls.push({ crl: crlOf(value(member)), chain: chain === undefined ? undefined : chainOf(value(chain), `${name}: ${chain}`, builder) });
    } catch (error) {
      if (!(error instanceof DerError)) throw error;
      builder.problems.push(`${name}: ${member} cannot be read (${error.message})`);
    }
  }
  for (const [member, into] of [
    ['tcb_info', builder.tcbInfos],
    ['qe_identity', builder.qeIdentities],
  ] as const) {
    const given = bundle.get(member);
    if (given === undefined) continue;
    const chain = chainOf(value(`${member}_issuer_chain`) ?? value('ca_chain'), `${name}: ${member}_issuer_chain`, builder);
    // As text within the text, or in place: then what was signed is the text as it stands.
    const text = given.startsWith('{') ? given : documentText(value(member));
    if (!addSignedText(text, `${name}: ${member}`, builder, chain)) into.push({ text, signature: signatureOf(value(`${member}_signature`) ?? value('signature')), chain });
  }
  const own = value('pck_certificate_chain');
  if (own !== undefined && own !== null) chainOf(own, `${name}: pck_certificate_chain`, builder);
}

/** `{"tcbInfo": …, "signature": …}` and `{"enclaveIdentity": …, "signature": …}`, as Intel's service answers. */
function addSigned(members: Members, name: string, builder: CollateralBuilder, chain?: readonly Certificate[]): boolean {
  for (const [member, into] of [
    ['tcbInfo', builder.tcbInfos],
    ['enclaveIdentity', builder.qeIdentities],
  ] as const) {
    const signed = members.get(member);
    if (signed === undefined || !signed.startsWith('{')) continue;
    const signature = members.get('signature');
    if (signature === undefined) builder.problems.push(`${name}: ${member} without signature`);
    else into.push({ text: signed, signature: signatureOf(JSON.parse(signature)), chain });
    return true;
  }
  return false;
}

function addSignedText(text: string, name: string, builder: CollateralBuilder, chain?: readonly Certificate[]): boolean {
  try {
    return addSigned(memberTexts(text), name, builder, chain);
  } catch (error) {
    if (error instanceof UnreadableError) return false;
    throw error;
  }
}

function addJson(text: string, name: string, builder: CollateralBuilder, depth: number): boolean {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return false;
  }
  return addValue(value, text, name, builder, depth);
}

/** Whatever JSON holds: signed answers, bundles, both in members of others, and strings that are certificates or lists themselves. */
function addValue(value: unknown, text: string, name: string, builder: CollateralBuilder, depth: number): boolean {
  if (depth > MAX_DEPTH) return false;
  if (typeof value === 'string') return value.length > 40 && addFile({ name, bytes: new TextEncoder().encode(value) }, builder, depth + 1);
  if (Array.isArray(value)) {
    const bytes = value.length > 100 && typeof value[0] === 'number' ? bytesIn(value) : undefined;
    if (bytes !== undefined) return addFile({ name, bytes }, builder, depth + 1);
    return value.map((inner, index) => addValue(inner, JSON.stringify(inner), `${name}: ${index}`, builder, depth + 1)).some(Boolean);
  }
  return typeof value === 'object' && value !== null && addObject(text, name, builder, depth);
}

/** Members that say what they hold; what they hold must then be readable. */
const LIST_MEMBER = /(?:^|[_-])crls?$/i;

function addObject(text: string, name: string, builder: CollateralBuilder, depth: number): boolean {
  let members: Members;
  try {
    members = memberTexts(text);
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    builder.problems.push(`${name}: ${error.message}`);
    return true;
  }
  if (addSigned(members, name, builder)) return true;
  const bundle = bundleNames(members);
  if (BUNDLE_MARKS.some((mark) => bundle.has(mark))) {
    addBundle(bundle, name, builder);
    return true;
  }
  // A file within ours: `{"name", "content"}`.
  const file = members.size === 2 && members.has('name') && members.has('content');
  let found = false;
  for (const [member, inner] of members) {
    const understood = addValue(JSON.parse(inner), inner, file ? `${name}: ${members.get('name')}` : `${name}: ${member}`, builder, depth + 1);
    if (!understood && inner !== 'null' && (file ? member === 'content' : LIST_MEMBER.test(member))) builder.problems.push(`${name}: ${file ? members.get('name') : member} is not what collateral consists of`);
    found ||= understood;
  }
  return found;
}

/** An answer with its headers before it, as `curl -i` writes it; the chains of Intel's documents are in headers. */
function addResponse(bytes: Uint8Array, name: string, builder: CollateralBuilder, depth: number): boolean {
  const whole = byteString(bytes);
  const end = /\r?\n\r?\n/.exec(whole);
  const headers = unescapePem(end === null ? whole : whole.slice(0, end.index));
  const found = addPem(headers, name, builder);
  return (end !== null && addFile({ name, bytes: bytes.subarray(end.index + end[0].length) }, builder, depth + 1)) || found;
}

/** `false` for a file that holds nothing of this kind. */
function addFile({ name, bytes }: NamedBytes, builder: CollateralBuilder, depth = 0): boolean {
  if (depth > MAX_DEPTH || bytes.length > MAX_BYTES) return false;
  if (bytes[0] === 0x30 && bytes[1] >= 0x81 && bytes[1] <= 0x83) {
    // A damaged list must not count as none.
    if (!addDer(bytes, builder)) builder.problems.push(`${name}: DER that is neither certificate nor revocation list`);
    return true;
  }
  if (byteString(bytes.subarray(0, 5)) === 'HTTP/') return addResponse(bytes, name, builder, depth);
  const text = textOf(bytes);
  if (text === undefined) {
    const table = readCertificateTable(bytes);
    for (const { raw } of table) builder.certificate(raw);
    return table.length > 0;
  }
  const trimmed = text.replace(/[\s\0]+$/, '').trimStart();
  if (trimmed.startsWith('{') || trimmed.startsWith('[')) return addJson(trimmed, name, builder, depth);
  if (addPem(trimmed, name, builder)) return true;
  const inner = trimmed.length > 40 ? bytesIn(trimmed) : undefined;
  return inner?.[0] === 0x30 && addDer(inner, builder);
}

/** What may lie among files of collateral and is something else that we know. */
function isOther(bytes: Uint8Array): boolean {
  if (isEventLog(bytes) || isHclReport(bytes)) return true;
  try {
    recognise(bytes);
    return true;
  } catch (error) {
    if (error instanceof UnreadableError) return false;
    throw error;
  }
}

function unknownText({ name, bytes }: NamedBytes): string {
  const what = bytes.length === 0 ? 'is empty' : bytes.length > MAX_BYTES ? `has ${bytes.length} bytes, more than any collateral` : bytes[0] === 0x3c ? 'is a page for a browser' : 'is not what collateral consists of';
  return `${name} ${what}`;
}

function read(files: readonly NamedBytes[]): { readonly collateral: Collateral; readonly unknown: readonly string[] } {
  const builder = new CollateralBuilder();
  const unknown = files.filter((file) => !addFile(file, builder) && !isOther(file.bytes)).map(unknownText);
  return { collateral: builder.build(), unknown };
}

/**
 * Reads files of any of the forms, among which there may be evidence and event logs. What is none of this, or damaged, is a problem,
 * which verification reports: a list of revoked certificates that cannot be read must not count as none.
 */
export function collateralAmong(files: readonly NamedBytes[]): Collateral {
  const { collateral, unknown } = read(files);
  return { ...collateral, problems: [...collateral.problems, ...unknown] };
}

/** As `collateralAmong`, of files that have to hold collateral: throws UnreadableError where none of them does. */
export function readCollateral(files: readonly NamedBytes[]): Collateral {
  const { collateral, unknown } = read(files);
  const { certificates, crls, tcbInfos, qeIdentities, problems } = collateral;
  if (certificates.length + crls.length + tcbInfos.length + qeIdentities.length + problems.length === 0)
    throw new UnreadableError(`no certificate, revocation list, TCB information or identity in ${files.map(({ name }) => name).join(', ') || 'no file at all'}`);
  return { ...collateral, problems: [...problems, ...unknown] };
}
