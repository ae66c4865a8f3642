/**
 * Intel TDX: quotes through configfs-tsm, the run-time register RTMR3 through tsm-mr (Linux ≥ 6.16:
 * Documentation/ABI/testing/sysfs-devices-virtual-misc-tdx_guest), the event log of the firmware through ACPI (CCEL).
 */

import { equalBytes } from '../../base/bytes.ts';
import { HostFileError } from '../../base/host-files.ts';
import { SHA384_BYTES } from '../../crypto/index.ts';
import type { EnclaveIdentity } from '../measurement.ts';
import { checkReportData, type Tee, type TeeEvidence } from '../tee.ts';
import { readQuote } from '../verifier/dcap/abi.ts';
import { FormatError } from '../verifier/reader.ts';
import { tsmReport } from './configfs.ts';
import { TeeError } from './errors.ts';
import type { TeeFiles } from './files.ts';

export const TDX_PROVIDER = 'tdx_guest';
/** RTMR3 is the running system's own; firmware and boot loaders extend the others. */
export const TDX_REGISTER = '/sys/devices/virtual/misc/tdx_guest/measurements/rtmr3:sha384';
export const TDX_EVENT_LOG = '/sys/firmware/acpi/tables/data/CCEL';
const EVENT_LOG_BYTES = 8 << 20;

export class TdxTee implements Tee {
  readonly type = 'tdx';
  readonly #files: TeeFiles;
  readonly #identity: EnclaveIdentity;

  constructor(files: TeeFiles, identity: EnclaveIdentity) {
    this.#files = files;
    this.#identity = identity;
  }

  measurements(): EnclaveIdentity {
    return this.#identity;
  }

  quote(reportData: Uint8Array): Uint8Array {
    checkReportData(reportData);
    const { outblob } = tsmReport(this.#files, { provider: TDX_PROVIDER, inblob: reportData });
    let bound: Uint8Array;
    try {
      const { body } = readQuote(outblob);
      if (body.kind !== 'tdx') throw new TeeError('tee-answer', 'the kernel gave a quote of another kind');
      bound = body.report.reportData;
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      throw new TeeError('tee-answer', `the kernel gave no TDX quote: ${error.message}`);
    }
    if (!equalBytes(bound, reportData)) throw new TeeError('tee-answer', 'the kernel gave a quote over other report data');
    return outblob;
  }

  /** The log of the firmware is left out where it cannot be read: verifiers do not need it. */
  evidence(reportData: Uint8Array): TeeEvidence {
    const quote = this.quote(reportData);
    let eventLog: Uint8Array | undefined;
    try {
      eventLog = this.#files.read(TDX_EVENT_LOG, EVENT_LOG_BYTES);
    } catch (error) {
      if (!(error instanceof HostFileError)) throw error;
    }
    return { quote, ...(eventLog !== undefined && eventLog.length > 0 && { eventLog }) };
  }

  sealingKey(): Uint8Array {
    throw new TeeError('tee-sealing', 'TDX has no sealing keys');
  }

  /** Without a kernel that offers the register nothing happens: report data binds the claims either way. */
  extend(digest: Uint8Array): void {
    if (digest.length !== SHA384_BYTES) throw new RangeError(`a register is extended by ${SHA384_BYTES} bytes, not ${digest.length}`);
    if (!this.#files.exists(TDX_REGISTER)) return;
    try {
      this.#files.write(TDX_REGISTER, digest);
    } catch (error) {
      if (!(error instanceof HostFileError)) throw error;
      throw new TeeError('tee-answer', `RTMR3 cannot be extended: ${error.message}`);
    }
  }
}
