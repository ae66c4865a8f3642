/**
 * Attestation reports of confidential VMs through configfs (Linux: Documentation/ABI/testing/configfs-tsm-report). A report is
 * a directory that is made, given 64 bytes in `inblob`, and read: `outblob`, and `auxblob` where the provider has one. The
 * kernel makes the report when it is read. `generation` counts writes, so that another writer in between is noticed.
 */

import { HostFileError } from '../../base/host-files.ts';
import { toHex } from '../../base/bytes.ts';
import { randomBytes } from '../../crypto/index.ts';
import { TeeError } from './errors.ts';
import { readText, type TeeFiles, writeText } from './files.ts';

export const TSM_REPORTS = '/sys/kernel/config/tsm/report';
/** TSM_REPORT_OUTBLOB_MAX is 32 KiB; later kernels allow more. */
const BLOB_BYTES = 16 << 20;
const ATTEMPTS = 6;
const FIRST_PAUSE_MS = 10;
/** The device is asked by somebody else, or the host's service did not answer in time. */
const TRANSIENT = new Set(['EBUSY', 'EINTR', 'EAGAIN', 'EWOULDBLOCK', 'ETIMEDOUT', 'ETIME']);
/** TSM_REPORT_PRIVLEVEL_MAX. */
const MAX_PRIVILEGE_LEVEL = 3;

export interface TsmRequest {
  /** `tdx_guest`, `sev_guest`. */
  readonly provider: string;
  readonly inblob: Uint8Array;
  /** VMPL on SEV-SNP; the lowest that the kernel accepts (`privlevel_floor`) unless given. */
  readonly privilegeLevel?: number;
  /** Who makes the report in place of the kernel's own channel, such as `svsm`. */
  readonly serviceProvider?: string;
}

export interface TsmReport {
  readonly outblob: Uint8Array;
  readonly auxblob?: Uint8Array;
}

/** Another writer came in between. */
class Disturbed extends Error {}

const isTransient = (error: unknown): boolean => error instanceof Disturbed || (error instanceof HostFileError && TRANSIENT.has(error.code));

/** A directory of our own, for as long as `use` takes; removed whatever happens. */
function withReport<T>(files: TeeFiles, use: (directory: string) => T): T {
  const directory = `${TSM_REPORTS}/cloister-${toHex(randomBytes(8))}`;
  files.mkdir(directory);
  try {
    return use(directory);
  } finally {
    remove(files, directory);
  }
}

/** What went wrong before is worth more than a directory that stays. */
function remove(files: TeeFiles, directory: string): void {
  try {
    files.rmdir(directory);
  } catch (error) {
    if (!(error instanceof HostFileError)) throw error;
  }
}

/** The provider that is registered, or undefined. */
export function tsmProvider(files: TeeFiles): string | undefined {
  if (!files.exists(TSM_REPORTS)) return undefined;
  try {
    return withReport(files, (directory) => readText(files, `${directory}/provider`));
  } catch (error) {
    // ENXIO: no provider; EACCES, EPERM: not ours to ask.
    if (error instanceof HostFileError) return undefined;
    throw error;
  }
}

function generationOf(files: TeeFiles, directory: string): number {
  const text = readText(files, `${directory}/generation`);
  if (text === undefined || !/^\d{1,10}$/.test(text)) throw new TeeError('tee-answer', `the generation of a report is ${text === undefined ? 'missing' : 'not a number'}`);
  return Number(text);
}

/** What is written to `privlevel`; undefined for nothing. */
function privilegeLevelOf(files: TeeFiles, directory: string, asked: number | undefined): number | undefined {
  const text = readText(files, `${directory}/privlevel_floor`);
  if (text === undefined) {
    if (asked !== undefined) throw new TeeError('tee-answer', 'a privilege level was asked for, and this provider has none');
    return undefined;
  }
  const floor = Number(text);
  if (!/^\d+$/.test(text) || floor > MAX_PRIVILEGE_LEVEL) throw new TeeError('tee-answer', 'privlevel_floor is not a privilege level');
  if (asked === undefined) return floor > 0 ? floor : undefined;
  if (!Number.isInteger(asked) || asked < floor || asked > MAX_PRIVILEGE_LEVEL) throw new TeeError('tee-answer', `reports are made for privilege levels ${floor} to ${MAX_PRIVILEGE_LEVEL}, not ${asked}`);
  return asked;
}

function attempt(files: TeeFiles, { provider, inblob, privilegeLevel, serviceProvider }: TsmRequest): TsmReport {
  return withReport(files, (directory) => {
    const found = readText(files, `${directory}/provider`);
    if (found !== provider) throw new TeeError('tee-missing', `reports are made by ${found ?? 'nobody'}, not by ${provider}`);
    const before = generationOf(files, directory);
    const level = privilegeLevelOf(files, directory, privilegeLevel);
    let writes = 1;
    if (level !== undefined) {
      writeText(files, `${directory}/privlevel`, String(level));
      writes++;
    }
    if (serviceProvider !== undefined) {
      writeText(files, `${directory}/service_provider`, serviceProvider);
      writes++;
    }
    files.write(`${directory}/inblob`, inblob);
    const outblob = files.read(`${directory}/outblob`, BLOB_BYTES);
    const auxblob = files.read(`${directory}/auxblob`, BLOB_BYTES);
    if (generationOf(files, directory) !== before + writes) throw new Disturbed('somebody else has written to the report');
    if (outblob === undefined || outblob.length === 0) throw new TeeError('tee-answer', 'the kernel gave an empty report');
    return { outblob, ...(auxblob !== undefined && auxblob.length > 0 && { auxblob }) };
  });
}

/** Throws TeeError. What is transient is tried again, a bounded number of times. */
export function tsmReport(files: TeeFiles, request: TsmRequest): TsmReport {
  for (let tries = 1; ; tries++) {
    try {
      return attempt(files, request);
    } catch (error) {
      if (isTransient(error)) {
        if (tries === ATTEMPTS) throw new TeeError('tee-busy', `no report in ${ATTEMPTS} attempts: ${(error as Error).message}`);
        files.pause(FIRST_PAUSE_MS * 2 ** (tries - 1));
        continue;
      }
      if (!(error instanceof HostFileError)) throw error;
      if (error.code === 'ENOENT' && !files.exists(TSM_REPORTS)) throw new TeeError('tee-missing', `${TSM_REPORTS} is not there: the kernel has no configfs-tsm, or configfs is not mounted`);
      throw new TeeError(error.code === 'ENXIO' || error.code === 'ENODEV' ? 'tee-missing' : 'tee-answer', `the kernel makes no report: ${error.message}`);
    }
  }
}
