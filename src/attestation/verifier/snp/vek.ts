/** Extensions of VCEK and VLEK certificates (AMD publication 57230, "Versioned Chip Endorsement Key Certificate and KDS"). */

import { byteString } from '../../../base/bytes.ts';
import type { Certificate } from '../x509/certificate.ts';
import { DerError, readDer, smallInteger, TAG } from '../x509/der.ts';
import type { SnpProduct, SnpTcb } from './abi.ts';

const BASE = '1.3.6.1.4.1.3704.1';

export interface VekExtensions {
  readonly kind: 'VCEK' | 'VLEK';
  readonly product: SnpProduct;
  readonly tcb: SnpTcb;
  /** VCEK: 64 bytes, 8 from Turin on. */
  readonly hwId?: Uint8Array;
  /** VLEK: who runs the machine. */
  readonly cspId?: string;
}

/** Is this a certificate that signs reports? */
export const isVek = (certificate: Certificate): boolean => certificate.extensions.has(`${BASE}.3.8`);

function text(value: Uint8Array): string {
  // IA5String.
  const { body } = readDer(value, 0x16);
  return byteString(body);
}

function svn(certificate: Certificate, id: string): number {
  const extension = certificate.extensions.get(`${BASE}.3.${id}`);
  if (extension === undefined) throw new DerError(`no extension ${BASE}.3.${id}`);
  const value = smallInteger(readDer(extension.value, TAG.integer));
  if (value > 255) throw new DerError(`security patch level ${value}`);
  return value;
}

/** Steppings are written after the name: `Milan-B0`. */
function productIn(name: string): SnpProduct {
  const product = /^(Milan|Genoa|Siena|Bergamo|Turin)(?:-[A-Z0-9]+)?$/.exec(name)?.[1];
  if (product === undefined) throw new DerError(`product ${JSON.stringify(name)}`);
  return product === 'Siena' || product === 'Bergamo' ? 'Genoa' : (product as SnpProduct);
}

/** Hardware ids are bare bytes in an extension; older tools wrap them in an OCTET STRING. */
function hardwareId(value: Uint8Array): Uint8Array {
  if (value.length === 8 || value.length === 64) return value;
  const { body } = readDer(value, TAG.octetString);
  if (body.length !== 8 && body.length !== 64) throw new DerError(`hwID of ${body.length} bytes`);
  return body;
}

/** Throws DerError. */
export function readVekExtensions(certificate: Certificate): VekExtensions {
  const { extensions, commonName } = certificate;
  const name = extensions.get(`${BASE}.2`);
  if (name === undefined) throw new DerError('no product name');
  const product = productIn(text(name.value));
  const hwId = extensions.get(`${BASE}.4`);
  const cspId = extensions.get(`${BASE}.5`);
  const kind = commonName === 'SEV-VLEK' ? 'VLEK' : commonName === 'SEV-VCEK' ? 'VCEK' : undefined;
  if (kind === undefined) throw new DerError(`${JSON.stringify(commonName)} is not the name of a VCEK or VLEK`);
  if (kind === 'VCEK' && hwId === undefined) throw new DerError('no hwID');
  if (kind === 'VLEK' && (cspId === undefined || hwId !== undefined)) throw new DerError('no cspID, or a hwID, in a VLEK certificate');
  const tcb = { ...(product === 'Turin' && { fmc: svn(certificate, '9') }), bootloader: svn(certificate, '1'), tee: svn(certificate, '2'), snp: svn(certificate, '3'), microcode: svn(certificate, '8') };
  return { kind, product, tcb, hwId: kind === 'VCEK' && hwId !== undefined ? hardwareId(hwId.value) : undefined, cspId: cspId === undefined ? undefined : text(cspId.value) };
}
