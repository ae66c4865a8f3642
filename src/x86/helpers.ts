/**
 * Instructions too large to spell out as operations: a helper works on the register file.
 *
 * An engine stores the registers in `reads` to the register file before the call and reloads those in
 * `writes` after it. Helpers with `memory: 'none'` have a JavaScript body (`run`) that serves all engines;
 * **no JavaScript may touch guest memory** (an access to a protected page would kill the process), so the
 * string helpers are implemented by each engine, and x87 or FXSAVE memory forms go through `CPU.scratch` and
 * `CPU.fxsave` with ordinary loads and stores in the row's `lift`.
 */

import type { CpuState } from './state.ts';

export interface Helper {
  readonly name: string;
  /** Bit i = general register i. */
  readonly reads: number;
  readonly writes: number;
  readonly memory: 'none' | 'string';
  /** May also fault with #MF, #XM or #GP: the return value is then a trap kind. */
  readonly run?: (cpu: CpuState) => void;
}

const registry = new Map<string, Helper>();

export function defineHelper(helper: Helper): string {
  registry.set(helper.name, helper);
  return helper.name;
}

export function helperNamed(name: string): Helper {
  const helper = registry.get(name);
  if (helper === undefined) throw new Error(`no helper is named ${name}`);
  return helper;
}

export function allHelpers(): Iterable<Helper> {
  return registry.values();
}
