import { createInstance } from '../../libos/instance.ts';
import type { Command } from '../command.ts';
import { quoted } from '../words.ts';

export const command: Command = {
  usage: 'new DIR',
  doc: 'Makes an instance: a commented cloister.yaml and image/, the tree that programs will see as `/`.',
  options: [],
  examples: ['cloister new hello'],
  operands: [1, 1],
  async run({ operands: [directory] }) {
    createInstance(directory, 'new');
    process.stdout.write(`${directory} is made. Next: copy programs into ${directory}/image, then cd ${quoted(directory)} && cloister build\n`);
    return 0;
  },
};
