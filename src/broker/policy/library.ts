/** Policies that are ready to use: what an owner most often wants to say, by name and parameters. */

import { PolicyError } from './engine.ts';

export interface LibraryRow {
  readonly doc: string;
  readonly parameters: readonly string[];
  /** The body of `when { … }`. */
  readonly condition: (value: (parameter: string) => string) => string;
}

const text = (value: string): string => JSON.stringify(value);
function hex(value: string): string {
  if (!/^[0-9a-f]{64}$|^[0-9a-f]{96}$/.test(value)) throw new PolicyError(`${value} is not a hash: 64 or 96 lower-case hexadecimal digits`);
  return text(value);
}
function whole(value: string): string {
  if (!/^\d{1,15}$/.test(value)) throw new PolicyError(`${value} is not a whole number`);
  return value;
}
function time(value: string): string {
  const at = Date.parse(value);
  if (Number.isNaN(at)) throw new PolicyError(`${value} is not a time such as 2027-01-31T00:00:00Z`);
  return String(Math.floor(at / 1000));
}

/** SEV-SNP has no status: its versions are held against minimums when the evidence is verified. */
const PRODUCTION = 'context.debug == false && context.simulated == false && ["UpToDate", "NotPublished"].contains(context.tcbStatus)';

// biome-ignore format: a table
export const LIBRARY: Readonly<Record<string, LibraryRow>> = {
  'exact-build':        { doc: 'This build, whatever the state of the machine.', parameters: ['measurement'], condition: (value) => `context.measurement == ${hex(value('measurement'))}` },
  'exact-build-strict': { doc: 'This build, on real hardware that is up to date, not debuggable.', parameters: ['measurement'], condition: (value) => `context.measurement == ${hex(value('measurement'))} && ${PRODUCTION}` },
  'signed-by':          { doc: 'Any build by this signer from this security version on.', parameters: ['signer', 'product', 'version'], condition: (value) => `context.signer == ${hex(value('signer'))} && context.productId == ${whole(value('product'))} && context.securityVersion >= ${whole(value('version'))}` },
  'signed-by-strict':   { doc: 'The same, on real hardware that is up to date, not debuggable.', parameters: ['signer', 'product', 'version'], condition: (value) => `context.signer == ${hex(value('signer'))} && context.productId == ${whole(value('product'))} && context.securityVersion >= ${whole(value('version'))} && ${PRODUCTION}` },
  'reference':          { doc: 'Builds among your reference values of this name.', parameters: ['name'], condition: (value) => `context.references.contains(${text(value('name'))})` },
  'reference-strict':   { doc: 'The same, on real hardware that is up to date, not debuggable.', parameters: ['name'], condition: (value) => `context.references.contains(${text(value('name'))}) && ${PRODUCTION}` },
  'published-by':       { doc: 'Builds whose reference values this publisher has signed.', parameters: ['publisher'], condition: (value) => `context.publishers.contains(${hex(value('publisher'))})` },
  'enclave':            { doc: 'This build, in a virtual machine or loader with this measurement, up to date, not debuggable.', parameters: ['platform', 'measurement'], condition: (value) => `context.measurement == ${hex(value('platform'))} && context has enclave && context.enclave.measurement == ${hex(value('measurement'))} && ${PRODUCTION}` },
  'enclave-reference':  { doc: 'The same for builds among your reference values of this name.', parameters: ['platform', 'name'], condition: (value) => `context.measurement == ${hex(value('platform'))} && context has enclave && context.enclave.references.contains(${text(value('name'))}) && ${PRODUCTION}` },
  'until':              { doc: 'This build, until a time.', parameters: ['measurement', 'time'], condition: (value) => `context.measurement == ${hex(value('measurement'))} && context.now < ${time(value('time'))}` },
};

const RESOURCE = /^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+\/[A-Za-z0-9._-]+)?$/;

/** A policy for a resource (`repository/type/tag`), or for a whole repository. Throws PolicyError. */
export function policyFromLibrary(name: string, resource: string, parameters: ReadonlyMap<string, string>): string {
  const row = Object.hasOwn(LIBRARY, name) ? LIBRARY[name] : undefined;
  if (row === undefined) throw new PolicyError(`there is no ready policy ${name}; there are ${Object.keys(LIBRARY).join(', ')}`);
  if (!RESOURCE.test(resource)) throw new PolicyError(`${resource} is neither REPOSITORY nor REPOSITORY/TYPE/TAG`);
  for (const given of parameters.keys()) if (!row.parameters.includes(given)) throw new PolicyError(`${name} has no parameter ${given}; it has ${row.parameters.join(', ')}`);
  const value = (parameter: string): string => {
    const given = parameters.get(parameter);
    if (given === undefined) throw new PolicyError(`${name} needs ${row.parameters.map((each) => `${each}=…`).join(' ')}; ${parameter} is missing`);
    return given;
  };
  const scope = resource.includes('/') ? `resource == Cloister::Resource::${text(resource)}` : `resource in Cloister::Repository::${text(resource)}`;
  return `permit (principal, action, ${scope})\nwhen { ${row.condition(value)} };\n`;
}
