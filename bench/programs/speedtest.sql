-- Inserts, indexes, range and point queries, joins, updates, deletes, text and aggregation, in one connection.
PRAGMA journal_mode = OFF;
CREATE TABLE numbers(a INTEGER, b INTEGER, c TEXT);
CREATE TABLE keyed(a INTEGER PRIMARY KEY, b INTEGER, c TEXT);
BEGIN;
WITH RECURSIVE n(i, r) AS (SELECT 1, 17 UNION ALL SELECT i + 1, (r * 1103515245 + 12345) % 2147483648 FROM n WHERE i < 40000)
  INSERT INTO numbers SELECT i, r >> 8, printf('%d is %x times %s', r, i, substr('the quick brown fox', 1 + i % 10, 9)) FROM n;
INSERT INTO keyed SELECT a, b, c FROM numbers;
COMMIT;
SELECT count(*), sum(b), max(c) FROM numbers WHERE b BETWEEN 100000 AND 4000000;
SELECT count(*), avg(length(c)) FROM numbers WHERE c LIKE '%3 is%' OR c LIKE '%fox%';
CREATE INDEX by_b ON numbers(b);
CREATE INDEX by_c ON numbers(c);
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
  SELECT sum((SELECT count(*) FROM numbers WHERE b >= i * 20000 AND b < i * 20000 + 15000)) FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 15000)
  SELECT sum((SELECT b % 1000 FROM keyed WHERE a = (i * 7919) % 40000 + 1)) FROM n;
BEGIN;
UPDATE numbers SET b = b * 2 WHERE a % 5 = 0;
UPDATE keyed SET c = c || ' and ' || b WHERE a BETWEEN 5000 AND 20000;
DELETE FROM keyed WHERE c LIKE '%quick%';
COMMIT;
SELECT count(*), sum(length(c)) FROM keyed;
SELECT x.b % 100 AS k, count(*), min(y.c) FROM numbers x JOIN keyed y ON y.a = x.a WHERE x.b > 1000 GROUP BY k ORDER BY 2 DESC, 1 LIMIT 5;
SELECT group_concat(c, '|') FROM (SELECT c FROM numbers ORDER BY c DESC LIMIT 4);
SELECT a, rank() OVER (ORDER BY b DESC) FROM numbers ORDER BY 2 LIMIT 3;
SELECT count(DISTINCT substr(c, 1, 4)), total(b / 3.0) FROM numbers;
SELECT count(*) FROM numbers WHERE a IN (SELECT a FROM keyed WHERE b % 3 = 1) AND NOT EXISTS (SELECT 1 FROM keyed k WHERE k.a = numbers.b % 50000);
PRAGMA integrity_check;
