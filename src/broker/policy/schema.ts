/**
 * What policies are about, as Cedar sees it: an enclave (principal) asks for a resource under circumstances (context)
 * that verified evidence has shown. One literal schema; policies are checked strictly against it before they count.
 */

import { cedarType, CLAIM_NAMES, type ClaimAttributes, CLAIMS, PCRS } from './claims.ts';

/**
 * What an enclave in a larger measured thing (a virtual machine, a loader) says of itself, bound by the evidence. It is as
 * good as what is around it: a policy that looks here has to name what it trusts to tell the truth (`platform.ts`).
 */
export interface EnclaveStatement {
  /** Hexadecimal, as `cloister build` has it. */
  readonly measurement: string;
  readonly signer: string;
  readonly productId: number;
  readonly securityVersion: number;
  readonly imageKind: string;
  /** Names of the owner's reference values that this measurement is one of, and who signed them. */
  readonly references: readonly string[];
  readonly publishers: readonly string[];
}

/** Attributes of the context, in the order in which explanations list them; `claims.ts` has those that not all evidence has. */
export interface PolicyContext extends ClaimAttributes {
  /** `sim`, `sample`, `sgx`, `tdx`, `snp`, `az-snp-vtpm`, `az-tdx-vtpm`. */
  readonly tee: string;
  /** True where the evidence protects nothing: `sim` and `sample`. */
  readonly simulated: boolean;
  /** As the vendor calls it: `UpToDate`, `SWHardeningNeeded` …; `NotPublished` where the vendor has no such status. */
  readonly tcbStatus: string;
  /** Seconds since 1970; 0 where the evidence has no such date. */
  readonly tcbDate: number;
  readonly advisories: readonly string[];
  readonly debug: boolean;
  /** Hexadecimal: MRENCLAVE, launch measurement, or Cloister's own; MRTD on TDX, which is of the firmware alone. Behind a paravisor, the paravisor's. */
  readonly measurement: string;
  /** Hexadecimal: MRSIGNER, author key digest, or Cloister's own; MROWNER on TDX, which the host chooses; empty where there is none. */
  readonly signer: string;
  readonly productId: number;
  readonly securityVersion: number;
  /** Absent where the evidence is of the enclave itself, or of something else altogether. */
  readonly enclave?: EnclaveStatement;
  /** Names of the owner's reference values that `measurement` is one of. */
  readonly references: readonly string[];
  /** Publishers who signed them (hexadecimal key hashes). */
  readonly publishers: readonly string[];
  /** Seconds since 1970, by the broker's clock. */
  readonly now: number;
}

export type ContextRow = readonly [type: string, doc: string];

// biome-ignore format: a table
export const CONTEXT: Readonly<Record<Exclude<keyof PolicyContext, keyof ClaimAttributes>, ContextRow>> = {
  tee:             ['String',      'Kind of evidence: `sgx`, `tdx`, `snp`, `az-snp-vtpm`, `az-tdx-vtpm` (also without dashes), `sim`, `sample`.'],
  simulated:       ['Bool',        'The evidence protects nothing: `sim` and `sample`.'],
  tcbStatus:       ['String',      'As the vendor calls it: `UpToDate`, `SWHardeningNeeded` …; `NotPublished` where there is no such status (SEV-SNP, `sim`).'],
  tcbDate:         ['Long',        'Of the TCB level, in seconds since 1970; 0 where there is none.'],
  advisories:      ['Set<String>', 'Advisories that apply, as `INTEL-SA-00615`.'],
  debug:           ['Bool',        'What runs can be debugged from outside, or does not say that it cannot.'],
  measurement:     ['String',      'MRENCLAVE (SGX), launch measurement (SEV-SNP), MRTD (TDX: the firmware alone), of the paravisor (`az-…`), of the enclave (`sim`).'],
  signer:          ['String',      'MRSIGNER (SGX), AUTHOR_KEY_DIGEST (SEV-SNP), MROWNER (TDX: the host chooses it), of the enclave (`sim`).'],
  productId:       ['Long',        'ISVPRODID (SGX), of the enclave (`sim`); 0 otherwise.'],
  securityVersion: ['Long',        'ISVSVN (SGX), guest SVN (SEV-SNP), of the enclave (`sim`); 0 otherwise.'],
  enclave:         ['{ measurement: String, signer: String, productId: Long, securityVersion: Long, imageKind: String, references: Set<String>, publishers: Set<String> }', 'Optional. What the enclave states of itself.'],
  references:      ['Set<String>', 'Names of your reference values that `measurement` is one of.'],
  publishers:      ['Set<String>', 'Who signed them (hashes of keys).'],
  now:             ['Long',        "Seconds since 1970, by the broker's clock."],
};

const ATTRIBUTES: readonly (readonly [name: string, type: string])[] = [
  ...Object.entries(CONTEXT).map(([name, [type]]) => [name === 'enclave' ? 'enclave?' : name, type] as const),
  ...Object.entries(CLAIMS).map(([name, [type]]) => [`${name}?`, cedarType(type)] as const),
  ...PCRS.map((name) => [`${name}?`, 'String'] as const),
];

/** All that a context can have. */
export const CONTEXT_NAMES: readonly string[] = [...Object.keys(CONTEXT), ...CLAIM_NAMES];

export interface ResourceAttributes {
  readonly owner: string;
  readonly tenant: string;
  readonly repository: string;
  readonly type: string;
  readonly tag: string;
  readonly version: number;
  readonly labels: readonly string[];
}

export type PolicyAction = 'release' | 'advance';

export const SCHEMA = `namespace Cloister {
  entity Enclave;
  entity Repository;
  entity Resource in [Repository] = { owner: String, tenant: String, repository: String, type: String, tag: String, version: Long, labels: Set<String> };
  action "release", "advance" appliesTo { principal: [Enclave], resource: [Resource], context: {
    ${ATTRIBUTES.map(([name, type]) => `${name}: ${type}`).join(', ')}
  } };
}`;
