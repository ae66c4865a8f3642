/**
 * TCG event logs as confidential VMs have them (CCEL; TCG PC Client Platform Firmware Profile §10, UEFI CC measurement
 * protocol), replayed: each event extends a register, register = SHA-384(register ‖ digest).
 */

import { byteString, concat, toHex } from '../../base/bytes.ts';
import { checkEventData, eventName } from './event-data.ts';
import { FormatError, isZero, Reader } from './reader.ts';
import type { Findings } from './verdict.ts';
import { digest } from './x509/subtle.ts';

const EV_NO_ACTION = 3;
const ALG_SHA384 = 0x000c;
const SIGNATURE = 'Spec ID Event03';
/** Register, type, SHA-1 digest and length of the first event. */
const HEAD_BYTES = 32;
const DIGEST_BYTES: Readonly<Record<number, number>> = { 0x0004: 20, 0x000b: 32, 0x000c: 48, 0x000d: 64, 0x0012: 32 };
/** More than any log has, less than a hostile one could ask to be kept. */
const MAX_EVENTS = 100_000;
/** RTMR3. */
const RUN_TIME = 3;

export interface LogEvent {
  /** Register as CCEL numbers them: 0 MRTD, 1–4 RTMR0–RTMR3. */
  readonly register: number;
  readonly type: number;
  /** SHA-384. */
  readonly digest: Uint8Array;
  readonly data: Uint8Array;
}

/** Do the bytes begin like a log that names its algorithms? */
export const isEventLog = (bytes: Uint8Array): boolean => byteString(bytes.subarray(HEAD_BYTES, HEAD_BYTES + SIGNATURE.length)) === SIGNATURE;

/** Throws FormatError. The area of the log is larger than the log: it ends at zero or 0xff bytes. */
export function readEventLog(bytes: Uint8Array): LogEvent[] {
  const reader = new Reader(bytes);
  // The first event is in the old form and names the algorithms of the rest.
  reader.u32();
  if (reader.u32() !== EV_NO_ACTION) throw new FormatError('the first event does not describe the log');
  reader.take(20);
  const head = new Reader(reader.take(reader.u32()));
  if (String.fromCharCode(...head.take(16)) !== `${SIGNATURE}\0`) throw new FormatError('not a crypto-agile log');
  head.take(8);
  const algorithms = head.u32();
  if (algorithms > 16) throw new FormatError(`${algorithms} algorithms`);
  const sizes = new Map<number, number>();
  for (let index = 0; index < algorithms; index++) sizes.set(head.u16(), head.u16());
  for (const [algorithm, size] of sizes) if (DIGEST_BYTES[algorithm] !== undefined && DIGEST_BYTES[algorithm] !== size) throw new FormatError(`digests of ${size} bytes for algorithm ${algorithm}`);
  if (!sizes.has(ALG_SHA384)) throw new FormatError('a log without SHA-384');
  const events: LogEvent[] = [];
  while (reader.left >= 8) {
    const rest = bytes.subarray(reader.at, reader.at + 8);
    if (isZero(rest) || rest.every((byte) => byte === 0xff)) break;
    const register = reader.u32();
    const type = reader.u32();
    const count = reader.u32();
    if (count > 16) throw new FormatError(`${count} digests of an event`);
    let own: Uint8Array | undefined;
    for (let index = 0; index < count; index++) {
      const algorithm = reader.u16();
      const size = sizes.get(algorithm);
      if (size === undefined) throw new FormatError(`digest of algorithm ${algorithm}`);
      const value = reader.take(size);
      if (algorithm === ALG_SHA384) own = value;
    }
    const data = reader.take(reader.u32());
    if (type === EV_NO_ACTION) continue;
    if (own === undefined) throw new FormatError('an event without SHA-384 digest');
    if (register > 4) throw new FormatError(`register ${register}`);
    if (events.length >= MAX_EVENTS) throw new FormatError('too many events');
    events.push({ register, type, digest: own, data });
  }
  return events;
}

/** RTMR0–RTMR3, hexadecimal. */
export async function replay(events: readonly LogEvent[]): Promise<string[]> {
  const registers = [0, 1, 2, 3].map(() => new Uint8Array(48) as Uint8Array);
  for (const event of events) if (event.register >= 1) registers[event.register - 1] = await digest('SHA-384', concat([registers[event.register - 1], event.digest]));
  return registers.map(toHex);
}

/**
 * The log against the registers of the quote, and the data of its events against their digests where those are of the data. A register
 * that it extends must come out exactly; one that it does not must be zero, but for RTMR3, which is the running system's own.
 */
export async function judgeEventLog(log: Uint8Array, rtmrs: readonly string[], findings: Findings): Promise<void> {
  try {
    const events = readEventLog(log);
    const replayed = await replay(events);
    const extended = [...new Set(events.map(({ register }) => register - 1))].filter((index) => index >= 0).sort();
    if (extended.length === 0) findings.fail('event-log-replay', 'the log extends no register');
    const data = { holds: 0, differs: 0, unchecked: 0 };
    for (const [index, event] of events.entries()) {
      const found = await checkEventData(event);
      data[found]++;
      if (found === 'differs') findings.fail('event-log-data', `the data of event ${index + 1} (${eventName(event.type)}) are not what its digest is of`);
    }
    for (const index of rtmrs.keys()) if (replayed[index] !== rtmrs[index] && (extended.includes(index) || index !== RUN_TIME)) findings.fail('event-log-replay', `RTMR${index} is ${rtmrs[index]}, the log replays to ${replayed[index]}`);
    findings.claims.eventLog = { events: events.length, replayed: extended.map((index) => `rtmr${index}`), dataChecked: data.holds, dataUnchecked: data.unchecked };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    findings.fail('event-log-format', error.message);
  }
}
