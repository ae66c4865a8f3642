/**
 * What is computed, one row each. `/bin/NAME` is, on the host and under qemu, the host's own program of that name; other paths
 * are relative to the directory that holds the bench's own programs and data, on every side.
 */

export interface ComputeRow {
  readonly name: string;
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Takes part in `--quick`. */
  readonly quick?: true;
  /**
   * `time`: of the whole program. `rate`: the program runs for a fixed time and prints, as the last field of its last line,
   * bytes per second.
   */
  readonly measure: 'time' | 'rate';
}

const PYTHON = ['/usr/bin/python3', '-I', '-S'];
/** The same file again and again, where a program is too fast for one. */
const many = (count: number, file: string): string[] => new Array<string>(count).fill(file);
/** OpenSSL without AES-NI, PCLMULQDQ and the SHA extensions, which the enclave does not have: its portable and SSSE3 code. */
const PLAIN_CPU = { OPENSSL_ia32cap: '~0x200000200000000:~0x20000000' };

const row = (name: string, ...argv: readonly string[]): ComputeRow => ({ name, argv, measure: 'time' });
const quick = (name: string, ...argv: readonly string[]): ComputeRow => ({ ...row(name, ...argv), quick: true });
const rate = (name: string, ...argv: readonly string[]): ComputeRow => ({ name, argv, env: PLAIN_CPU, measure: 'rate' });

// biome-ignore format: a table
export const COMPUTE: readonly ComputeRow[] = [
  quick('sha256sum',             '/bin/sha256sum', ...many(6, 'numbers')),
  row('md5sum',                  '/bin/md5sum', ...many(16, 'numbers')),
  quick('gzip -6',               '/bin/gzip', '-6', '-n', '-c', 'prose'),
  row('bzip2',                   '/bin/bzip2', '-c', 'prose'),
  row('xz -1',                   '/bin/xz', '-1', '-T1', '-c', 'prose'),
  row('zstd',                    '/bin/zstd', '-q', '--single-thread', '-c', ...many(4, 'prose')),
  // One thread, like xz and zstd: an enclave has one core.
  quick('sort',                  '/bin/sort', '--parallel=1', '-n', 'numbers'),
  quick('gawk',                  '/bin/gawk', '-f', 'program.awk', 'numbers'),
  quick('perl',                  '/bin/perl', 'program.pl'),
  quick('lua: fib',              '/bin/lua5.4', 'lua/fib.lua'),
  row('lua: nbody',              '/bin/lua5.4', 'lua/nbody.lua'),
  row('lua: strings',            '/bin/lua5.4', 'lua/strings.lua'),
  quick('python: nbody',         ...PYTHON, 'python/nbody.py'),
  quick('python: dicts',         ...PYTHON, 'python/dicts.py'),
  row('python: fannkuch',        ...PYTHON, 'python/fannkuch.py'),
  row('python: spectral',        ...PYTHON, 'python/spectral.py'),
  row('python: scheduler',       ...PYTHON, 'python/scheduler.py'),
  row('python: constraints',     ...PYTHON, 'python/constraints.py'),
  row('python: chaos',           ...PYTHON, 'python/chaos.py'),
  row('python: json',            ...PYTHON, 'python/jsons.py'),
  row('python: regex',           ...PYTHON, 'python/regexes.py'),
  row('python: pidigits',        ...PYTHON, 'python/pidigits.py'),
  quick('sqlite3',               '/bin/sqlite3', ':memory:', '.read speedtest.sql'),
  rate('openssl speed sha256',   '/bin/openssl', 'speed', '-mr', '-elapsed', '-seconds', '1', '-bytes', '16384', '-evp', 'sha256'),
  rate('openssl speed aes',      '/bin/openssl', 'speed', '-mr', '-elapsed', '-seconds', '1', '-bytes', '16384', '-evp', 'aes-128-cbc'),
  row('gcc, 5,000 lines',        '/bin/cc1', '-quiet', '-fpreprocessed', '-O0', 'lines.i', '-o', '-'),
  row('C: core-mark-like',       './bin/corelike'),
  quick('C: fib',                './bin/fib'),
  row('C: sieve',                './bin/sieve'),
  row('C: matmul',               './bin/matmul'),
  row('C: nbody',                './bin/nbody'),
  row('C: quicksort',            './bin/quicksort'),
  quick('C: hash table',         './bin/hash'),
  row('C: regex',                './bin/regex'),
  row('C: base64',               './bin/base64'),
  row('Rust: words',             './bin/rust_words'),
  row('Rust: life',              './bin/rust_life'),
];
