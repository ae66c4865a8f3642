/** All commands, in the order in which somebody meets them. A command's module is loaded when it is used. */

import type { Command } from './command.ts';

export interface RegistryRow {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<{ readonly command: Command }>;
}

const row = (name: string, summary: string, load: RegistryRow['load']): RegistryRow => ({ name, summary, load });

// biome-ignore format: a table
export const COMMANDS: readonly RegistryRow[] = [
  row('new',           'make an instance in a new directory',                () => import('./commands/new.ts')),
  row('init',          'make an instance in this directory',                 () => import('./commands/init.ts')),
  row('build',         'seal the image, measure and sign it',                () => import('./commands/build.ts')),
  row('run',           'start the enclave, run one program, stop',           () => import('./commands/run.ts')),
  row('start',         'start the enclave and leave it running',              () => import('./commands/start.ts')),
  row('exec',          'run a program in the running enclave',                () => import('./commands/exec.ts')),
  row('stop',          'stop the running enclave',                            () => import('./commands/stop.ts')),
  row('ps',            'list the processes in the enclave',                   () => import('./commands/ps.ts')),
  row('kill',          'send a signal to a process in the enclave',           () => import('./commands/kill.ts')),
  row('status',        'show whether the enclave runs, and how',              () => import('./commands/status.ts')),
  row('logs',          'show the log of the enclave',                         () => import('./commands/logs.ts')),
  row('cp',            'copy files into the enclave or out of it',            () => import('./commands/cp.ts')),
  row('ls',            'list files in the enclave',                           () => import('./commands/ls.ts')),
  row('cat',           'show a file of the enclave',                          () => import('./commands/cat.ts')),
  row('package',       'write the minimal deployable archive',                () => import('./commands/package.ts')),
  row('print',         'show what was measured, or the signer',              () => import('./commands/print.ts')),
  row('gen-image-key', 'make a key for encrypted images',                    () => import('./commands/gen-image-key.ts')),
];
