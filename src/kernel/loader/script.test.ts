import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOf } from '../../base/bytes.ts';
import { ENOEXEC } from '../errno.ts';
import { parseScript } from './script.ts';

const parse = (line: string) => parseScript(bytesOf(line));

test('interpreter and one argument', () => {
  assert.deepEqual(parse('#!/bin/sh\necho'), { interpreter: '/bin/sh', argument: undefined });
  assert.deepEqual(parse('#! /usr/bin/env  python3 -u \n'), { interpreter: '/usr/bin/env', argument: 'python3 -u' });
  assert.deepEqual(parse('#!/bin/sh'), { interpreter: '/bin/sh', argument: undefined });
});

test('a line without an interpreter, or with one that does not fit, is no script', () => {
  assert.throws(
    () => parse('#!\n'),
    (error) => error === ENOEXEC,
  );
  assert.throws(
    () => parse('#!   \n'),
    (error) => error === ENOEXEC,
  );
  assert.throws(
    () => parse(`#!/${'x'.repeat(254)}`.slice(0, 256)),
    (error) => error === ENOEXEC,
  );
});
