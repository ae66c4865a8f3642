/**
 * /dev/attestation: programs ask for evidence of the enclave that they run in, through files with the names that Gramine gave
 * them. 64 bytes are written to `user_report_data`; `quote` is the quote and `evidence` the whole JSON envelope.
 *
 * The bytes are not the report data: they are hashed with the enclave's claims, under a tag that only programs' data has, so
 * that nothing a program gives passes for what the enclave says of itself. `evidence` has what was hashed.
 *
 * What was written belongs to the session (setsid(2)) of the writer, so that `sh -c 'head … > user_report_data; cat quote'`
 * works and programs started apart do not disturb one another. Who wants to be sure writes to `evidence` and reads from the
 * same descriptor. There are no local reports and no keys.
 */

import { S_IFREG } from '../../abi/stat.ts';
import { FS_MAGIC } from '../../abi/mount.ts';
import { byteString } from '../../base/bytes.ts';
import { EINVAL, EIO, ENODATA } from '../errno.ts';
import type { SysResult } from '../result.ts';
import type { Session, Task } from '../task/task.ts';
import { NamedFile, type OpenFile, seekIn } from '../vfs/file.ts';
import { anonymousDevice, type FileSystem, type FsStat, type Inode } from '../vfs/inode.ts';
import type { Path } from '../vfs/mount.ts';
import { fixedDirectory, Node, TextNode } from './nodes.ts';

/** What the enclave offers its programs. */
export interface GuestAttestation {
  /** As `attestation_type` tells it: `dcap` on SGX, as Gramine has it; otherwise the TEE's name. */
  readonly type: string;
  /** Over exactly 64 bytes; undefined where the TEE gives none (the reason is in the log). */
  evidence(data: Uint8Array): { readonly quote: Uint8Array; readonly envelope: Uint8Array } | undefined;
}

const DATA_BYTES = 64;

/** Collects exactly 64 bytes, in one write or several. */
class ReportDataFile extends NamedFile {
  override readonly seekable: boolean = true;
  readonly #fs: AttestationFs;
  readonly #session: Session;
  readonly #data = new Uint8Array(DATA_BYTES);
  #filled = 0;

  constructor(fs: AttestationFs, node: Node, path: Path, flags: number, opener: Task) {
    super(node, path, flags);
    this.#fs = fs;
    this.#session = opener.process.session;
  }

  /** What is read back. */
  protected content(): Uint8Array {
    return this.#fs.data.get(this.#session) ?? new Uint8Array();
  }

  /** All 64 bytes are there. */
  protected complete(data: Uint8Array): void {
    this.#fs.data.set(this.#session, data);
  }

  override read(_task: Task, into: Uint8Array): SysResult {
    const count = this.pread(into, this.position);
    this.position += count;
    return count;
  }

  override pread(into: Uint8Array, offset: number): number {
    const part = this.content().subarray(offset, offset + into.length);
    into.set(part);
    return part.length;
  }

  override write(_task: Task, from: Uint8Array): SysResult {
    if (this.#filled + from.length > DATA_BYTES) throw EINVAL;
    this.#data.set(from, this.#filled);
    this.#filled += from.length;
    if (this.#filled === DATA_BYTES) {
      this.complete(this.#data.slice());
      this.#filled = 0;
      this.position = 0;
    }
    return from.length;
  }

  override seek(offset: number, whence: number): number {
    if (whence === 2) throw EINVAL;
    this.position = seekIn(this.position, 0, offset, whence);
    return this.position;
  }
}

/** Evidence over what was written to this very descriptor, or else by the session. */
class EvidenceFile extends ReportDataFile {
  readonly #make: (data: Uint8Array | undefined) => Uint8Array;
  #own: Uint8Array | undefined;
  #made: Uint8Array | undefined;

  constructor(fs: AttestationFs, node: Node, path: Path, flags: number, opener: Task) {
    super(fs, node, path, flags, opener);
    this.#make = (data) => fs.make(data ?? fs.data.get(opener.process.session)).envelope;
  }

  protected override content(): Uint8Array {
    this.#made ??= this.#make(this.#own);
    return this.#made;
  }

  protected override complete(data: Uint8Array): void {
    this.#own = data;
    this.#made = undefined;
  }
}

class DataNode extends Node {
  readonly #open: (node: Node, path: Path, flags: number, opener: Task) => OpenFile;

  constructor(fs: FileSystem, ino: number, open: (node: Node, path: Path, flags: number, opener: Task) => OpenFile) {
    super(fs, ino, S_IFREG | 0o666);
    this.#open = open;
  }

  override open(task: Task, path: Path, flags: number): OpenFile {
    return this.#open(this, path, flags, task);
  }

  override truncate(): void {}
}

export class AttestationFs implements FileSystem {
  readonly type = 'attestation';
  readonly dev = anonymousDevice();
  readonly readOnly = false;
  readonly volatile = false;
  readonly root: Inode;
  /** By session: what was written last. */
  readonly data = new WeakMap<Session, Uint8Array>();
  readonly #attestation: GuestAttestation;

  constructor(attestation: GuestAttestation) {
    this.#attestation = attestation;
    const nodes: Readonly<Record<string, Inode>> = {
      attestation_type: new TextNode(this, 2, 0o444, () => attestation.type),
      user_report_data: new DataNode(this, 3, (node, path, flags, opener) => new ReportDataFile(this, node, path, flags, opener)),
      quote: new TextNode(this, 4, 0o444, (task) => byteString(this.make(this.data.get(task.process.session)).quote)),
      evidence: new DataNode(this, 5, (node, path, flags, opener) => new EvidenceFile(this, node, path, flags, opener)),
    };
    this.root = fixedDirectory(this, 1, Object.fromEntries(Object.entries(nodes).map(([name, node]) => [name, () => node])));
  }

  /** Throws ENODATA where nothing was written (it is not taken for zeros), EIO where there is no evidence. */
  make(data: Uint8Array | undefined): { readonly quote: Uint8Array; readonly envelope: Uint8Array } {
    if (data === undefined) throw ENODATA;
    const made = this.#attestation.evidence(data);
    if (made === undefined) throw EIO;
    return made;
  }

  statfs(): FsStat {
    return { magic: FS_MAGIC.tmpfs, blockSize: 4096, blocks: 0, blocksFree: 0, files: 0, filesFree: 0 };
  }

  sync(): void {}
}
