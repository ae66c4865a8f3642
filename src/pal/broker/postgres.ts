/** PostgreSQL, for several brokers behind a balancer. */

import type { Pool, PoolClient } from 'pg';
import { type Database, DatabaseError, type Sql, type SqlRow, type SqlValue } from '../../broker/sql.ts';

const CONNECTIONS = 10;
const TIMEOUT_MS = 5000;
/** One writer of the audit log's chain at a time, over all brokers: any fixed number. */
const ADVISORY_LOCK = 0x636c6f69;

function over(client: Pool | PoolClient): Sql {
  const send = async (statement: string, values: readonly SqlValue[]) => {
    try {
      return await client.query({ text: statement, values: values.map((value) => (value instanceof Uint8Array ? Buffer.from(value) : value)) });
    } catch (error) {
      throw new DatabaseError(`the database: ${(error as Error).message}`);
    }
  };
  return {
    query: async (statement, ...values) => (await send(statement, values)).rows as SqlRow[],
    run: async (statement, ...values) => (await send(statement, values)).rowCount ?? 0,
  };
}

/** Throws DatabaseError; messages do not hold the password of the URL. */
export async function openPostgres(url: string): Promise<Database> {
  const { default: pg } = await import('pg');
  const pool = new pg.Pool({ connectionString: url, max: CONNECTIONS, connectionTimeoutMillis: TIMEOUT_MS, query_timeout: TIMEOUT_MS, idle_in_transaction_session_timeout: TIMEOUT_MS, application_name: 'cloister-broker' });
  // A connection that breaks while idle: the next query gets another, or says what is wrong.
  pool.on('error', () => {});
  const plain = over(pool);
  const database: Database = {
    kind: 'postgresql',
    query: plain.query,
    run: plain.run,
    async transaction(work) {
      let client: PoolClient;
      try {
        client = await pool.connect();
      } catch (error) {
        throw new DatabaseError(`the database: ${(error as Error).message}`);
      }
      const sql = over(client);
      let broken: Error | undefined;
      try {
        await sql.run('BEGIN');
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
