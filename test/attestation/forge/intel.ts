/** A forged platform of Intel's: chain, collateral and quotes that are right in everything, but for what a test changes. */

import { createHash, randomBytes } from 'node:crypto';
import { octets, oid, integer, sequence, tlv } from './der.ts';
import { type CertificateOptions, certificate, crl, type CrlOptions, type Key, newKey, pem, signRaw } from './x509.ts';

export const AT = new Date('2026-01-15T12:00:00Z');
const ROOT = 'Intel SGX Root CA';
const CA = 'Intel SGX PCK Platform CA';
const SIGNER = 'Intel SGX TCB Signing';
export const PCK_SERIAL = 0x1234;
export const CA_SERIAL = 0x55;
export const SIGNER_SERIAL = 0x66;

export const KEYS = { root: newKey('P-256'), ca: newKey('P-256'), pck: newKey('P-256'), signer: newKey('P-256'), attestation: newKey('P-256'), other: newKey('P-256') };
export const ROOT_CERTIFICATE = certificate({ subject: ROOT, key: KEYS.root, ca: true });
export const FMSPC = '00906ed50000';
const SGX_OID = '1.2.840.113741.1.13.1';

const member = (id: string, value: Uint8Array): Uint8Array => sequence(oid(`${SGX_OID}.${id}`), value);

export interface PckValues {
  readonly components?: readonly number[];
  readonly pceSvn?: number;
  readonly fmspc?: string;
  readonly pceId?: string;
}

export function sgxExtension({ components = Array.from({ length: 16 }, () => 5), pceSvn = 11, fmspc = FMSPC, pceId = '0000' }: PckValues): Uint8Array {
  const tcb = sequence(...components.map((svn, index) => member(`2.${index + 1}`, integer(svn))), member('2.17', integer(pceSvn)), member('2.18', octets(Uint8Array.from(components))));
  return sequence(member('1', octets(new Uint8Array(16))), member('2', tcb), member('3', octets(Buffer.from(pceId, 'hex'))), member('4', octets(Buffer.from(fmspc, 'hex'))), member('5', tlv(0x0a, Uint8Array.of(1))));
}

// biome-ignore lint: JSON that tests change freely
export type Loose = any;

export interface Changes {
  readonly tee?: 'sgx' | 'tdx';
  /** 3, 4 or 5. */
  readonly version?: number;
  readonly td15?: boolean;
  readonly header?: (bytes: Buffer) => void;
  readonly body?: (bytes: Buffer) => void;
  readonly qeReport?: (bytes: Buffer) => void;
  /** Before nothing: after everything is signed. */
  readonly quote?: (bytes: Buffer) => Buffer;
  readonly pck?: Partial<CertificateOptions>;
  readonly pckValues?: PckValues;
  readonly noSgxExtension?: boolean;
  readonly ca?: Partial<CertificateOptions>;
  readonly root?: Uint8Array;
  readonly chain?: (certificates: Uint8Array[]) => Uint8Array[];
  readonly qeSigner?: Key;
  readonly quoteSigner?: Key;
  readonly authData?: (bytes: Buffer) => Buffer;
  readonly rootCrl?: Partial<CrlOptions> | null;
  readonly pckCrl?: Partial<CrlOptions> | null;
  readonly pckCrlChain?: readonly Uint8Array[];
  readonly tcbInfo?: (json: Loose) => void;
  readonly tcbText?: (text: string) => string;
  readonly tcbSigner?: Partial<CertificateOptions>;
  readonly identity?: (json: Loose) => void;
  readonly identityText?: (text: string) => string;
  readonly signingKey?: Key;
  readonly identitySigner?: Partial<CertificateOptions>;
  readonly without?: readonly ('tcb_info' | 'qe_identity')[];
}

const level = (svn: number, status: string, date: string, tdx: boolean, advisoryIDs: readonly string[] = []): Loose => ({
  tcb: { sgxtcbcomponents: Array.from({ length: 16 }, () => ({ svn })), pcesvn: 11, ...(tdx && { tdxtcbcomponents: Array.from({ length: 16 }, (_, index) => ({ svn: index === 0 || index === 2 ? svn : 0 })) }) },
  tcbDate: date,
  tcbStatus: status,
  ...(advisoryIDs.length > 0 && { advisoryIDs }),
});

const MODULE = { mrsigner: '00'.repeat(48), attributes: '0000000000000000', attributesMask: 'FFFFFFFFFFFFFFFF' };

function tcbInfoOf(tdx: boolean): Loose {
  return {
    id: tdx ? 'TDX' : 'SGX',
    version: 3,
    issueDate: '2026-01-10T00:00:00Z',
    nextUpdate: '2026-02-09T00:00:00Z',
    fmspc: FMSPC.toUpperCase(),
    pceId: '0000',
    tcbType: 0,
    tcbEvaluationDataNumber: 17,
    ...(tdx && {
      tdxModule: MODULE,
      tdxModuleIdentities: [
        {
          id: 'TDX_01',
          ...MODULE,
          tcbLevels: [
            { tcb: { isvsvn: 5 }, tcbDate: '2025-03-01T00:00:00Z', tcbStatus: 'UpToDate' },
            { tcb: { isvsvn: 2 }, tcbDate: '2023-03-01T00:00:00Z', tcbStatus: 'OutOfDate', advisoryIDs: ['INTEL-SA-09999'] },
          ],
        },
      ],
    }),
    tcbLevels: [level(5, 'UpToDate', '2025-03-01T00:00:00Z', tdx), level(3, 'OutOfDate', '2023-03-01T00:00:00Z', tdx, ['INTEL-SA-00001'])],
  };
}

const QE_MRSIGNER = 'dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5';

const identityOf = (tdx: boolean): Loose => ({
  id: tdx ? 'TD_QE' : 'QE',
  version: 2,
  issueDate: '2026-01-10T00:00:00Z',
  nextUpdate: '2026-02-09T00:00:00Z',
  tcbEvaluationDataNumber: 17,
  miscselect: '00000000',
  miscselectMask: 'FFFFFFFF',
  attributes: '11000000000000000000000000000000',
  attributesMask: 'FBFFFFFFFFFFFFFF0000000000000000',
  mrsigner: QE_MRSIGNER.toUpperCase(),
  isvprodid: 2,
  tcbLevels: [
    { tcb: { isvsvn: 8 }, tcbDate: '2025-03-01T00:00:00Z', tcbStatus: 'UpToDate' },
    { tcb: { isvsvn: 4 }, tcbDate: '2023-03-01T00:00:00Z', tcbStatus: 'OutOfDate' },
  ],
});

export function sgxReport(): Buffer {
  const report = Buffer.alloc(384);
  report.fill(5, 0, 16);
  report[48] = 0x05; // INIT, MODE64BIT
  report[56] = 0xe7;
  report.fill(0xaa, 64, 96);
  report.fill(0xbb, 128, 160);
  report.writeUInt16LE(1, 256);
  report.writeUInt16LE(2, 258);
  report.fill(0xdd, 320, 384);
  return report;
}

export function tdReport(td15: boolean): Buffer {
  const report = Buffer.alloc(td15 ? 648 : 584);
  report[0] = 5;
  report[1] = 1;
  report[2] = 5;
  report[120 + 3] = 0x10; // SEPT_VE_DISABLE
  report[128] = 0xe7;
  report.fill(0xcc, 136, 184);
  report.fill(0xdd, 520, 584);
  return report;
}

export interface Forged {
  readonly evidence: Uint8Array;
  /** The JSON bundle. */
  readonly bundle: Record<string, unknown>;
  readonly roots: readonly string[];
}

export function forgeIntel(changes: Changes = {}): Forged {
  const { tee = 'sgx', version = tee === 'sgx' ? 3 : 4, td15 = false } = changes;
  const tdx = tee === 'tdx';
  const caCertificate = certificate({ subject: CA, key: KEYS.ca, issuer: ROOT, issuerKey: KEYS.root, serial: CA_SERIAL, ca: true, ...changes.ca });
  const pck = certificate({
    subject: 'Intel SGX PCK Certificate',
    key: KEYS.pck,
    issuer: CA,
    issuerKey: KEYS.ca,
    serial: PCK_SERIAL,
    extensions: [[changes.noSgxExtension ? `${SGX_OID}.99` : SGX_OID, sgxExtension(changes.pckValues ?? {})]],
    ...changes.pck,
  });
  const chain = (changes.chain ?? ((all) => all))([pck, caCertificate, changes.root ?? ROOT_CERTIFICATE]);

  const header = Buffer.alloc(48);
  header.writeUInt16LE(version, 0);
  header.writeUInt16LE(2, 2);
  header.writeUInt32LE(tdx ? 0x81 : 0, 4);
  Buffer.from('939a7233f79c4ca9940a0db3957f0607', 'hex').copy(header, 12);
  changes.header?.(header);
  const body = tdx ? tdReport(td15) : sgxReport();
  changes.body?.(body);
  const descriptor = Buffer.alloc(version === 5 ? 6 : 0);
  if (version === 5) {
    descriptor.writeUInt16LE(tdx ? (td15 ? 3 : 2) : 1, 0);
    descriptor.writeUInt32LE(body.length, 2);
  }
  const signed = Buffer.concat([header, descriptor, body]);
  const point = KEYS.attestation.spki.subarray(-64);
  const authData = randomBytes(32);
  const qe = sgxReport();
  qe[48] = 0x11;
  Buffer.from(QE_MRSIGNER, 'hex').copy(qe, 128);
  qe.writeUInt16LE(2, 256);
  qe.writeUInt16LE(8, 258);
  qe.fill(0, 320, 384);
  createHash('sha256').update(point).update(authData).digest().copy(qe, 320);
  changes.qeReport?.(qe);
  const given = changes.authData?.(authData) ?? authData;
  const pems = Buffer.from(chain.map(pem).join(''));
  const u16 = (value: number): Buffer => Buffer.from([value & 0xff, value >> 8]);
  const u32 = (value: number): Buffer => Buffer.from([value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, 0]);
  const inner = Buffer.concat([qe, signRaw(changes.qeSigner ?? KEYS.pck, qe), u16(given.length), given, u16(5), u32(pems.length), pems]);
  const certification = version >= 4 ? Buffer.concat([u16(6), u32(inner.length), inner]) : inner;
  const data = Buffer.concat([signRaw(changes.quoteSigner ?? KEYS.attestation, signed), point, certification]);
  const quote = Buffer.concat([signed, u32(data.length), data]);

  const sign = (text: string): string => Buffer.from(signRaw(changes.signingKey ?? KEYS.signer, Buffer.from(text))).toString('hex');
  const info = tcbInfoOf(tdx);
  changes.tcbInfo?.(info);
  const identity = identityOf(tdx);
  changes.identity?.(identity);
  const [infoText, identityText] = [JSON.stringify(info), JSON.stringify(identity)];
  const signer = (more: Partial<CertificateOptions> | undefined): string => pem(certificate({ subject: SIGNER, key: KEYS.signer, issuer: ROOT, issuerKey: KEYS.root, serial: SIGNER_SERIAL, ...more })) + pem(ROOT_CERTIFICATE);
  const bundle: Record<string, unknown> = {
    pck_crl_issuer_chain: (changes.pckCrlChain ?? [caCertificate, ROOT_CERTIFICATE]).map(pem).join(''),
    ...(changes.rootCrl !== null && { root_ca_crl: Buffer.from(crl({ issuer: ROOT, key: KEYS.root, ...changes.rootCrl })).toString('hex') }),
    ...(changes.pckCrl !== null && { pck_crl: Buffer.from(crl({ issuer: CA, key: KEYS.ca, ...changes.pckCrl })).toString('hex') }),
    tcb_info_issuer_chain: signer(changes.tcbSigner),
    tcb_info: (changes.tcbText ?? ((text) => text))(infoText),
    tcb_info_signature: sign(infoText),
    qe_identity_issuer_chain: signer(changes.identitySigner ?? changes.tcbSigner),
    qe_identity: (changes.identityText ?? ((text) => text))(identityText),
    qe_identity_signature: sign(identityText),
  };
  for (const name of changes.without ?? []) delete bundle[name];
  return { evidence: new Uint8Array(changes.quote?.(quote) ?? quote), bundle, roots: [pem(ROOT_CERTIFICATE)] };
}
