/**
 * Translates the programs and libraries of an image while it is built, and finds the result again at boot.
 *
 * Every ELF file gets an address of its own, so its translation holds wherever it is mapped, in whatever process.
 * The store lies in the image: measured with it, and encrypted where the image is.
 */

import { bytesOf, toHex } from '../base/bytes.ts';
import type { HostDirectory } from '../base/host-files.ts';
import { sha256 } from '../crypto/index.ts';
import { ElfError, ET_DYN, ET_EXEC, isElf, parseElf, parseHeader } from '../elf/index.ts';
import type { ImageDirectory, ImageFile } from '../encfs/4-tree/image-tree.ts';
import type { Volume } from '../kernel/vfs/volume.ts';
import { PRELINK_BASE, PRELINK_END } from '../kernel/mm/layout.ts';
import { CodeStore, encodeModule, encodeStore, LaidOutElf, translateElf } from '../translator/index.ts';
import { RUNTIME } from './version.ts';

const DIRECTORY = '.cloister';
const NAME = 'code';
const STORE_PATH = `/${DIRECTORY}/${NAME}`;
const CACHE_PREFIX = 'code-';
/** Files lie this far apart at least, so that one that grows a little moves no other. */
const SPACING = 1 << 20;

type Kind = 'lost' | 'recovered';

export interface AheadProgress {
  (path: string, done: number, of: number): void;
}

interface Candidate {
  readonly path: string;
  readonly bytes: () => Uint8Array;
}

/** A file that will be translated. */
interface Placed extends Candidate {
  readonly base: number;
  readonly digest: string;
  /** Names of the files that it is loaded with. */
  readonly needs: readonly string[];
  readonly handlesFaults: boolean;
}

function* elfFiles(directory: ImageDirectory, path: string, seen: Set<ImageFile>): Generator<Candidate> {
  for (const [name, node] of [...directory.entries].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (node.kind === 'directory') yield* elfFiles(node, `${path}/${name}`, seen);
    if (node.kind !== 'file' || node.size < 64 || seen.has(node)) continue;
    seen.add(node);
    const head = new Uint8Array(64);
    node.read(0, head);
    if (!isElf(head)) continue;
    try {
      const { type } = parseHeader(head);
      if (type !== ET_DYN && type !== ET_EXEC) continue;
    } catch (error) {
      if (!(error instanceof ElfError)) throw error;
      // Not a program that could run: the build has said so, or nobody will try.
      continue;
    }
    yield {
      path: `${path}/${name}`,
      bytes: () => {
        const bytes = new Uint8Array(node.size);
        node.read(0, bytes);
        return bytes;
      },
    };
  }
}

/** The file to add to an image, and where. */
export function translateImage(root: ImageDirectory, cache: HostDirectory | undefined, progress: AheadProgress): Map<string, { mode: number; content: Uint8Array }> {
  const files = placed(elfFiles(root, '', new Set()));
  const modules: Uint8Array[] = [];
  const used = new Set<string>();
  const kinds = kindsOf(files);
  files.forEach(({ path, bytes, base, digest }, index) => {
    progress(path, index, files.length);
    for (const kind of kinds[index]) {
      const name = `${CACHE_PREFIX}${toHex(sha256(bytesOf(`${RUNTIME} ${kind} ${base} ${digest}`)))}`;
      used.add(name);
      const known = cache?.load(name);
      const module = known ?? encoded(new LaidOutElf(bytes(), base), kind);
      if (known === undefined) cache?.replace(name, module);
      if (module.length > 0) modules.push(module);
    }
  });
  for (const name of cache?.list() ?? []) if (name.startsWith(CACHE_PREFIX) && !used.has(name)) cache?.remove(name);
  const prelink = new Map(files.filter(({ base }) => base !== 0).map(({ path, base }) => [path, base]));
  return new Map([[STORE_PATH, { mode: 0o400, content: encodeStore(modules, prelink) }]]);
}

/** Gives each file its place in memory. */
function placed(candidates: Iterable<Candidate>): Placed[] {
  const out: Placed[] = [];
  let base = PRELINK_BASE;
  for (const candidate of candidates) {
    const bytes = candidate.bytes();
    let elf: LaidOutElf;
    let needs: string[];
    try {
      elf = new LaidOutElf(bytes, base);
      const { dynamic, interpreter } = parseElf(bytes);
      needs = [...(dynamic?.needed ?? []), ...(interpreter === undefined ? [] : [interpreter])].map(nameOf);
    } catch (error) {
      if (!(error instanceof ElfError)) throw error;
      continue;
    }
    if (elf.base !== 0) {
      if (base + elf.extent > PRELINK_END) continue;
      base += Math.ceil((elf.extent + SPACING / 4) / SPACING) * SPACING;
    }
    out.push({ ...candidate, base: elf.base, digest: toHex(sha256(bytes)), needs, handlesFaults: elf.handlesFaults() });
  }
  return out;
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/**
 * With checkpoints or without (see `translator/checkpoints.ts`): a program that seems to handle faults runs code with them from when it
 * does, and so do the libraries that it is loaded with. A wrong guess costs time: the other kind is then made at run time.
 */
function kindsOf(files: readonly Placed[]): ReadonlySet<Kind>[] {
  const kinds = files.map(() => new Set<Kind>());
  const byName = new Map(files.map(({ path }, index) => [nameOf(path), index]));
  const needed = new Set(files.flatMap(({ needs }) => needs));
  const loadedWith = (index: number): Set<number> => {
    const all = new Set([index]);
    for (const each of all) for (const name of files[each].needs) if (byName.has(name)) all.add(byName.get(name) as number);
    return all;
  };
  files.forEach(({ path }, index) => {
    if (needed.has(nameOf(path))) return;
    const all = loadedWith(index);
    const kind = [...all].some((each) => files[each].handlesFaults) ? 'recovered' : 'lost';
    for (const each of all) kinds[each].add(kind);
  });
  // Files that need one another.
  for (const each of kinds) if (each.size === 0) each.add('lost');
  return kinds;
}

/** No bytes where there is nothing to translate. */
function encoded(elf: LaidOutElf, kind: Kind): Uint8Array {
  const made = translateElf(elf, kind);
  return made === undefined ? new Uint8Array(0) : encodeModule(made);
}

/** The store of a verified image; undefined where it was built without. */
export function openCodeStore(image: Volume): CodeStore | undefined {
  const directory = image.lookup(image.root, DIRECTORY);
  const file = directory === 0 ? 0 : image.lookup(directory, NAME);
  if (file === 0) return undefined;
  return new CodeStore((offset, into) => image.read(file, offset, into), image.getattr(file).size);
}
