/** A forged platform of AMD's: ARK, ASK, ASVK, VCEK, VLEK and reports, right in everything but for what a test changes. */

import { ia5, integer } from './der.ts';
import { type CertificateOptions, certificate, crl, type CrlOptions, type Key, newKey, pem, signRaw } from './x509.ts';

export const KEYS = { ark: newKey('RSA'), ask: newKey('RSA'), asvk: newKey('RSA'), vek: newKey('P-384'), other: newKey('P-384'), otherRsa: newKey('RSA') };
export const ASK_SERIAL = 0x10001;
export type Product = 'Milan' | 'Genoa' | 'Turin';
const OID = '1.3.6.1.4.1.3704.1';

export interface Levels {
  readonly fmc: number;
  readonly bootloader: number;
  readonly tee: number;
  readonly snp: number;
  readonly microcode: number;
}
export const LEVELS: Levels = { fmc: 1, bootloader: 4, tee: 1, snp: 22, microcode: 213 };

export function tcbBytes(product: Product, { fmc, bootloader, tee, snp, microcode }: Levels): Buffer {
  return product === 'Turin' ? Buffer.from([fmc, bootloader, tee, snp, 0, 0, 0, microcode]) : Buffer.from([bootloader, tee, 0, 0, 0, 0, snp, microcode]);
}

const CPUID: Readonly<Record<Product, readonly [number, number, number]>> = { Milan: [0x19, 1, 1], Genoa: [0x19, 0x11, 1], Turin: [0x1a, 2, 1] };

export interface Changes {
  readonly product?: Product;
  readonly version?: number;
  readonly vlek?: boolean;
  readonly report?: (bytes: Buffer) => void;
  /** After signing. */
  readonly signed?: (bytes: Buffer) => Buffer;
  readonly signer?: Key;
  readonly vek?: Partial<CertificateOptions>;
  readonly vekProduct?: string;
  readonly vekLevels?: Partial<Levels>;
  readonly hwId?: Uint8Array | null;
  readonly without?: readonly string[];
  readonly authority?: Partial<CertificateOptions>;
  readonly ark?: Partial<CertificateOptions>;
  readonly crl?: Partial<CrlOptions>;
  readonly noVek?: boolean;
}

export const CHIP = Buffer.from(Array.from({ length: 64 }, (_, index) => index + 1));

export function forgeAmd(changes: Changes = {}): { readonly evidence: Uint8Array; readonly files: { name: string; bytes: Uint8Array }[]; readonly roots: readonly string[] } {
  const { product = 'Milan', version = 3, vlek = false } = changes;
  const report = Buffer.alloc(0x4a0);
  report.writeUInt32LE(version, 0);
  report.writeUInt32LE(7, 4);
  report.writeBigUInt64LE(0x3001fn, 8);
  report.writeUInt32LE(1, 0x34);
  const tcb = tcbBytes(product, LEVELS);
  for (const at of [0x38, 0x180, 0x1e0, 0x1f0]) tcb.copy(report, at);
  report.writeBigUInt64LE(0x25n, 0x40);
  report.writeUInt32LE(vlek ? 4 : 0, 0x48);
  report.fill(0xdd, 0x50, 0x90);
  report.fill(0xaa, 0x90, 0xc0);
  if (version >= 3) report.set(CPUID[product], 0x188);
  if (!vlek) (product === 'Turin' ? CHIP.subarray(0, 8) : CHIP).copy(report, 0x1a0);
  report.set([40, 55, 1, 0, 40, 55, 1, 0], 0x1e8);
  changes.report?.(report);
  const signature = signRaw(changes.signer ?? KEYS.vek, report.subarray(0, 0x2a0));
  report.set(signature.slice(0, 48).reverse(), 0x2a0);
  report.set(signature.slice(48).reverse(), 0x2e8);

  const ark = `ARK-${product}`;
  const authority = vlek ? `SEV-VLEK-${product}` : `SEV-${product}`;
  const levels = { ...LEVELS, ...changes.vekLevels };
  const hwId = changes.hwId === undefined ? (product === 'Turin' ? CHIP.subarray(0, 8) : CHIP) : changes.hwId;
  const extensions = [
    [`${OID}.1`, integer(0)],
    [`${OID}.2`, ia5(changes.vekProduct ?? product)],
    [`${OID}.3.1`, integer(levels.bootloader)],
    [`${OID}.3.2`, integer(levels.tee)],
    [`${OID}.3.3`, integer(levels.snp)],
    [`${OID}.3.8`, integer(levels.microcode)],
    ...(product === 'Turin' ? [[`${OID}.3.9`, integer(levels.fmc)] as const] : []),
    ...(vlek ? [[`${OID}.5`, ia5('cloud.example')] as const] : hwId === null ? [] : [[`${OID}.4`, hwId] as const]),
  ].filter(([id]) => !changes.without?.includes(id as string)) as [string, Uint8Array][];
  const vek = certificate({ subject: vlek ? 'SEV-VLEK' : 'SEV-VCEK', key: KEYS.vek, issuer: authority, issuerKey: vlek ? KEYS.asvk : KEYS.ask, serial: 0, extensions, ...changes.vek });
  const arkCertificate = certificate({ subject: ark, key: KEYS.ark, ca: true, ...changes.ark });
  const middle = certificate({ subject: authority, key: vlek ? KEYS.asvk : KEYS.ask, issuer: ark, issuerKey: KEYS.ark, serial: ASK_SERIAL, ca: true, ...changes.authority });
  const files = [...(changes.noVek ? [] : [{ name: 'vek.der', bytes: vek }]), { name: 'cert_chain', bytes: new Uint8Array(Buffer.from(pem(middle) + pem(arkCertificate))) }];
  if (changes.crl !== undefined) files.push({ name: 'crl', bytes: crl({ issuer: ark, key: KEYS.ark, ...changes.crl }) });
  return { evidence: new Uint8Array(changes.signed?.(report) ?? report), files, roots: [pem(certificate({ subject: ark, key: KEYS.ark, ca: true }))] };
}
