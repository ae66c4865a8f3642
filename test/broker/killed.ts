/** A broker that kills itself (SIGKILL) around the audit entry of its first release: `node killed.ts DIRECTORY before|after`. Prints its port. */

import { renameSync, writeFileSync } from 'node:fs';
import type { Database, Sql } from '../../src/broker/sql.ts';
import { serve } from '../../src/pal/broker/server.ts';
import { Bench } from './support.ts';

const [directory, when] = process.argv.slice(2);
const bench = new Bench(directory);
const inner = bench.database();
const end = (): void => void process.kill(process.pid, 'SIGKILL');

const database: Database = {
  ...inner,
  async transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    let releases = false;
    const result = await inner.transaction((sql) =>
      work({
        query: sql.query.bind(sql),
        async run(statement, ...values) {
          releases ||= values.some((value) => typeof value === 'string' && value.includes('"resource-released"'));
          const changed = await sql.run(statement, ...values);
          if (releases && when === 'before') end();
          return changed;
        },
      }),
    );
    if (releases && when === 'after') end();
    return result;
  },
};
await bench.start({ database });
const server = await serve(bench.broker, { host: '127.0.0.1', port: 0, maxConnections: 10, requestTimeoutMs: 10_000 });
writeFileSync(`${directory}/port.new`, String(server.port));
renameSync(`${directory}/port.new`, `${directory}/port`);
