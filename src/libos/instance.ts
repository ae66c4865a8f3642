/**
 * An instance directory, and where its parts lie.
 *
 *     cloister.yaml        configuration, written by its owner
 *     image/               the tree that becomes `/`
 *     build/               what `build` makes, always the same from the same inputs: image, configuration, manifest
 *     .cloister/           state of this instance: its id, the writable layer, lock, socket, log, build cache
 *
 * Keys of the user and of the simulated machine lie outside of it, in `stateDirectory()`.
 */

import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { defaultFile } from '../config/schema.ts';
import { Failure } from './errors.ts';

export class Instance {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = resolve(directory);
  }

  get configuration(): string {
    return join(this.directory, 'cloister.yaml');
  }
  get tree(): string {
    return join(this.directory, 'image');
  }
  get build(): string {
    return join(this.directory, 'build');
  }
  get sealedImage(): string {
    return join(this.build, 'image.sealed');
  }
  get sealedConfiguration(): string {
    return join(this.build, 'configuration.json');
  }
  get manifest(): string {
    return join(this.build, 'manifest.json');
  }
  get referenceValues(): string {
    return join(this.build, 'reference-values.json');
  }
  get state(): string {
    return join(this.directory, '.cloister');
  }
  get layer(): string {
    return join(this.state, 'layer');
  }
  get cache(): string {
    return join(this.state, 'cache');
  }
  get socket(): string {
    return join(this.state, 'control.sock');
  }
  get log(): string {
    return join(this.state, 'enclave.log');
  }

  /** The instance's own name, made once; part of its sealing keys. */
  get id(): string {
    const file = join(this.state, 'id');
    try {
      const id = readFileSync(file, 'utf8').trim();
      if (/^[0-9a-f-]{36}$/.test(id)) return id;
      throw new Failure('instance', `${file} is damaged`, 'Restore it from a copy: the keys of the writable layer depend on it.');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    if (existsSync(this.layer)) throw new Failure('instance', `${file} is missing`, 'Restore it from a copy: the keys of the writable layer depend on it.');
    const id = crypto.randomUUID();
    mkdirSync(this.state, { recursive: true, mode: 0o700 });
    writeFileSync(file, `${id}\n`, { flag: 'wx' });
    return id;
  }

  /** Throws unless this is an instance. */
  static at(directory: string): Instance {
    const instance = new Instance(directory);
    if (!existsSync(instance.configuration) && !existsSync(instance.manifest)) {
      throw new Failure('instance', `${instance.directory} is not a Cloister instance: it has no cloister.yaml`, 'Make one with `cloister new DIR`, or name one with -C DIR.');
    }
    return instance;
  }
}

// biome-ignore format: a table
const TREE: readonly (readonly [string, number])[] = [
  ['bin', 0o755], ['sbin', 0o755], ['lib', 0o755], ['lib64', 0o755], ['usr/bin', 0o755], ['usr/lib', 0o755], ['usr/share', 0o755], ['etc', 0o755],
  ['root', 0o700], ['home', 0o755], ['tmp', 0o1777], ['var/tmp', 0o1777], ['dev', 0o755], ['proc', 0o755], ['sys', 0o755], ['run', 0o755], ['opt', 0o755],
];

// biome-ignore format: a table
const FILES: readonly (readonly [string, string])[] = [
  ['etc/passwd', 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n'],
  ['etc/group', 'root:x:0:\nnogroup:x:65534:\n'],
  ['etc/hosts', '127.0.0.1 localhost\n::1 localhost\n'],
  ['etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files\n'],
];

export function createInstance(directory: string, into: 'new' | 'existing'): Instance {
  const instance = new Instance(directory);
  if (existsSync(instance.configuration)) throw new Failure('instance', `${instance.directory} is a Cloister instance already`, 'Nothing was changed.');
  if (into === 'new' && existsSync(instance.directory)) throw new Failure('instance', `${instance.directory} exists already`, 'Use `cloister init` inside an existing directory.');
  try {
    fill(instance);
  } catch (error) {
    // Half an instance would be in the way of the next attempt.
    if (into === 'new') rmSync(instance.directory, { recursive: true, force: true });
    throw new Failure('host', `cannot make ${instance.directory}: ${(error as Error).message}`);
  }
  return instance;
}

function fill(instance: Instance): void {
  for (const [path, mode] of TREE) {
    // mkdir's mode is subject to the umask; an image should not depend on it.
    const full = join(instance.tree, path);
    mkdirSync(full, { recursive: true });
    chmodTo(full, mode);
  }
  for (const [path, content] of FILES) {
    const full = join(instance.tree, path);
    if (!existsSync(full)) writeFileSync(full, content);
  }
  void instance.id;
  writeFileSync(join(instance.directory, '.gitignore'), '/build/\n/.cloister/\n');
  writeFileSync(instance.configuration, defaultFile());
}

function chmodTo(path: string, mode: number): void {
  if ((statSync(path).mode & 0o7777) !== mode) chmodSync(path, mode);
}

/** Keys of this user: the development signing key, the simulated TEE, records of freshness. `CLOISTER_STATE` overrides it. */
export function stateDirectory(): string {
  const base = process.env.CLOISTER_STATE ?? join(process.env.XDG_STATE_HOME ?? join(homedir(), '.local', 'state'), 'cloister');
  mkdirSync(base, { recursive: true, mode: 0o700 });
  return base;
}
