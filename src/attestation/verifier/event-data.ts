/**
 * What the digest of an event is of (TCG PC Client Platform Firmware Profile, "Event types"). Some events carry the very
 * bytes that were measured, and the two are held against each other here. Others only name them (images, tables, files):
 * of those the digest says what was measured, and the data beside it are a remark that nothing vouches for.
 */

import { bytesOf, byteString, equalBytes, toHex } from '../../base/bytes.ts';
import type { LogEvent } from './event-log.ts';
import { FormatError, Reader } from './reader.ts';
import { digest } from './x509/subtle.ts';

/** Of `data`, the bytes that the digest may be of; none where the digest is of something else. */
type Measured = (data: Uint8Array) => readonly Uint8Array[];

const whole: Measured = (data) => [data];

/** A separator is 0 or 0xffffffff; one that tells of an error, in whatever words, is measured as the number 1. */
const separator: Measured = (data) => (/^(?:00000000|ffffffff)$/.test(toHex(data.subarray(0, 5))) ? [data] : [data, Uint8Array.of(1, 0, 0, 0)]);

/** Strings are measured without the NUL that may end them. */
const string: Measured = (data) => [data, data.subarray(0, data.length - (data.at(-1) === 0 ? 1 : 0))];

/** UEFI_VARIABLE_DATA: GUID, length of the name in letters (8 bytes), length of the data (8 bytes), name (UTF-16), data. */
function variableData(data: Uint8Array): Uint8Array {
  const reader = new Reader(data, 16);
  const letters = Number(reader.u64());
  const length = Number(reader.u64());
  reader.take(letters * 2);
  const content = reader.take(length);
  if (reader.left !== 0) throw new FormatError('bytes after a variable in the event log');
  return content;
}

/** Of some variables firmware and shim measure the content alone: then the name is a remark. */
const variable: Measured = (data) => [data, variableData(data)];

const GRUB_STRING = /^(?:grub_cmd|kernel_cmdline|module_cmdline): ([\s\S]*?)\0?$/;

/** GRUB puts a word before what it measures. */
const bootLoader: Measured = (data) => {
  const text = GRUB_STRING.exec(byteString(data))?.[1];
  return text === undefined ? [] : [bytesOf(text)];
};

/** Tag of the events that Confidential Containers' attestation agent logs: `AAEL`, as a number. */
const AAEL = '4c454141';

/** Tagged events are of what the tag names, which is the event itself only for those of the attestation agent. */
const tagged: Measured = (data) => (toHex(data.subarray(0, 4)) === AAEL ? [data] : []);

// biome-ignore format: a table
const EVENT_TYPES: Readonly<Record<number, readonly [name: string, measured: Measured]>> = {
  0x0000_0004: ['EV_SEPARATOR',                  separator],
  0x0000_0005: ['EV_ACTION',                     string],
  0x0000_0006: ['EV_EVENT_TAG',                  tagged],
  0x0000_0008: ['EV_S_CRTM_VERSION',             whole],
  0x0000_000d: ['EV_IPL',                        bootLoader],
  0x0000_0012: ['EV_OMIT_BOOT_DEVICE_EVENTS',    string],
  0x8000_0001: ['EV_EFI_VARIABLE_DRIVER_CONFIG', whole],
  0x8000_0002: ['EV_EFI_VARIABLE_BOOT',          variable],
  0x8000_0006: ['EV_EFI_GPT_EVENT',              whole],
  0x8000_0007: ['EV_EFI_ACTION',                 string],
  0x8000_000c: ['EV_EFI_VARIABLE_BOOT2',         variable],
  0x8000_0010: ['EV_EFI_HCRTM_EVENT',            string],
  0x8000_00e0: ['EV_EFI_VARIABLE_AUTHORITY',     variable],
};

/** Whether the data are what was measured; `unchecked` where the digest is not of the data. Throws FormatError. */
export async function checkEventData({ type, digest: measured, data }: LogEvent): Promise<'holds' | 'differs' | 'unchecked'> {
  const candidates = EVENT_TYPES[type]?.[1](data) ?? [];
  if (candidates.length === 0) return 'unchecked';
  for (const candidate of candidates) if (equalBytes(await digest('SHA-384', candidate), measured)) return 'holds';
  return 'differs';
}

export const eventName = (type: number): string => EVENT_TYPES[type]?.[0] ?? `event of type 0x${type.toString(16)}`;
