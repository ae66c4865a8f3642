/**
 * What a relying party demands of evidence (RFC 9334 §8.5, appraisal policy). Every key has a value: what is not
 * checked says so with the word `unchecked`. A policy file either gives every key or names a base that gives the rest.
 *
 * A demand that evidence cannot meet is not met, also where that kind of environment knows no such thing: what is meant for
 * one kind alone stands in its section (`sgx: {productId: 3}`).
 */

import type { TeeType } from '../tee-type.ts';
import { instantOf } from './time.ts';
import { type TcbStatus, UnreadableError } from './verdict.ts';
import { pemBlocks } from './x509/pem.ts';

export const UNCHECKED = 'unchecked';
type Unchecked = typeof UNCHECKED;

/** Says what is wrong with a value. */
class Wrong extends Error {}

type Kind<T> = (value: unknown) => T;
const orUnchecked =
  <T>(kind: Kind<T>): Kind<T | Unchecked> =>
  (value) =>
    value === UNCHECKED ? UNCHECKED : kind(value);
const word =
  <const T extends string>(...words: readonly T[]): Kind<T> =>
  (value) => {
    if (!(words as readonly unknown[]).includes(value)) throw new Wrong(`one of ${words.join(', ')}`);
    return value as T;
  };
const list =
  <T>(kind: Kind<T>): Kind<readonly T[]> =>
  (value) => {
    if (!Array.isArray(value)) throw new Wrong('a list');
    return value.map(kind);
  };
const hex =
  (...lengths: readonly number[]): Kind<string> =>
  (value) => {
    if (typeof value !== 'string' || !/^[0-9a-fA-F]*$/.test(value) || !lengths.includes(value.length / 2)) throw new Wrong(`hexadecimal of ${lengths.join(' or ')} bytes, as a text`);
    return value.toLowerCase();
  };
const anyHex: Kind<string> = (value) => {
  if (typeof value !== 'string' || !/^(?:[0-9a-fA-F]{2})*$/.test(value)) throw new Wrong('hexadecimal, as a text');
  return value.toLowerCase();
};
const count: Kind<number> = (value) => {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw new Wrong('a number that is not negative');
  return value as number;
};
const date: Kind<number> = (value) => {
  const time = value instanceof Date ? value.getTime() : typeof value === 'string' ? instantOf(value) : Number.NaN;
  if (!Number.isFinite(time)) throw new Wrong('a date that there is, such as 2025-01-31');
  return time;
};
const version: Kind<string> = (value) => {
  if (typeof value !== 'string' || !/^\d+\.\d+$/.test(value)) throw new Wrong('a version such as "1.55", as a text');
  return value;
};
const advisory: Kind<string> = (value) => {
  if (typeof value !== 'string' || !/^[A-Z0-9-]+$/.test(value)) throw new Wrong('the name of an advisory, such as INTEL-SA-00615');
  return value;
};
const certificate: Kind<string> = (value) => {
  if (typeof value !== 'string' || pemBlocks(value)?.length !== 1) throw new Wrong('one certificate in PEM');
  return value;
};
const publicKey: Kind<string> = (value) => {
  const blocks = typeof value === 'string' ? pemBlocks(value) : undefined;
  if (blocks?.length !== 1 || blocks[0].label !== 'PUBLIC KEY') throw new Wrong('one public key in PEM');
  return value as string;
};

/** Security patch levels of AMD's firmware, of the components that are named. */
export type SnpTcbFloor = { readonly [component in 'fmc' | 'bootloader' | 'tee' | 'snp' | 'microcode']?: number };
const tcbFloor: Kind<SnpTcbFloor> = (value) => {
  const names = ['fmc', 'bootloader', 'tee', 'snp', 'microcode'];
  if (typeof value !== 'object' || value === null || Object.entries(value).some(([name, level]) => !names.includes(name) || !Number.isInteger(level) || level < 0 || level > 255))
    throw new Wrong(`a map of ${names.join(', ')} to numbers up to 255`);
  return value as SnpTcbFloor;
};

/** Registers of a TPM by number, each with the values that are accepted. */
export type PcrValues = { readonly [index: string]: readonly string[] };
const pcrValues: Kind<PcrValues> = (value) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Wrong('a map of registers (0 to 23) to lists of values');
  return Object.fromEntries(
    Object.entries(value).map(([index, values]) => {
      if (!/^(?:\d|1\d|2[0-3])$/.test(index)) throw new Wrong('a map whose keys are registers, 0 to 23');
      return [index, list(hex(32))(Array.isArray(values) ? values : [values])];
    }),
  );
};

const TEES: readonly TeeType[] = ['sgx', 'tdx', 'snp', 'sim'];
const STATUSES: readonly TcbStatus[] = ['UpToDate', 'SWHardeningNeeded', 'ConfigurationNeeded', 'ConfigurationAndSWHardeningNeeded', 'OutOfDate', 'OutOfDateConfigurationNeeded', 'Revoked', 'NotSupported'];

const key = <const K extends string, T>(name: K, kind: Kind<T>, authentic: NoInfer<T>, doc: string, tees: readonly TeeType[] = TEES.filter((tee) => name.startsWith(`${tee}.`))) => ({
  name,
  kind,
  authentic,
  doc,
  /** Whose evidence says it; a key that begins with a kind is of that kind. */
  tees: tees.length === 0 ? TEES : tees,
});
const INTEL = ['sgx', 'tdx'] as const;
const VTPM = ['tdx', 'snp'] as const;

/** `authentic` is the value of the base of that name: genuine, current and not debuggable, whatever runs inside. */
// biome-ignore format: a table
export const POLICY_KEYS = [
  key('tee',                      list(word(...TEES)),                        ['sgx', 'tdx', 'snp'],  'Kinds of environment that are accepted. `sim` protects nothing.'),
  key('roots',                    (value) => value === 'pinned' ? 'pinned' as const : list(certificate)(value), 'pinned', "`pinned`: Intel's and AMD's roots as built in; or a list of root certificates (PEM) in their place."),
  key('simKeys',                  list(publicKey),                            [],                     'Public keys (PEM) of simulated machines.'),
  key('tcb.statuses',             list(word(...STATUSES)),                    ['UpToDate'],           "Statuses of Intel's TCB information that are accepted.", INTEL),
  key('tcb.advisories',           orUnchecked(list(advisory)),                UNCHECKED,              'The advisories that may apply; any other is refused.', INTEL),
  key('tcb.minimumEvaluation',    orUnchecked(count),                         UNCHECKED,              'Least `tcbEvaluationDataNumber` of the collateral.', INTEL),
  key('tcb.minimumDate',          orUnchecked(date),                          UNCHECKED,              'Least date of the TCB level.', INTEL),
  key('debug',                    word('refused', UNCHECKED),                 'refused',              'Environments that can be debugged.'),
  key('reportData',               orUnchecked(hex(64)),                       UNCHECKED,              'REPORT_DATA, all 64 bytes.'),
  key('nonce',                    orUnchecked(anyHex),                        UNCHECKED,              'extraData of a TPM quote.', VTPM),
  key('vtpm.pcrs',                orUnchecked(pcrValues),                     UNCHECKED,              "Registers of the TPM's SHA-256 bank, by number, with the values that each may have; a TPM quote has to cover them.", VTPM),
  key('measurement',              orUnchecked(list(hex(32, 48))),             UNCHECKED,              "MRENCLAVE, MRTD, SNP's MEASUREMENT, or sim's measurement: one of these."),
  key('signer',                   orUnchecked(list(hex(32, 48))),             UNCHECKED,              "MRSIGNER, MROWNER, SNP's AUTHOR_KEY_DIGEST, or sim's signer: one of these."),
  key('productId',                orUnchecked(count),                         UNCHECKED,              'ISVPRODID (SGX), product id (sim).', ['sgx', 'sim']),
  key('minimumSecurityVersion',   orUnchecked(count),                         UNCHECKED,              'Least ISVSVN (SGX), guest SVN (SNP), security version (sim).', ['sgx', 'snp', 'sim']),
  key('sgx.attributes',           orUnchecked(hex(16)),                       UNCHECKED,              'ATTRIBUTES: FLAGS and XFRM, as in the report.'),
  key('sgx.provisionKey',         word('refused', UNCHECKED),                 'refused',              'Enclaves with access to the provisioning key.'),
  key('sgx.configId',             orUnchecked(hex(64)),                       UNCHECKED,              'CONFIGID.'),
  key('sgx.minimumConfigSvn',     orUnchecked(count),                         UNCHECKED,              'Least CONFIGSVN.'),
  key('tdx.septVeDisable',        word('required', UNCHECKED),                'required',             'SEPT_VE_DISABLE of the attributes; not asked of domains behind a paravisor (Azure), which a TPM quote by the key of the HCL report has to show.'),
  key('tdx.attributes',           orUnchecked(hex(8)),                        UNCHECKED,              'TD_ATTRIBUTES, as in the quote.'),
  key('tdx.xfam',                 orUnchecked(hex(8)),                        UNCHECKED,              'XFAM, as in the quote.'),
  key('tdx.rtmr0',                orUnchecked(hex(48)),                       UNCHECKED,              'Run-time measurement register 0.'),
  key('tdx.rtmr1',                orUnchecked(hex(48)),                       UNCHECKED,              'Run-time measurement register 1.'),
  key('tdx.rtmr2',                orUnchecked(hex(48)),                       UNCHECKED,              'Run-time measurement register 2.'),
  key('tdx.rtmr3',                orUnchecked(hex(48)),                       UNCHECKED,              'Run-time measurement register 3.'),
  key('tdx.mrconfigid',           orUnchecked(hex(48)),                       UNCHECKED,              'MRCONFIGID.'),
  key('tdx.mrowner',              orUnchecked(hex(48)),                       UNCHECKED,              'MROWNER.'),
  key('tdx.mrownerconfig',        orUnchecked(hex(48)),                       UNCHECKED,              'MROWNERCONFIG.'),
  key('tdx.mrservicetd',          orUnchecked(hex(48)),                       UNCHECKED,              'MRSERVICETD (TD 1.5).'),
  key('snp.revocation',           word('required', 'when-given', UNCHECKED),  'when-given',           "AMD's revocation list: must be in the collateral, or is checked when it is."),
  key('snp.vmpl',                 orUnchecked(list(count)),                   UNCHECKED,              'Privilege levels at which the report may be made.'),
  key('snp.migrationAgent',       word('refused', UNCHECKED),                 'refused',              'Guests that may be moved by a migration agent.'),
  key('snp.smt',                  word('refused', UNCHECKED),                 UNCHECKED,              'Guests that may run with simultaneous multithreading.'),
  key('snp.singleSocket',         word('required', UNCHECKED),                UNCHECKED,              'The guest is bound to one socket.'),
  key('snp.cxl',                  word('refused', UNCHECKED),                 UNCHECKED,              'Guests that may use CXL memory.'),
  key('snp.aes256Xts',            word('required', UNCHECKED),                UNCHECKED,              'AES-256-XTS for memory.'),
  key('snp.raplDisabled',         word('required', UNCHECKED),                UNCHECKED,              'Running average power limit is off.'),
  key('snp.ciphertextHiding',     word('required', UNCHECKED),                UNCHECKED,              'Ciphertext hiding for DRAM.'),
  key('snp.pageSwapDisabled',     word('required', UNCHECKED),                UNCHECKED,              'Guest pages are never swapped or moved.'),
  key('snp.aliasCheckComplete',   word('required', UNCHECKED),                UNCHECKED,              'Memory was checked for aliases (BadRAM) since the last reset.'),
  key('snp.minimumTcb',           orUnchecked(tcbFloor),                      UNCHECKED,              'Least reported, committed and current TCB.'),
  key('snp.minimumLaunchTcb',     orUnchecked(tcbFloor),                      UNCHECKED,              'Least TCB at launch.'),
  key('snp.minimumAbi',           orUnchecked(version),                       UNCHECKED,              'Least version of the firmware that is committed.'),
  key('snp.provisionalFirmware',  word('refused', UNCHECKED),                 'refused',              'A version of the firmware that runs without being committed.'),
  key('snp.hostData',             orUnchecked(hex(32)),                       UNCHECKED,              'HOST_DATA.'),
  key('snp.familyId',             orUnchecked(hex(16)),                       UNCHECKED,              'FAMILY_ID.'),
  key('snp.imageId',              orUnchecked(hex(16)),                       UNCHECKED,              'IMAGE_ID.'),
  key('snp.idKeyDigest',          orUnchecked(hex(48)),                       UNCHECKED,              'ID_KEY_DIGEST.'),
  key('snp.chipId',               orUnchecked(list(hex(64))),                 UNCHECKED,              'CHIP_ID: one of these.'),
  key('snp.cspId',                orUnchecked(list((value) => { if (typeof value !== 'string') throw new Wrong('a text'); return value; })), UNCHECKED, 'Cloud provider of a VLEK: one of these.'),
  key('enclave.platform',         word('named', UNCHECKED),                   'named',                "With any demand below: what states it has to be named as well (SGX: `measurement` or `signer`; SEV-SNP: `measurement`; TDX: `measurement` and `tdx.rtmr1` or `tdx.rtmr2`), since other software can state anything."),
  key('enclave.measurement',      orUnchecked(list(hex(48))),                 UNCHECKED,              "Measurement of the enclave, as it states it and the evidence binds it: one of these."),
  key('enclave.signer',           orUnchecked(list(hex(48))),                 UNCHECKED,              'Signer of the enclave: one of these.'),
  key('enclave.productId',        orUnchecked(count),                         UNCHECKED,              'Product id of the enclave.'),
  key('enclave.minimumSecurityVersion', orUnchecked(count),                   UNCHECKED,              'Least security version of the enclave.'),
  key('enclave.debug',            word('refused', UNCHECKED),                 'refused',              'Enclaves that were built debuggable.'),
  key('enclave.imageKind',        orUnchecked(word('integrity', 'encrypted')), UNCHECKED,             "Whether the enclave's image is encrypted."),
  key('enclave.guestData',        orUnchecked(hex(64)),                       UNCHECKED,              'What a program in the enclave has given to be attested, all 64 bytes.'),
  key('statement',                orUnchecked(word('enclave', 'broker')),     UNCHECKED,              'Who has to have stated what the evidence binds: an enclave, or a broker. What states it has to be named, as for enclaves.'),
  key('broker.key',               orUnchecked(list(hex(32))),                 UNCHECKED,              'Which broker it is, as it states it and `cloister broker status` shows it: SHA-256 of the public key of its audit log, one of these.'),
  key('certificateValidity',      word('required', UNCHECKED),                UNCHECKED,              'Dates of a self-signed certificate that carries evidence; its key is bound by the evidence either way.'),
] as const;

export type PolicyKey = (typeof POLICY_KEYS)[number]['name'];
type Values = { readonly [Row in (typeof POLICY_KEYS)[number] as Row['name']]: ReturnType<Row['kind']> };

/** What may stand in the section of one kind of environment, in place of what all have to meet. What binds evidence to an occasion may not. */
const SECTIONED = ['measurement', 'signer', 'productId', 'minimumSecurityVersion', 'tcb.statuses', 'tcb.advisories', 'tcb.minimumEvaluation', 'tcb.minimumDate'] as const satisfies readonly PolicyKey[];
type Section = Partial<Pick<Values, (typeof SECTIONED)[number]>>;

export type Policy = Values & { readonly sections?: { readonly [tee in TeeType]?: Section } };

/** What is demanded of one kind: its section before what is for all. */
export const policyOf = (policy: Policy, tee: TeeType): Policy => ({ ...policy, ...policy.sections?.[tee] });

/** Genuine, up to date and not debuggable; the program inside and the report data are unchecked, and say so. */
export const AUTHENTIC: Policy = Object.fromEntries(POLICY_KEYS.map(({ name, authentic }) => [name, authentic])) as Policy;

const isMap = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Key of a section, with its kind: `sgx.productId`. */
function sectioned(path: string): { readonly tee: TeeType; readonly name: (typeof SECTIONED)[number] } | undefined {
  const tee = TEES.find((known) => path.startsWith(`${known}.`));
  const name = SECTIONED.find((known) => path === `${tee}.${known}`);
  return tee === undefined || name === undefined ? undefined : { tee, name };
}

const KEYS: readonly string[] = [...POLICY_KEYS.map(({ name }) => name), ...TEES.flatMap((tee) => SECTIONED.map((name) => `${tee}.${name}`))];

function flatten(value: object, prefix: string, into: Map<string, unknown>): Map<string, unknown> {
  for (const [name, member] of Object.entries(value)) {
    const path = `${prefix}${name}`;
    if (!KEYS.includes(path) && isMap(member) && KEYS.some((known) => known.startsWith(`${path}.`))) flatten(member, `${path}.`, into);
    else if (into.has(path)) throw new UnreadableError(`policy: ${path}: given twice`);
    else into.set(path, member);
  }
  return into;
}

function valueOf(path: string, name: string, member: unknown): unknown {
  const row = POLICY_KEYS.find((known) => known.name === name);
  if (row === undefined) throw new UnreadableError(`policy: ${path}: no such key`);
  try {
    return (row.kind as Kind<unknown>)(member);
  } catch (error) {
    if (error instanceof Wrong) throw new UnreadableError(`policy: ${path}: must be ${error.message}`);
    throw error;
  }
}

const NAMED = 3;
const missingText = (names: readonly string[]): string =>
  names.length <= NAMED ? `${names.join(', ')}: not given` : `${names.length} of its ${POLICY_KEYS.length} keys are not given (${names.slice(0, NAMED).join(', ')} and so on; docs/reference/verification.md has them all)`;

/**
 * From parsed JSON or YAML, nested (`snp: {vmpl: [0]}`) or dotted (`snp.vmpl: [0]`). `base: authentic` supplies what
 * is not given, as `authentic` has it; without a base every key must be. Throws UnreadableError that names the key.
 */
export function parsePolicy(value: unknown, authentic: Policy = AUTHENTIC): Policy {
  if (!isMap(value)) throw new UnreadableError('a policy is a map of keys to values');
  const given = flatten(value, '', new Map());
  const base = given.get('base');
  given.delete('base');
  if (base !== undefined && base !== 'authentic') throw new UnreadableError('policy: base: the only base is `authentic`');
  const policy: Record<string, unknown> = base === undefined ? {} : { ...authentic };
  const sections: { [tee in TeeType]?: Record<string, unknown> } = {};
  for (const [path, member] of given) {
    const own = sectioned(path);
    if (own === undefined) policy[path] = valueOf(path, path, member);
    else sections[own.tee] = { ...sections[own.tee], [own.name]: valueOf(path, own.name, member) };
    if (own !== undefined && !answers(own.tee, own.name)) throw new UnreadableError(`policy: ${path}: evidence of ${own.tee} does not say it`);
  }
  const missing = POLICY_KEYS.filter(({ name }) => !(name in policy)).map(({ name }) => name);
  if (missing.length > 0) throw new UnreadableError(`policy: ${missingText(missing)}. Begin with \`base: authentic\`, which gives what you do not; or give a value, or the word unchecked`);
  return { ...(policy as Policy), ...(Object.keys(sections).length > 0 && { sections }) };
}

const answers = (tee: TeeType, name: PolicyKey): boolean => POLICY_KEYS.some((row) => row.name === name && row.tees.includes(tee));
/** `sgx.configId` demands nothing of others. */
const isForAll = (name: PolicyKey): boolean => !TEES.some((tee) => name.startsWith(`${tee}.`));

/** Does the value ask for something that nobody can be without saying so? Where no status is published, the usual one is taken for granted. */
const demands = (policy: Policy, name: PolicyKey): boolean => (name === 'tcb.statuses' ? !policy[name].includes('UpToDate') : policy[name] !== UNCHECKED);

const namesOf = (wanted: (row: (typeof POLICY_KEYS)[number]) => boolean): PolicyKey[] => POLICY_KEYS.filter(wanted).map(({ name }) => name);
/** What evidence of a kind says, and what it would have to say that it does not, but for what the judgement of a TPM quote reports. */
const SAID = new Map(TEES.map((tee) => [tee, namesOf(({ tees }) => tees.includes(tee))]));
const UNSAID = new Map(TEES.map((tee) => [tee, namesOf(({ name, tees }) => !tees.includes(tee) && tees !== VTPM && isForAll(name))]));

/** Names of what a policy demands and evidence of this kind does not say. */
export const unansweredKeys = (policy: Policy, tee: TeeType): PolicyKey[] => (UNSAID.get(tee) ?? []).filter((name) => demands(policy, name));

/** Names of what a policy leaves unchecked of this kind of environment, and of what it does by itself. */
export function uncheckedKeys(policy: Policy, tee: TeeType): PolicyKey[] {
  const said = SAID.get(tee) ?? [];
  const unchecked = said.filter((name) => policy[name] === UNCHECKED);
  return said.includes('tcb.statuses') ? unchecked : ['tcb.statuses', ...unchecked];
}
