/**
 * What evidence of one kind or another says, as optional attributes of a policy's context: under the verifier's names, so
 * that `cloister verify` shows the values. One literal table; schema, context and documents are made of it.
 */

import type { Claims } from '../../attestation/verifier/index.ts';

/** Security patch levels of AMD's firmware; `fmc` from Turin on. */
export interface Tcb {
  readonly fmc?: number;
  readonly bootloader: number;
  readonly tee: number;
  readonly snp: number;
  readonly microcode: number;
}

/** Cedar's types, and what evidence has in them. */
interface Kinds {
  readonly String: string;
  readonly Bool: boolean;
  readonly Long: number;
  readonly 'Set<String>': readonly string[];
  readonly Tcb: Tcb;
}

type Row<K extends keyof Kinds = keyof Kinds> = readonly [type: K, tees: string, doc: string];

// biome-ignore format: a table
export const CLAIMS = {
  register:       ['String',      'sim',     'Run-time register.'],
  simKey:         ['String',      'sim',     'SHA-256 of the key that the quote is signed with.'],
  attributes:     ['String',      'sgx',     'ATTRIBUTES: FLAGS and XFRM.'],
  attributeFlags: ['Set<String>', 'sgx',     'Names of the flags that are set, as `PROVISIONKEY`.'],
  miscSelect:     ['Long',        'sgx',     'MISCSELECT.'],
  cpuSvn:         ['String',      'sgx',     'CPUSVN of the report.'],
  configId:       ['String',      'sgx',     'CONFIGID.'],
  configSvn:      ['Long',        'sgx',     'CONFIGSVN.'],
  isvExtProdId:   ['String',      'sgx',     'ISVEXTPRODID.'],
  isvFamilyId:    ['String',      'sgx',     'ISVFAMILYID.'],
  rtmr0:          ['String',      'tdx',     'Run-time measurement register 0: configuration of the firmware.'],
  rtmr1:          ['String',      'tdx',     'Run-time measurement register 1: what the firmware started (boot loader, kernel).'],
  rtmr2:          ['String',      'tdx',     'Run-time measurement register 2: what that one started (kernel, command line, initial file system).'],
  rtmr3:          ['String',      'tdx',     'Run-time measurement register 3: for the system itself.'],
  tdVersion:      ['String',      'tdx',     'Version of the report: `1.0`, `1.5`.'],
  tdAttributes:   ['String',      'tdx',     'TD_ATTRIBUTES.'],
  tdAttributeFlags: ['Set<String>', 'tdx',   'Names of the attributes that are set, as `SEPT_VE_DISABLE`.'],
  xfam:           ['String',      'tdx',     'XFAM.'],
  mrconfigid:     ['String',      'tdx',     'MRCONFIGID. The host chooses it at launch, like the next two.'],
  mrowner:        ['String',      'tdx',     'MROWNER.'],
  mrownerconfig:  ['String',      'tdx',     'MROWNERCONFIG.'],
  mrservicetd:    ['String',      'tdx',     'MRSERVICETD (TD 1.5).'],
  mrseam:         ['String',      'tdx',     'MRSEAM: the TDX module.'],
  mrsignerseam:   ['String',      'tdx',     'MRSIGNERSEAM: who signed the TDX module; zeros for Intel.'],
  seamAttributes: ['String',      'tdx',     'SEAMATTRIBUTES.'],
  teeTcbSvn:      ['String',      'tdx',     'TEE_TCB_SVN.'],
  teeTcbSvn2:     ['String',      'tdx',     'TEE_TCB_SVN_2 (TD 1.5).'],
  tdxModule:      ['String',      'tdx',     'The TDX module, as `TDX_01`.'],
  tdxModuleStatus: ['String',     'tdx',     'Its status alone.'],
  quoteVersion:   ['Long',        'sgx tdx', 'Version of the quote.'],
  fmspc:          ['String',      'sgx tdx', 'FMSPC: the family of platforms.'],
  pceId:          ['String',      'sgx tdx', 'PCEID.'],
  ppid:           ['String',      'sgx tdx', 'PPID: the platform.'],
  platformInstanceId: ['String',  'sgx tdx', 'Platform instance id, of platforms with several processors.'],
  pceSvn:         ['Long',        'sgx tdx', 'PCESVN of the certificate.'],
  platformCpuSvn: ['String',      'sgx tdx', 'CPUSVN of the certificate.'],
  platformTcbStatus: ['String',   'sgx tdx', 'Status of the platform alone.'],
  qeTcbStatus:    ['String',      'sgx tdx', 'Status of the quoting enclave alone.'],
  tcbEvaluationDataNumber: ['Long', 'sgx tdx', 'Evaluation that the TCB information is of.'],
  qeEvaluationDataNumber: ['Long', 'sgx tdx', 'Evaluation that the identity of the quoting enclave is of.'],
  product:        ['String',      'snp',     '`Milan`, `Genoa` or `Turin`.'],
  reportVersion:  ['Long',        'snp',     'Version of the report.'],
  vmpl:           ['Long',        'snp',     'Privilege level at which the report was made.'],
  guestPolicy:    ['String',      'snp',     'Guest policy, as `0x30000`.'],
  guestPolicyFlags: ['Set<String>', 'snp',   'Names of its bits, as `SMT`, `MIGRATE_MA`, `SINGLE_SOCKET`.'],
  guestAbi:       ['String',      'snp',     'Least version of the ABI in it, as `1.55`.'],
  hostData:       ['String',      'snp',     'HOST_DATA. The host chooses it at launch.'],
  familyId:       ['String',      'snp',     'FAMILY_ID.'],
  imageId:        ['String',      'snp',     'IMAGE_ID.'],
  idKeyDigest:    ['String',      'snp',     'ID_KEY_DIGEST.'],
  authorKeyDigest: ['String',     'snp',     'AUTHOR_KEY_DIGEST.'],
  authorKeyEnabled: ['Bool',      'snp',     'There is an author key.'],
  chipId:         ['String',      'snp',     'CHIP_ID; zeros where it is masked, or the key is a VLEK.'],
  maskChipKey:    ['Bool',        'snp',     'MASK_CHIP_KEY.'],
  platformInfo:   ['String',      'snp',     'PLATFORM_INFO, as `0x25`.'],
  platformInfoFlags: ['Set<String>', 'snp',  'Names of its bits, as `SMT_EN`, `ALIAS_CHECK_COMPLETE`.'],
  cpuid:          ['String',      'snp',     'Family, model and stepping, as `25/17/1` (from report version 3 on).'],
  reportedTcb:    ['Tcb',         'snp',     'Reported TCB: what the certificate is for. Never above the next two.'],
  committedTcb:   ['Tcb',         'snp',     'Committed TCB.'],
  currentTcb:     ['Tcb',         'snp',     'Current TCB.'],
  launchTcb:      ['Tcb',         'snp',     'TCB at launch.'],
  currentVersion: ['String',      'snp',     'Version of the firmware, as `1.55.40`.'],
  committedVersion: ['String',    'snp',     'Version of the firmware that is committed.'],
  launchMitigations: ['String',   'snp',     'Mitigation vector at launch (from report version 5 on).'],
  currentMitigations: ['String',  'snp',     'Mitigation vector now.'],
  signingKey:     ['String',      'snp',     '`VCEK` or `VLEK`.'],
  cspId:          ['String',      'snp',     'Cloud provider of a VLEK.'],
  revocation:     ['String',      'snp',     "`checked` where AMD's revocation list was at hand, else `unchecked`."],
  userData:       ['String',      'az-…',    'User data of the HCL report. Whoever runs in the machine chooses it.'],
} as const satisfies Readonly<Record<string, Row>>;

/** Claims that are no attributes of their own: said by those that all evidence has, about this handshake alone, or not what evidence says. */
// biome-ignore format: a table
export const NO_ATTRIBUTES: readonly string[] = [
  'measurement', 'mrenclave', 'mrtd', 'signer', 'mrsigner', 'productId', 'isvProdId', 'securityVersion', 'isvSvn', 'guestSvn', 'debug', 'enclave', 'tcbDates', 'pcrs',
  'reportData', 'nonce', 'reportId', 'reportIdMa', 'trailingBytes', 'unchecked', 'warning',
];

/** As Cedar writes the type. */
export const cedarType = (type: keyof Kinds): string => (type === 'Tcb' ? '{ fmc?: Long, bootloader: Long, tee: Long, snp: Long, microcode: Long }' : type);

export type ClaimName = keyof typeof CLAIMS;

/** Registers of a virtual TPM (SHA-256 bank), as the TPM quote covers them. */
export type Pcr = `pcr${number}`;
export const PCRS: readonly Pcr[] = Array.from({ length: 24 }, (_, index): Pcr => `pcr${index}`);

/** Absent where the evidence does not say it. Hexadecimal, where it is bytes. */
export type ClaimAttributes = { readonly [name in ClaimName]?: Kinds[(typeof CLAIMS)[name][0]] } & { readonly [name in Pcr]?: string };

export const CLAIM_NAMES: readonly (ClaimName | Pcr)[] = [...(Object.keys(CLAIMS) as ClaimName[]), ...PCRS];

const isTcb = (value: unknown): boolean => typeof value === 'object' && value !== null && ['bootloader', 'tee', 'snp', 'microcode'].every((name) => Number.isSafeInteger((value as Readonly<Record<string, unknown>>)[name]));

const IS: { readonly [kind in keyof Kinds]: (value: unknown) => boolean } = {
  String: (value) => typeof value === 'string',
  Bool: (value) => typeof value === 'boolean',
  Long: Number.isSafeInteger,
  'Set<String>': (value) => Array.isArray(value) && value.every((each) => typeof each === 'string'),
  Tcb: isTcb,
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
