/**
 * Which files the dynamic linkers will want for the programs of an image: ld.so(8) of glibc and musl's ldso, played
 * through before anything runs.
 */

import { ElfError, parseElf } from '../elf/index.ts';
import type { ImageDirectory, ImageFile } from '../encfs/4-tree/image-tree.ts';
import { readWhole } from '../base/host-files.ts';
import { byteString } from '../base/bytes.ts';
import { ImageBuildError } from './errors.ts';
import { parseLdCache } from './ld-cache.ts';
import { isSourceFile, type Sources } from './source.ts';
import { type Found, UnionTree } from './union.ts';

/** A file that was added, for printing: what it is, where it came from, and the first that wanted it. */
export interface DependencyAddition {
  readonly path: string;
  readonly from: string;
  readonly neededBy: string;
}

export interface DependencyReport {
  readonly additions: readonly DependencyAddition[];
  readonly warnings: readonly string[];
}

type Libc = 'glibc' | 'musl';

const GLIBC_DIRECTORIES = ['/lib/x86_64-linux-gnu', '/usr/lib/x86_64-linux-gnu', '/lib64', '/usr/lib64', '/lib', '/usr/lib'];
const MUSL_DIRECTORIES = ['/lib', '/usr/local/lib', '/usr/lib'];
/** What `$LIB` stands for differs between distributions; all are tried. */
const LIB_VALUES = ['lib/x86_64-linux-gnu', 'lib64', 'lib'];
/** Names that musl's dynamic linker answers itself (ldso/dynlink.c). */
const MUSL_OWN = /^lib(?:c|pthread|rt|m|dl|util|xnet)\.(?!so\.\d|musl)|^libc\.musl-x86_64\.so\.1$/;

/** What functions of glibc load once they are called: they unwind the stack, and end the program without it (sysdeps/generic/unwind-link). */
const UNWINDER = 'libgcc_s.so.1';
const UNWINDING = ['pthread_exit', 'pthread_cancel', 'thrd_exit', 'backtrace'];
const GLIBC_OWN = /^lib(?:c|pthread)\.so\./;

/** What the dynamic linker wants to know of an object. */
interface ElfNeeds {
  readonly type: 'program' | 'library';
  readonly interpreter: string | undefined;
  readonly soname: string | undefined;
  readonly needed: readonly string[];
  /** What it may load while it runs: taken along where it is found. */
  readonly wanted: readonly string[];
  readonly rpath: string | undefined;
  readonly runpath: string | undefined;
}

/** A file that no x86-64 Linux can use; `what` is for people. */
interface ElfOther {
  readonly type: 'other';
  readonly what: string;
}

/** What was found out about host files, by stamp: `null` for files that are no ELF. Given to the next build. */
export type ElfCache = Map<string, ElfNeeds | ElfOther | null>;

/** An ELF object on its way through the resolver. */
interface Linked {
  readonly path: string;
  readonly elf: ElfNeeds;
  /** Who loaded it: DT_RPATH is inherited along this chain. */
  readonly loader: Linked | undefined;
}

const ELF_MAGIC = '\x7fELF';

function contentOf(file: ImageFile, length = file.size): Uint8Array {
  const bytes = new Uint8Array(Math.min(length, file.size));
  if (bytes.length > 0) file.read(0, bytes);
  return bytes;
}

/** `undefined` for anything that does not start as an ELF file does. */
function needsOf(file: ImageFile): ElfNeeds | ElfOther | undefined {
  if (byteString(contentOf(file, 4)) !== ELF_MAGIC) return undefined;
  try {
    const { interpreter, dynamic } = parseElf(contentOf(file));
    const { soname, needed = [], rpath, runpath } = dynamic ?? {};
    const unwinds = dynamic !== undefined && !GLIBC_OWN.test(soname ?? '') && UNWINDING.some((name) => dynamic.names(name));
    return { type: interpreter === undefined ? 'library' : 'program', interpreter, soname, needed, wanted: unwinds ? [UNWINDER] : [], rpath, runpath };
  } catch (error) {
    if (error instanceof ElfError) return { type: 'other', what: error.message };
    throw error;
  } finally {
    file.release?.();
  }
}

function* filesOf(directory: ImageDirectory, path = ''): Generator<{ path: string; file: ImageFile }> {
  for (const [name, node] of directory.entries) {
    if (node.kind === 'file') yield { path: `${path}/${name}`, file: node };
    else if (node.kind === 'directory') yield* filesOf(node, `${path}/${name}`);
  }
}

const libcOf = (elf: ElfNeeds): Libc | undefined => {
  if (elf.interpreter !== undefined) return elf.interpreter.includes('/ld-musl-') ? 'musl' : 'glibc';
  if (elf.needed.some((name) => name === 'libc.so' || name.startsWith('libc.musl-')) || elf.soname?.startsWith('libc.musl-')) return 'musl';
  return elf.needed.includes('libc.so.6') || elf.soname === 'libc.so.6' ? 'glibc' : undefined;
};

class Resolver {
  readonly additions: DependencyAddition[] = [];
  readonly warnings: string[] = [];
  readonly #sources: Sources;
  readonly #tree: UnionTree;
  readonly #elves = new Map<ImageFile, ReturnType<typeof needsOf>>();
  /** Paths of objects that some program loads. */
  readonly #reached = new Set<string>();
  readonly #interpreters = new Map<string, ElfNeeds>();
  /** Paths that lead nowhere, and files that are in the image: neither changes by what is added. */
  readonly #found = new Map<string, Found | undefined>();
  #cache: Map<string, string> | undefined;
  #muslDirectories: readonly string[] | undefined;
  readonly #exempt: ReadonlySet<ImageFile>;
  readonly #known: ElfCache;
  /** Of the files of this build. */
  readonly elves: ElfCache = new Map();

  constructor(root: ImageDirectory, sources: Sources, exempt: ReadonlySet<ImageFile>, known: ElfCache) {
    this.#sources = sources;
    this.#exempt = exempt;
    this.#known = known;
    this.#tree = new UnionTree(root, sources);
  }

  run(): void {
    const programs: Linked[] = [],
      libraries: Linked[] = [];
    for (const { path, file } of [...filesOf(this.#tree.root)]) {
      if (this.#exempt.has(file)) continue;
      const elf = this.#elf(file);
      if (elf === undefined) continue;
      if (elf.type === 'other') this.warnings.push(`${path} is data only, it cannot run in an enclave: ${elf.what}`);
      else (elf.interpreter === undefined ? libraries : programs).push({ path, elf, loader: undefined });
    }
    for (const program of programs) this.#link(program, libcOf(program.elf) ?? 'glibc');
    // A library that no program of the image needs may be a plug-in that nobody loads.
    for (const library of libraries) {
      if (this.#reached.has(library.path)) continue;
      try {
        this.#link(library, libcOf(library.elf) ?? 'glibc');
      } catch (error) {
        if (!(error instanceof ImageBuildError)) throw error;
        this.warnings.push(error.message);
      }
    }
  }

  #elf(file: ImageFile): ReturnType<typeof needsOf> {
    if (!this.#elves.has(file)) {
      const stamp = isSourceFile(file) ? file.stamp : undefined;
      const known = stamp === undefined ? undefined : this.#known.get(stamp);
      const needs = known === undefined ? needsOf(file) : (known ?? undefined);
      this.#elves.set(file, needs);
      if (stamp !== undefined) this.elves.set(stamp, needs ?? null);
    }
    return this.#elves.get(file);
  }

  #find(path: string): Found | undefined {
    if (this.#found.has(path)) return this.#found.get(path);
    const found = this.#tree.find(path);
    if (found === undefined || found.additions.length === 0) this.#found.set(path, found);
    return found;
  }

  /** Loads an object and, breadth first, what it needs: a name that is loaded already is not looked for again. */
  #link(root: Linked, libc: Libc): void {
    const loaded = new Set<string>([root.elf.soname ?? '']);
    const paths = new Set<string>([root.path]);
    const { interpreter } = root.elf;
    if (interpreter !== undefined) {
      const { soname } = this.#interpreter(interpreter, root.path);
      loaded.add(soname ?? interpreter.replace(/^.*\//, ''));
    }
    const queue = [root];
    for (let object = queue.shift(); object !== undefined; object = queue.shift()) {
      this.#reached.add(object.path);
      const { needed, wanted } = object.elf;
      for (const name of libc === 'musl' ? needed : [...needed, ...wanted]) {
        if (loaded.has(name) || (libc === 'musl' && MUSL_OWN.test(name))) continue;
        const found = needed.includes(name) ? this.#search(name, object, libc) : this.#lookFor(name, object, libc);
        if (found === undefined) continue;
        const elf = this.#elf(found.file) as ElfNeeds;
        loaded.add(name);
        if (elf.soname !== undefined) loaded.add(elf.soname);
        this.#add(found, object.path);
        if (paths.has(found.path)) continue;
        paths.add(found.path);
        queue.push({ path: found.path, elf, loader: object });
      }
    }
  }

  #interpreter(path: string, neededBy: string): ElfNeeds {
    const known = this.#interpreters.get(path);
    if (known !== undefined) return known;
    const found = this.#find(path);
    if (found === undefined) throw new ImageBuildError('missing-interpreter', `${neededBy} needs the dynamic linker ${path}, which is neither in the image nor on this machine`);
    const elf = this.#elf(found.file);
    if (elf === undefined || elf.type === 'other') throw new ImageBuildError('wrong-machine', `${neededBy} needs the dynamic linker ${path}, which is ${elf === undefined ? 'not an ELF file' : elf.what}`);
    this.#add(found, neededBy);
    this.#interpreters.set(path, elf);
    return elf;
  }

  #lookFor(name: string, object: Linked, libc: Libc, tried: string[] = []): Found | undefined {
    const candidates = name.includes('/') ? this.#expand(name, object) : this.#candidates(name, object, libc);
    for (const path of candidates) {
      if (tried.includes(path)) continue;
      const found = this.#find(path);
      const elf = found === undefined ? undefined : this.#elf(found.file);
      if (found === undefined || elf === undefined || elf.type === 'other') {
        tried.push(elf?.type === 'other' ? `${path} (${elf.what})` : path);
        continue;
      }
      const other = libcOf(elf);
      if (other !== undefined && other !== libc) {
        throw new ImageBuildError('wrong-libc', `${object.path} is a ${libc} program, but ${name} was found at ${path}, which is a library for ${other}; install or copy the ${libc} build of it`);
      }
      return found;
    }
    return undefined;
  }

  #search(name: string, object: Linked, libc: Libc): Found {
    const tried: string[] = [];
    const found = this.#lookFor(name, object, libc, tried);
    if (found !== undefined) return found;
    const chain = [];
    for (let loader = object.loader; loader !== undefined; loader = loader.loader) chain.push(loader.path);
    const by = chain.length === 0 ? '' : ` (needed by ${chain.join(', needed by ')})`;
    throw new ImageBuildError('missing-library', `${object.path}${by} needs ${name}, which was found neither in the image nor on this machine; looked for:\n${tried.map((path) => `  ${path}`).join('\n')}`);
  }

  #candidates(name: string, object: Linked, libc: Libc): string[] {
    const directories: string[] = [];
    const add = (owner: Linked, list: string | undefined): void => {
      for (const entry of list?.split(':') ?? []) if (entry !== '') directories.push(...this.#expand(entry, owner));
    };
    if (libc === 'musl') {
      for (let owner: Linked | undefined = object; owner !== undefined; owner = owner.loader) add(owner, owner.elf.runpath ?? owner.elf.rpath);
      directories.push(...this.#musl());
      return directories.map((directory) => `${directory}/${name}`);
    }
    if (object.elf.runpath === undefined) {
      for (let owner: Linked | undefined = object; owner !== undefined; owner = owner.loader) if (owner.elf.runpath === undefined) add(owner, owner.elf.rpath);
    } else add(object, object.elf.runpath);
    const paths = directories.map((directory) => `${directory}/${name}`);
    const cached = this.#ldCache().get(name);
    // What the image has in a default directory is what its own ld.so, which has no cache, will take.
    const standard = GLIBC_DIRECTORIES.map((directory) => `${directory}/${name}`);
    const inImage = standard.filter((path) => this.#find(path)?.additions.length === 0);
    return [...paths, ...inImage, ...(cached === undefined ? [] : [cached]), ...standard];
  }

  /** `$ORIGIN`, `$LIB` and `$PLATFORM` in a search path. */
  #expand(path: string, object: Linked): string[] {
    const origin = object.path.replace(/\/[^/]*$/, '') || '/';
    const expanded = path.replace(/\$(?:ORIGIN\b|\{ORIGIN\})/g, () => origin).replace(/\$(?:PLATFORM\b|\{PLATFORM\})/g, 'x86_64');
    return /\$(?:LIB\b|\{LIB\})/.test(expanded) ? LIB_VALUES.map((lib) => expanded.replace(/\$(?:LIB\b|\{LIB\})/g, lib)) : [expanded];
  }

  #ldCache(): Map<string, string> {
    this.#cache ??= parseLdCache(this.#hostFile('/etc/ld.so.cache') ?? new Uint8Array(0));
    return this.#cache;
  }

  #musl(): readonly string[] {
    if (this.#muslDirectories === undefined) {
      const found = this.#tree.find('/etc/ld-musl-x86_64.path');
      const bytes = found === undefined ? undefined : contentOf(found.file);
      found?.file.release?.();
      this.#muslDirectories =
        bytes === undefined
          ? MUSL_DIRECTORIES
          : byteString(bytes)
              .split(/[:\n]/)
              .filter((entry) => entry !== '');
      if (found !== undefined) this.#add(found, 'the dynamic linker of musl');
    }
    return this.#muslDirectories;
  }

  #hostFile(path: string): Uint8Array | undefined {
    if (this.#sources.host.lstat(path)?.type !== 'file') return undefined;
    const file = this.#sources.host.open(path);
    try {
      return readWhole(file);
    } finally {
      file.close();
    }
  }

  #add(found: Found, neededBy: string): void {
    for (const addition of found.additions) {
      this.#tree.add(addition);
      if (addition.node.kind !== 'directory') this.additions.push({ path: addition.path, from: isSourceFile(addition.node) ? addition.node.path : addition.from, neededBy });
    }
    // Only the cache knows directories that are not standard; the image's ld.so will need it as well.
    const cached = new Set(this.#ldCache().values());
    const fromCache = found.additions.some(({ path }) => cached.has(path) && !GLIBC_DIRECTORIES.includes(path.replace(/\/[^/]*$/, '')));
    const cacheFile = fromCache ? this.#tree.find('/etc/ld.so.cache') : undefined;
    if (cacheFile !== undefined && cacheFile.additions.length > 0) this.#add(cacheFile, found.path);
  }
}

/** Adds to the tree what its programs need (but not those of `exempt`). Throws ImageBuildError, with the tree half done. */
export function resolveDependencies(root: ImageDirectory, sources: Sources, exempt: ReadonlySet<ImageFile> = new Set(), known: ElfCache = new Map()): DependencyReport & { readonly elves: ElfCache } {
  const resolver = new Resolver(root, sources, exempt, known);
  resolver.run();
  return resolver;
}
