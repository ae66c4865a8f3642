/**
 * The few file operations behind which real TEEs lie (configfs, sysfs, /dev/attestation). Implemented by `pal` over the
 * host's files below a root, and by tests in memory. Paths are absolute.
 */

export interface TeeFiles {
  /** Everything in a file, read to its end; undefined where there is none. Throws HostFileError, also for more than `limit` bytes (EFBIG). */
  read(path: string, limit: number): Uint8Array | undefined;
  /** In one write between open and close: configfs takes what was written at the close. Makes no file. Throws HostFileError. */
  write(path: string, bytes: Uint8Array): void;
  exists(path: string): boolean;
  /** Throws HostFileError. */
  mkdir(path: string): void;
  rmdir(path: string): void;
  /** Sleeps. */
  pause(ms: number): void;
}

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder();
/** More than any attribute in text has. */
const TEXT_BYTES = 4096;

export function readText(files: TeeFiles, path: string): string | undefined {
  const bytes = files.read(path, TEXT_BYTES);
  return bytes === undefined ? undefined : fromUtf8.decode(bytes).replace(/[\s\0]+$/, '');
}

export const writeText = (files: TeeFiles, path: string, text: string): void => files.write(path, utf8.encode(text));
