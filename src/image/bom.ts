/**
 * Bills of materials in the YAML format of Occlum's copy_bom: what to copy from the host into the image tree. The
 * host is only read; the tree is changed in memory.
 *
 *     includes: [other.yaml]            searched beside this file, then in the include directories
 *     excludes: [.git]                  names left out where directories are copied
 *     targets:
 *       - target: /opt                  where in the image
 *         mkdirs: [a/b]
 *         createlinks: [{src: ../x, linkname: y}]
 *         copy:
 *           - from: ..                  relative to the instance; without dirs and files: all of it
 *             dirs: [data, conf/]       a final slash means the contents only
 *             files: [a.so, {name: b, hash: SHA-256, autodep: false, rename: c}]
 */

import { LineCounter, type Node, parseDocument } from 'yaml';
import { toByteString, toHex, toText } from '../base/bytes.ts';
import { readWhole } from '../base/host-files.ts';
import { sha256 } from '../crypto/index.ts';
import type { ImageDirectory, ImageFile, ImageNode } from '../encfs/4-tree/image-tree.ts';
import { ImageBuildError } from './errors.ts';
import type { Sources } from './source.ts';

export interface BomOptions {
  /** The BOM file, and what relative `from` start at. Paths are byte strings. */
  readonly file: string;
  readonly base: string;
  readonly includeDirectories?: readonly string[];
  /** For `$NAME` and `${NAME}` in paths. */
  readonly variable: (name: string) => string | undefined;
}

interface BomFile {
  readonly name: string;
  readonly hash?: string;
  readonly autodep?: boolean;
  readonly rename?: string;
}

interface Bom {
  readonly includes?: readonly string[];
  readonly excludes?: readonly string[];
  readonly targets?: readonly {
    readonly target: string;
    readonly mkdirs?: readonly string[];
    readonly createlinks?: readonly { readonly src: string; readonly linkname: string }[];
    readonly copy?: readonly { readonly from?: string; readonly dirs?: readonly string[]; readonly files?: readonly (string | BomFile)[] }[];
  }[];
}

type Shape = 'string' | 'boolean' | 'name-or-file' | readonly [Shape] | { readonly [key: string]: Shape };

const FILE: Shape = { name: 'string', hash: 'string', autodep: 'boolean', rename: 'string' };
const BOM: Shape = {
  includes: ['string'],
  excludes: ['string'],
  targets: [{ target: 'string', mkdirs: ['string'], createlinks: [{ src: 'string', linkname: 'string' }], copy: [{ from: 'string', dirs: ['string'], files: ['name-or-file'] }] }],
};
const REQUIRED: ReadonlyMap<string, readonly string[]> = new Map([
  ['targets', ['target']],
  ['createlinks', ['src', 'linkname']],
  ['files', ['name']],
]);

/** What Occlum's own `base.yaml` makes, for BOMs that include it where Occlum is not installed. */
const BASE_DIRECTORIES = ['bin', 'dev', 'etc', 'home', 'host', 'lib', 'lib64', 'opt', 'proc', 'root', 'sbin', 'sys', 'tmp', 'usr', 'var'];

const join = (base: string, path: string): string => (path.startsWith('/') ? path : `${base}/${path}`).replace(/\/(?:\.?\/)+/g, '/').replace(/(?<=.)\/\.$/, '');
const baseName = (path: string): string => path.replace(/\/+$/, '').replace(/^.*\//, '');
const parentOf = (path: string): string => path.replace(/\/+$/, '').replace(/\/?[^/]*$/, '') || (path.startsWith('/') ? '/' : '.');

/** Line and key of what is found under these keys, as the end of a file's name. */
type Where = (keys: readonly (string | number)[]) => string;

interface Place {
  readonly file: string;
  readonly where: string;
}

const leadsOut = (place: Place, path: string): ImageBuildError => new ImageBuildError('bom-format', `${toText(place.file)}${place.where}: ${toText(path)} leads out of the image`);

/** A path in the image; `..` may lead up in it, and not out of it. */
function within(base: string, path: string, place: Place): string {
  let depth = 0;
  for (const part of `${base}/${path}`.split('/')) {
    if (part === '' || part === '.') continue;
    depth += part === '..' ? -1 : 1;
    if (depth < 0) throw leadsOut(place, path);
  }
  return `${base}/${path}`;
}

/** The same for the path of an entry, which has a name. */
function named(base: string, path: string, place: Place): string {
  if (/(?:^|\/)\.{0,2}$/.test(path.replace(/\/+$/, ''))) throw new ImageBuildError('bom-format', `${toText(place.file)}${place.where}: ${toText(path) || 'an empty text'} is no name`);
  return within(base, path, place);
}

/** Applies a BOM to the tree. Returns the files whose libraries are not to be looked for. Throws ImageBuildError. */
export function applyBom(root: ImageDirectory, sources: Sources, options: BomOptions): Set<ImageFile> {
  const applier = new BomApplier(root, sources, options);
  applier.apply(options.file, []);
  return applier.withoutLibraries;
}

class BomApplier {
  readonly withoutLibraries = new Set<ImageFile>();
  readonly #root: ImageDirectory;
  readonly #sources: Sources;
  readonly #options: BomOptions;
  readonly #applied = new Set<string>();

  constructor(root: ImageDirectory, sources: Sources, options: BomOptions) {
    this.#root = root;
    this.#sources = sources;
    this.#options = options;
  }

  apply(path: string, including: readonly string[]): void {
    if (including.includes(path)) throw new ImageBuildError('bom-format', `${toText(path)} includes itself`);
    if (this.#applied.has(path)) return;
    this.#applied.add(path);
    const { bom, where } = this.#load(path);
    for (const include of bom.includes ?? []) {
      const name = this.#expand(include, path);
      const found = [parentOf(path), ...(this.#options.includeDirectories ?? [])].map((directory) => join(directory, name)).find((candidate) => this.#sources.host.lstat(candidate) !== undefined);
      if (found !== undefined) this.apply(found, [...including, path]);
      else if (name === 'base.yaml') for (const directory of BASE_DIRECTORIES) this.#directory(directory);
      else throw new ImageBuildError('bom-file', `${toText(path)}: the included file ${include} was not found`);
    }
    const excludes = (bom.excludes ?? []).map(excluder);
    const skip = (candidate: string): boolean => excludes.some((matches) => matches(candidate));
    for (const [index, target] of (bom.targets ?? []).entries()) {
      const place = (...keys: readonly (string | number)[]): Place => ({ file: path, where: where(['targets', index, ...keys]) });
      const at = this.#expand(target.target, path);
      this.#directory(within('', at, place('target')));
      target.mkdirs?.forEach((name, each) => this.#directory(within(at, this.#expand(name, path), place('mkdirs', each))));
      target.createlinks?.forEach(({ src, linkname }, each) => this.#put(named(at, this.#expand(linkname, path), place('createlinks', each, 'linkname')), this.#sources.symlink(this.#expand(src, path))));
      for (const [each, copy] of (target.copy ?? []).entries()) {
        const from = join(this.#options.base, this.#expand(copy.from ?? '.', path));
        if (copy.dirs === undefined && copy.files === undefined) {
          if (copy.from === undefined) throw new ImageBuildError('bom-format', `${toText(path)}: target ${target.target}: a copy needs from, dirs or files`);
          this.#copyDirectory(`${from}/`, at, skip, path);
        }
        for (const name of copy.dirs ?? []) this.#copyDirectory(join(from, this.#expand(name, path)), at, skip, path);
        copy.files?.forEach((file, one) =>
          this.#copyFile(typeof file === 'string' ? { name: file } : file, from, at, path, place('copy', each, 'files', one, ...(typeof file === 'string' ? [] : [file.rename === undefined ? 'name' : 'rename']))),
        );
      }
    }
  }

  #load(path: string): { bom: Bom; where: Where } {
    if (this.#sources.host.lstat(path) === undefined) throw new ImageBuildError('bom-file', `there is no BOM file ${toText(path)}`);
    const file = this.#sources.host.open(path);
    const lines = new LineCounter();
    // In the failsafe schema every scalar is text: a hash of digits stays what it is.
    const document = parseDocument(new TextDecoder().decode(readWhole(file)), { lineCounter: lines, schema: 'failsafe' });
    file.close();
    const error = document.errors[0];
    if (error !== undefined)
      throw new ImageBuildError('bom-format', `${toText(path)}:${lines.linePos(error.pos[0]).line}: ${error.code === 'MULTIPLE_DOCS' ? 'a second document begins here; the file is to be one' : error.message.split('\n')[0]}`);
    const bom: unknown = document.toJS({ maxAliasCount: 100 }) || {};
    const where: Where = (keys) => {
      const range = (document.getIn(keys, true) as Node | undefined)?.range;
      const key = keys
        .map((one) => (typeof one === 'number' ? `[${one}]` : `.${one}`))
        .join('')
        .slice(1);
      return `${range ? `:${lines.linePos(range[0]).line}` : ''}: ${key}`;
    };
    return { bom: check(bom, BOM, 'the file', toText(path)) as Bom, where };
  }

  #expand(text: string, bom: string): string {
    return toByteString(text).replace(/\$(?:(\w+)|\{(\w+)\})/g, (_, plain?: string, braced?: string) => {
      const value = this.#options.variable(plain ?? braced!);
      if (value === undefined) throw new ImageBuildError('bom-format', `${toText(bom)}: the environment variable ${plain ?? braced} in "${text}" is not set`);
      return toByteString(value);
    });
  }

  #copyDirectory(from: string, to: string, skip: (path: string) => boolean, bom: string): void {
    const plain = from.replace(/\/+$/, '') || '/';
    const host = this.#sources.host;
    if (host.lstat(`${plain}/.`)?.type !== 'directory') throw new ImageBuildError('bom-file', `${toText(bom)}: ${toText(plain)} is not a directory`);
    if (!from.endsWith('/') && baseName(plain) === '..') throw new ImageBuildError('bom-format', `${toText(bom)}: ${toText(plain)} has no name of its own; a final slash copies its contents`);
    const node = this.#sources.tree(from.endsWith('/') ? `${plain}/.` : plain, skip);
    if (node === undefined) return;
    if (from.endsWith('/') && node.kind === 'directory') merge(this.#directory(to), node);
    else this.#put(`${to}/${baseName(plain)}`, node);
  }

  #copyFile(file: BomFile, from: string, to: string, bom: string, place: Place): void {
    const { host } = this.#sources;
    let path = join(from, this.#expand(file.name, bom));
    let stat = host.lstat(path);
    for (let links = 0; stat?.type === 'symlink' && links < 40; links++) {
      path = join(parentOf(path), host.readlink(path));
      stat = host.lstat(path);
    }
    if (stat?.type !== 'file') throw new ImageBuildError('bom-file', `${toText(bom)}: ${toText(path)} ${stat === undefined ? 'does not exist' : 'is not a file'}`);
    const node = this.#sources.file(path, stat);
    if (file.hash !== undefined) {
      const open = host.open(path);
      const actual = toHex(sha256(readWhole(open)));
      open.close();
      if (actual !== file.hash.toLowerCase()) throw new ImageBuildError('bom-file', `${toText(bom)}: ${toText(path)} has SHA-256 ${actual}, the BOM says ${file.hash.toLowerCase()}`);
    }
    if (file.autodep === false) this.withoutLibraries.add(node);
    this.#put(named(to, this.#expand(file.rename ?? '', bom) || baseName(this.#expand(file.name, bom)), place), node);
  }

  /** The directory at a path of the image, made where it is not there; symbolic links are followed within the image. */
  #directory(path: string): ImageDirectory {
    let at: { name: string; node: ImageDirectory }[] = [];
    const here = (): ImageDirectory => at.at(-1)?.node ?? this.#root;
    const todo = path.split('/').reverse();
    for (let steps = 0; todo.length > 0; steps++) {
      const name = todo.pop()!;
      if (name === '' || name === '.') continue;
      if (name === '..') {
        at.pop();
        continue;
      }
      let next: ImageNode | undefined = here().entries.get(name);
      if (next?.kind === 'symlink' && steps < 1000) {
        if (next.target.startsWith('/')) at = [];
        todo.push(...next.target.split('/').reverse());
        continue;
      }
      if (next === undefined) {
        next = this.#sources.directory();
        here().entries.set(name, next);
      }
      if (next.kind !== 'directory') throw new ImageBuildError('bom-file', `${toText(path)} cannot be made in the image: ${toText(name)} is not a directory`);
      at.push({ name, node: next });
    }
    return here();
  }

  #put(path: string, node: ImageNode): void {
    const directory = this.#directory(parentOf(path));
    const existing = directory.entries.get(baseName(path));
    if (existing?.kind === 'directory' && node.kind === 'directory') merge(existing, node);
    else directory.entries.set(baseName(path), node);
  }
}

function merge(into: ImageDirectory, from: ImageDirectory): void {
  for (const [name, node] of from.entries) {
    const existing = into.entries.get(name);
    if (existing?.kind === 'directory' && node.kind === 'directory') merge(existing, node);
    else into.entries.set(name, node);
  }
}

/** A pattern as rsync(1) reads simple ones: `*` and `?`; with a slash it matches the end of the path, else a name. */
function excluder(pattern: string): (path: string) => boolean {
  const bytes = toByteString(pattern).replace(/\/+$/, '');
  const source = bytes
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*\*/g, '\0')
    .replace(/\*/g, '[^/]*')
    .replace(/\0/g, '.*')
    .replace(/\?/g, '[^/]');
  const expression = new RegExp(`(?:^|/)${source.replace(/^\//, '')}$`);
  return (path) => expression.test(path);
}

/** Returns the value with what is left empty left out, and booleans for what is one. */
function check(value: unknown, shape: Shape, what: string, file: string, parent = ''): unknown {
  const refuse = (message: string): never => {
    throw new ImageBuildError('bom-format', `${file}: ${message}`);
  };
  if (shape === 'string') return typeof value === 'string' ? value : refuse(`${what} must be text`);
  if (shape === 'boolean') return value === 'true' ? true : value === 'false' ? false : refuse(`${what} must be true or false`);
  if (shape === 'name-or-file') return check(value, typeof value === 'object' ? FILE : 'string', what, file, 'files');
  if (Array.isArray(shape)) {
    if (!Array.isArray(value)) return refuse(`${what} must be a list`);
    return (value as unknown[]).map((item, index) => check(item, shape[0], `${what}[${index}]`, file, parent));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse(`${what} must have keys`);
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    const known = (shape as { readonly [key: string]: Shape })[key];
    if (known === undefined) refuse(`unknown key "${key}" in ${what}; known are ${Object.keys(shape).join(', ')}`);
    if (item !== null && item !== '') result[key] = check(item, known, what === 'the file' ? key : `${what}.${key}`, file, key);
  }
  for (const key of REQUIRED.get(parent) ?? []) if (result[key] === undefined) refuse(`${what} lacks "${key}"`);
  return result;
}
