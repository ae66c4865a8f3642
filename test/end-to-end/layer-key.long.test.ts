/** A writable layer whose key is at a broker, as on TEEs that have no sealing keys; its newest state is a number there. */

import assert from 'node:assert/strict';
import { copyFileSync, cpSync, existsSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { boot } from '../../src/libos/boot.ts';
import type { WorkerHost } from '../../src/pal/node/host.ts';
import { NodeDirectory } from '../../src/pal/node/storage.ts';
import { type Result, type ServingBroker, workplace } from '../support/workplace.ts';

const { place, instance, state, run, must, owner, serve } = workplace('layer-key');

/** Puts the key: a version of its own, whose count begins. */
const putKey = (name = 'layer'): string => owner(['resource', 'put', `shop/key/${name}`, join(place, `${name}.key`)]);
/** No program has to be translated for it: 127 where everything is in order. */
const attempt = (): Result => run(['run', '-q', '/bin/none']);
/** In an enclave that is started for it. */
function inside(words: readonly string[]): string {
  must(['start']);
  const output = must(words);
  must(['stop']);
  return output;
}
const file = join(place, 'default.yaml');
const write = (name: string): string => inside(['cp', file, `:/root/${name}`]);
const list = (): string => inside(['ls', '/root']);

/** Verification failed, by the counter, and nothing ran. */
function refused({ code, output, error }: Result, why: RegExp): void {
  assert.deepEqual([code, output], [114, ''], error);
  assert.match(error, why);
}

/** The layer and the record of its freshness, as who has the machine copies and exchanges them. */
const layer = join(instance, '.cloister/layer');
const record = (): string => join(place, 'state/instances', readFileSync(join(instance, '.cloister/id'), 'utf8').trim(), 'layer-freshness');
const keep = (name: string): void => [layer, record()].forEach((path, at) => cpSync(path, join(place, `${name}-${at}`), { recursive: true }));
const remove = (): void => [layer, record()].forEach((path) => rmSync(path, { recursive: true, force: true }));
function put(name: string): void {
  remove();
  [layer, record()].forEach((path, at) => cpSync(join(place, `${name}-${at}`), path, { recursive: true }));
}

describe('a layer with its key at a broker', { skip: existsSync('/bin/cat') && process.arch === 'x64' ? false : 'needs the programs of an x86-64 Linux' }, () => {
  let broker: ServingBroker;

  /** These lines in place of the default for `layer` and `volumes`. */
  function configure(lines: string): void {
    const certificate = readFileSync(join(state, 'certificate.pem'), 'utf8').trim().replace(/^/gm, '    ');
    const text = readFileSync(file, 'utf8').replace(/^volumes: \[\]\n/m, '');
    writeFileSync(join(instance, 'cloister.yaml'), text.replace(/^broker:[^]*?^secrets: \[\]/m, `broker:\n  url: ${broker.url}\n  certificate: |\n${certificate}\n${lines}\nsecrets: []`));
  }
  function allow(): void {
    const { measurement } = JSON.parse(must(['build', '--json', '--no-translate']));
    owner(['policy', 'set', 'app', '--ready', 'exact-build', '--for', 'shop', '--with', `measurement=${measurement}`]);
  }

  before(async () => {
    must(['new', 'app']);
    for (const name of ['cat', 'cp', 'ls']) copyFileSync(realpathSync(join('/bin', name)), join(instance, 'image/bin', name));
    copyFileSync(join(instance, 'cloister.yaml'), file);
    broker = await serve();
    for (const name of ['layer', 'other']) must(['gen-image-key', join(place, `${name}.key`)]);
    putKey();
    configure("layer: { key: 'kbs:///shop/key/layer' }");
  });
  after(async () => {
    // What a test that failed left.
    run(['stop']);
    await broker.stop();
    rmSync(place, { recursive: true, force: true });
  });

  test('is opened by the enclave that the owner allows, and by nobody without the key', () => {
    must(['build', '--no-translate']);
    assert.equal(attempt().code, 121, 'no policy yet');
    allow();
    must(['run', '-q', '/bin/cp', '/etc/passwd', '/root/kept']);
    assert.match(must(['run', '-q', '/bin/cat', '/root/kept']), /^root:/);
    for (const words of [
      ['cat', '/root/kept'],
      ['ls', '/root'],
      ['cp', file, ':/root/key'],
    ]) {
      const stopped = run(words);
      assert.equal(stopped.code, 115, stopped.error);
      assert.match(stopped.error, /kbs:\/\/\/shop\/key\/layer/);
    }
    owner(['resource', 'put', 'shop/key/layer', join(place, 'other.key')]);
    const other = attempt();
    assert.deepEqual([other.code, other.output], [115, '']);
    putKey();
    assert.equal(list(), 'kept\n');
  });

  test('is refused where it and its record were both exchanged for older copies, or taken away', () => {
    keep('older');
    write('second');
    keep('newest');
    put('older');
    refused(attempt(), /older than its counter says: it is at commit \d+, and there were \d+/);
    refused(run(['start']), /older than its counter says/);
    rmSync(layer, { recursive: true });
    refused(attempt(), /there is no writable layer, and its counter says that there were \d+ commits/);
    remove();
    refused(attempt(), /there is no writable layer, and its counter says that there were \d+ commits/);
    put('newest');
    assert.equal(attempt().code, 127);
    write('third');
    assert.equal(list(), 'kept\nsecond\nthird\n');
    // What the owner does where the newest is lost: the key, put again, begins a new count.
    put('older');
    refused(attempt(), /older than its counter says/);
    putKey();
    assert.equal(list(), 'kept\n');
    write('fourth');
    put('older');
    refused(attempt(), /older than its counter says/);
    remove();
    putKey();
    assert.equal(list(), '', 'or a new one');
  });

  test('what an enclave has written is counted while it runs, and it can be killed', () => {
    write('before');
    keep('before');
    must(['start']);
    must(['cp', file, ':/root/after']);
    let newest = '';
    for (let at = 0; at < 50 && !/counter-advanced/.test(newest); at++) newest = owner(['audit', 'show', '--limit', '1']);
    assert.match(newest, /counter-advanced +shop\/key\/layer/);
    process.kill(JSON.parse(must(['status', '--json'])).pid, 'SIGKILL');
    assert.equal(list(), 'after\nbefore\n');
    put('before');
    refused(attempt(), /older than its counter says/);
    putKey();
  });

  test('two copies in use at a time: the one that is behind can write no more, and says why', () => {
    write('common');
    const [twin, twinState] = [join(place, 'twin'), join(place, 'twin-state')];
    cpSync(instance, twin, { recursive: true });
    cpSync(join(place, 'state'), twinState, { recursive: true });
    const onTwin = (...words: string[]): Result => run(['-C', twin, ...words], { more: { CLOISTER_STATE: twinState } });
    must(['start']);
    const started = onTwin('start');
    assert.equal(started.code, 0, started.error);
    try {
      must(['cp', file, ':/root/one']);
      must(['stop']);
      // What is written is counted a moment later.
      let told: Result | undefined;
      for (let at = 0; at < 50 && told?.code !== 119; at++) told = onTwin('cp', file, `:/root/two-${at}`);
      assert.equal(told?.code, 119);
      assert.match(readFileSync(join(twin, '.cloister/enclave.log'), 'utf8'), /the counter of shop\/key\/layer at the broker: .*the counter stands at \d+/);
    } finally {
      onTwin('stop');
    }
    write('three');
    assert.match(list(), /^common\none\nthree$/m);
  });

  test('a key counts one of them: a volume with the key of the layer is refused, unless one is without a counter', () => {
    const volume = '{ target: /out, source: out, type: layer, key: kbs:///shop/key/layer }';
    configure(`layer: { key: 'kbs:///shop/key/layer' }\nvolumes:\n  - ${volume}`);
    const { code, error } = run(['build', '--no-translate']);
    assert.equal(code, 111, error);
    assert.match(error, /the writable layer and the volume \/out have the key kbs:\/\/\/shop\/key\/layer, which counts one of them/);
    configure(`layer: { key: 'kbs:///shop/key/layer', freshness: machine }\nvolumes:\n  - ${volume}`);
    allow();
    putKey();
    keep('older');
    must(['start']);
    for (const path of ['/root/new', '/out/new']) must(['cp', file, `:${path}`]);
    must(['stop']);
    put('older');
    assert.doesNotMatch(list(), /new/, 'the record came along');
    assert.equal(inside(['ls', '/out']), 'new\n');
  });

  test('a start that fails in the middle leaves nothing open', async () => {
    writeFileSync(join(place, 'none.key'), 'no key');
    putKey('none');
    putKey('other');
    configure("layer: { key: 'kbs:///shop/key/layer' }\nvolumes:\n  - { target: /a, source: a, type: layer, key: kbs:///shop/key/other }\n  - { target: /b, source: b, type: layer, key: kbs:///shop/key/none }");
    allow();
    const host = { log: assert.fail, monotonicNs: () => 0, realtimeNs: () => Date.now() * 1e6, post: assert.fail } as unknown as WorkerHost;
    await assert.rejects(boot({ directory: instance, stateDirectory: join(place, 'state'), engine: 'translator', memory: 'copy', strace: false }, host), { code: 'key-format' });
    for (const path of [layer, join(instance, 'a')]) {
      assert.ok(readdirSync(path).includes('key'), `${path} was opened`);
      const lock = new NodeDirectory(path).lock();
      assert.ok(lock !== undefined, path);
      lock.release();
    }
  });
});
