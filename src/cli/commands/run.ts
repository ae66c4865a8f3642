import { toByteString } from '../../base/bytes.ts';
import { type BootInfo, startEnclave } from '../../libos/enclave.ts';
import { immediateExit } from '../../pal/node/process.ts';
import { choice, type Command, flag, value, values } from '../command.ts';
import { exitCodeOver } from '../exit-codes.ts';
import { attachTerminal, hostEnvironment, openStdio, variableOf } from '../stdio.ts';
import { forwardSignals } from '../signals.ts';
import { evidenceOption, TEE_OPTIONS, teeOption } from '../tee.ts';

/** Whoever listens for the process's end, or has told Node to write a profile then, gets the ordinary one. */
function endsPlainly(): boolean {
  const { NODE_OPTIONS = '', NODE_V8_COVERAGE = '' } = process.env;
  return process.listenerCount('exit') === 0 && NODE_OPTIONS === '' && NODE_V8_COVERAGE === '' && process.execArgv.every((option) => option.startsWith('--disable-warning'));
}

export const command: Command = {
  usage: 'run [OPTIONS] PROG [ARGS…]',
  doc: "Starts the enclave, verifies image and configuration, runs one program and stops when it ends.\nStandard input, output and error are passed through; the exit code is the program's own, 128 + n if signal n ended it.",
  options: [
    { flag: '--env NAME=VALUE', short: '-e', doc: 'Set a variable whose name is listed in env.untrusted.', repeated: true },
    { flag: '--tty', short: '-t', doc: 'Give the program a terminal of its own.' },
    { flag: '--strace', doc: 'Show every system call (debuggable builds only).' },
    { flag: '--image-key FILE', doc: 'Key of an encrypted image.' },
    { flag: '--engine NAME', doc: 'translator, or interpreter: slow, for comparison.' },
    { flag: '--memory NAME', doc: 'auto, ffi or copy: how address spaces are made.' },
    ...TEE_OPTIONS,
    { flag: '--quiet', short: '-q', doc: 'Do not warn that a simulated enclave protects nothing.' },
  ],
  examples: ['cloister run /bin/date', 'cloister run /bin/sort < data.csv > sorted.csv', 'cloister run -t /bin/bash'],
  operands: [1, Number.POSITIVE_INFINITY],
  passThrough: true,
  async run(invocation) {
    const engine = choice(value(invocation, 'engine'), ['translator', 'interpreter'], 'engine');
    const memory = choice(value(invocation, 'memory'), ['auto', 'ffi', 'copy'], 'memory');
    const imageKey = value(invocation, 'image-key');
    const tee = teeOption(invocation);
    const address = evidenceOption(invocation);
    const terminal = flag(invocation, 'tty');
    const debug = flag(invocation, 'debug');
    const note = (text: string): void => void process.stderr.write(`cloister: ${text}\n`);
    const enclave = startEnclave({
      directory: invocation.directory,
      engine,
      memory,
      ...tee,
      strace: flag(invocation, 'strace'),
      ...(imageKey !== undefined && { imageKey }),
      onLog: (level, message) => {
        if (level === 'warn' || level === 'error' || debug) note(message);
      },
      onTrace: (text) => void process.stderr.write(text),
    });
    // Made ready while the enclave boots; a terminal only then, for ^C is a key to a raw one.
    const early = terminal ? undefined : openStdio(false);
    const exit = immediateExit();
    const info = (await enclave.booted) as BootInfo;
    if (info.warning !== undefined && !flag(invocation, 'quiet')) note(info.warning);
    const endpoint = address === undefined ? undefined : await (await import('../../libos/evidence.ts')).answerForEvidence(enclave, address, (message) => note(message));
    if (endpoint !== undefined && !flag(invocation, 'quiet')) note(`evidence at ${endpoint.url}`);
    const stdio = early ?? openStdio(terminal);
    const session = enclave.exec({
      argv: invocation.operands.map(toByteString),
      env: values(invocation, 'env').map(variableOf),
      hostEnv: hostEnvironment(),
      cwd: '',
      ...stdio,
    });
    forwardSignals(session);
    if (terminal) attachTerminal(session);
    let code: number;
    try {
      code = exitCodeOver(await session.exited, stdio.output, stdio.error);
    } finally {
      endpoint?.close();
      enclave.shutdown();
      await enclave.closed;
    }
    if (endsPlainly()) exit?.(code);
    await enclave.ended;
    return code;
  },
};
