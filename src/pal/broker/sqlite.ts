/**
 * The embedded database: SQLite through `node:sqlite`, write-ahead logging. Transactions are flushed to the disk before they
 * are over; single statements (sessions) survive a crash of the broker and may be lost with the host.
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
  return {
    kind: 'sqlite',
    query: (statement, ...values) => plain.query(statement, ...values),
    run: (statement, ...values) => inTurn(() => plain.run(statement, ...values)),
    transaction: (work) =>
      inTurn(async () => {
        durable.exec('BEGIN IMMEDIATE');
        try {
          const result = await work(durable);
          durable.exec('COMMIT');
          return result;
        } catch (error) {
          try {
            durable.exec('ROLLBACK');
          } catch {
            // COMMIT failed and SQLite has rolled back already.
          }
          throw error;
        }
      }),
    close: () =>
      inTurn(async () => {
        plain.close();
        durable.close();
      }),
  };
}
