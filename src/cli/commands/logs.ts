import { closeSync, openSync, readSync, watch } from 'node:fs';
import { Failure } from '../../libos/errors.ts';
import { Instance } from '../../libos/instance.ts';
import { type Command, flag } from '../command.ts';

export const command: Command = {
  usage: 'logs [--follow]',
  doc: 'Shows the log of the enclave that `start` runs or ran last.',
  options: [{ flag: '--follow', short: '-f', doc: 'Go on as lines are added, until ^C.' }],
  examples: ['cloister logs', 'cloister logs -f'],
  operands: [0, 0],
  async run(invocation) {
    const { log } = Instance.at(invocation.directory);
    let fd: number;
    try {
      fd = openSync(log, 'r');
    } catch {
      throw new Failure('not-running', 'there is no log: the instance has not been started yet', 'Start it with: cloister start');
    }
    const buffer = new Uint8Array(65536);
    const show = (): void => {
      for (let count = readSync(fd, buffer); count > 0; count = readSync(fd, buffer)) process.stdout.write(buffer.slice(0, count));
    };
    show();
    if (flag(invocation, 'follow')) {
      const watcher = watch(log, show);
      await new Promise<void>((resolve) => process.once('SIGINT', resolve));
      watcher.close();
    }
    closeSync(fd);
    return 0;
  },
};
