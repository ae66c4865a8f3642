/** The command line as people have it: a directory with an instance, keys of nobody else, and the state of a broker. */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const cloister = new URL('../../bin/cloister', import.meta.url).pathname;

export interface Result {
  readonly code: number | null;
  readonly output: string;
  readonly error: string;
}

export interface How {
  readonly input?: string;
  /** Beside what all commands get. */
  readonly more?: Readonly<Record<string, string>>;
}

export interface ServingBroker {
  readonly url: string;
  /** Fails where it does not end as it should. */
  stop(): Promise<void>;
}

export interface Workplace {
  readonly place: string;
  /** Where the instance is once it is made: commands run in it from then on. */
  readonly instance: string;
  /** Of a broker. */
  readonly state: string;
  readonly env: NodeJS.ProcessEnv;
  run(words: readonly string[], how?: How): Result;
  /** Its output; fails where the command does. */
  must(words: readonly string[], how?: How): string;
  /** The command of an owner on this machine. */
  owner(words: readonly string[], how?: How): string;
  /** A broker that listens; rejects with its log where it does not. */
  serve(...words: readonly string[]): Promise<ServingBroker>;
}

export function workplace(name: string): Workplace {
  const place = mkdtempSync(join(tmpdir(), `cloister-${name}-`));
  const [instance, state] = [join(place, 'app'), join(place, 'kbs')];
  const env = { ...process.env, CLOISTER_STATE: join(place, 'state') };
  const run = (words: readonly string[], { input = '', more = {} }: How = {}): Result => {
    const { status, stdout, stderr } = spawnSync(cloister, words, { cwd: existsSync(instance) ? instance : place, env: { ...env, ...more }, input, encoding: 'utf8', timeout: 120_000 });
    return { code: status, output: stdout, error: stderr };
  };
  const must = (words: readonly string[], how?: How): string => {
    const { code, output, error } = run(words, how);
    assert.equal(code, 0, `${words.join(' ')}: ${error}${output}`);
    return output;
  };
  const serve = async (...words: readonly string[]): Promise<ServingBroker> => {
    const broker = spawn(cloister, ['broker', 'serve', '--state', state, '--listen', '127.0.0.1:0', '--allow-sim', ...words], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    const ended = new Promise((resolve) => broker.once('exit', resolve));
    let log = '';
    const url = await new Promise<string>((resolve, reject) => {
      void ended.then(() => reject(new Error(log)));
      broker.stderr.on('data', (text: Buffer) => {
        log += text.toString();
        const match = /listening at (https:\/\/[^"]+)"/.exec(log);
        if (match !== null) resolve(match[1]);
      });
    });
    return {
      url,
      async stop() {
        broker.kill('SIGTERM');
        assert.equal(await ended, 0, 'the broker stops when it is told to');
      },
    };
  };
  return { place, instance, state, env, run, must, owner: (words, how) => must([...words, '--state', state], how), serve };
}
