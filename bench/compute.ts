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
const row = (name: string, ...argv: readonly string[]): ComputeRow => ({ name, argv, measure: 'time' });
const quick = (name: string, ...argv: readonly string[]): ComputeRow => ({ ...row(name, ...argv), quick: true });

// biome-ignore format: a table
export const COMPUTE: readonly ComputeRow[] = [
  quick('sha256sum',             '/bin/sha256sum', 'numbers', 'numbers', 'numbers', 'numbers'),
  quick('gzip -6',               '/bin/gzip', '-6', '-n', '-c', 'prose'),
  quick('sort',                  '/bin/sort', '-n', 'numbers'),
  quick('gawk',                  '/bin/gawk', '-f', 'program.awk', 'numbers'),
  quick('perl',                  '/bin/perl', 'program.pl'),
  quick('lua: fib',              '/bin/lua5.4', 'lua/fib.lua'),
  quick('python: nbody',         ...PYTHON, 'python/nbody.py'),
  quick('python: dicts',         ...PYTHON, 'python/dicts.py'),
  quick('sqlite3',               '/bin/sqlite3', ':memory:', '.read speedtest.sql'),
  row('gcc -O0, 5,000 lines',    '/bin/cc1', '-quiet', '-O0', 'lines.i', '-o', '/dev/null'),
  quick('C: fib',                './bin/fib'),
  quick('C: hash table',         './bin/hash'),
];
