import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { quoted, reasonOf } from './words.ts';

test('a word is one word to a shell', () => {
  assert.equal(quoted('hello/there'), 'hello/there');
  for (const word of ['dir with spaces', "it's", '', '$HOME', 'a;b', 'ü', '-']) assert.equal(execFileSync('/bin/sh', ['-c', `printf %s ${quoted(word)}`], { encoding: 'utf8' }), word);
});

test('an error of the host in its own words', () => {
  assert.throws(
    () => readdirSync('/nothing, at all'),
    (error) => reasonOf(error) === 'no such file or directory',
  );
  assert.equal(reasonOf(new Error('/x/y.tar: ENOSPC: no space left on device, write')), 'no space left on device');
  assert.equal(reasonOf(new Error('something else')), 'something else');
});
