/** What verification comes to: every failure with a stable code, and the claims that were looked at (RFC 9334 §8.4). */

import type { TeeType } from '../tee-type.ts';
import type { FailureCode } from './codes.ts';

/** Status words of Intel's TCB information; `NotSupported` where no level of it matches. Only Intel publishes any. */
export type TcbStatus = 'UpToDate' | 'SWHardeningNeeded' | 'ConfigurationNeeded' | 'ConfigurationAndSWHardeningNeeded' | 'OutOfDate' | 'OutOfDateConfigurationNeeded' | 'Revoked' | 'NotSupported';

export interface Failure {
  readonly code: FailureCode;
  readonly message: string;
}

export type Claim = string | number | boolean | null | readonly Claim[] | { readonly [name: string]: Claim };
export type Claims = { readonly [name: string]: Claim };

export interface Verdict {
  readonly tee: TeeType;
  /** No failure at all. */
  readonly accepted: boolean;
  /** `null` where the vendor publishes no status (SEV-SNP, sim), or none could be computed. */
  readonly tcbStatus: TcbStatus | null;
  /** Date of the TCB level, as the vendor's signed information has it (RFC 3339). */
  readonly tcbDate: string | null;
  readonly advisories: readonly string[];
  readonly failures: readonly Failure[];
  /** What the evidence says. To be believed only where `accepted`. */
  readonly claims: Claims;
}

/** Collects failures and claims: nothing stops at the first one. */
export class Findings {
  readonly failures: Failure[] = [];
  readonly claims: Record<string, Claim> = {};
  tcbStatus: TcbStatus | null = null;
  tcbDate: string | null = null;
  advisories: string[] = [];

  fail(code: FailureCode, message: string): void {
    if (!this.failures.some((known) => known.code === code && known.message === message)) this.failures.push({ code, message });
  }

  /** `holds` itself, so that what depends on it can be left out. */
  check(holds: boolean, code: FailureCode, message: string): boolean {
    if (!holds) this.fail(code, message);
    return holds;
  }

  verdict(tee: TeeType): Verdict {
    const { failures, claims, tcbStatus, tcbDate, advisories } = this;
    return { tee, accepted: failures.length === 0, tcbStatus, tcbDate, advisories: [...new Set(advisories)].sort(), failures, claims };
  }
}

/** The bytes are no evidence, collateral or policy that we know: there is nothing to judge. */
export class UnreadableError extends Error {
  override readonly name = 'UnreadableError';
}
