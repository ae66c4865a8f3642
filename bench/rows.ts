/** What is measured: one row each. `args` go to `micro` (programs/micro.c), which runs natively, in the enclave and under qemu. */

export interface Row {
  readonly name: string;
  readonly group: 'kernel' | 'compute' | 'files';
  readonly args: readonly string[];
  /** Speed relative to native that is asked for: 1 = as fast. */
  readonly goal?: number;
  /** Programs beside `micro` that the row needs. */
  readonly needs: readonly string[];
}

const PYTHON = 'd = {}\nfor i in range(300000):\n    d[i % 1000] = d.get(i % 1000, 0) + i * i\nprint(sum(d.values()))';
const AWK = '{ n[$2 % 100] += $1 } END { for (k in n) s += n[k]; print s }';
const BASH = 'n=0; for ((i = 0; i < 60000; i++)); do n=$((n + i % 7)); done; echo $n';
const INSERTS = 'create table t(a integer primary key, b text, c real); with recursive n(i) as (select 1 union all select i + 1 from n where i < 60000) insert into t select i, hex(i * 7919), i / 3.0 from n; select count(*), sum(c) from t;';
const SELECTS = 'with recursive n(i) as (select 1 union all select i + 1 from n where i < 120000) select count(*), sum(a.i * 3 % 7), max(length(printf("%d", a.i))) from n a;';

// biome-ignore format: a table
export const ROWS: readonly Row[] = [
  { name: 'getppid',                  group: 'kernel',  args: ['getppid'],                                            goal: 1,    needs: [] },
  { name: 'pipe round trip',          group: 'kernel',  args: ['pipe-round-trip'],                                    goal: 2,    needs: [] },
  { name: 'pipe, per MiB',            group: 'kernel',  args: ['pipe-throughput'],                                                needs: [] },
  { name: 'fork, exit, wait',         group: 'kernel',  args: ['fork'],                                                           needs: [] },
  { name: 'spawn, wait: static',      group: 'kernel',  args: ['spawn', '/bin/micro', 'nothing'],                     goal: 1,    needs: [] },
  { name: 'spawn, wait: dynamic',     group: 'kernel',  args: ['spawn', '/bin/true'],                                             needs: ['true'] },
  { name: 'fork, exec, wait: static', group: 'kernel',  args: ['fork-exec', '/bin/micro', 'nothing'],                             needs: [] },
  { name: 'fork, exec, wait: dynamic',group: 'kernel',  args: ['fork-exec', '/bin/true'],                                         needs: ['true'] },
  { name: 'fib(35)',                  group: 'compute', args: ['fib'],                                                goal: 0.25, needs: [] },
  { name: 'sha256sum, 24 MB',         group: 'compute', args: ['command', 'sha256sum', '/data/text'],                 goal: 0.25, needs: ['sha256sum'] },
  { name: 'gzip, 24 MB',              group: 'compute', args: ['command', 'gzip', '-1', '-c', '/data/text'],          goal: 0.25, needs: ['gzip'] },
  { name: 'sort, 24 MB',              group: 'compute', args: ['command', 'sort', '-n', '/data/text'],                goal: 0.25, needs: ['sort'] },
  { name: 'awk, 24 MB',               group: 'compute', args: ['command', 'mawk', AWK, '/data/text'],                 goal: 0.25, needs: ['mawk'] },
  { name: 'bash loop',                group: 'compute', args: ['command', 'bash', '-c', BASH],                        goal: 0.25, needs: ['bash'] },
  { name: 'python3 loop',             group: 'compute', args: ['command', '/usr/bin/python3', '-S', '-E', '-c', PYTHON], goal: 0.25, needs: ['python3'] },
  { name: 'sqlite3 inserts',          group: 'compute', args: ['command', 'sqlite3', ':memory:', INSERTS],            goal: 0.25, needs: ['sqlite3'] },
  { name: 'sqlite3 selects',          group: 'compute', args: ['command', 'sqlite3', ':memory:', SELECTS],            goal: 0.25, needs: ['sqlite3'] },
  { name: 'sealed file, write 64 MiB',group: 'files',   args: ['file-write', '/data/written'],                                    needs: [] },
  { name: 'sealed file, read 64 MiB', group: 'files',   args: ['file-read', '/data/written'],                                     needs: [] },
];
