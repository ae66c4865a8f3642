import { rmSync, writeFileSync } from 'node:fs';
import { generateImageKey } from '../../encfs/1-crypto/keys.ts';
import { Failure } from '../../libos/errors.ts';
import type { Command } from '../command.ts';

export const command: Command = {
  usage: 'gen-image-key FILE',
  doc: 'Writes a new random key for encrypted images to FILE, readable by you only. An existing file is not replaced.',
  options: [],
  examples: ['cloister gen-image-key image.key', 'cloister build --image-key image.key'],
  operands: [1, 1],
  async run({ operands: [file] }) {
    try {
      writeFileSync(file, generateImageKey(), { mode: 0o600, flag: 'wx' });
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') throw new Failure('key', `${file} exists already`, 'Name another file; keys are never overwritten.');
      // Half a key would be in the way of the next attempt.
      rmSync(file, { force: true });
      throw new Failure('host', `cannot write ${file}: ${message}`);
    }
    return 0;
  },
};
