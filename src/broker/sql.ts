/**
 * What the broker needs of a database, and its tables. SQLite and PostgreSQL both understand every statement in this
 * layer: parameters are `$1` …, bytes are BYTEA (which SQLite stores as it gets them), times are milliseconds.
 */

export type SqlValue = string | number | Uint8Array | null;
export type SqlRow = Readonly<Record<string, SqlValue>>;

export interface Sql {
  query(statement: string, ...values: readonly SqlValue[]): Promise<readonly SqlRow[]>;
  /** Returns how many rows it changed. */
  run(statement: string, ...values: readonly SqlValue[]): Promise<number>;
}

export interface Database extends Sql {
  readonly kind: 'sqlite' | 'postgresql';
  /**
   * One writer at a time, among all brokers on this database. When it resolves, what was written survives a crash of
   * the host; when it rejects, nothing was written.
   */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** The database does not answer, or not in time. Nothing is released meanwhile. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
  readonly code = 'broker-database';
}

// biome-ignore format: a table
export const TABLES: readonly string[] = [
  'CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BYTEA NOT NULL)',
  'CREATE TABLE IF NOT EXISTS owners (id TEXT PRIMARY KEY, tenant TEXT NOT NULL, role TEXT NOT NULL, public_key TEXT NOT NULL, created BIGINT NOT NULL)',
  'CREATE TABLE IF NOT EXISTS keys (id TEXT NOT NULL, version INTEGER NOT NULL, parent TEXT NOT NULL, parent_version INTEGER NOT NULL, state TEXT NOT NULL, wrapped BYTEA, created BIGINT NOT NULL, expires BIGINT, PRIMARY KEY (id, version))',
  'CREATE TABLE IF NOT EXISTS resources (path TEXT NOT NULL, version INTEGER NOT NULL, owner TEXT NOT NULL, key_version INTEGER NOT NULL, sealed BYTEA, labels TEXT NOT NULL, created BIGINT NOT NULL, expires BIGINT, PRIMARY KEY (path, version))',
  'CREATE TABLE IF NOT EXISTS policies (owner TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, policy TEXT, created BIGINT NOT NULL, PRIMARY KEY (owner, name, version))',
  'CREATE TABLE IF NOT EXISTS reference_values (owner TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, publisher TEXT NOT NULL, measurement TEXT NOT NULL, document TEXT NOT NULL, created BIGINT NOT NULL, PRIMARY KEY (owner, id))',
  'CREATE INDEX IF NOT EXISTS reference_values_by_measurement ON reference_values (owner, measurement)',
  'CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, tee TEXT NOT NULL, nonce TEXT NOT NULL, state TEXT NOT NULL, result TEXT, expires BIGINT NOT NULL)',
  'CREATE INDEX IF NOT EXISTS sessions_by_expiry ON sessions (expires)',
  'CREATE TABLE IF NOT EXISTS collateral (url TEXT PRIMARY KEY, headers TEXT NOT NULL, body BYTEA NOT NULL, expires BIGINT NOT NULL)',
  'CREATE TABLE IF NOT EXISTS counters (path TEXT NOT NULL, version INTEGER NOT NULL, value BIGINT NOT NULL, holder TEXT NOT NULL, PRIMARY KEY (path, version))',
  'CREATE TABLE IF NOT EXISTS audit (seq BIGINT PRIMARY KEY, entry TEXT NOT NULL, leaf BYTEA NOT NULL)',
  'CREATE TABLE IF NOT EXISTS audit_heads (size BIGINT PRIMARY KEY, head TEXT NOT NULL, peaks TEXT NOT NULL)',
];

export async function createTables(database: Database): Promise<void> {
  await database.transaction(async (sql) => {
    for (const statement of TABLES) await sql.run(statement);
  });
}

/** A column that is text by the schema. */
export const textOf = (row: SqlRow, column: string): string => row[column] as string;
/** PostgreSQL gives BIGINT as text. */
export const numberOf = (row: SqlRow, column: string): number => Number(row[column]);
export const optionalNumber = (row: SqlRow, column: string): number | undefined => (row[column] === null ? undefined : Number(row[column]));
/** A copy of its own, whatever buffer the driver used. */
export const bytesColumn = (row: SqlRow, column: string): Uint8Array => new Uint8Array(row[column] as Uint8Array);
