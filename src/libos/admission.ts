/**
 * What may be started from outside, and with which environment. Decided inside the enclave, from the measured
 * configuration; whoever asks can only name things that it allows.
 */

import { bytesOf, toByteString, toText } from '../base/bytes.ts';
import type { Configuration } from '../config/index.ts';
import { ENOENT, ENOTDIR, Errno } from '../kernel/errno.ts';
import type { Vfs } from '../kernel/vfs/vfs.ts';
import type { Admission } from '../pal/node/host.ts';
import type { ExecMessage } from '../pal/node/messages.ts';
import { Failure, toWire } from './errors.ts';
import { find } from './places.ts';

/** Terminal types as they are named; the only variable that a terminal brings along. */
const TERM = /^TERM=[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$/;

/** `secrets`: variables (`NAME=value`) that nothing from outside can set otherwise. */
export function admit(configuration: Configuration, vfs: Vfs, message: ExecMessage, secrets: readonly string[] = []): Admission {
  try {
    const program = entryPoint(configuration, message.argv[0]);
    return {
      argv: [program, ...message.argv.slice(1)],
      env: environment(configuration, message, secrets),
      cwd: workingDirectory(configuration, vfs, message.cwd),
      refuses: (resolved) => (isBelow(resolved, entryPointsOf(configuration, vfs)) ? undefined : toWire(notBelow(configuration, `${toText(program)} leads to ${toText(resolved)}, which`))),
    };
  } catch (error) {
    return { refused: toWire(error) };
  }
}

function entryPoint(configuration: Configuration, program: string): string {
  const name = toText(program);
  if (!program.startsWith('/')) throw new Failure('entry-point', `${name} is not an absolute path`, `Name the program as it is seen inside, as /bin/${name.replace(/^.*\//, '')}.`);
  const parts = program.split('/').filter((part) => part !== '' && part !== '.');
  const path = `/${parts.join('/')}`;
  if (parts.includes('..') || !isBelow(path, configuration.entry_points.map(toByteString))) throw notBelow(configuration, name);
  return path;
}

const isBelow = (path: string, prefixes: readonly string[]): boolean => prefixes.some((prefix) => path === prefix || path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`));

const notBelow = (configuration: Configuration, what: string): Failure =>
  new Failure('entry-point', `${what} is not below an entry point (${configuration.entry_points.join(', ')})`, 'Add its path to entry_points in cloister.yaml, then build again.');

/** As they are named, and where they lead: what they name may be a link itself, as /bin often is. */
function entryPointsOf({ entry_points: named }: Configuration, vfs: Vfs): string[] {
  return named.map(toByteString).flatMap((path) => {
    try {
      return [path, find(vfs, path, 'follow')?.path ?? path];
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
      return [path];
    }
  });
}

/** Without links. */
function workingDirectory({ process }: Configuration, vfs: Vfs, asked: string): string {
  const directory = asked === '' ? toByteString(process.directory) : asked;
  try {
    const found = find(vfs, directory, 'follow');
    if (found === undefined) throw ENOENT;
    if (!found.place.inode.isDirectory) throw ENOTDIR;
    return found.path;
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    if (asked !== '') throw new Failure('usage', `the working directory ${toText(asked)}: ${error.message}`);
    throw new Failure('configuration', `process.directory in cloister.yaml: ${process.directory}: ${error.message}`, 'Make it in image/ or with `cloister cp`, or name another one, then build again.');
  }
}

function environment(configuration: Configuration, message: ExecMessage, secrets: readonly string[]): string[] {
  const variables = new Map(Object.entries(configuration.env.default).map(([name, text]) => [toByteString(name), toByteString(text)]));
  const untrusted = new Set(configuration.env.untrusted.map(toByteString));
  const set = (variable: string): void => {
    const equals = variable.indexOf('=');
    variables.set(variable.slice(0, equals), variable.slice(equals + 1));
  };
  for (const variable of message.hostEnv) {
    if (untrusted.has(variable.slice(0, variable.indexOf('=')))) set(variable);
    else if (message.terminal !== undefined && TERM.test(variable)) set(variable);
  }
  for (const variable of message.env) {
    const name = variable.slice(0, variable.indexOf('='));
    if (!untrusted.has(name)) throw new Failure('entry-point', `the environment variable ${toText(name)} is not let through`, 'List its name in env.untrusted of cloister.yaml, then build again.');
    if (bytesOf(variable).includes(0)) throw new Failure('usage', 'an environment variable holds a zero byte');
    set(variable);
  }
  for (const secret of secrets) set(secret);
  return [...variables].map(([name, text]) => `${name}=${text}`);
}
