/** PostgreSQL, for several brokers behind a balancer. */

import type { Pool, PoolClient, QueryResult } from 'pg';
import { type Database, DatabaseError, type Sql, type SqlRow, type SqlValue } from '../../broker/sql.ts';

const CONNECTIONS = 10;
const TIMEOUT_MS = 5000;
/** One writer of the audit log's chain at a time, over all brokers: any fixed number. */
const ADVISORY_LOCK = 0x636c6f69;

/** A connection of the pool that the server has left, before anything was done over it. */
const isGone = (error: unknown): boolean => /^(EPIPE|ECONNRESET|57P0[123])$/.test(String((error as { code?: string }).code)) || /terminated unexpectedly/.test((error as Error).message);

/** `again`: how often a statement that only reads may be tried anew, where its connection was gone. */
function over(client: Pool | PoolClient, again = 0): Sql {
  const send = async (statement: string, values: readonly SqlValue[], left = 0): Promise<QueryResult> => {
    try {
      return await client.query({ text: statement, values: values.map((value) => (value instanceof Uint8Array ? Buffer.from(value) : value)) });
    } catch (error) {
      if (left > 0 && isGone(error)) return send(statement, values, left - 1);
      throw new DatabaseError(`the database: ${(error as Error).message}`);
    }
  };
  return {
    query: async (statement, ...values) => (await send(statement, values, again)).rows as SqlRow[],
    run: async (statement, ...values) => (await send(statement, values)).rowCount ?? 0,
  };
}

/** A connection with a transaction in it. */
async function begin(pool: Pool, left = CONNECTIONS): Promise<PoolClient> {
  let client: PoolClient | undefined;
  try {
    client = await pool.connect();
    await client.query('BEGIN');
    return client;
  } catch (error) {
    client?.release(error as Error);
    if (client !== undefined && left > 0 && isGone(error)) return begin(pool, left - 1);
    throw new DatabaseError(`the database: ${(error as Error).message}`);
  }
}

/** Throws DatabaseError; messages do not hold the password of the URL. */
export async function openPostgres(url: string): Promise<Database> {
  const { default: pg } = await import('pg');
  const pool = new pg.Pool({ connectionString: url, max: CONNECTIONS, connectionTimeoutMillis: TIMEOUT_MS, query_timeout: TIMEOUT_MS, idle_in_transaction_session_timeout: TIMEOUT_MS, application_name: 'cloister-broker' });
  // A connection that breaks, idle or not: the next query over it, or over another, says what is wrong.
  pool.on('error', () => {});
  pool.on('connect', (client) => void client.on('error', () => {}));
  const plain = over(pool, CONNECTIONS);
  const database: Database = {
    kind: 'postgresql',
    query: plain.query,
    run: plain.run,
    async transaction(work) {
      const client = await begin(pool);
      const sql = over(client);
      let broken: Error | undefined;
      try {
        await sql.query('SELECT pg_advisory_xact_lock($1)', ADVISORY_LOCK);
        const result = await work(sql);
        await sql.run('COMMIT');
        return result;
      } catch (error) {
        await sql.run('ROLLBACK').catch((failure: Error) => {
          broken = failure;
        });
        throw error;
      } finally {
        // A connection in an unknown state is not used again.
        client.release(broken);
      }
    },
    close: () => pool.end(),
  };
  await database.query('SELECT 1 AS one').catch(async (error) => {
    await pool.end();
    throw error;
  });
  return database;
}
