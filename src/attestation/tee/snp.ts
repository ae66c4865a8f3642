/** AMD SEV-SNP: reports through configfs-tsm, with the certificates that the host has put beside them. */

import { equalBytes } from '../../base/bytes.ts';
import { SHA384_BYTES } from '../../crypto/index.ts';
import type { EnclaveIdentity } from '../measurement.ts';
import { checkReportData, type Tee, type TeeEvidence } from '../tee.ts';
import { FormatError } from '../verifier/reader.ts';
import { readSnpReport, SNP_REPORT_BYTES } from '../verifier/snp/abi.ts';
import { tsmReport } from './configfs.ts';
import { TeeError } from './errors.ts';
import type { TeeFiles } from './files.ts';

export const SNP_PROVIDER = 'sev_guest';

export interface SnpOptions {
  /** VMPL of the report; the lowest that the kernel accepts unless given. */
  readonly privilegeLevel?: number;
  /** `svsm` where a service module at VMPL 0 makes the reports. */
  readonly serviceProvider?: string;
}

export class SnpTee implements Tee {
  readonly type = 'snp';
  readonly #files: TeeFiles;
  readonly #identity: EnclaveIdentity;
  readonly #options: SnpOptions;

  constructor(files: TeeFiles, identity: EnclaveIdentity, options: SnpOptions = {}) {
    this.#files = files;
    this.#identity = identity;
    this.#options = options;
  }

  measurements(): EnclaveIdentity {
    return this.#identity;
  }

  quote(reportData: Uint8Array): Uint8Array {
    return this.evidence(reportData).quote;
  }

  evidence(reportData: Uint8Array): TeeEvidence {
    checkReportData(reportData);
    const { outblob, auxblob } = tsmReport(this.#files, { provider: SNP_PROVIDER, inblob: reportData, ...this.#options });
    let bound: Uint8Array;
    try {
      bound = readSnpReport(outblob).reportData;
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      throw new TeeError('tee-answer', `the kernel gave no SEV-SNP report: ${error.message}`);
    }
    if (!equalBytes(bound, reportData)) throw new TeeError('tee-answer', 'the kernel gave a report over other report data');
    return { quote: outblob.subarray(0, SNP_REPORT_BYTES), ...(auxblob !== undefined && { certificateTable: auxblob }) };
  }

  sealingKey(): Uint8Array {
    throw new TeeError('tee-sealing', 'SEV-SNP offers no sealing keys through files');
  }

  /** There is no run-time register: report data binds the claims. */
  extend(digest: Uint8Array): void {
    if (digest.length !== SHA384_BYTES) throw new RangeError(`a register is extended by ${SHA384_BYTES} bytes, not ${digest.length}`);
  }
}
