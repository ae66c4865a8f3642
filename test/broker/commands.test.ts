/** Owners' commands, as people type them: what they print, and what they say when something is wrong. */

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { EXIT_CODES } from '../../src/cli/exit-codes.ts';
import { PrivateKey } from '../../src/crypto/index.ts';
import type { FailureKind } from '../../src/libos/failure.ts';
import { BrokerProcess } from './process.ts';

const broker = new BrokerProcess();
before(() => broker.start());
after(() => broker.close());

const STATE = ['--state', broker.state];
const file = (name: string, content = ''): string => {
  const path = join(broker.place, name);
  if (content !== '') writeFileSync(path, content);
  return path;
};

/** Runs a command that must work. */
async function must(...words: readonly string[]): Promise<string> {
  const { code, output, error } = await broker.run(...words);
  assert.equal(code, 0, `${words.join(' ')}: ${error}`);
  return output;
}

/** Runs a command that must refuse, and not as a fault of Cloister. */
async function refused(kind: FailureKind | 'refused', why: RegExp, ...words: readonly string[]): Promise<void> {
  const { code, output, error } = await broker.run(...words);
  assert.match(output + error, why);
  assert.doesNotMatch(error, /fault of Cloister/);
  assert.equal(code, kind === 'refused' ? 1 : EXIT_CODES[kind][0], `${words.join(' ')}: ${output}${error}`);
}

test('a log that somebody emptied does not verify, nor by a file that is no key', async () => {
  const log = await must('audit', 'export', ...STATE);
  const path = file('log', log);
  const key = file('audit.pem', JSON.parse(log.split('\n')[0]).publicKey);
  assert.match(await must('audit', 'verify', path, '--key', key), /^verified: \d+ entries, root [0-9a-f]{64}/);
  const [header, ...rest] = log.trimEnd().split('\n');
  for (const lines of [[header, '{"head":null}'], [header, ...rest.slice(0, -1), '{"head":null}']]) // biome-ignore format: a table
    await refused('refused', /no signed head.*audit-signature/, 'audit', 'verify', file('emptied', `${lines.join('\n')}\n`), '--key', key);
  await refused('refused', /audit-root/, 'audit', 'verify', file('cut', `${[header, rest.at(-1)].join('\n')}\n`));
  const other = file('other.pem', PrivateKey.generate('EdDSA').publicKey.pem());
  await refused('refused', /another audit key/, 'audit', 'verify', path, '--key', other);
  for (const wrong of ['no key at all', PrivateKey.generate('EdDSA').pem(), '']) await refused('key', /wrong\.pem: /, 'audit', 'verify', path, '--key', (writeFileSync(file('wrong.pem'), wrong), file('wrong.pem')));
});

test('a log is held against the head of an earlier export, or of an entry with its proof', async () => {
  const earlier = file('earlier', await must('audit', 'export', ...STATE));
  const proof = file('proof.json', await must('audit', 'show', '0', '--proof', ...STATE));
  assert.ok(readFileSync(proof, 'utf8').trim().includes('\n'), 'in several lines');
  await must('resource', 'put', 'audited/key/k', file('secret', 'secret'), ...STATE);
  const log = await must('audit', 'export', ...STATE);
  const path = file('log', log);
  for (const since of [earlier, proof, file('proof-line', JSON.stringify(JSON.parse(readFileSync(proof, 'utf8'))))]) assert.match(await must('audit', 'verify', path, '--since', since), /^verified/);
  for (const since of [earlier, proof]) await refused('refused', /rewritten/, 'audit', 'verify', path, '--since', file('forged', readFileSync(since, 'utf8').replace(/("root": ?")[0-9a-f]{4}/g, '$10000')));
  await refused('refused', /cut off/, 'audit', 'verify', earlier, '--since', path);
  await refused('usage', /holds no signed head/, 'audit', 'verify', path, '--since', file('secret'));
  assert.match(await must('audit', 'verify', proof), /^verified/);
  await refused('usage', /one entry/, 'audit', 'verify', proof, '--since', earlier);
});

test('a directory that was mistyped is told, and nothing is left there', async () => {
  const nowhere = join(broker.place, 'kbsx');
  const empty = join(broker.place, 'empty');
  mkdirSync(empty);
  await Promise.all([
    refused('usage', /there is no broker in .*kbsx/, 'resource', 'list', '--state', nowhere),
    refused('usage', /there is no broker in .*kbsx/, 'key', 'new-root', '--state', nowhere),
    refused('usage', /there is no broker in .*empty/, 'broker', 'status', '--state', empty),
    refused('usage', /there is no broker in .*kbsx/, 'resource', 'list', '--state', nowhere, '--db', 'postgres://nobody@127.0.0.1:9/none'),
  ]);
  assert.ok(!existsSync(nowhere));
  await refused('usage', /10\.0\.0\.0\/40 is neither/, 'broker', 'serve', '--state', nowhere, '--trusted-proxy', '10.0.0.0/40');
  assert.ok(!existsSync(nowhere));
  assert.deepEqual(readdirSync(empty), []);
});

test('what a person got wrong is told as that', async () => {
  const policy = (text: string) => ['broker', 'serve', '--state', join(broker.place, 'other'), '--listen', '127.0.0.1:0', '--insecure-http', '--appraisal', file('appraisal.yaml', text)];
  const key = ['--owner-key', join(broker.state, 'admin.pem')];
  for (const address of ['127.0.0.1:18543', 'notaurl', 'localhost:8443', 'ftp://kbs.example']) await refused('usage', /is no address of a broker[^]*https:\/\/kbs/, 'resource', 'list', '--broker', address, ...key);
  await refused('usage', /appraisal\.yaml: tdx\.rtmr9: no such key/, ...policy('base: authentic\ntdx: {rtmr9: unchecked}\n'));
  await refused('usage', /appraisal\.yaml: /, ...policy('base: [authentic\n'));
  await refused('usage', /there is no broker in .*other/, 'resource', 'list', '--state', join(broker.place, 'other'));
});

test('results are JSON where it is asked for, and tables have one line a row', async () => {
  const json = async (...words: readonly string[]): Promise<any> => JSON.parse(await must(...words, ...STATE, '--json'));
  await must('resource', 'put', 'json/key/k', file('secret', 'secret'), ...STATE);
  const out = join(broker.place, 'out');
  assert.deepEqual(await json('resource', 'get', 'json/key/k'), { path: 'json/key/k', version: 1, bytes: 6, content: Buffer.from('secret').toString('base64') });
  assert.deepEqual(await json('resource', 'get', 'json/key/k', '-o', out), { path: 'json/key/k', version: 1, bytes: 6, output: out });
  assert.equal(readFileSync(out, 'utf8'), 'secret');
  const { entries, head } = await json('audit', 'export', '-o', out);
  assert.equal(entries, head.size);
  await refused('usage', /--output FILE/, 'audit', 'export', '--json', ...STATE);
  await must('policy', 'set', 'lines', file('lines.cedar', 'permit (principal, action, resource)\nwhen {\n\tcontext.debug == false\n};\n// \u001b[31m red\n'), ...STATE);
  const lines = (await must('audit', 'show', '--limit', '3', ...STATE)).trimEnd().split('\n');
  assert.equal(lines.length, 4);
  assert.match(lines[3], /policy-set +lines +policy permit \(principal, action, resource\) when \{ context\.debug == false \}; \/\/ \\x1b\[31m red/);
});
