import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONFIGURATION, type Configuration, defaultsOf } from '../config/schema.ts';
import { Tmpfs } from '../kernel/fs/tmpfs.ts';
import { Vfs } from '../kernel/vfs/vfs.ts';
import { openMemoryBackend } from '../pal/node/memory/index.ts';
import type { ExecMessage } from '../pal/node/messages.ts';
import { admit } from './admission.ts';
import { find } from './places.ts';

const OWNER = { uid: 0, gid: 0 };
const S_IFREG = 0o100000;

/** `name/` for directories, `name -> target` for links, other names for files. */
function tree(...rows: readonly string[]): Vfs {
  const memory = openMemoryBackend('copy');
  const vfs = new Vfs(memory);
  vfs.mountRoot(new Tmpfs({ memory, now: () => 0n, mode: 0o755 }), 'tmpfs');
  for (const row of rows) {
    const [path, target] = row.split(' -> ');
    const at = path.replace(/\/$/, '').lastIndexOf('/');
    const parent = vfs.pathAt(path.slice(0, at)).inode;
    const name = path.slice(at + 1).replace('/', '');
    if (target !== undefined) parent.symlink(name, target, OWNER);
    else if (path.endsWith('/')) parent.mkdir(name, 0o755, OWNER);
    else parent.create(name, S_IFREG | 0o755, OWNER, 0);
  }
  return vfs;
}

const configured = (change: Partial<Configuration> = {}): Configuration => ({ ...(defaultsOf(CONFIGURATION) as Configuration), ...change });
const message = (program: string, cwd = ''): ExecMessage => ({ kind: 'exec', id: 1, argv: [program], env: [], hostEnv: [], cwd, rings: [] as never });
const admitted = (vfs: Vfs, configuration: Configuration, program: string, cwd?: string): Exclude<ReturnType<typeof admit>, { refused: unknown }> => {
  const admission = admit(configuration, vfs, message(program, cwd));
  assert.ok(!('refused' in admission), JSON.stringify(admission));
  return admission;
};
const refused = (vfs: Vfs, configuration: Configuration, program: string, cwd?: string): [string | undefined, string] => {
  const admission = admit(configuration, vfs, message(program, cwd));
  assert.ok('refused' in admission);
  return [admission.refused.kind, admission.refused.message];
};

test('a program is below an entry point by its name and by where the name leads', () => {
  const vfs = tree('/usr/', '/usr/bin/', '/usr/bin/x', '/bin -> usr/bin', '/lib/', '/lib/ld.so', '/opt/', '/opt/v2/', '/opt/v2/tool', '/opt/tool -> v2/tool');
  const only = configured({ entry_points: ['/bin', '/opt/tool', '/missing'] });
  assert.deepEqual(refused(vfs, only, '/lib/ld.so'), ['entry-point', '/lib/ld.so is not below an entry point (/bin, /opt/tool, /missing)']);
  assert.equal(refused(vfs, only, '/bin/../lib/ld.so')[0], 'entry-point');
  assert.equal(refused(vfs, only, 'x')[0], 'entry-point');
  const { argv, refuses } = admitted(vfs, only, '//bin/./x');
  assert.deepEqual(argv, ['/bin/x']);
  // Entry points may be links themselves.
  for (const resolved of ['/usr/bin/x', '/bin/x', '/opt/v2/tool', '/missing']) assert.equal(refuses?.(resolved), undefined, resolved);
  for (const resolved of ['/lib/ld.so', '/usr/binary', '/opt/v2/other']) assert.equal(refuses?.(resolved)?.kind, 'entry-point', resolved);
});

test('the working directory is told from the program', () => {
  const vfs = tree('/place/', '/file', '/link -> /place', '/loop -> loop');
  const process = configured().process;
  assert.equal(admitted(vfs, configured(), '/bin/x').cwd, '/');
  assert.equal(admitted(vfs, configured(), '/bin/x', '/link/').cwd, '/place');
  assert.deepEqual(refused(vfs, configured({ process: { ...process, directory: '/nodir' } }), '/bin/x'), ['configuration', 'process.directory in cloister.yaml: /nodir: No such file or directory']);
  assert.match(refused(vfs, configured({ process: { ...process, directory: '/file' } }), '/bin/x')[1], /\/file: Not a directory/);
  assert.deepEqual(refused(vfs, configured(), '/bin/x', '/file/x'), ['usage', 'the working directory /file/x: Not a directory']);
  assert.match(refused(vfs, configured(), '/bin/x', '/loop')[1], /Too many levels of symbolic links/);
});

test('paths', () => {
  const vfs = tree('/a/', '/a/b/', '/a/up -> ../c', '/c/', '/c/f', '/abs -> /a/up/f');
  assert.equal(find(vfs, '/a/b/../up/f', 'follow')?.path, '/c/f');
  assert.equal(find(vfs, '/../abs', 'follow')?.path, '/c/f');
  assert.equal(find(vfs, '/abs', 'keep')?.path, '/abs');
  assert.equal(find(vfs, '/', 'follow')?.path, '/');
  assert.equal(find(vfs, '/c/none', 'follow'), undefined);
});
