/**
 * What the translator does for speed alone and can leave out, one by one. The differential tests compare code that is made without each
 * of them with the host's processor, like code that is made with all (`test/x86/run.ts --without NAME`).
 */

export const OPTIMIZATIONS = {
  parameters: 'Units of a module pass arguments to one another as parameters of wasm functions.',
  tables: 'Indirect jumps through tables stay within their unit.',
  places: 'Units are entered again at their loops and dispatches when a budget is spent.',
  dispatches: 'Around a large dispatch, registers lie in the register file.',
  flags: 'Status flags are not stored where nobody will read them.',
  folding: 'Constants are folded, and what amounts to nothing is left out.',
  linkage: 'Calls through the procedure linkage table go where it leads.',
  checkpoints: 'Registers at a fault are recovered from a checkpoint, not stored before every access.',
} as const;

export type Optimization = keyof typeof OPTIMIZATIONS;
export type Without = ReadonlySet<Optimization>;

export const ALL_ON: Without = new Set();
