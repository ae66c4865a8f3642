/**
 * A layer as a store: opening (which state is the newest and whole), committing, checkpointing, closing.
 *
 * A commit is: blocks to free slots of `data`, made durable; one frame with all metadata that changed since the last
 * commit, made durable; the freshness record. So a crash at any moment leaves the last durable commit, whole.
 * When the journal has grown well beyond its snapshot, a new generation begins with a new one.
 */

import { equalBytes } from '../../base/bytes.ts';
import { type HostDirectory, HostFileError, type HostLock } from '../../base/host-files.ts';
import { KEY_FILE, LayerKeys } from '../1-crypto/layer-keys.ts';
import { type Freshness, FreshnessFile } from '../2-journal/freshness.ts';
import { generationsIn, Journal, journalName } from '../2-journal/journal.ts';
import { SlotLog } from '../3-log/slots.ts';
import { LayerTree, ROOT } from '../4-tree/layer-tree.ts';
import { StorageError } from '../errors.ts';

const DATA_FILE = 'data';
const S_IFMT = 0xf000,
  S_IFDIR = 0x4000;
const CHECKPOINT_BYTES = 4 << 20;

/**
 * A number that the host cannot turn back: of the TEE, or at a broker. It follows the sequence numbers of commits, never ahead
 * of what is durable, so that a crash at any moment leaves a layer that is as new as the number or newer.
 */
export interface LayerCounter {
  read(): number;
  /** What it counts is durable. It may return a moment earlier than the number stands there. Throws HostFileError where that takes too long. */
  advanceTo(value: number): void;
  /** Returns when the number stands where it should. Throws HostFileError. */
  settle?(): void;
}

export interface LayerOptions {
  /** Holds the layer; nothing else. */
  readonly directory: HostDirectory;
  /** Holds the freshness record: another place, so that neither is swapped along with the other by accident or ease. */
  readonly freshness: HostDirectory;
  /** From the TEE, bound to signer and instance. */
  readonly sealingKey: Uint8Array;
  readonly counter?: LayerCounter;
}

const isDirectory = (mode: number): boolean => (mode & S_IFMT) === S_IFDIR;

interface Loaded {
  readonly journal: Journal;
  readonly tree: LayerTree;
  readonly slots: SlotLog;
  readonly sequence: number;
  /** Tag of the frame with the sequence number that the freshness record knows. */
  readonly tagAtRecord: Uint8Array | undefined;
  readonly snapshotBytes: number;
}

export class LayerStore {
  readonly tree: LayerTree;
  readonly slots: SlotLog;
  readonly #options: LayerOptions;
  readonly #keys: LayerKeys;
  readonly #lock: HostLock;
  readonly #record: FreshnessFile;
  #journal: Journal;
  #sequence: number;
  #snapshotBytes: number;
  /** The freshness record says that this layer is closed. */
  #clean: boolean;
  /** Found after a crash: closing it must leave it clean although nothing changed. */
  readonly #recovered: boolean;

  private constructor(options: LayerOptions, keys: LayerKeys, lock: HostLock, record: FreshnessFile, loaded: Loaded, clean: boolean) {
    this.#options = options;
    this.#keys = keys;
    this.#lock = lock;
    this.#record = record;
    this.tree = loaded.tree;
    this.slots = loaded.slots;
    this.#journal = loaded.journal;
    this.#sequence = loaded.sequence;
    this.#snapshotBytes = loaded.snapshotBytes;
    this.#clean = clean;
    this.#recovered = !clean;
  }

  get sequence(): number {
    return this.#sequence;
  }

  /** Throws StorageError, HostFileError. */
  static open(options: LayerOptions, initialize: (tree: LayerTree) => void): LayerStore {
    const lock = options.directory.lock();
    if (lock === undefined) throw new StorageError('layer-in-use', 'the writable layer is in use: this instance is running already');
    try {
      return openLocked(options, lock, initialize, (...parts) => new LayerStore(...parts));
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** To be called before the first write of any kind: from now on the host's files may be ahead of the record. */
  touch(): void {
    if (!this.#clean) return;
    this.#store(false);
    this.#clean = false;
  }

  #store(clean: boolean): void {
    this.#record.store({ sequence: this.#sequence, generation: this.#journal.generation, tag: this.#journal.tag, journalBytes: this.#journal.end, slots: this.slots.count, clean });
  }

  /** Makes the state durable. The caller has written all dirty blocks. `shrink` gives free space at the end back. */
  commit(shrink: 'shrink' | 'keep'): void {
    if (!this.tree.isChanged && this.slots.written.size === 0 && shrink === 'keep') {
      // What was committed may not be counted yet.
      this.#options.counter?.advanceTo(this.#sequence);
      return;
    }
    this.touch();
    const count = shrink === 'shrink' ? this.slots.shrunkCount() : this.slots.count;
    this.slots.sync();
    const { end, tag } = this.#journal;
    try {
      this.#journal.append('commit', this.#sequence + 1, this.tree.changes(this.slots, count));
      this.#journal.sync();
    } catch (error) {
      this.#journal.rewind(end, tag);
      throw error;
    }
    this.#sequence++;
    this.tree.committed();
    this.slots.committed(count);
    this.#store(false);
    this.#options.counter?.advanceTo(this.#sequence);
    if (this.#journal.end > Math.max(CHECKPOINT_BYTES, 3 * this.#snapshotBytes)) this.#checkpoint();
  }

  #checkpoint(): void {
    const old = this.#journal;
    const name = journalName(old.generation + 1);
    const { directory } = this.#options;
    let next: Journal | undefined;
    try {
      directory.remove(name);
      next = new Journal(directory.open(name, 'create')!, this.#keys, old.generation + 1);
      this.#snapshotBytes = writeSnapshot(next, this.#sequence, this.tree, this.slots);
      // The record must not know a generation that a crash of the host could lose.
      directory.sync();
    } catch (error) {
      // No room for a snapshot now: the old generation goes on.
      if (!(error instanceof HostFileError)) throw error;
      next?.close();
      directory.remove(name);
      return;
    }
    this.#journal = next;
    this.#store(false);
    old.close();
    directory.remove(journalName(old.generation));
  }

  /** The caller has committed (with `shrink`). */
  close(): void {
    try {
      if (!this.#clean || this.#recovered) {
        this.slots.trim();
        this.slots.erase();
        this.#journal.trim();
        this.#store(true);
      }
    } finally {
      this.abandon();
    }
  }

  get isClean(): boolean {
    return this.#clean;
  }

  /** Lets go of the host's files as they are. */
  abandon(): void {
    this.slots.close();
    this.#journal.close();
    this.#keys.wipe();
    this.#lock.release();
  }
}

function writeSnapshot(journal: Journal, sequence: number, tree: LayerTree, slots: SlotLog): number {
  let last: Uint8Array | undefined;
  for (const body of tree.snapshot(slots)) {
    if (last !== undefined) journal.append('snapshot', sequence, last);
    last = body;
  }
  journal.append('snapshot-end', sequence, last!);
  journal.sync();
  return journal.end;
}

type Make = (options: LayerOptions, keys: LayerKeys, lock: HostLock, record: FreshnessFile, loaded: Loaded, clean: boolean) => LayerStore;

function openLocked(options: LayerOptions, lock: HostLock, initialize: (tree: LayerTree) => void, make: Make): LayerStore {
  const { directory } = options;
  const keyFile = directory.load(KEY_FILE);
  const generations = generationsIn(directory);
  if (keyFile === undefined) {
    if (generations.length > 0) throw new StorageError('layer-missing', 'the key file of the writable layer is missing');
    requireFirst(options);
    if (options.freshness.load('layer-freshness') !== undefined) throw new StorageError('layer-missing', 'the writable layer is missing, but its freshness record is there: put the layer back, or remove the record to begin anew');
    directory.replace(KEY_FILE, LayerKeys.generate().wrap(options.sealingKey));
    return openLocked(options, lock, initialize, make);
  }
  const keys = LayerKeys.unwrap(keyFile, options.sealingKey);
  const record = new FreshnessFile(options.freshness, keys);
  const known = record.load();
  if (known === undefined) return create(options, lock, keys, record, initialize, make, generations);

  const loaded = newest(options, keys, known, generations);
  try {
    requireNewest(options, loaded);
    restore(loaded, known);
    catchUp(options, loaded);
  } catch (error) {
    closeLoaded(loaded);
    throw error;
  }
  for (const generation of generations) if (generation !== loaded.journal.generation) directory.remove(journalName(generation));
  return make(options, keys, lock, record, loaded, known.clean);
}

/** Makes an empty layer, or ends its making where a crash stopped it: there is no record before it is whole. */
function create(options: LayerOptions, lock: HostLock, keys: LayerKeys, record: FreshnessFile, initialize: (tree: LayerTree) => void, make: Make, generations: readonly number[]): LayerStore {
  const { directory } = options;
  const data = directory.open(DATA_FILE, 'create')!;
  if (generations.some((generation) => generation !== 1) || data.size() > 0) {
    data.close();
    throw new StorageError('layer-rolled-back', 'the freshness record of the writable layer is missing: it cannot be told whether the layer is the newest');
  }
  try {
    requireFirst(options);
  } catch (error) {
    data.close();
    throw error;
  }
  directory.remove(journalName(1));
  const tree = new LayerTree();
  const slots = new SlotLog(data, keys.derive('data'));
  initialize(tree);
  const journal = new Journal(directory.open(journalName(1), 'create')!, keys, 1);
  const snapshotBytes = writeSnapshot(journal, 0, tree, slots);
  tree.committed();
  directory.sync();
  record.store({ sequence: 0, generation: 1, tag: journal.tag, journalBytes: journal.end, slots: 0, clean: true });
  return make(options, keys, lock, record, { journal, tree, slots, sequence: 0, tagAtRecord: undefined, snapshotBytes }, true);
}

/** The newest generation that is whole and not older than the record. */
function newest(options: LayerOptions, keys: LayerKeys, known: Freshness, generations: readonly number[]): Loaded {
  if (known.clean && (generations.length !== 1 || generations[0] !== known.generation)) {
    throw new StorageError('layer-corrupt', 'the writable layer has not the files it was closed with');
  }
  for (const generation of generations) {
    const loaded = load(options, keys, known, generation);
    if (loaded !== undefined) {
      if (loaded.sequence >= known.sequence && (generation > known.generation || loaded.tagAtRecord !== undefined)) return loaded;
      closeLoaded(loaded);
    }
    // A newer generation that is not whole is what a crash left of making it.
    if (generation <= known.generation) break;
  }
  throw new StorageError('layer-rolled-back', 'the writable layer is damaged or older than it was: its journal ends before the state that was last made durable');
}

function requireNewest({ counter }: LayerOptions, { sequence }: Loaded): void {
  const counted = counter?.read() ?? 0;
  if (sequence < counted) throw new StorageError('layer-rolled-back', `the writable layer is older than its counter says: it is at commit ${sequence}, and there were ${counted}`);
}

/** No layer at all is the oldest state of one. */
function requireFirst({ counter }: LayerOptions): void {
  const counted = counter?.read() ?? 0;
  if (counted > 0) throw new StorageError('layer-rolled-back', `there is no writable layer, and its counter says that there were ${counted} commits: put the layer back`);
}

/** What a crash kept from being counted: before anything builds on it. */
function catchUp({ counter }: LayerOptions, { sequence }: Loaded): void {
  if (counter === undefined || sequence <= counter.read()) return;
  counter.advanceTo(sequence);
  counter.settle?.();
}

function closeLoaded(loaded: Loaded): void {
  loaded.journal.close();
  loaded.slots.close();
}

function load(options: LayerOptions, keys: LayerKeys, known: Freshness, generation: number): Loaded | undefined {
  const file = options.directory.open(journalName(generation), 'write');
  const data = options.directory.open(DATA_FILE, 'write');
  if (file === undefined || data === undefined) {
    file?.close();
    data?.close();
    return undefined;
  }
  const journal = new Journal(file, keys, generation);
  const tree = new LayerTree();
  const slots = new SlotLog(data, keys.derive('data'));
  let sequence = 0;
  let snapshotBytes = 0;
  let tagAtRecord: Uint8Array | undefined;
  try {
    for (const frame of journal.frames()) {
      tree.apply(frame.body, slots);
      sequence = frame.sequence;
      if (frame.kind === 'snapshot-end') snapshotBytes = journal.end;
      if (frame.kind !== 'snapshot' && sequence === known.sequence && equalBytes(frame.tag, known.tag)) tagAtRecord = frame.tag;
    }
  } catch (error) {
    journal.close();
    slots.close();
    throw error;
  }
  if (snapshotBytes > 0) return { journal, tree, slots, sequence, tagAtRecord, snapshotBytes };
  journal.close();
  slots.close();
  return undefined;
}

function restore(loaded: Loaded, known: Freshness): void {
  const { journal, slots, tree, sequence } = loaded;
  tree.restored(slots, isDirectory);
  slots.restored();
  if (!known.clean) {
    if (slots.fileBytes() < slots.requiredBytes('live')) throw new StorageError('layer-corrupt', 'the writable layer is damaged: data is truncated');
    slots.recover();
    journal.trim();
    return;
  }
  if (sequence !== known.sequence || journal.size() !== known.journalBytes || journal.end !== known.journalBytes || slots.count !== known.slots || slots.fileBytes() !== slots.requiredBytes('all')) {
    throw new StorageError('layer-corrupt', 'the writable layer is damaged: its files are not as long as when it was closed');
  }
  if (tree.get(ROOT) === undefined) throw new StorageError('layer-corrupt', 'the writable layer has no root');
}
