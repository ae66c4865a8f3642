/** Does a trust domain meet the policy? */

import { toHex } from '../../../base/bytes.ts';
import type { Policy } from '../policy.ts';
import type { Findings } from '../verdict.ts';
import { attributeNames, TD_ATTRIBUTES, TD_UNDER_DEBUG, type TdReport } from './abi.ts';

export function tdxClaims(report: TdReport): Findings['claims'] {
  const { version, mrtd, mrowner, mrconfigid, mrownerconfig, rtmrs, mrseam, mrsignerseam, seamAttributes, tdAttributes, tdAttributesHex, xfamHex, teeTcbSvn, teeTcbSvn2, mrservicetd } = report;
  return {
    tdVersion: version,
    measurement: mrtd,
    signer: mrowner,
    mrtd,
    rtmr0: rtmrs[0],
    rtmr1: rtmrs[1],
    rtmr2: rtmrs[2],
    rtmr3: rtmrs[3],
    mrconfigid,
    mrowner,
    mrownerconfig,
    debug: (tdAttributes & TD_UNDER_DEBUG) !== 0n,
    tdAttributes: tdAttributesHex,
    tdAttributeFlags: attributeNames(tdAttributes),
    xfam: xfamHex,
    teeTcbSvn: toHex(teeTcbSvn),
    mrseam,
    mrsignerseam,
    seamAttributes,
    ...(teeTcbSvn2 !== undefined && { teeTcbSvn2: toHex(teeTcbSvn2) }),
    ...(mrservicetd !== undefined && { mrservicetd }),
    reportData: toHex(report.reportData),
  };
}

/** `paravisor`: the domain was found to run behind privileged software of its own (Azure), which handles #VE for it. */
export function validateSeptVe({ tdAttributes }: TdReport, policy: Policy, findings: Findings, paravisor: boolean): void {
  if (policy['tdx.septVeDisable'] === 'required' && !paravisor && (tdAttributes & TD_ATTRIBUTES.SEPT_VE_DISABLE) === 0n) findings.fail('tdx-sept-ve', 'SEPT_VE_DISABLE is not set, and no TPM quote shows a paravisor');
}

export function validateTdx(report: TdReport, policy: Policy, findings: Findings): void {
  const { tdAttributes } = report;
  if (!report.reservedZero) findings.fail('evidence-reserved', 'a reserved bit of SEAMATTRIBUTES, TD_ATTRIBUTES or XFAM is set, or a fixed one is not');
  if (policy.debug === 'refused' && (tdAttributes & TD_UNDER_DEBUG) !== 0n) findings.fail('debug', `TD_ATTRIBUTES (${report.tdAttributesHex}) put the domain under debug or profiling`);
  const measurement = policy.measurement;
  if (measurement !== 'unchecked' && !measurement.includes(report.mrtd)) findings.fail('measurement', `MRTD is ${report.mrtd}`);
  const signer = policy.signer;
  if (signer !== 'unchecked' && !signer.includes(report.mrowner)) findings.fail('signer', `MROWNER is ${report.mrowner}`);
  // biome-ignore format: a table
  const exact = [
    ['tdx.attributes',    report.tdAttributesHex, 'tdx-attributes', 'TD_ATTRIBUTES'],
    ['tdx.xfam',          report.xfamHex,         'tdx-xfam',       'XFAM'],
    ['tdx.rtmr0',         report.rtmrs[0],        'tdx-rtmr',       'RTMR0'],
    ['tdx.rtmr1',         report.rtmrs[1],        'tdx-rtmr',       'RTMR1'],
    ['tdx.rtmr2',         report.rtmrs[2],        'tdx-rtmr',       'RTMR2'],
    ['tdx.rtmr3',         report.rtmrs[3],        'tdx-rtmr',       'RTMR3'],
    ['tdx.mrconfigid',    report.mrconfigid,      'tdx-config',     'MRCONFIGID'],
    ['tdx.mrowner',       report.mrowner,         'tdx-config',     'MROWNER'],
    ['tdx.mrownerconfig', report.mrownerconfig,   'tdx-config',     'MROWNERCONFIG'],
    ['tdx.mrservicetd',   report.mrservicetd,     'tdx-service-td', 'MRSERVICETD'],
  ] as const;
  for (const [key, value, code, name] of exact) {
    const wanted = policy[key];
    if (wanted !== 'unchecked' && value !== wanted) findings.fail(code, `${name} is ${value ?? 'not in the report'}, not ${wanted}`);
  }
}
