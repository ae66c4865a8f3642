/** What to say to those who want a running enclave where there is none. `exec` loads it when it has failed. */

import { join } from 'node:path';
import { ControlError } from '../pal/node/control/client.ts';
import { lockHolder } from '../pal/node/lock-holder.ts';

/** The `run` that holds an instance for itself; undefined where there is none. */
export const holderOf = (directory: string): number | undefined => lockHolder(join(directory, '.cloister', 'layer'));

/** An error of a call: `start` is no advice while a `run` is going on. */
export function truly(error: unknown, directory: string): unknown {
  if (!(error instanceof ControlError) || error.kind !== 'not-running' || error.hint === undefined) return error;
  const holder = holderOf(directory);
  if (holder === undefined) return error;
  return new ControlError({ kind: error.kind, code: error.code, message: 'the instance is not running for others: a `run` has it for its one program', hint: `Wait for its end, or end it (process ${holder}); then: cloister start` });
}
