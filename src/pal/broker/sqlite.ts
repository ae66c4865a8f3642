/**
 * The embedded database: SQLite through `node:sqlite`, write-ahead logging. Transactions are flushed to the disk before they
 * are over; single statements (sessions) survive a crash of the broker and may be lost with the host. Those that arrive
 * together are written in one transaction.
 */

import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { type Database, DatabaseError, type Sql, type SqlRow, type SqlValue } from '../../broker/sql.ts';

const BUSY_MS = 5000;

/** A connection, with its statements prepared once. */
class Connection implements Sql {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(path: string, synchronous: 'FULL' | 'NORMAL') {
    this.#database = open(path);
    this.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
    this.exec('PRAGMA journal_mode = WAL');
    this.exec(`PRAGMA synchronous = ${synchronous}`);
  }

  #prepare(statement: string): StatementSync {
    let prepared = this.#statements.get(statement);
    if (prepared === undefined) {
      prepared = this.#database.prepare(statement.replace(/\$(\d+)/g, '?$1'));
      this.#statements.set(statement, prepared);
    }
    return prepared;
  }

  async query(statement: string, ...values: readonly SqlValue[]): Promise<readonly SqlRow[]> {
    return failing(() => this.#prepare(statement).all(...values) as unknown as SqlRow[]);
  }

  async run(statement: string, ...values: readonly SqlValue[]): Promise<number> {
    return failing(() => Number(this.#prepare(statement).run(...values).changes));
  }

  exec(statement: string): void {
    failing(() => this.#database.exec(statement));
  }

  rollback(): void {
    try {
      this.exec('ROLLBACK');
    } catch {
      // COMMIT failed and SQLite has rolled back already.
    }
  }

  close(): void {
    this.#database.close();
  }
}

function failing<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new DatabaseError(`the database: ${(error as Error).message}`);
  }
}

/** A single statement that waits for its turn. */
interface Waiting {
  readonly statement: string;
  readonly values: readonly SqlValue[];
  readonly resolve: (changes: number) => void;
  readonly reject: (error: unknown) => void;
}

/** One transaction; where a statement fails, each resolves or rejects as by itself. */
async function runAll(connection: Connection, batch: readonly Waiting[]): Promise<void> {
  const alone = async (): Promise<void> => {
    for (const { statement, values, resolve, reject } of batch) await connection.run(statement, ...values).then(resolve, reject);
  };
  if (batch.length === 1) return alone();
  try {
    connection.exec('BEGIN IMMEDIATE');
  } catch (error) {
    // Another process has held the database for longer than anybody should wait, once.
    for (const { reject } of batch) reject(error);
    return;
  }
  const changes: number[] = [];
  try {
    for (const { statement, values } of batch) changes.push(await connection.run(statement, ...values));
    connection.exec('COMMIT');
  } catch {
    connection.rollback();
    return alone();
  }
  for (const [at, { resolve }] of batch.entries()) resolve(changes[at]);
}

const open = (path: string): DatabaseSync => failing(() => new DatabaseSync(path));

/** Throws DatabaseError. `path` may be `:memory:` in no case: two connections share the file. */
export function openSqlite(path: string): Database {
  const durable = new Connection(path, 'FULL');
  const plain = new Connection(path, 'NORMAL');
  // SQLite has one writer: within this process they take turns, so that nobody waits for a lock that this thread holds.
  let turn: Promise<unknown> = Promise.resolve();
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = turn.then(work);
    turn = result.catch(() => {});
    return result;
  }
  let waiting: Waiting[] = [];
  const flush = (): Promise<void> => {
    const batch = waiting;
    waiting = [];
    return inTurn(() => runAll(plain, batch));
  };
  return {
    kind: 'sqlite',
    query: (statement, ...values) => plain.query(statement, ...values),
    run: (statement, ...values) =>
      new Promise((resolve, reject) => {
        // When all that has arrived on sockets was read.
        if (waiting.length === 0) setImmediate(() => void flush());
        waiting.push({ statement, values, resolve, reject });
      }),
    transaction: (work) =>
      inTurn(async () => {
        durable.exec('BEGIN IMMEDIATE');
        try {
          const result = await work(durable);
          durable.exec('COMMIT');
          return result;
        } catch (error) {
          durable.rollback();
          throw error;
        }
      }),
    async close() {
      void flush();
      await inTurn(async () => {
        plain.close();
        durable.close();
      });
    },
  };
}
