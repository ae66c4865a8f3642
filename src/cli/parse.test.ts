import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseArguments } from './parse.ts';
import { COMMANDS } from './registry.ts';

const BUILD = {
  usage: 'build [OPTIONS] FILE',
  options: [
    { flag: '--include-dir DIR', short: '-I', doc: '', repeated: true },
    { flag: '--no-deps', short: '-n', doc: '' },
    { flag: '--quiet', short: '-q', doc: '' },
    { flag: '--bom FILE', short: '-f', doc: '' },
  ],
  operands: [1, 1],
} as const;
const RUN = { ...BUILD, usage: 'run PROG', operands: [1, Number.POSITIVE_INFINITY], passThrough: true } as const;

const parse = (command: Parameters<typeof parseArguments>[0], ...words: string[]): unknown => {
  const { directory, options, operands } = parseArguments(command, words);
  return { ...Object.fromEntries(options), directory, operands };
};

test('options, long and short, joined and apart', () => {
  assert.deepEqual(parse(BUILD, '-nq', '--include-dir', 'a', 'file', '--include-dir=b=c', '-Id', '-fx'), { directory: '.', operands: ['file'], 'include-dir': ['a', 'b=c', 'd'], 'no-deps': [''], quiet: [''], bom: ['x'] });
  assert.deepEqual(parse(BUILD, '-C', 'there', '--', '--bom'), { directory: 'there', operands: ['--bom'] });
  assert.deepEqual(parse(BUILD, '--bom', '-', '-'), { directory: '.', operands: ['-'], bom: ['-'] });
  assert.deepEqual(parse(BUILD, '--bom=', 'x'), { directory: '.', operands: ['x'], bom: [''] });
});

test('what follows the program is the program’s', () => {
  assert.deepEqual(parse(RUN, '/bin/ls', '-q', '--bom', '--', '-C', 'x'), { directory: '.', operands: ['/bin/ls', '-q', '--bom', '--', '-C', 'x'] });
  assert.deepEqual(parse(RUN, '-q', '/bin/ls', '-q', '--'), { directory: '.', operands: ['/bin/ls', '-q', '--'], quiet: [''] });
  assert.deepEqual(parse(RUN, '-qn', '--', '-odd', '-q'), { directory: '.', operands: ['-odd', '-q'], quiet: [''], 'no-deps': [''] });
});

// biome-ignore format: a table
const REFUSED: readonly (readonly [typeof BUILD | typeof RUN, readonly string[], string])[] = [
  [BUILD, ['--qiuet', 'x'],      'there is no option --qiuet'],
  [BUILD, ['-x', 'x'],           'there is no option -x'],
  [BUILD, ['-qx', 'x'],          'there is no option -x'],
  [BUILD, ['--__proto__', 'x'],  'there is no option --__proto__'],
  [BUILD, ['x', '--bom'],        '--bom wants a value: --bom FILE'],
  [BUILD, ['x', '-f'],           '-f wants a value: --bom FILE'],
  [BUILD, ['--quiet=no', 'x'],   '--quiet takes no value'],
  [BUILD, ['-q', '-q', 'x'],     '-q is given twice'],
  [BUILD, [],                    'FILE is missing'],
  [BUILD, ['x', 'y', 'z'],       'too many arguments: y z'],
  [RUN,   [],                    'PROG is missing'],
  [RUN,   ['-q', '--'],          'PROG is missing'],
];
for (const [command, words, message] of REFUSED) test(`${words.join(' ')}: ${message}`, () => assert.throws(() => parse(command, ...words), { kind: 'usage', message }));

test('every command says which operand is missing', async () => {
  for (const { name, load } of COMMANDS) {
    const { command } = await load();
    for (let count = 0; count < command.operands[0]; count++) {
      const words = Array.from({ length: count }, () => 'x');
      assert.throws(() => parseArguments(command, words), { name: 'Failure', kind: 'usage', message: /^:?[A-Za-z|/-]+ is missing$/ }, `${name} with ${count}`);
    }
  }
});

test('a slip of the keyboard is told from an unknown option', () => {
  assert.throws(() => parse(BUILD, '--qiuet', 'x'), { hint: 'Did you mean --quiet?' });
  assert.throws(() => parse(BUILD, '--zzzzz', 'x'), { hint: 'See --help.' });
});
