/** What is often given in place of evidence, so that the answer can say what it is and what is wanted instead. */

import { toHex } from '../../base/bytes.ts';
import { isEventLog } from './event-log.ts';
import { Reader } from './reader.ts';

const TDREPORT_BYTES = 1024;
const SGX_REPORT_BYTES = 432;
const EPID_QUOTE_BYTES = 436;

/** MACs over a report hold for the machine that made it alone (SDM 3D, REPORT; TDX module ABI, TDREPORT_STRUCT). */
const LOCAL = 'which only the machine that made it can check: ask that machine for a quote';

/** A sentence about bytes that are no evidence; undefined where they look like nothing in particular. */
export function whatItIs(bytes: Uint8Array): string | undefined {
  if (bytes.length === TDREPORT_BYTES && bytes[0] === 0x81) return `this is a TDREPORT, ${LOCAL}`;
  if (bytes.length === SGX_REPORT_BYTES) return `this has the size of an SGX report, ${LOCAL}`;
  if (isEventLog(bytes)) return 'this is an event log: give it with --event-log, beside the quote whose registers it makes';
  if (bytes.length >= EPID_QUOTE_BYTES) {
    const reader = new Reader(bytes);
    const [version, signature] = [reader.u16(), reader.u16()];
    if ((version === 1 || version === 2) && signature <= 1 && new Reader(bytes, 432).u32() === bytes.length - EPID_QUOTE_BYTES) return 'this is an EPID quote, whose service Intel has ended: ask for a DCAP (ECDSA) quote';
  }
  if (bytes[0] === 0xd2 && bytes[1] === 0x84 && toHex(bytes.subarray(0, 64)).includes('a10138')) return 'this is a COSE message, as of AWS Nitro, which is not an environment that is known here';
  return undefined;
}
