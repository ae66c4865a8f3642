import { once } from 'node:events';
import { type Command, value } from '../command.ts';
import { onFile, openDoor } from '../files.ts';

export const command: Command = {
  usage: 'cat :PATH…',
  doc: 'Writes files of the enclave to standard output.',
  options: [{ flag: '--image-key FILE', doc: 'Key of an encrypted image.' }],
  examples: ['cloister cat :/data/result.txt'],
  operands: [1, Number.POSITIVE_INFINITY],
  async run(invocation) {
    const door = await openDoor(invocation.directory, value(invocation, 'image-key'));
    try {
      for (const operand of invocation.operands) {
        const path = operand.replace(/^:/, '');
        for (let offset = 0; ; ) {
          const bytes = Uint8Array.fromBase64((await onFile(door, 'read', path, { offset })) as string);
          if (bytes.length === 0) break;
          offset += bytes.length;
          if (!process.stdout.write(bytes)) await once(process.stdout, 'drain');
        }
      }
      return 0;
    } finally {
      door.close();
    }
  },
};
