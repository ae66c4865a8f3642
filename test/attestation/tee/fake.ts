/**
 * Fakes of the files behind which TEEs lie. `FakeTree` acts as configfs, sysfs and `/dev/attestation` do: a report is made at
 * its read from what was written before, attributes that may only be written cannot be read, and a directory with attributes
 * is removed by one rmdir(2).
 */

import { HostFileError } from '../../../src/base/host-files.ts';
import { TSM_REPORTS } from '../../../src/attestation/tee/configfs.ts';
import { SGX_ATTESTATION } from '../../../src/attestation/tee/sgx.ts';
import { TDX_EVENT_LOG, TDX_REGISTER } from '../../../src/attestation/tee/tdx.ts';
import type { TeeFiles } from '../../../src/attestation/tee/files.ts';
import { sha384 } from '../../../src/crypto/index.ts';
import { concat } from '../../../src/base/bytes.ts';

export interface FakeTsm {
  readonly provider: string;
  /** The report over an inblob; may throw HostFileError. */
  readonly report: (inblob: Uint8Array, privilegeLevel: number) => Uint8Array;
  readonly auxblob?: Uint8Array;
  readonly floor?: number;
  /** Runs at every read of `outblob`, with a way to write as somebody else. */
  readonly meanwhile?: (write: () => void) => void;
}

interface Report {
  inblob?: Uint8Array;
  level: number;
  generation: number;
}

const text = (value: string | number): Uint8Array => new TextEncoder().encode(`${value}\n`);
const refuse = (code: string): never => {
  throw new HostFileError(code, code);
};

export class FakeTree implements TeeFiles {
  tsm: FakeTsm | undefined;
  sgx: { type: string; quote: (reportData: Uint8Array) => Uint8Array; keys?: Readonly<Record<string, Uint8Array>> } | undefined;
  register: Uint8Array | undefined;
  eventLog: Uint8Array | undefined;
  readonly reports = new Map<string, Report>();
  made = 0;
  pausedMs = 0;
  #userReportData = new Uint8Array(64);

  #report(path: string): [Report, string] | undefined {
    const match = /^(.*)\/([^/]+)$/.exec(path) as RegExpExecArray;
    const report = this.reports.get(match[1]);
    return report === undefined ? undefined : [report, match[2]];
  }

  read(path: string, limit: number): Uint8Array | undefined {
    const bytes = this.#read(path);
    if (bytes !== undefined && bytes.length > limit) refuse('EFBIG');
    return bytes;
  }

  #read(path: string): Uint8Array | undefined {
    if (path === TDX_EVENT_LOG) return this.eventLog;
    if (path.startsWith(SGX_ATTESTATION)) {
      const name = path.slice(SGX_ATTESTATION.length + 1);
      if (this.sgx === undefined) return undefined;
      if (name === 'attestation_type') return new TextEncoder().encode(this.sgx.type);
      if (name === 'quote') return this.sgx.type === 'none' ? undefined : this.sgx.quote(this.#userReportData);
      return this.sgx.keys?.[name.replace('keys/', '')]?.slice();
    }
    const found = this.#report(path);
    if (found === undefined || this.tsm === undefined) return undefined;
    const [report, name] = found;
    const { provider, auxblob, floor, meanwhile } = this.tsm;
    if (name === 'provider') return text(provider);
    if (name === 'generation') return text(report.generation);
    if (name === 'privlevel_floor') return floor === undefined ? undefined : text(floor);
    if (name === 'inblob' || name === 'privlevel') return refuse('EACCES');
    if (name !== 'outblob' && name !== 'auxblob') return undefined;
    if (report.inblob === undefined) return refuse('EINVAL');
    if (name === 'auxblob') return auxblob;
    if (floor !== undefined && report.level < floor) return refuse('EINVAL');
    const bytes = this.tsm.report(report.inblob, report.level);
    meanwhile?.(() => report.generation++);
    return bytes;
  }

  write(path: string, bytes: Uint8Array): void {
    if (path === TDX_REGISTER && this.register !== undefined) {
      if (bytes.length !== 48) refuse('EINVAL');
      this.register = sha384(concat([this.register, bytes]));
      return;
    }
    if (path === `${SGX_ATTESTATION}/user_report_data` && this.sgx !== undefined) {
      this.#userReportData = Uint8Array.from(bytes);
      return;
    }
    const [report, name] = this.#report(path) ?? refuse('ENOENT');
    if (name === 'inblob') {
      if (bytes.length > 64) refuse('EINVAL');
      report.inblob = bytes.slice();
    } else if (name === 'privlevel' && this.tsm?.floor !== undefined) {
      const level = Number(new TextDecoder().decode(bytes));
      if (!(level <= 3)) refuse('EINVAL');
      report.level = level;
    } else refuse('EACCES');
    report.generation++;
  }

  exists(path: string): boolean {
    return path === TSM_REPORTS ? this.tsm !== undefined : path === TDX_REGISTER ? this.register !== undefined : this.reports.has(path);
  }

  mkdir(path: string): void {
    if (this.tsm === undefined) refuse('ENOENT');
    if (this.tsm?.provider === '') refuse('ENXIO');
    if (this.reports.has(path)) refuse('EEXIST');
    this.made++;
    this.reports.set(path, { level: 0, generation: 0 });
  }

  rmdir(path: string): void {
    if (!this.reports.delete(path)) refuse('ENOENT');
  }

  pause(ms: number): void {
    this.pausedMs += ms;
  }
}
