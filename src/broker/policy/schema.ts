/**
 * What policies are about, as Cedar sees it: an enclave (principal) asks for a resource under circumstances (context)
 * that verified evidence has shown. One literal schema; policies are checked strictly against it before they count.
 */

/**
 * What an enclave in a larger measured thing (a virtual machine, a loader) says of itself, bound by the evidence. It is as
 * good as what is around it: a policy that looks here has to say which `measurement` it trusts to tell the truth.
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

/** Attributes of the context, in the order in which explanations list them. */
export interface PolicyContext {
  /** `sim`, `sample`, `sgx`, `tdx`, `snp`. */
  readonly tee: string;
  /** True where the evidence protects nothing: `sim` and `sample`. */
  readonly simulated: boolean;
  /** As the vendor calls it: `UpToDate`, `SWHardeningNeeded` …; `NotPublished` where the vendor has no such status. */
  readonly tcbStatus: string;
  /** Seconds since 1970; 0 where the evidence has no such date. */
  readonly tcbDate: number;
  readonly advisories: readonly string[];
  readonly debug: boolean;
  /** Hexadecimal: MRENCLAVE, MRTD, launch measurement, or Cloister's own. */
  readonly measurement: string;
  /** Hexadecimal: MRSIGNER, MRSIGNERSEAM, author key digest, or Cloister's own; empty where there is none. */
  readonly signer: string;
  readonly productId: number;
  readonly securityVersion: number;
  /** Run-time registers (RTMR), hexadecimal, in order. */
  readonly registers: readonly string[];
  /** Absent where the evidence is of the enclave itself, or of something else altogether. */
  readonly enclave?: EnclaveStatement;
  /** Names of the owner's reference values that `measurement` is one of. */
  readonly references: readonly string[];
  /** Publishers who signed them (hexadecimal key hashes). */
  readonly publishers: readonly string[];
  /** Seconds since 1970, by the broker's clock. */
  readonly now: number;
}

// biome-ignore format: a table
const CONTEXT: Readonly<Record<Exclude<keyof PolicyContext, 'enclave'> | 'enclave?', string>> = {
  tee: 'String', simulated: 'Bool', tcbStatus: 'String', tcbDate: 'Long', advisories: 'Set<String>', debug: 'Bool',
  measurement: 'String', signer: 'String', productId: 'Long', securityVersion: 'Long', registers: 'Set<String>',
  'enclave?': '{ measurement: String, signer: String, productId: Long, securityVersion: Long, imageKind: String, references: Set<String>, publishers: Set<String> }',
  references: 'Set<String>', publishers: 'Set<String>', now: 'Long',
};

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
    ${Object.entries(CONTEXT)
      .map(([name, type]) => `${name}: ${type}`)
      .join(', ')}
  } };
}`;
