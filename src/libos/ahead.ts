/**
 * Translates the programs and libraries of an image while it is built, and finds the result again at boot.
 *
 * Every ELF file gets an address of its own, so its translation holds wherever it is mapped, in whatever process.
 * The store lies in the image: measured with it, and encrypted where the image is.
 */

import { bytesOf, toHex } from '../base/bytes.ts';
import type { HostDirectory } from '../base/host-files.ts';
import { sha256 } from '../crypto/index.ts';
import { ElfError, ET_DYN, ET_EXEC, isElf, parseHeader } from '../elf/index.ts';
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

export interface AheadProgress {
  (path: string, done: number, of: number): void;
}

interface Candidate {
  readonly path: string;
  readonly bytes: Uint8Array;
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
    const bytes = new Uint8Array(node.size);
    node.read(0, bytes);
    yield { path: `${path}/${name}`, bytes };
  }
}

/** The file to add to an image, and where. */
export function translateImage(root: ImageDirectory, cache: HostDirectory | undefined, progress: AheadProgress): Map<string, { mode: number; content: Uint8Array }> {
  const prelink = new Map<string, number>();
  const modules: Uint8Array[] = [];
  const used = new Set<string>();
  let base = PRELINK_BASE;
  const candidates = [...elfFiles(root, '', new Set())];
  candidates.forEach(({ path, bytes }, index) => {
    progress(path, index, candidates.length);
    let elf: LaidOutElf;
    try {
      elf = new LaidOutElf(bytes, base);
    } catch (error) {
      if (!(error instanceof ElfError)) throw error;
      return;
    }
    if (elf.base !== 0) {
      if (base + elf.extent > PRELINK_END) return;
      prelink.set(path, base);
      base += Math.ceil((elf.extent + SPACING / 4) / SPACING) * SPACING;
    }
    const name = `${CACHE_PREFIX}${toHex(sha256(bytesOf(`${RUNTIME} ${elf.base} ${toHex(sha256(bytes))}`)))}`;
    used.add(name);
    const known = cache?.load(name);
    const module = known ?? encoded(elf);
    if (known === undefined) cache?.replace(name, module);
    if (module.length > 0) modules.push(module);
  });
  for (const name of cache?.list() ?? []) if (name.startsWith(CACHE_PREFIX) && !used.has(name)) cache?.remove(name);
  return new Map([[STORE_PATH, { mode: 0o400, content: encodeStore(modules, prelink) }]]);
}

/** No bytes where there is nothing to translate. */
function encoded(elf: LaidOutElf): Uint8Array {
  const made = translateElf(elf, 'lost');
  return made === undefined ? new Uint8Array(0) : encodeModule(made);
}

/** The store of a verified image; undefined where it was built without. */
export function openCodeStore(image: Volume): CodeStore | undefined {
  const directory = image.lookup(image.root, DIRECTORY);
  const file = directory === 0 ? 0 : image.lookup(directory, NAME);
  if (file === 0) return undefined;
  return new CodeStore((offset, into) => image.read(file, offset, into), image.getattr(file).size);
}
