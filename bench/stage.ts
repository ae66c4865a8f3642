/** Programs and data on the host, and the instance that holds the same: built once per run of the bench. */

import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ComputeRow } from './compute.ts';
import { writeData } from './data.ts';

const HERE = dirname(fileURLToPath(import.meta.url));
const PROGRAMS = join(HERE, 'programs');
export const CLI = join(HERE, '../bin/cloister');
export const QEMU = '/usr/bin/qemu-x86_64';
/** Of the standard library: what the programs import is in it; tests, installers and foreign packages are not. */
const PYTHON_LEFT_OUT = /\/(test|tests|site-packages|dist-packages|lib-dynload|ensurepip|idlelib|lib2to3|pydoc_data|tkinter|turtledemo|config-[^/]*)$/;
const PYTHON_MODULES = /^_json\./;

export function programPath(name: string): string | undefined {
  return ['/bin', '/usr/bin', '/usr/local/bin'].map((directory) => join(directory, name)).find((path) => existsSync(path)) ?? (name === 'cc1' ? compilerProper() : undefined);
}

/** gcc's compiler without its driver, which would start it natively under qemu-user. */
function compilerProper(): string | undefined {
  const { stdout } = spawnSync('gcc', ['-print-prog-name=cc1'], { encoding: 'utf8' });
  return stdout?.startsWith('/') ? stdout.trim() : undefined;
}

function run(command: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}

export interface Build {
  readonly buildNs: number;
  /** After one file of the tree was touched. */
  readonly rebuildNs: number | undefined;
  readonly imageBytes: number;
  /** Of it, code translated ahead of time. */
  readonly translatedBytes: number;
}

export class Stage {
  readonly work: string;
  /** Programs, scripts, data: `/bench` in the enclave. */
  readonly files: string;
  readonly instance: string;
  readonly micro: string;
  readonly server: string;

  constructor(work: string) {
    this.work = work;
    this.files = join(work, 'bench');
    this.instance = join(work, 'instance');
    this.micro = join(this.files, 'bin/micro');
    this.server = join(this.files, 'bin/serve');
    mkdirSync(join(this.files, 'bin'), { recursive: true });
    for (const name of ['micro', 'serve', 'idle']) run('gcc', ['-O2', '-w', '-static', '-pthread', '-o', join(this.files, 'bin', name), join(PROGRAMS, `${name}.c`)]);
    run('gcc', ['-Os', '-w', '-static', '-nostdlib', '-o', join(this.files, 'bin/tiny'), join(PROGRAMS, 'tiny.c')]);
    const kernels = join(PROGRAMS, 'kernels');
    for (const name of readdirSync(kernels)) {
      const to = join(this.files, 'bin', basename(name).replace(/\.\w+$/, ''));
      if (name.endsWith('.c')) run('gcc', ['-O2', '-w', '-o', to, join(kernels, name), '-lm']);
      // Without a Rust compiler, its rows are not installed here.
      else if (name.endsWith('.rs')) spawnSync('rustc', ['-O', '--edition', '2021', '-o', to, join(kernels, name)]);
    }
    for (const name of readdirSync(PROGRAMS)) if (!/\.c$|^kernels$/.test(name)) cpSync(join(PROGRAMS, name), join(this.files, name), { recursive: true });
    writeData(this.files);
  }

  /** What a row cannot run without and the host lacks. */
  missing({ argv: [program] }: ComputeRow): string[] {
    if (program.startsWith('./')) return existsSync(join(this.files, program)) ? [] : [program];
    return programPath(basename(program)) === undefined ? [basename(program)] : [];
  }

  makeInstance(programs: readonly string[], builds: 'once' | 'twice'): Build {
    run(CLI, ['new', this.instance]);
    const tree = join(this.instance, 'image');
    mkdirSync(join(tree, 'usr/bin'), { recursive: true });
    for (const name of new Set(programs)) {
      const path = programPath(name);
      if (path === undefined) continue;
      if (name === 'python3') this.#stagePython(path, tree);
      else copyFileSync(realpathSync(path), join(tree, 'bin', name));
    }
    copyFileSync(this.micro, join(tree, 'bin/micro'));
    copyFileSync(this.server, join(tree, 'bin/serve'));
    copyFileSync(join(this.files, 'bin/idle'), join(tree, 'bin/idle'));
    mkdirSync(join(tree, 'data'));
    cpSync(this.files, join(tree, 'bench'), { recursive: true });
    const buildNs = this.#build();
    const imageBytes = statSync(join(this.instance, 'build/image.sealed')).size;
    const cache = join(this.instance, '.cloister/cache');
    const translatedBytes = readdirSync(cache)
      .filter((name) => name.startsWith('code-'))
      .reduce((sum, name) => sum + statSync(join(cache, name)).size, 0);
    writeFileSync(join(tree, 'bench/touched'), '');
    return { buildNs, rebuildNs: builds === 'twice' ? this.#build() : undefined, imageBytes, translatedBytes };
  }

  #build(): number {
    const start = process.hrtime.bigint();
    run(CLI, ['-C', this.instance, 'build']);
    return Number(process.hrtime.bigint() - start);
  }

  /** With its compiled modules: natively they are there too. */
  #stagePython(path: string, tree: string): void {
    const version = run(path, ['-c', 'import sys; print(f"{sys.version_info[0]}.{sys.version_info[1]}")']).trim();
    const library = `usr/lib/python${version}`;
    copyFileSync(realpathSync(path), join(tree, 'usr/bin/python3'));
    cpSync(join('/', library), join(tree, library), { recursive: true, dereference: true, preserveTimestamps: true, filter: (from) => !PYTHON_LEFT_OUT.test(from) });
    const modules = join('/', library, 'lib-dynload');
    mkdirSync(join(tree, library, 'lib-dynload'));
    for (const name of readdirSync(modules)) if (PYTHON_MODULES.test(name)) copyFileSync(join(modules, name), join(tree, library, 'lib-dynload', name));
  }
}
