import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Database } from '../../broker/sql.ts';
import { openSqlite } from './sqlite.ts';

describe('the embedded database', () => {
  let directory: string;
  let database: Database;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'sqlite-'));
    database = openSqlite(join(directory, 'it.db'));
    await database.run('CREATE TABLE things (id TEXT PRIMARY KEY, count BIGINT NOT NULL)');
  });

  afterEach(async () => {
    await database.close().catch(() => {});
    rmSync(directory, { recursive: true, force: true });
  });

  const put = (id: string, count = 0): Promise<number> => database.run('INSERT INTO things (id, count) VALUES ($1, $2)', id, count);
  const ids = async (): Promise<unknown[]> => (await database.query('SELECT id FROM things ORDER BY id')).map(({ id }) => id);

  test('statements that arrive together each say what they changed', async () => {
    await Promise.all([put('a'), put('b', 1), put('c', 1)]);
    const changes = await Promise.all([database.run('UPDATE things SET count = 2 WHERE count = $1', 1), database.run('UPDATE things SET count = 3 WHERE count = $1', 1), database.run('DELETE FROM things WHERE id = $1', 'a')]);
    assert.deepEqual(changes, [2, 0, 1]);
  });

  test('one that fails takes no other with it', async () => {
    const results = await Promise.allSettled([put('a'), put('b'), put('a'), put('c')]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
    );
    assert.match(String((results[2] as PromiseRejectedResult).reason), /UNIQUE/);
    assert.deepEqual(await ids(), ['a', 'b', 'c']);
  });

  test('what was asked for before the end is done, and durable for others', async () => {
    const writes = [put('a'), put('b')];
    await database.close();
    await Promise.all(writes);
    const other = new DatabaseSync(join(directory, 'it.db'));
    assert.equal(other.prepare('SELECT count(*) AS n FROM things').get()?.n, 2);
    other.close();
  });

  test('transactions and single statements do not see halves of each other', async () => {
    const moved = database.transaction(async (sql) => {
      await sql.run('INSERT INTO things (id, count) VALUES ($1, 0)', 'x');
      await new Promise((resolve) => setTimeout(resolve, 20));
      throw new Error('changed my mind');
    });
    const beside = Promise.all([put('y'), put('z')]);
    await assert.rejects(moved, /changed my mind/);
    await beside;
    assert.deepEqual(await ids(), ['y', 'z']);
  });
});
