/**
 * The event log of the attestation agent of Confidential Containers: lines of text, each measured into RTMR3 as it stands.
 *
 *     INIT sha384/<what the register was, hexadecimal>
 *     <domain> <operation> <content>
 */

import { concat, fromHex, toHex } from '../../base/bytes.ts';
import type { Findings } from './verdict.ts';
import { digest } from './x509/subtle.ts';

/** Agents have written zero with too many digits; what is measured is the line. */
const INIT = /^INIT sha384\/(?:([0-9a-f]{96})|0{96,128})$/;
const REGISTER_BYTES = 48;
const MAX_EVENTS = 100_000;
/** RTMR3. */
const REGISTER = 3;

const measure = (text: string): Promise<Uint8Array> => digest('SHA-384', new TextEncoder().encode(text));

/** `rtmrs`: of the quote, hexadecimal. */
export async function judgeAgentLog(log: string, rtmrs: readonly string[], findings: Findings): Promise<void> {
  const lines = log.replace(/\n$/, '').split('\n');
  const init = INIT.exec(lines[0]);
  if (init === null || lines.length > MAX_EVENTS) return findings.fail('event-log-format', "the agent's event log does not begin with `INIT sha384/` and the value of a register, or is too long");
  const before = init[1] ?? '00'.repeat(REGISTER_BYTES);
  let register = fromHex(before);
  for (const line of lines) register = await digest('SHA-384', concat([register, await measure(line)]));
  if (toHex(register) !== rtmrs[REGISTER]) findings.fail('event-log-replay', `RTMR${REGISTER} is ${rtmrs[REGISTER]}, the agent's event log replays to ${toHex(register)}`);
  findings.claims.agentEventLog = { events: lines.length - 1, replayed: [`rtmr${REGISTER}`], ...(/[^0]/.test(before) && { before }) };
}
