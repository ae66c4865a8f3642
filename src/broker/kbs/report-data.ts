/** Where evidence carries what a handshake is about. */

/** What evidence carries in 64 bytes of report data: the KBS protocol puts the 48 bytes of the hash first, then zeros. */
export function expectedReportData(runtimeHash: Uint8Array): Uint8Array {
  if (runtimeHash.length !== 48) throw new RangeError(`SHA-384 has 48 bytes, not ${runtimeHash.length}`);
  const data = new Uint8Array(64);
  data.set(runtimeHash);
  return data;
}
