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
  row('seal',          'encrypt data for programs of your choice',             () => import('./commands/seal.ts')),
  row('package',       'write the minimal deployable archive',                () => import('./commands/package.ts')),
  row('print',         'show what was measured, or the signer',              () => import('./commands/print.ts')),
  row('evidence',      'write evidence of the running enclave',              () => import('./commands/evidence.ts')),
  row('verify',        'judge evidence of an enclave or a confidential VM',   () => import('./commands/verify.ts')),
  row('collateral',    'fetch what the vendors publish about a platform',     () => import('./commands/collateral.ts')),
  row('gen-image-key', 'make a key for encrypted images',                    () => import('./commands/gen-image-key.ts')),
  row('broker serve',       'hold keys and give them to verified programs',     () => import('./commands/broker/serve.ts')),
  row('broker status',      'show what a broker is and holds',                  () => import('./commands/broker/status.ts')),
  row('broker owner',       'list owners, or add one',                          () => import('./commands/broker/owner.ts')),
  row('resource put',       'give the broker a secret',                         () => import('./commands/resource/put.ts')),
  row('resource get',       'get a secret of your own back',                    () => import('./commands/resource/get.ts')),
  row('resource list',      'list your resources',                              () => import('./commands/resource/list.ts')),
  row('resource versions',  'list the versions of a resource',                  () => import('./commands/resource/versions.ts')),
  row('resource delete',    'make the broker forget a resource',                () => import('./commands/resource/delete.ts')),
  row('policy set',         'put a policy in force',                            () => import('./commands/policy/set.ts')),
  row('policy show',        'show a policy',                                    () => import('./commands/policy/show.ts')),
  row('policy list',        'list your policies',                               () => import('./commands/policy/list.ts')),
  row('policy test',        'try policies on cases',                            () => import('./commands/policy/test.ts')),
  row('reference add',      'take the reference values of a build',             () => import('./commands/reference/add.ts')),
  row('reference list',     'list your reference values',                       () => import('./commands/reference/list.ts')),
  row('reference remove',   'remove reference values',                          () => import('./commands/reference/remove.ts')),
  row('audit show',         'show what happened, and who was refused why',      () => import('./commands/audit/show.ts')),
  row('audit export',       'write the audit log',                              () => import('./commands/audit/export.ts')),
  row('audit verify',       'verify an audit log without the broker',           () => import('./commands/audit/verify.ts')),
  row('key list',           'list your keys',                                   () => import('./commands/key/list.ts')),
  row('key rotate',         'make a new version of a key',                      () => import('./commands/key/rotate.ts')),
  row('key revoke',         'forget a key and what is under it',                () => import('./commands/key/revoke.ts')),
  row('key new-root',       'put everything under a new root key',              () => import('./commands/key/new-root.ts')),
];
