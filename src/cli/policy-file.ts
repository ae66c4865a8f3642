/** A verification policy in a file. */

import { dirname, resolve } from 'node:path';
import { parsePolicy, type Policy, UnreadableError } from '../attestation/verifier/index.ts';
import { readInput } from './collateral.ts';

/** YAML or JSON; roots and keys in it may be names of files, beside the policy. Rejects with UnreadableError. */
export async function readPolicy(path: string): Promise<Policy> {
  const { parse } = await import('yaml');
  let given: unknown;
  try {
    given = parse(new TextDecoder('utf-8', { fatal: true }).decode(readInput(path)));
  } catch (error) {
    if (error instanceof UnreadableError) throw error;
    throw new UnreadableError(`${path}: neither YAML nor JSON: ${(error as Error).message.split('\n')[0]}`);
  }
  const inline = (entry: unknown): unknown => (typeof entry === 'string' && !entry.includes('-----BEGIN ') ? new TextDecoder().decode(readInput(resolve(dirname(path), entry))) : entry);
  if (typeof given === 'object' && given !== null) {
    const members = given as Record<string, unknown>;
    for (const name of ['roots', 'simKeys']) if (Array.isArray(members[name])) members[name] = (members[name] as unknown[]).map(inline);
  }
  return parsePolicy(given);
}
