import { SIG } from '../../abi/signal.ts';
import { Failure } from '../../libos/errors.ts';
import { type Command, value } from '../command.ts';
import { callEnclave } from '../control.ts';

function signalNumber(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  const name = `SIG${text.toUpperCase().replace(/^SIG/, '')}`;
  const signal = (SIG as Readonly<Record<string, number>>)[name];
  if (signal === undefined) throw new Failure('usage', `there is no signal ${text}`, 'Name it as kill(1) does: TERM, KILL, 9 …');
  return signal;
}

export const command: Command = {
  usage: 'kill [-s SIGNAL] PID',
  doc: 'Sends a signal (TERM unless given) to a process in the running enclave; `ps` shows their numbers.',
  options: [{ flag: '--signal SIGNAL', short: '-s', doc: 'Name or number.' }],
  examples: ['cloister kill 12', 'cloister kill -s KILL 12'],
  operands: [1, 1],
  async run(invocation) {
    const pid = Number(invocation.operands[0]);
    if (!Number.isInteger(pid) || pid <= 0) throw new Failure('usage', `${invocation.operands[0]} is not a process number`);
    await callEnclave(invocation.directory, 'kill', { pid, signal: signalNumber(value(invocation, 'signal') ?? 'TERM') });
    return 0;
  },
};
