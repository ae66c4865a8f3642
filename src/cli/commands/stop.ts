import { Instance } from '../../libos/instance.ts';
import { ControlClient } from '../../pal/node/control/client.ts';
import { truly } from '../not-running.ts';
import type { Command } from '../command.ts';

export const command: Command = {
  usage: 'stop',
  doc: 'Ends all programs in the running enclave, writes what is unwritten, and stops it.',
  options: [],
  examples: ['cloister stop', 'cloister -C hello stop'],
  operands: [0, 0],
  async run({ directory }) {
    const client = new ControlClient(Instance.at(directory).socket);
    await client.call('shutdown', undefined).catch((error) => {
      throw truly(error, directory);
    });
    await client.closed();
    return 0;
  },
};
