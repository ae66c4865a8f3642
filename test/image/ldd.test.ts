/** The host's own dynamic linker as the oracle: what `ldd` lists for programs of this machine, an image gets too. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildImage } from '../../src/image/index.ts';
import { nodeTree, writeAtomically } from '../../src/pal/node/storage.ts';

const AT_MOST = 60;
const hasLdd = existsSync('/usr/bin/ldd') && process.arch === 'x64';

/** Real paths of the libraries and the interpreter; `undefined` for scripts and static programs. */
function ldd(program: string): string[] | undefined {
  const { status, stdout } = spawnSync('ldd', [program], { encoding: 'utf8' });
  if (status !== 0 || stdout.includes('not found')) return undefined;
  return [...stdout.matchAll(/^\s+(?:\S+ => )?(\/\S+) \(0x/gm)].map((match) => realpathSync(match[1]));
}

test('an image has what ldd lists', { skip: hasLdd ? false : 'no ldd for x86-64 here' }, () => {
  const root = mkdtempSync(join(tmpdir(), 'ldd-'));
  try {
    mkdirSync(join(root, 'image/usr/bin'), { recursive: true });
    symlinkSync('usr/bin', join(root, 'image/bin'));
    const wanted = new Map<string, string>();
    let programs = 0;
    const names = readdirSync('/usr/bin');
    for (let index = 0; index < names.length && programs < AT_MOST; index += Math.max(1, Math.floor(names.length / AT_MOST / 2))) {
      const program = join('/usr/bin', names[index]);
      // $ORIGIN of a program elsewhere would not be that of the copy.
      const libraries = realpathSync(program) === program ? ldd(program) : undefined;
      if (libraries === undefined || libraries.length === 0) continue;
      copyFileSync(program, join(root, 'image/usr/bin', names[index]));
      for (const library of libraries) wanted.set(library, names[index]);
      programs++;
    }
    assert.ok(programs > 10);
    const { additions } = buildImage({ host: nodeTree, writeAtomically, tree: join(root, 'image'), output: join(root, 'sealed'), dependencies: 'resolve' });
    const got = new Set(additions.map(({ from }) => realpathSync(from)));
    for (const [library, program] of wanted) assert.ok(got.has(library), `${library}, which ${program} needs`);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
