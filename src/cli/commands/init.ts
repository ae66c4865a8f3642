import { createInstance } from '../../libos/instance.ts';
import type { Command } from '../command.ts';

export const command: Command = {
  usage: 'init',
  doc: 'Makes an instance in a directory that is there already (this one, or that of -C).',
  options: [],
  examples: ['mkdir hello && cd hello && cloister init'],
  operands: [0, 0],
  async run({ directory }) {
    createInstance(directory, 'existing');
    process.stdout.write('The instance is made. Next: copy programs into image, then cloister build\n');
    return 0;
  },
};
