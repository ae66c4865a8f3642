/** The root key in a security module: SoftHSM, with a key that OpenSC's pkcs11-tool made. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadFfi } from '../../src/pal/node/memory/libc.ts';
import { openPkcs11, parsePkcs11Uri } from '../../src/pal/broker/pkcs11.ts';
import { BrokerProcess } from './process.ts';
import { ANYBODY } from './support.ts';

const MODULE = '/usr/lib/softhsm/libsofthsm2.so';
const PIN = '8642';
const lacking = loadFfi() === undefined ? 'needs node:ffi' : existsSync(MODULE) && spawnSync('pkcs11-tool', ['--version']).error === undefined ? false : 'needs softhsm2 and opensc';
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

const place = mkdtempSync(join(tmpdir(), 'cloister-hsm-'));
after(() => rmSync(place, { recursive: true, force: true }));
process.env.SOFTHSM2_CONF = join(place, 'softhsm2.conf');

const uri = (object: string, rest = ''): string => `pkcs11:token=our%20broker;object=${object}?module-path=${MODULE}${rest}`;

function tool(...words: readonly string[]): void {
  const { status, stderr } = spawnSync('pkcs11-tool', ['--module', MODULE, '--token-label', 'our broker', '--login', '--pin', PIN, ...words], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
}

/** A token with two keys, and two of the same name. */
function makeToken(): void {
  mkdirSync(join(place, 'tokens'), { recursive: true });
  writeFileSync(join(place, 'softhsm2.conf'), `directories.tokendir = ${join(place, 'tokens')}\nobjectstore.backend = file\nlog.level = ERROR\n`);
  const made = spawnSync('softhsm2-util', ['--init-token', '--free', '--label', 'our broker', '--so-pin', '97531', '--pin', PIN], { encoding: 'utf8' });
  assert.equal(made.status, 0, made.stderr);
  for (const name of ['root', 'other', 'twice', 'twice']) tool('--keygen', '--key-type', 'AES:32', '--label', name, '--extractable');
}

test('URIs of keys, as RFC 7512 has them', () => {
  assert.deepEqual(parsePkcs11Uri('pkcs11:object=k%3bey;token=a%20b?pin-source=file:/run/pin&module-path=/lib/m.so'), { token: 'a b', object: 'k;ey', modulePath: '/lib/m.so', pinFile: '/run/pin' });
  assert.deepEqual(parsePkcs11Uri('pkcs11:token=t;object=k?module-path=/m'), { token: 't', object: 'k', modulePath: '/m' });
  // biome-ignore format: a table
  for (const [text, why] of [
    ['', /does not begin with pkcs11:/], ['pkcs11:', /lacks token/], ['pkcs11:token=t', /lacks object/], ['pkcs11:token=t;object=k', /lacks module-path/],
    ['pkcs11:token=t;object=k;id=%01?module-path=/m', /"id=%01" .* not understood/], ['pkcs11:token=t;object=k?module-path=/m&pin-value=1234', /seen by every user/],
    ['pkcs11:token=t;token=u;object=k?module-path=/m', /token twice/], ['pkcs11:token=%;object=k?module-path=/m', /percent/], ['pkcs11:token;object=k?module-path=/m', /"token" .* not understood/],
    ['pkcs11:token=;object=k?module-path=/m', /lacks token/], ['pkcs11:token=t;object=k?module-path=/m#x', /does not begin/],
  ] as const) assert.throws(() => parsePkcs11Uri(text), why, text);
});

test('a key in a security module: what it sealed it opens, and nothing else', { skip: lacking }, () => {
  makeToken();
  process.env.CLOISTER_PKCS11_PIN = PIN;
  const key = openPkcs11(parsePkcs11Uri(uri('root')));
  const sealed = key.seal(utf8('a secret'), utf8('for this'));
  assert.equal(sealed.length, 12 + 8 + 16);
  assert.notDeepEqual(key.seal(utf8('a secret'), utf8('for this')), sealed);
  assert.deepEqual(key.open(sealed, utf8('for this')), utf8('a secret'));
  assert.equal(key.open(sealed, utf8('for that')), undefined);
  for (let at = 0; at < sealed.length; at++) {
    const damaged = sealed.slice();
    damaged[at] ^= 1;
    assert.equal(key.open(damaged, utf8('for this')), undefined, `byte ${at}`);
  }
  for (const length of [0, 11, 27]) assert.equal(key.open(sealed.subarray(0, length), utf8('for this')), undefined);
  assert.equal(openPkcs11(parsePkcs11Uri(uri('other'))).open(sealed, utf8('for this')), undefined);

  assert.throws(() => openPkcs11(parsePkcs11Uri(uri('none'))).open(sealed, utf8('for this')), /no AES key called "none"/);
  assert.throws(() => openPkcs11(parsePkcs11Uri(uri('twice'))).open(sealed, utf8('for this')), /several AES keys called "twice"/);
  assert.throws(() => openPkcs11(parsePkcs11Uri(uri('root').replace('our', 'your'))).open(sealed, utf8('for this')), /no token called "your broker"/);
  assert.throws(() => openPkcs11(parsePkcs11Uri(uri('root').replace(MODULE, '/bin/true'))), /\/bin\/true is no PKCS #11 module/);
  assert.throws(() => openPkcs11(parsePkcs11Uri(uri('root', '&pin-source=/nowhere'))).open(sealed, utf8('for this')), /PIN cannot be read from \/nowhere: ENOENT/);
  process.env.CLOISTER_PKCS11_PIN = '0000';
  assert.throws(() => key.open(sealed, utf8('for this')), /the PIN is wrong/);
  delete process.env.CLOISTER_PKCS11_PIN;
  assert.throws(() => key.open(sealed, utf8('for this')), /set CLOISTER_PKCS11_PIN/);
  const pin = join(place, 'pin');
  writeFileSync(pin, `${PIN}\n`);
  assert.deepEqual(openPkcs11(parsePkcs11Uri(uri('root', `&pin-source=file:${pin}`))).open(sealed, utf8('for this')), utf8('a secret'));
});

test('a broker whose root key is guarded by a security module', { skip: lacking }, async (context) => {
  const broker = new BrokerProcess();
  context.after(() => broker.close());
  broker.env.SOFTHSM2_CONF = process.env.SOFTHSM2_CONF;
  await assert.rejects(broker.start('--root-key', 'pkcs11'), /--pkcs11/);
  const words = ['--root-key', 'pkcs11', '--pkcs11', uri('root')];
  await assert.rejects(broker.start(...words), /CLOISTER_PKCS11_PIN/);
  broker.env.CLOISTER_PKCS11_PIN = PIN;
  await broker.start(...words);
  assert.equal((await broker.admin('PUT', '/cloister/v0/resources/a/key/k', 'secret')).status, 200);
  assert.equal((await broker.admin('PUT', '/cloister/v0/policies/any', ANYBODY)).status, 200);
  await broker.end();
  await broker.start(...words);
  assert.equal(new TextDecoder().decode(await broker.client().resource('a/key/k')), 'secret');
  await broker.end();
  await assert.rejects(broker.start('--root-key', 'pkcs11', '--pkcs11', uri('other')), /the broker ended with [1-9]/);
  assert.match(broker.log, /sealed by another key than that of the security module/);
  await assert.rejects(broker.start(), /the broker ended with [1-9]/);
  assert.match(broker.log, /guarded by pkcs11, not by tee/);
  // From the module to the machine.
  const moved = await broker.run('key', 'new-root', '--state', broker.state, ...words, '--new-root-key', 'tee', '--json');
  assert.equal(moved.code, 0, moved.error);
  assert.deepEqual(JSON.parse(moved.output), { rootKey: 'tee' });
  await broker.start();
  assert.equal(new TextDecoder().decode(await broker.client().resource('a/key/k')), 'secret');
  assert.doesNotMatch(broker.log, new RegExp(PIN));
});
