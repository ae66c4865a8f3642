import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigurationError, parseConfiguration } from './parse.ts';
import { CONFIGURATION, defaultFile, defaultsOf } from './schema.ts';

const problems = (text: string): string => {
  try {
    parseConfiguration(text);
  } catch (error) {
    assert.ok(error instanceof ConfigurationError);
    return error.message;
  }
  return '';
};

test('the file that `new` writes says nothing but the defaults', () => {
  assert.deepEqual(parseConfiguration(defaultFile()), defaultsOf(CONFIGURATION));
  assert.deepEqual(parseConfiguration(''), defaultsOf(CONFIGURATION));
});

test('values', () => {
  const configuration = parseConfiguration('resources:\n  memory: 512 MiB\nenv:\n  default: { A: 1, B: "x y" }\nmounts: []\n');
  assert.equal(configuration.resources.memory, 512 << 20);
  assert.deepEqual(configuration.env.default, { A: '1', B: 'x y' });
  assert.deepEqual(configuration.mounts, []);
});

const CASES: readonly [string, string][] = [
  ['resorces:\n  memory: 1 GiB\n', 'cloister.yaml:1:1: resorces: there is no such key; did you mean resources?'],
  ['resources:\n  memroy: 1 GiB\n', 'cloister.yaml:2:3: resources.memroy: there is no such key; did you mean memory?'],
  ['resources:\n  memory: lots\n', 'cloister.yaml:2:11: resources.memory: expected a size such as 512 MiB, not "lots"'],
  ['resources:\n  memory: 1 MiB\n', 'cloister.yaml:2:11: resources.memory: expected a size from 16 MiB to 1024 GiB, not "1 MiB"'],
  ['entry_points: /bin\n', 'cloister.yaml:1:15: entry_points: expected a list, not "/bin"'],
  ['entry_points: [bin]\n', 'cloister.yaml:1:16: entry_points[0]: expected an absolute path, not "bin"'],
  ['metadata: { debuggable: yes }\n', 'cloister.yaml:1:25: metadata.debuggable: expected true or false, not "yes"'],
  ['mounts:\n  - target: /x\n', 'cloister.yaml:2:5: mounts[0]: type is missing'],
  ['network: { outside: close }\n', 'cloister.yaml:1:21: network.outside: expected closed (did you mean closed?), not "close"'],
  ['network: { outside: open }\n', 'cloister.yaml:1:21: network.outside: expected closed (programs cannot reach anything outside the enclave yet), not "open"'],
  ['entry_points: []\n', 'cloister.yaml:1:15: entry_points: is empty: nothing could be started; leave the key out to get its default'],
  ['env: { default: { PATH: !!binary aGk= } }\n', 'cloister.yaml:1:19: env.default.PATH: expected text; quote it if it looks like something else'],
  ['env: { default: { PATH: !mine x } }\n', 'cloister.yaml:1:25: there is no such tag; leave it out'],
  ['mounts: &m []\nentry_points: *m\n', 'cloister.yaml:2:15: entry_points: *m refers to a value elsewhere, which is not followed; write the value itself'],
  ['env: { default: { A: &a x, B: *a } }\n', 'cloister.yaml:1:31: env.default.B: *a refers to a value elsewhere, which is not followed; write the value itself'],
  ['mounts: []\n---\nmounts: []\n', 'cloister.yaml:2:1: a second document begins here; the file is to be one'],
  ['env:\n', 'cloister.yaml:1:1: env: has no value; leave the key out to get its default'],
];

for (const [text, message] of CASES) test(message, () => assert.equal(problems(text), message));

test('what is not YAML is refused with its line', () => {
  assert.match(problems('a: [1\nb: 2\n'), /^cloister\.yaml:\d+:\d+: /);
  assert.match(problems('resources: {}\nresources: {}\n'), /^cloister\.yaml:2:1: .*unique/);
});
