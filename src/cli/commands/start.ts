import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { BootInfo } from '../../libos/enclave.ts';
import { entry } from '../../libos/entry.ts';
import { toFailure } from '../../libos/errors.ts';
import { Instance } from '../../libos/instance.ts';
import { ControlError } from '../../pal/node/control/client.ts';
import type { WireError } from '../../pal/node/messages.ts';
import { choice, type Command, value } from '../command.ts';
import { evidenceOption, TEE_OPTIONS, teeOption } from '../tee.ts';

export const command: Command = {
  usage: 'start [OPTIONS]',
  doc: 'Starts the enclave in the background; `exec` runs programs in it, `stop` ends it. Its log is in .cloister/enclave.log.',
  options: [
    { flag: '--image-key FILE', doc: 'Key of an encrypted image.' },
    { flag: '--engine NAME', doc: 'translator, or interpreter: slow, for comparison.' },
    { flag: '--memory NAME', doc: 'auto, ffi or copy: how address spaces are made.' },
    ...TEE_OPTIONS,
  ],
  examples: ['cloister start && cloister exec /bin/date && cloister stop', 'cloister start --evidence 0.0.0.0:8443'],
  operands: [0, 0],
  async run(invocation) {
    const instance = Instance.at(invocation.directory);
    const imageKey = value(invocation, 'image-key');
    const evidence = evidenceOption(invocation);
    const request = {
      directory: instance.directory,
      engine: choice(value(invocation, 'engine'), ['translator', 'interpreter'], 'engine'),
      memory: choice(value(invocation, 'memory'), ['auto', 'ffi', 'copy'], 'memory'),
      strace: false,
      ...teeOption(invocation),
      ...(evidence !== undefined && { evidence }),
      ...(imageKey !== undefined && { imageKey }),
    };
    mkdirSync(instance.state, { recursive: true, mode: 0o700 });
    const log = openSync(instance.log, 'a', 0o600);
    const child = spawn(process.execPath, [...process.execArgv, entry('daemon').pathname, JSON.stringify(request)], { detached: true, stdio: ['ignore', log, log, 'pipe'] });
    closeSync(log);
    const line = await text(child.stdio[3] as Readable);
    child.unref();
    if (line === '') throw toFailure(new Error(`the enclave ended while it was starting; see ${instance.log}`));
    const { info, error, evidenceUrl } = JSON.parse(line) as { info?: BootInfo; error?: WireError; evidenceUrl?: string };
    if (info === undefined) throw new ControlError(error ?? { code: 'internal', message: 'the enclave gave no reason' });
    process.stdout.write(`started, measurement ${info.measurement}\n`);
    if (evidenceUrl !== undefined) process.stdout.write(`evidence at ${evidenceUrl}\n`);
    if (info.warning !== undefined) process.stderr.write(`cloister: ${info.warning}\n`);
    return 0;
  },
};
