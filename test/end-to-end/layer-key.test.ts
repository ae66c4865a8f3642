/** A writable layer whose key is at a broker, as on TEEs that have no sealing keys. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

const cloister = new URL('../../bin/cloister', import.meta.url).pathname;
const place = mkdtempSync(join(tmpdir(), 'cloister-layer-key-'));
const instance = join(place, 'app');
const state = join(place, 'kbs');
const env = { ...process.env, CLOISTER_STATE: join(place, 'state') };

function run(words: readonly string[], more: Readonly<Record<string, string>> = {}): { readonly code: number | null; readonly output: string; readonly error: string } {
  const { status, stdout, stderr } = spawnSync(cloister, words, { cwd: existsSync(instance) ? instance : place, env: { ...env, ...more }, encoding: 'utf8', timeout: 120_000 });
  return { code: status, output: stdout, error: stderr };
}

function must(words: readonly string[]): string {
  const { code, output, error } = run(words);
  assert.equal(code, 0, `${words.join(' ')}: ${error}`);
  return output;
}

const owner = (words: readonly string[]): string => must([...words, '--state', state]);

describe('a layer with its key at a broker', { skip: existsSync('/bin/cat') && process.arch === 'x64' ? false : 'needs the programs of an x86-64 Linux' }, () => {
  let broker: ChildProcess;

  before(async () => {
    must(['new', 'app']);
    for (const name of ['cat', 'cp']) copyFileSync(realpathSync(join('/bin', name)), join(instance, 'image/bin', name));
    broker = spawn(cloister, ['broker', 'serve', '--state', state, '--listen', '127.0.0.1:0', '--allow-sim'], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    const url = await new Promise<string>((resolve, reject) => {
      let log = '';
      broker.on('exit', () => reject(new Error(log)));
      broker.stderr?.on('data', (text: Buffer) => {
        log += text.toString();
        const match = /listening at (https:\/\/[^"]+)"/.exec(log);
        if (match !== null) resolve(match[1]);
      });
    });
    const certificate = readFileSync(join(state, 'certificate.pem'), 'utf8').trim().replace(/^/gm, '    ');
    const file = join(instance, 'cloister.yaml');
    const text = readFileSync(file, 'utf8').replace(/^broker:[^]*?^secrets: \[\]/m, `broker:\n  url: ${url}\n  certificate: |\n${certificate}\nlayer: { key: 'kbs:///shop/key/layer' }\nsecrets: []`);
    writeFileSync(file, text);
    must(['gen-image-key', join(place, 'layer.key')]);
    owner(['resource', 'put', 'shop/key/layer', join(place, 'layer.key')]);
  });
  after(async () => {
    const ended = new Promise((resolve) => broker.once('exit', resolve));
    broker.kill('SIGTERM');
    await ended;
    rmSync(place, { recursive: true, force: true });
  });

  test('is opened by the enclave that the owner allows, and by nobody without the key', () => {
    const { measurement } = JSON.parse(must(['build', '--json', '--no-translate']));
    assert.equal(run(['run', '-q', '/bin/cat', '/etc/passwd']).code, 121, 'no policy yet');
    owner(['policy', 'set', 'app', '--ready', 'exact-build', '--for', 'shop', '--with', `measurement=${measurement}`]);
    must(['run', '-q', '/bin/cp', '/etc/passwd', '/root/kept']);
    assert.match(must(['run', '-q', '/bin/cat', '/root/kept']), /^root:/);
    const stopped = run(['cat', '/root/kept']);
    assert.equal(stopped.code, 115, stopped.error);
    assert.match(stopped.error, /kbs:\/\/\/shop\/key\/layer/);
    rmSync(join(place, 'layer.key'));
    must(['gen-image-key', join(place, 'layer.key')]);
    owner(['resource', 'put', 'shop/key/layer', join(place, 'layer.key')]);
    const other = run(['run', '-q', '/bin/cat', '/root/kept']);
    assert.deepEqual([other.code, other.output], [115, '']);
  });
});
