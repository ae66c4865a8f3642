/**
 * `npm test`: unit tests beside the sources, then what runs the product as a user does (test/end-to-end and others). The last
 * line is `N passed, N failed, N skipped`. What takes a minute by itself is called `*.long.test.ts` and runs with
 * `npm run test:long`; this machine's programs run with `npm run test:programs`.
 */

import { globSync } from 'node:fs';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

const root = new URL('..', import.meta.url).pathname;
const given = process.argv.slice(2);
const patterns = given.length > 0 ? given : ['src/**/*.test.ts', 'test/**/*.test.ts'];
const apart = given.length > 0 ? [] : ['test/programs/**', '**/*.long.test.ts'];
const files = patterns
  .flatMap((pattern) => globSync(pattern, { cwd: root, exclude: apart }))
  .sort()
  .map((file) => (file.startsWith('/') ? file : `${root}${file}`));
let passed = 0,
  failed = 0,
  skipped = 0;
const failures: string[] = [];

const stream = run({ files, concurrency: 2, timeout: given.length > 0 ? 1_200_000 : 240_000 });
stream.on('test:pass', (event) => {
  if (event.details.type === 'suite') return;
  if (event.skip !== undefined || event.todo !== undefined) skipped++;
  else passed++;
});
stream.on('test:fail', (event) => {
  if (event.details.type === 'suite') return;
  failed++;
  failures.push(`${event.file?.replace(root, '') ?? ''}: ${event.name}`);
});
stream.on('end', () => {
  process.stdout.write(`\n${failures.map((failure) => `failed: ${failure}\n`).join('')}${passed} passed, ${failed} failed, ${skipped} skipped\n`);
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
});
stream.compose(new spec()).pipe(process.stdout, { end: false });
