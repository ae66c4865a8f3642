/**
 * What evidence of one kind or another says, as optional attributes of a policy's context: under the verifier's names, so
 * that `cloister verify` shows the values. One literal table; schema, context and documents are made of it.
 */

import type { Claims } from '../../attestation/verifier/index.ts';

/** Cedar's types, and what evidence has in them. */
interface Kinds {
  readonly String: string;
}

type Row<K extends keyof Kinds = keyof Kinds> = readonly [type: K, tees: string, doc: string];

// biome-ignore format: a table
export const CLAIMS = {
  register: ['String', 'sim', 'Run-time register.'],
  rtmr0:    ['String', 'tdx', 'Run-time measurement register 0: configuration of the firmware.'],
  rtmr1:    ['String', 'tdx', 'Run-time measurement register 1: what the firmware started (boot loader, kernel).'],
  rtmr2:    ['String', 'tdx', 'Run-time measurement register 2: what that one started (kernel, command line, initial file system).'],
  rtmr3:    ['String', 'tdx', 'Run-time measurement register 3: for the system itself.'],
} as const satisfies Readonly<Record<string, Row>>;

export type ClaimName = keyof typeof CLAIMS;

/** Registers of a virtual TPM (SHA-256 bank), as the TPM quote covers them. */
export type Pcr = `pcr${number}`;
export const PCRS: readonly Pcr[] = Array.from({ length: 24 }, (_, index): Pcr => `pcr${index}`);

/** Absent where the evidence does not say it. Hexadecimal, where it is bytes. */
export type ClaimAttributes = { readonly [name in ClaimName]?: Kinds[(typeof CLAIMS)[name][0]] } & { readonly [name in Pcr]?: string };

export const CLAIM_NAMES: readonly (ClaimName | Pcr)[] = [...(Object.keys(CLAIMS) as ClaimName[]), ...PCRS];

const IS: { readonly [kind in keyof Kinds]: (value: unknown) => boolean } = {
  String: (value) => typeof value === 'string',
};

/** Of evidence that was accepted. Throws where a claim is not of its type, which is a fault of ours: it must not be missing instead. */
export function claimAttributes(claims: Claims): ClaimAttributes {
  const found: Record<string, unknown> = {};
  const take = (name: string, type: keyof Kinds, value: unknown): void => {
    if (value === undefined || value === null) return;
    if (!IS[type](value)) throw new Error(`the claim ${name} is no ${type}`);
    found[name] = value;
  };
  for (const [name, [type]] of Object.entries(CLAIMS)) take(name, type, claims[name]);
  for (const [index, value] of Object.entries((claims.pcrs as Claims | undefined) ?? {})) take(`pcr${index}`, 'String', value);
  return found as ClaimAttributes;
}
