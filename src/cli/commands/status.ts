import type { BootInfo } from '../../libos/enclave.ts';
import { ControlError } from '../../pal/node/control/client.ts';
import { type Command, flag, JSON_OPTION, printJson } from '../command.ts';
import { callEnclave } from '../control.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { holderOf } from '../not-running.ts';

type Status = BootInfo & {
  readonly evidence?: string;
  readonly pid: number;
  readonly processes: number;
  readonly threads: number;
  readonly committedBytes: number;
  readonly uptimeMs: number;
  readonly residentBytes: number;
  readonly ffi: boolean;
};

const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

export const command: Command = {
  usage: 'status [--json]',
  doc: `Shows whether the enclave runs, what was measured, which engine and address spaces are in use, and how much memory.\nThe exit code is ${EXIT_CODES['not-running'][0]} when it does not run.`,
  options: [JSON_OPTION],
  examples: ['cloister status', 'cloister status --json'],
  operands: [0, 0],
  async run(invocation) {
    let status: Status;
    try {
      status = (await callEnclave(invocation.directory, 'status')) as Status;
    } catch (error) {
      if (!(error instanceof ControlError) || error.kind !== 'not-running') throw error;
      const holder = holderOf(invocation.directory);
      if (flag(invocation, 'json')) printJson({ running: false });
      else process.stdout.write(holder === undefined ? 'not running\n' : `not running for others: a \`run\` has it (process ${holder})\n`);
      return EXIT_CODES['not-running'][0];
    }
    if (flag(invocation, 'json')) {
      printJson({ running: true, ...status });
      return 0;
    }
    const { warning, ...rest } = status;
    const lines = [
      ['running', `pid ${rest.pid}, for ${(rest.uptimeMs / 1000).toFixed(1)} s`],
      ['measurement', rest.measurement],
      ['signer', rest.signer],
      ['debuggable', rest.debuggable ? 'yes' : 'no'],
      ['tee', rest.tee],
      ...(rest.evidence === undefined ? [] : [['evidence', rest.evidence]]),
      ['engine', rest.engine],
      ['memory', `${rest.memory}, ${mib(rest.committedBytes)} committed, ${mib(rest.residentBytes)} resident`],
      ['ffi', rest.ffi ? 'on' : 'off: who uses the control socket is up to file permissions'],
      ['processes', `${rest.processes}, ${rest.threads} threads`],
    ];
    process.stdout.write(`${lines.map(([name, text]) => `${name.padEnd(12)} ${text}`).join('\n')}\n`);
    if (warning !== undefined) process.stderr.write(`cloister: ${warning}\n`);
    return 0;
  },
};
