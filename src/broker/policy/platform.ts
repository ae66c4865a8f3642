/**
 * Whose word an enclave's claims are. Hardware measures the machine around an enclave, and `context.enclave` is what that
 * machine says; other software says the same just as well. So a decision that rests on it counts only where another machine
 * would not have had it: the verifier's rule `enclave.platform: named`, for policies of any form.
 */

import type { PolicyContext } from './schema.ts';

type Name = 'measurement' | 'signer' | 'rtmr1' | 'rtmr2';

/** What a policy has to name: one of each list. Evidence of a kind that is not here states nothing that counts. */
// biome-ignore format: a table
const NAMED: Readonly<Record<string, readonly (readonly Name[])[]>> = {
  // A simulated quote says itself what is stated: they were compared.
  sim: [],
  sgx: [['measurement', 'signer']],
  snp: [['measurement']],
  tdx: [['measurement'], ['rtmr1', 'rtmr2']],
};

/** Another one in every digit, so that no beginning or ending of it is the same. */
const otherThan = (value: string): string => (value === '' ? 'f'.repeat(96) : value.replace(/[0-9a-f]/g, (digit) => (15 - Number.parseInt(digit, 16)).toString(16)));

export interface OtherMachine {
  /** In what it differs. */
  readonly names: readonly Name[];
  readonly context: PolicyContext;
}

/** Machines that state the same and that no policy may take for this one. `undefined`: nothing can be named. */
export function otherMachines(context: PolicyContext): readonly OtherMachine[] | undefined {
  if (!Object.hasOwn(NAMED, context.tee)) return undefined;
  return NAMED[context.tee].map((names) => ({
    names,
    context: {
      ...context,
      ...Object.fromEntries(names.map((name) => [name, otherThan(context[name] ?? '')])),
      // They are looked up by the measurement.
      ...(names.includes('measurement') && { references: [], publishers: [] }),
    },
  }));
}
