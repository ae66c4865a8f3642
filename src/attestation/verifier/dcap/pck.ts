/** The SGX extension of PCK certificates (Intel SGX PCK Certificate and CRL Profile Specification §1.3.5). */

import { toHex } from '../../../base/bytes.ts';
import type { Certificate } from '../x509/certificate.ts';
import { childrenOf, DerCursor, DerError, type DerNode, oidOf, readDer, smallInteger, TAG } from '../x509/der.ts';

export const PCK_EXTENSION = '1.2.840.113741.1.13.1';

export interface PckExtension {
  readonly ppid: string;
  /** Sixteen security versions. */
  readonly components: readonly number[];
  readonly pceSvn: number;
  readonly cpuSvn: string;
  readonly pceId: string;
  readonly fmspc: string;
  readonly platformInstanceId?: string;
}

function membersOf(sequence: DerNode): Map<string, DerNode> {
  const members = new Map<string, DerNode>();
  for (const node of childrenOf(sequence)) {
    if (node.tag !== TAG.sequence) throw new DerError('member of the SGX extension');
    const cursor = new DerCursor(node);
    const id = oidOf(cursor.next(TAG.oid));
    const value = cursor.either(TAG.octetString, TAG.sequence, TAG.integer, TAG.enumerated, TAG.boolean);
    cursor.end();
    if (members.has(id)) throw new DerError(`${id} twice in the SGX extension`);
    members.set(id, value);
  }
  return members;
}

function octets(node: DerNode | undefined, length: number): string {
  if (node?.tag !== TAG.octetString || node.body.length !== length) throw new DerError(`not ${length} bytes in the SGX extension`);
  return toHex(node.body);
}

function svn(node: DerNode | undefined, limit: number): number {
  if (node?.tag !== TAG.integer) throw new DerError('security version in the SGX extension');
  const value = smallInteger(node);
  if (value > limit) throw new DerError('security version in the SGX extension');
  return value;
}

/** Throws DerError when it is missing or damaged. */
export function readPckExtension(certificate: Certificate): PckExtension {
  const extension = certificate.extensions.get(PCK_EXTENSION);
  if (extension === undefined) throw new DerError('no SGX extension');
  const members = membersOf(readDer(extension.value, TAG.sequence));
  const tcb = members.get(`${PCK_EXTENSION}.2`);
  if (tcb?.tag !== TAG.sequence) throw new DerError('no TCB in the SGX extension');
  const levels = membersOf(tcb);
  const instance = members.get(`${PCK_EXTENSION}.6`);
  return {
    ppid: octets(members.get(`${PCK_EXTENSION}.1`), 16),
    components: Array.from({ length: 16 }, (_, index) => svn(levels.get(`${PCK_EXTENSION}.2.${index + 1}`), 255)),
    pceSvn: svn(levels.get(`${PCK_EXTENSION}.2.17`), 65535),
    cpuSvn: octets(levels.get(`${PCK_EXTENSION}.2.18`), 16),
    pceId: octets(members.get(`${PCK_EXTENSION}.3`), 2),
    fmspc: octets(members.get(`${PCK_EXTENSION}.4`), 6),
    platformInstanceId: instance === undefined ? undefined : octets(instance, 16),
  };
}
