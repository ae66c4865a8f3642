/** Does an SGX enclave meet the policy? */

import { toHex } from '../../../base/bytes.ts';
import type { Policy } from '../policy.ts';
import type { Findings } from '../verdict.ts';
import { attributesHex, flagNames, SGX_FLAGS, type SgxReport } from './abi.ts';

export function sgxClaims(report: SgxReport): Findings['claims'] {
  const { mrenclave, mrsigner, isvProdId, isvSvn, cpuSvn, miscSelect, configId, configSvn, isvExtProdId, isvFamilyId, flags } = report;
  return {
    measurement: mrenclave,
    signer: mrsigner,
    mrenclave,
    mrsigner,
    isvProdId,
    isvSvn,
    debug: (flags & SGX_FLAGS.DEBUG) !== 0n,
    attributes: attributesHex(report),
    attributeFlags: flagNames(flags),
    miscSelect,
    cpuSvn,
    configId,
    configSvn,
    isvExtProdId,
    isvFamilyId,
    reportData: toHex(report.reportData),
  };
}

export function validateSgx(report: SgxReport, policy: Policy, findings: Findings): void {
  const { flags } = report;
  if (!report.reservedZero) findings.fail('evidence-reserved', 'a reserved field of the report is not zero');
  if (policy.debug === 'refused' && (flags & SGX_FLAGS.DEBUG) !== 0n) findings.fail('debug', 'DEBUG is set in the attributes');
  if (policy['sgx.provisionKey'] === 'refused' && (flags & SGX_FLAGS.PROVISIONKEY) !== 0n) findings.fail('sgx-attributes', 'PROVISIONKEY is set');
  const attributes = policy['sgx.attributes'];
  if (attributes !== 'unchecked' && attributesHex(report) !== attributes) findings.fail('sgx-attributes', `the attributes are ${attributesHex(report)}`);
  const measurement = policy.measurement;
  if (measurement !== 'unchecked' && !measurement.includes(report.mrenclave)) findings.fail('measurement', `MRENCLAVE is ${report.mrenclave}`);
  const signer = policy.signer;
  if (signer !== 'unchecked' && !signer.includes(report.mrsigner)) findings.fail('signer', `MRSIGNER is ${report.mrsigner}`);
  const { productId, minimumSecurityVersion } = policy;
  if (productId !== 'unchecked' && report.isvProdId !== productId) findings.fail('product-id', `ISVPRODID is ${report.isvProdId}, not ${productId}`);
  if (minimumSecurityVersion !== 'unchecked' && report.isvSvn < minimumSecurityVersion) findings.fail('security-version', `ISVSVN is ${report.isvSvn}, below ${minimumSecurityVersion}`);
  const configId = policy['sgx.configId'];
  if (configId !== 'unchecked' && report.configId !== configId) findings.fail('sgx-config', `CONFIGID is ${report.configId}`);
  const configSvn = policy['sgx.minimumConfigSvn'];
  if (configSvn !== 'unchecked' && report.configSvn < configSvn) findings.fail('sgx-config', `CONFIGSVN is ${report.configSvn}, below ${configSvn}`);
}
