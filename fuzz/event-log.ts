/**
 * Fuzz target: event logs, CBOR of attested certificates, HCL reports and TPM quotes: read or refused, nothing else thrown,
 * and no log replays to the registers of another.
 *
 *     node fuzz/event-log.ts [seed] [iterations]
 */

import { encode } from 'cborg';
import { readCarrier } from '../src/attestation/verifier/carrier.ts';
import { readEventLog, replay } from '../src/attestation/verifier/event-log.ts';
import { FormatError } from '../src/attestation/verifier/reader.ts';
import { UnreadableError } from '../src/attestation/verifier/verdict.ts';
import { readAttest, readHclReport } from '../src/attestation/verifier/vtpm.ts';
import { parseCertificate } from '../src/attestation/verifier/x509/certificate.ts';
import { toHex } from '../src/base/bytes.ts';
import { randomFrom } from '../src/encfs/5-disk/model.ts';
import { certificate, newKey } from '../test/attestation/forge/x509.ts';
import { fromCommandLine, mutate } from './mutate.ts';

const u32 = (value: number): number[] => [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, value >>> 24];
const text = (value: string): number[] => [...new TextEncoder().encode(value)];
const SPEC = [...text('Spec ID Event03\0'), 0, 0, 0, 0, 0, 2, 2, 8, 1, 0, 0, 0, 0x0c, 0, 48, 0, 0];
const LOG = Uint8Array.from([
  ...u32(1),
  ...u32(3),
  ...Array(20).fill(0),
  ...u32(SPEC.length),
  ...SPEC,
  ...[1, 2, 2, 3].flatMap((register, index) => [...u32(register), ...u32(13), ...u32(1), 0x0c, 0, ...Array(48).fill(index + 1), ...u32(4), ...text('data')]),
  ...Array(16).fill(0xff),
]);
const DIGESTS = readEventLog(LOG).map(({ register, digest }) => `${register} ${toHex(digest)}`);
const DICE = Uint8Array.from([0xd9, 0xea, 0x60, ...encode([new Uint8Array(500).fill(3), encode({ 'pubkey-hash': encode([1, new Uint8Array(32)]) })])]);
const HCL = Uint8Array.from([...text('HCLA'), ...Array(28).fill(0), ...Array(1184).fill(0), ...u32(60), ...u32(1), ...u32(2), ...u32(1), ...u32(40), ...text(`{"keys":[{"kid":"HCLAkPub"}]}`.padEnd(40))]);
const QUOTE = Uint8Array.from([0xff, 0x54, 0x43, 0x47, 0x80, 0x18, 0, 0, 0, 4, ...text('fuzz'), ...Array(25).fill(0), 0, 0, 0, 1, 0, 0x0b, 3, 7, 0, 0, 0, 32, ...Array(32).fill(9)]);
const key = newKey('P-256');

export async function fuzz(seed: number, iterations: number): Promise<void> {
  const random = randomFrom(seed);
  const expected = (await replay(readEventLog(LOG))).join();
  // biome-ignore format: a table
  const readers: readonly (() => unknown)[] = [
    async () => { const events = readEventLog(mutate(LOG, random)); const same = events.map(({ register, digest }) => `${register} ${toHex(digest)}`).join() === DIGESTS.join(); if (!same && (await replay(events)).join() === expected) throw new Error('another log replays'); },
    () => readCarrier(parseCertificate(certificate({ subject: 'x', key, extensions: [['2.23.133.5.4.9', mutate(DICE, random)]] }))),
    () => readHclReport(mutate(HCL, random)),
    () => readAttest(mutate(QUOTE, random)),
  ];
  for (let iteration = 0; iteration < iterations; iteration++) {
    try {
      await readers[random(readers.length)]();
    } catch (error) {
      if (!(error instanceof FormatError || error instanceof UnreadableError)) throw new Error(`seed ${seed}, iteration ${iteration}: ${String(error)}`, { cause: error });
    }
  }
}

if (import.meta.main) await fromCommandLine(fuzz, 10_000);
