/** Policies that are ready to use: what an owner most often wants to say, by name and parameters. */

import { type Pcr, PCRS } from './claims.ts';
import { PolicyError } from './engine.ts';

/** The values of a ready policy's parameters. */
interface Given {
  /** Throws PolicyError where it is missing. */
  (parameter: string): string;
  /** Of those that may be left out. */
  readonly optional: (parameter: string) => string | undefined;
}

export interface LibraryRow {
  readonly doc: string;
  readonly parameters: readonly string[];
  /** What may be given as well. */
  readonly optional: readonly string[];
  /** The body of `when { … }`. */
  readonly condition: (value: Given) => string;
}

const text = (value: string): string => JSON.stringify(value);
function hex(value: string, ...digits: readonly number[]): string {
  const wanted = digits.length > 0 ? digits : [64, 96];
  if (!/^[0-9a-f]*$/.test(value) || !wanted.includes(value.length)) throw new PolicyError(`${value} is not a hash: ${wanted.join(' or ')} lower-case hexadecimal digits`);
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

const RTMRS = ['rtmr0', 'rtmr1', 'rtmr2', 'rtmr3'] as const;
/** What boot loaders and kernels are measured into; the others are of firmware and settings, the same for all software. */
const BOOTED: readonly Pcr[] = ['pcr4', 'pcr8', 'pcr9', 'pcr11'];
const VTPM = '["az-snp-vtpm", "az-tdx-vtpm", "azsnpvtpm", "aztdxvtpm"].contains(context.tee)';

const equals = (names: readonly string[], digits: number, value: Given): string => names.map((name) => `context has ${name} && context.${name} == ${hex(value.optional(name) as string, digits)}`).join(' && ');

/**
 * That `context.measurement` (or what hangs on it) says which software runs. It does on SGX, SEV-SNP and sim. On TDX it is of the
 * firmware alone, behind a paravisor of that one: there the registers have to be named that the rest is measured into.
 */
function software(value: Given): string {
  const [rtmrs, pcrs] = [RTMRS, PCRS].map((names) => names.filter((name) => value.optional(name) !== undefined));
  if (rtmrs.length > 0 && pcrs.length > 0) throw new PolicyError('rtmr… are registers of TDX, pcr… those of a virtual TPM: write two policies');
  if (rtmrs.length > 0) {
    for (const name of ['rtmr1', 'rtmr2'] as const) if (!rtmrs.includes(name)) throw new PolicyError(`${rtmrs.join(', ')} without ${name}: rtmr1 and rtmr2 together say which boot loader, kernel and initial file system run`);
    return `context.tee == "tdx" && ${equals(rtmrs, 96, value)}`;
  }
  if (pcrs.length === 0) return '["sgx", "snp", "sim"].contains(context.tee)';
  if (!pcrs.some((name) => BOOTED.includes(name as Pcr))) throw new PolicyError(`${pcrs.join(', ')}: other software has these as well; one of ${BOOTED.join(', ')} says what was booted`);
  return `${VTPM} && ${equals(pcrs, 64, value)}`;
}

const PRODUCTS = ['Milan', 'Genoa', 'Turin'];
const COMPONENTS = ['fmc', 'bootloader', 'tee', 'snp', 'microcode'];
/** What an update of AMD's firmware changes; without one of them a minimum says little. */
const NEEDED = ['bootloader', 'snp', 'microcode'];

/** `PRODUCT,COMPONENT=LEVEL,…`: the levels mean something on that product only. */
function tcbFloor(given: string): string {
  const [product, ...parts] = given.split(',');
  const levels = new Map(parts.map((part) => part.split('=') as [string, string]));
  const right = PRODUCTS.includes(product) && levels.size === parts.length && [...levels].every(([name, level]) => COMPONENTS.includes(name) && /^\d{1,3}$/.test(level ?? '') && Number(level) < 256);
  if (!right || !NEEDED.every((name) => levels.has(name))) throw new PolicyError(`snpTcb=${given} is not as Milan,bootloader=4,snp=22,microcode=213: one of ${PRODUCTS.join(', ')}, then least levels of ${NEEDED.join(', ')} (and tee, fmc)`);
  // What is reported is never above what is committed and current: that was verified.
  const least = [...levels].map(([name, level]) => `${name === 'fmc' ? 'context.reportedTcb has fmc && ' : ''}context.reportedTcb.${name} >= ${Number(level)}`);
  return `context has product && context.product == ${text(product)} && context has reportedTcb && ${least.join(' && ')}`;
}

/** Up to date by Intel's word. AMD gives none, so there the policy has to say from which level on; without `snpTcb` SEV-SNP gets nothing. */
function production(value: Given): string {
  const floor = value.optional('snpTcb');
  const current = 'context.tcbStatus == "UpToDate"';
  return `context.debug == false && context.simulated == false && ${floor === undefined ? current : `(${current} || ${tcbFloor(floor)})`}`;
}

const measurement = (value: Given): string => `context.measurement == ${hex(value('measurement'))} && ${software(value)}`;
// A signer's word is in SGX, SEV-SNP and sim; on TDX it is whatever the host says.
const signer = (value: Given): string => `context.signer == ${hex(value('signer'))} && context.productId == ${whole(value('product'))} && context.securityVersion >= ${whole(value('version'))} && ["sgx", "snp", "sim"].contains(context.tee)`;
const reference = (value: Given): string => `context.references.contains(${text(value('name'))}) && ${software(value)}`;
const platform = (value: Given): string => `context.measurement == ${hex(value('platform'))} && ${software(value)} && context has enclave`;

// biome-ignore format: a table
export const LIBRARY: Readonly<Record<string, LibraryRow>> = {
  'exact-build':        { doc: 'This build, whatever the state of the machine.', parameters: ['measurement'], optional: [...RTMRS, ...PCRS], condition: measurement },
  'exact-build-strict': { doc: 'This build, on real hardware that is up to date, not debuggable.', parameters: ['measurement'], optional: ['snpTcb', ...RTMRS, ...PCRS], condition: (value) => `${measurement(value)} && ${production(value)}` },
  'signed-by':          { doc: 'Any build by this signer from this security version on.', parameters: ['signer', 'product', 'version'], optional: [], condition: signer },
  'signed-by-strict':   { doc: 'The same, on real hardware that is up to date, not debuggable.', parameters: ['signer', 'product', 'version'], optional: ['snpTcb'], condition: (value) => `${signer(value)} && ${production(value)}` },
  'reference':          { doc: 'Builds among your reference values of this name.', parameters: ['name'], optional: [...RTMRS, ...PCRS], condition: reference },
  'reference-strict':   { doc: 'The same, on real hardware that is up to date, not debuggable.', parameters: ['name'], optional: ['snpTcb', ...RTMRS, ...PCRS], condition: (value) => `${reference(value)} && ${production(value)}` },
  'published-by':       { doc: 'Builds whose reference values this publisher has signed.', parameters: ['publisher'], optional: [...RTMRS, ...PCRS], condition: (value) => `context.publishers.contains(${hex(value('publisher'))}) && ${software(value)}` },
  'enclave':            { doc: 'This build, in a virtual machine or loader with this measurement, up to date, not debuggable.', parameters: ['platform', 'measurement'], optional: ['snpTcb', ...RTMRS], condition: (value) => `${platform(value)} && context.enclave.measurement == ${hex(value('measurement'))} && ${production(value)}` },
  'enclave-reference':  { doc: 'The same for builds among your reference values of this name.', parameters: ['platform', 'name'], optional: ['snpTcb', ...RTMRS], condition: (value) => `${platform(value)} && context.enclave.references.contains(${text(value('name'))}) && ${production(value)}` },
  'until':              { doc: 'This build, until a time.', parameters: ['measurement', 'time'], optional: [...RTMRS, ...PCRS], condition: (value) => `${measurement(value)} && context.now < ${time(value('time'))}` },
};

const RESOURCE = /^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+\/[A-Za-z0-9._-]+)?$/;

/** A policy for a resource (`repository/type/tag`), or for a whole repository. Throws PolicyError. */
export function policyFromLibrary(name: string, resource: string, parameters: ReadonlyMap<string, string>): string {
  const row = Object.hasOwn(LIBRARY, name) ? LIBRARY[name] : undefined;
  if (row === undefined) throw new PolicyError(`there is no ready policy ${name}; there are ${Object.keys(LIBRARY).join(', ')}`);
  if (!RESOURCE.test(resource)) throw new PolicyError(`${resource} is neither REPOSITORY nor REPOSITORY/TYPE/TAG`);
  for (const given of parameters.keys()) {
    if (row.parameters.includes(given) || row.optional.includes(given)) continue;
    throw new PolicyError(`${name} has no parameter ${given}; it has ${[...row.parameters, ...row.optional.filter((each) => !each.startsWith('pcr')), ...(row.optional.includes('pcr0') ? ['pcr0 to pcr23'] : [])].join(', ')}`);
  }
  const value = Object.assign(
    (parameter: string): string => {
      const given = parameters.get(parameter);
      if (given === undefined) throw new PolicyError(`${name} needs ${row.parameters.map((each) => `${each}=…`).join(' ')}; ${parameter} is missing`);
      return given;
    },
    { optional: (parameter: string) => parameters.get(parameter) },
  );
  const scope = resource.includes('/') ? `resource == Cloister::Resource::${text(resource)}` : `resource in Cloister::Repository::${text(resource)}`;
  return `permit (principal, action, ${scope})\nwhen { ${row.condition(value)} };\n`;
}
