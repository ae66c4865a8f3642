/** The table of certificates behind an extended report (AMD publication 56421, GHCB, "SNP Extended Guest Request"). */

import { byteString, toHex } from '../../../base/bytes.ts';
import { isZero, Reader } from '../reader.ts';
import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import { DerError } from '../x509/der.ts';
import { pemBlocks } from '../x509/pem.ts';

// biome-ignore format: a table
const GUIDS: Readonly<Record<string, CertificateEntry['kind'] | undefined>> = {
  '63da758de6644564adc5f4b93be8accd': 'VCEK',
  'a8074bc2a25a483eaae639c045a0b8a1': 'VLEK',
  '4ab7b379bbac4fe4a02f05aef327c782': 'ASK',
  'c0b406a4a803495297433fb6014cd0ae': 'ARK',
};
const ENTRY_BYTES = 24;
const MAX_ENTRIES = 16;

export interface CertificateEntry {
  readonly kind: 'VCEK' | 'VLEK' | 'ASK' | 'ARK';
  /** DER, as the table has it. */
  readonly bytes: Uint8Array;
}

/** Entries of the kinds that are known, as far as the table holds them. */
export function certificateEntries(table: Uint8Array): CertificateEntry[] {
  const entries: CertificateEntry[] = [];
  for (let index = 0; index < MAX_ENTRIES && (index + 1) * ENTRY_BYTES <= table.length; index++) {
    const entry = table.subarray(index * ENTRY_BYTES, (index + 1) * ENTRY_BYTES);
    if (isZero(entry)) break;
    const reader = new Reader(entry);
    const guid = toHex(reader.take(16));
    const mixed = guid.replace(/^(..)(..)(..)(..)(..)(..)(..)(..)/, '$4$3$2$1$6$5$8$7');
    const [offset, length] = [reader.u32(), reader.u32()];
    const kind = GUIDS[guid] ?? GUIDS[mixed];
    if (kind !== undefined) entries.push({ kind, bytes: Uint8Array.from(table.subarray(offset, offset + length)) });
  }
  return entries;
}

/** Certificates of the kinds that are known, DER or PEM; empty where the bytes are no such table. */
export function readCertificateTable(bytes: Uint8Array): Certificate[] {
  const certificates: Certificate[] = [];
  for (const { bytes: content } of certificateEntries(bytes)) {
    const blocks = content[0] === 0x2d ? pemBlocks(byteString(content)) : undefined;
    try {
      for (const der of blocks?.map((block) => block.der) ?? [content]) certificates.push(parseCertificate(der));
    } catch (error) {
      if (!(error instanceof DerError)) throw error;
      return [];
    }
  }
  return certificates;
}
