/**
 * Which TCB level a platform is at, and what the parts come to together (Intel SGX PCK Certificate and TCB Info,
 * "How to determine the TCB status"; Intel TDX DCAP: convergence of platform, TDX module and TD QE).
 */

import type { TcbStatus } from '../verdict.ts';
import type { PckExtension } from './pck.ts';
import type { SvnLevel, TcbInfo, TcbLevel } from './tcb-info.ts';

const reaches = (have: ArrayLike<number>, need: readonly number[], from = 0): boolean => need.every((svn, index) => index < from || have[index] >= svn);

/** The first level (they are ordered, newest first) that the platform reaches in every component. */
export function platformLevel(info: TcbInfo, pck: PckExtension, teeTcbSvn?: Uint8Array): TcbLevel | undefined {
  return info.levels.find(
    ({ sgxComponents, tdxComponents, pceSvn }) =>
      reaches(pck.components, sgxComponents) &&
      pck.pceSvn >= pceSvn &&
      // Components 0 and 1 are version and SVN of the module: from version 1 on its own identity judges them.
      (teeTcbSvn === undefined || (tdxComponents !== undefined && reaches(teeTcbSvn, tdxComponents, teeTcbSvn[1] > 0 ? 2 : 0))),
  );
}

export const svnLevel = (levels: readonly SvnLevel[], isvSvn: number): SvnLevel | undefined => levels.find((level) => isvSvn >= level.isvSvn);

/** The platform's status, made worse by the status of a part that is updated apart from it. */
export function converge(platform: TcbStatus, part: TcbStatus): TcbStatus {
  if (platform === 'NotSupported' || platform === 'Revoked') return platform;
  if (part === 'Revoked' || part === 'NotSupported') return part;
  if (part === 'OutOfDate' || part === 'OutOfDateConfigurationNeeded') {
    if (platform === 'UpToDate' || platform === 'SWHardeningNeeded') return part;
    if (platform === 'ConfigurationNeeded' || platform === 'ConfigurationAndSWHardeningNeeded') return 'OutOfDateConfigurationNeeded';
    return platform;
  }
  if (part === 'UpToDate') return platform;
  // A part that needs something itself: never better than either.
  const needs = (status: TcbStatus): readonly [configuration: boolean, hardening: boolean] => [/^Configuration|ConfigurationNeeded/.test(status), /SWHardening/.test(status)];
  const [a, b] = [needs(platform), needs(part)];
  if (platform === 'OutOfDate') return a[0] || b[0] ? 'OutOfDateConfigurationNeeded' : 'OutOfDate';
  if (platform === 'OutOfDateConfigurationNeeded') return platform;
  const configuration = a[0] || b[0];
  const hardening = a[1] || b[1];
  return configuration ? (hardening ? 'ConfigurationAndSWHardeningNeeded' : 'ConfigurationNeeded') : hardening ? 'SWHardeningNeeded' : 'UpToDate';
}
