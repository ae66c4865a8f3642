/**
 * From a directory of the host (and what a BOM and the dynamic linker add to it) to a sealed image file.
 *
 * Nothing is read again that did not change: the tree's names, permissions and the host's stamps of its files
 * (device, inode, size, times) are fingerprinted, and an image built from the same fingerprint stays as it is.
 */

import { fromHex, toHex } from '../base/bytes.ts';
import type { HostDirectory, HostFile, HostTree } from '../base/host-files.ts';
import { hmacSha256, sha256 } from '../crypto/index.ts';
import type { ImageDirectory, ImageFile, ImageNode } from '../encfs/4-tree/image-tree.ts';
import { writeImage } from '../encfs/5-disk/image-writer.ts';
import { applyBom, type BomOptions } from './bom.ts';
import { type DependencyAddition, type DependencyReport, type ElfCache, resolveDependencies } from './dependencies.ts';
import { ImageBuildError } from './errors.ts';
import { ldCacheOf } from './ld-cache.ts';
import { addLocale } from './locale.ts';
import { DEFAULT_EPOCH, isSourceFile, Sources } from './source.ts';

export interface BuildImageOptions {
  readonly host: HostTree;
  /** Called with the image before a new one takes its place: what belongs to it can be made first, and take its place after. */
  readonly made?: (image: BuiltImage) => void;
  /** Puts the file at the path in its place when `write` has returned (pal: `writeAtomically`). */
  readonly writeAtomically: <Result>(path: string, write: (file: HostFile) => Result) => Result;
  /** The directory that becomes `/`. */
  readonly tree: string;
  readonly output: string;
  /** Remembers what the output was built from; without it every build writes. */
  readonly cache?: HostDirectory;
  /** Encrypts the image. */
  readonly key?: Uint8Array;
  readonly bom?: BomOptions;
  /** Adds interpreters and libraries, as `build` does; off for `--no-deps`. */
  readonly dependencies: 'resolve' | 'none';
  /** What programs of the image find as their locale; `C.UTF-8` is added with the libc that needs it. */
  readonly locale?: string;
  /** Every modification time in the image, seconds since 1970 (SOURCE_DATE_EPOCH). */
  readonly epoch?: number;
  /** Further files, by absolute path; parents are made. For what other parts of the build make (translated code). */
  readonly extra?: ReadonlyMap<string, ExtraFile>;
  /** Files made from the complete tree (translated code); `tag` names all else that they depend on. Not made again while the tree stays as it is. */
  readonly derived?: { readonly tag: string; make(root: ImageDirectory): ReadonlyMap<string, ExtraFile> };
}

export interface ExtraFile {
  readonly mode: number;
  readonly content: Uint8Array;
}

export interface BuiltImage {
  readonly root: Uint8Array;
  readonly kind: 'integrity' | 'encrypted';
  readonly additions: readonly DependencyAddition[];
  readonly warnings: readonly string[];
  readonly files: number;
  /** Of all file contents. */
  readonly bytes: number;
  /** True where the image was there already. */
  readonly unchanged: boolean;
}

const CACHE_FORMAT = 1;

function* walk(node: ImageNode, path = ''): Generator<{ path: string; node: ImageNode }> {
  yield { path, node };
  if (node.kind !== 'directory') return;
  for (const name of [...node.entries.keys()].sort()) yield* walk(node.entries.get(name)!, `${path}/${name}`);
}

function fingerprint(root: ImageDirectory, options: BuildImageOptions): string {
  const lines: unknown[] = [CACHE_FORMAT, options.key === undefined ? '' : toHex(hmacSha256(options.key, new Uint8Array(0)))];
  const numbers = new Map<ImageNode, number>();
  for (const { path, node } of walk(root)) {
    const known = numbers.get(node);
    if (known === undefined) numbers.set(node, numbers.size);
    if (known !== undefined) lines.push([path, known]);
    else if (node.kind === 'symlink') lines.push([path, node.mtime, node.target]);
    else if (node.kind === 'directory') lines.push([path, node.mtime, node.mode]);
    else lines.push([path, node.mtime, node.mode, node.size, isSourceFile(node) ? node.stamp : contentHash(node)]);
  }
  return toHex(sha256(new TextEncoder().encode(JSON.stringify(lines))));
}

function contentHash(file: ImageFile): string {
  const content = new Uint8Array(file.size);
  file.read(0, content);
  return toHex(sha256(content));
}

function addExtra(root: ImageDirectory, sources: Sources, extra: ReadonlyMap<string, ExtraFile>): void {
  for (const [path, { mode, content }] of extra) {
    const parts = path.split('/').filter((part) => part !== '');
    const name = parts.pop()!;
    let directory = root;
    for (const part of parts) {
      let next = directory.entries.get(part);
      if (next?.kind !== 'directory') {
        next = sources.directory();
        directory.entries.set(part, next);
      }
      directory = next;
    }
    directory.entries.set(name, { kind: 'file', mode, mtime: sources.epoch, size: content.length, read: (offset, into) => into.set(content.subarray(offset, offset + into.length)) });
  }
}

/** Without /etc/ld.so.cache every dynamic program searches directories for each of its libraries when it starts. */
function addLdCache(root: ImageDirectory, sources: Sources): void {
  const etc = root.entries.get('etc');
  if (etc !== undefined && (etc.kind !== 'directory' || etc.entries.has('ld.so.cache'))) return;
  const content = ldCacheOf(root);
  if (content !== undefined) addExtra(root, sources, new Map([['/etc/ld.so.cache', { mode: 0o644, content }]]));
}

/** Name of the cache's file and of the output's stamp within it. */
const CACHE_NAME = 'image.json';

function outputStamp(host: HostTree, output: string): string | undefined {
  const stat = host.lstat(output);
  return stat?.type === 'file' ? `${stat.device}:${stat.inode}:${stat.size}:${stat.mtimeNs}` : undefined;
}

/** Throws ImageBuildError, StorageError, HostFileError; then the old output is as it was. */
export function buildImage(options: BuildImageOptions): BuiltImage {
  const sources = new Sources(options.host, options.epoch ?? DEFAULT_EPOCH);
  const root = sources.tree(options.tree);
  if (root?.kind !== 'directory') throw new ImageBuildError('unreadable', `${options.tree} is not a directory`);
  const withoutLibraries = options.bom === undefined ? new Set<ImageFile>() : applyBom(root, sources, options.bom);
  const report = options.dependencies === 'resolve' ? resolveWithCache(root, sources, withoutLibraries, options.cache) : { additions: [], warnings: [] };
  const additions = options.dependencies === 'resolve' ? [...report.additions, ...addLocale(root, sources, options.locale ?? '', report.additions)] : [];
  if (options.dependencies === 'resolve') addLdCache(root, sources);
  if (options.extra !== undefined) addExtra(root, sources, options.extra);

  let files = 0,
    bytes = 0;
  const counted = new Set<ImageNode>();
  for (const { node } of walk(root)) {
    if (node.kind !== 'file' || counted.has(node)) continue;
    counted.add(node);
    files++;
    bytes += node.size;
  }
  const result = (imageRoot: Uint8Array, unchanged: boolean): BuiltImage => ({
    root: imageRoot,
    kind: options.key === undefined ? 'integrity' : 'encrypted',
    additions,
    warnings: [...sources.warnings, ...report.warnings],
    files,
    bytes,
    unchanged,
  });

  const print = `${fingerprint(root, options)}${options.derived === undefined ? '' : ` ${options.derived.tag}`}`;
  const known = loadCache(options.cache);
  if (known !== undefined && known.fingerprint === print && known.output === outputStamp(options.host, options.output)) {
    const image = result(fromHex(known.root), true);
    options.made?.(image);
    return image;
  }
  if (options.derived !== undefined) addExtra(root, sources, options.derived.make(root));
  const image = options.writeAtomically(options.output, (file) => {
    const made = result(writeImage(root, options.key, file), false);
    options.made?.(made);
    return made;
  });
  options.cache?.replace(CACHE_NAME, new TextEncoder().encode(JSON.stringify({ fingerprint: print, root: toHex(image.root), output: outputStamp(options.host, options.output) })));
  return image;
}

/** The number goes up with what an entry holds. */
const ELF_CACHE_NAME = 'elf-2.json';

function resolveWithCache(root: ImageDirectory, sources: Sources, exempt: ReadonlySet<ImageFile>, cache: HostDirectory | undefined): DependencyReport {
  const remembered = readJson(cache, ELF_CACHE_NAME);
  const known: ElfCache = new Map(Array.isArray(remembered) ? remembered : []);
  const report = resolveDependencies(root, sources, exempt, known);
  if ([...report.elves.keys()].some((stamp) => !known.has(stamp))) cache?.replace(ELF_CACHE_NAME, new TextEncoder().encode(JSON.stringify([...report.elves])));
  return report;
}

function readJson(cache: HostDirectory | undefined, name: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(cache?.load(name)));
  } catch {
    return undefined;
  }
}

function loadCache(cache: HostDirectory | undefined): { fingerprint: string; root: string; output: string } | undefined {
  const value = readJson(cache, CACHE_NAME) as { fingerprint?: unknown; root?: unknown; output?: unknown } | undefined;
  const { fingerprint: print, root, output } = value ?? {};
  return typeof print === 'string' && typeof root === 'string' && /^[0-9a-f]{96}$/.test(root) && typeof output === 'string' ? { fingerprint: print, root, output } : undefined;
}
