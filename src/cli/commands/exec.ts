import { join } from 'node:path';
import { toByteString } from '../../base/bytes.ts';
import { ControlClient } from '../../pal/node/control/client.ts';
import { type Command, flag, values } from '../command.ts';
import { exitCodeOver } from '../exit-codes.ts';
import { truly } from '../not-running.ts';
import { forwardSignals } from '../signals.ts';
import { attachTerminal, hostEnvironment, openStdio, variableOf } from '../stdio.ts';

export const command: Command = {
  usage: 'exec [OPTIONS] PROG [ARGS…]',
  doc: 'Runs a program in the enclave that `start` left running. Streams, signals and exit code are its own, as with run.',
  options: [
    { flag: '--env NAME=VALUE', short: '-e', doc: 'Set a variable whose name is listed in env.untrusted.', repeated: true },
    { flag: '--tty', short: '-t', doc: 'Give the program a terminal of its own.' },
    { flag: '--workdir DIR', short: '-w', doc: 'Start in this directory of the enclave.' },
  ],
  examples: ['cloister exec /bin/ls -l /', 'cloister exec -t /bin/bash'],
  operands: [1, Number.POSITIVE_INFINITY],
  passThrough: true,
  async run(invocation) {
    const terminal = flag(invocation, 'tty');
    const { input, output, error, terminal: size } = openStdio(terminal);
    const client = new ControlClient(join(invocation.directory, '.cloister', 'control.sock'));
    const request = {
      argv: invocation.operands.map(toByteString),
      env: values(invocation, 'env').map(variableOf),
      hostEnv: hostEnvironment(),
      cwd: toByteString(values(invocation, 'workdir').at(-1) ?? ''),
      ...(size && { terminal: size }),
    };
    forwardSignals(client);
    if (terminal) attachTerminal(client);
    try {
      return exitCodeOver(await client.exec(request, input, output, error), output, error);
    } catch (failure) {
      throw truly(failure, invocation.directory);
    } finally {
      input.close();
      client.close();
    }
  },
};
