/** Copies the programs of this machine that the rows use, and the files that those programs want, into an instance's tree. */

import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Row } from './rows.ts';

/** Always there on Debian: shells, coreutils and what rows use without being about it. */
const PROGRAMS = [
  'bash',
  'dash',
  'sh',
  'busybox',
  'find',
  'xargs',
  'grep',
  'egrep',
  'fgrep',
  'sed',
  'mawk',
  'gawk',
  'awk',
  'tar',
  'gzip',
  'gunzip',
  'zcat',
  'zgrep',
  'bzip2',
  'bunzip2',
  'bzcat',
  'xz',
  'unxz',
  'zstd',
  'diff',
  'patch',
  'cmp',
  'diff3',
  'sdiff',
  'bc',
  'dc',
  'sqlite3',
  'xxd',
  'file',
  'rev',
  'column',
  'perl',
  'getconf',
  'hostname',
  'renice',
  'setsid',
  'uptime',
  'fallocate',
  'gcc',
  'as',
  'ld',
  'musl-gcc',
];
/** Files and trees besides programs. Missing ones are left out; the rows that need them then fail on the host in the same way. */
const PYTHON_EXTRAS = /^(test|idlelib|lib2to3|pydoc_data|ensurepip|config-.*|tkinter|turtledemo|dist-packages|__phello__)$/;
const GCC_EXTRAS = /^(cc1plus|lto1|g\+\+.*|plugin|finclude|f951|d21|gnat.*|ada.*|libasan.*|libtsan.*|libubsan.*|liblsan.*|libstdc.*|libsupc.*|libgfortran.*|lto-dump)$/;
const HEADERS = /^(.*\.h|bits|sys|gnu|asm|linux|asm-generic|x86_64-linux-gnu)$/;

interface Tree {
  readonly path: string;
  /** Names right below `path`. */
  readonly keep?: (name: string) => boolean;
}

// biome-ignore format: a table
const TREES: readonly Tree[] = [
  { path: '/usr/lib/locale/C.utf8' },
  { path: '/usr/share/zoneinfo/America/New_York' },
  { path: '/usr/share/zoneinfo/Asia/Tokyo' },
  { path: '/usr/libexec/coreutils' },
  { path: '/etc/passwd' },
  { path: '/etc/group' },
  { path: '/etc/protocols' },
  { path: '/etc/magic' },
  { path: '/usr/share/misc/magic.mgc' },
  { path: '/usr/lib/file/magic.mgc' },
  { path: '/usr/lib/x86_64-linux-gnu/perl-base' },
];
// biome-ignore format: a table
const TREES_OF: Readonly<Record<string, readonly Tree[]>> = {
  python3: [{ path: '/usr/lib/python3.11', keep: (name) => !PYTHON_EXTRAS.test(name) }],
  gcc: [
    { path: '/usr/lib/gcc/x86_64-linux-gnu/12', keep: (name) => !GCC_EXTRAS.test(name) },
    { path: '/lib/x86_64-linux-gnu/libmvec.so.1' },
    { path: '/usr/include', keep: (name) => HEADERS.test(name) },
    ...['crt1.o', 'crti.o', 'crtn.o', 'Scrt1.o', 'rcrt1.o', 'libc.so', 'libc.a', 'libc_nonshared.a', 'libm.so', 'libm.a', 'libmvec.a', 'libmvec.so', 'libm-2.36.a', 'libgcc_s.so.1'].map((name) => ({ path: `/usr/lib/x86_64-linux-gnu/${name}` })),
  ],
  'musl-gcc': [{ path: '/usr/lib/musl' }, { path: '/usr/lib/x86_64-linux-musl' }, { path: '/usr/include/x86_64-linux-musl' }],
  perl: [{ path: '/usr/lib/x86_64-linux-gnu/perl' }, { path: '/usr/lib/x86_64-linux-gnu/perl5' }, { path: '/usr/share/perl', }, { path: '/usr/share/perl5', keep: () => false }],
};

export const onHost = (program: string): string | undefined => ['/usr/bin', '/bin', '/usr/sbin'].map((directory) => join(directory, program)).find((path) => existsSync(path));

/** Why the row cannot run here. */
export function lacks({ needs, shell }: Row): string | undefined {
  if (!existsSync(shell[0])) return `${shell[0]} is not on this machine`;
  const missing = needs.find((program) => program !== 'cc1' && onHost(program) === undefined);
  return missing === undefined ? undefined : `${missing} is not on this machine`;
}

function put(tree: string, from: string, keep?: (name: string) => boolean): void {
  if (!existsSync(from)) return;
  const to = join(tree, from);
  mkdirSync(dirname(to), { recursive: true });
  if (keep === undefined) return cpSync(from, to, { recursive: true, dereference: true });
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) if (keep(name) && existsSync(join(from, name))) cpSync(join(from, name), join(to, name), { recursive: true, dereference: true });
}

export function stage(tree: string, rows: readonly Row[], coreutils: readonly string[]): void {
  for (const name of ['bin', 'usr/bin']) rmSync(join(tree, name), { recursive: true, force: true });
  mkdirSync(join(tree, 'usr/bin'), { recursive: true });
  symlinkSync('usr/bin', join(tree, 'bin'));
  const wanted = new Set(rows.flatMap(({ needs, shell }) => [...needs, basename(shell[0])]));
  for (const program of new Set([...PROGRAMS, ...coreutils, ...wanted])) {
    const from = onHost(program);
    if (from === undefined || program === 'cc1' || (['gcc', 'as', 'ld', 'musl-gcc', 'gawk', 'sqlite3', 'perl'].includes(program) && !wanted.has(program) && program !== 'perl')) continue;
    copyFileSync(realpathSync(from), join(tree, 'usr/bin', program));
  }
  for (const { path, keep } of TREES) put(tree, path, keep);
  for (const [program, trees] of Object.entries(TREES_OF)) if (wanted.has(program)) for (const { path, keep } of trees) put(tree, path, keep);
}
