/** Does a SEV-SNP guest meet the policy? */

import { toHex } from '../../../base/bytes.ts';
import type { Policy, SnpTcbFloor } from '../policy.ts';
import type { Claim, Findings } from '../verdict.ts';
import { bitNames, GUEST_POLICY, PLATFORM_INFO, rawTcb, type SnpProduct, type SnpReport, type SnpTcb, tcbOf, tcbReservedZero, versionText } from './abi.ts';
import { tcbText } from './verify.ts';

export function snpClaims(report: SnpReport, product: SnpProduct | undefined): Findings['claims'] {
  const tcb = (bytes: Uint8Array): Claim => (product === undefined ? rawTcb(bytes) : { ...tcbOf(bytes, product) });
  const { version, guestSvn, guestPolicy, vmpl, measurement, hostData, familyId, imageId, idKeyDigest, authorKeyDigest, reportId, reportIdMa, platformInfo, authorKeyEnabled, maskChipKey, cpuid } = report;
  return {
    reportVersion: version,
    product: product ?? null,
    measurement,
    signer: authorKeyDigest,
    guestSvn,
    guestPolicy: `0x${guestPolicy.toString(16)}`,
    guestPolicyFlags: bitNames(guestPolicy, GUEST_POLICY),
    guestAbi: `${(guestPolicy >> 8n) & 0xffn}.${guestPolicy & 0xffn}`,
    debug: (guestPolicy & GUEST_POLICY.DEBUG) !== 0n,
    vmpl,
    hostData,
    familyId,
    imageId,
    idKeyDigest,
    authorKeyDigest,
    authorKeyEnabled,
    maskChipKey,
    reportId,
    reportIdMa,
    chipId: toHex(report.chipId),
    platformInfo: `0x${platformInfo.toString(16)}`,
    platformInfoFlags: bitNames(platformInfo, PLATFORM_INFO),
    ...(cpuid !== undefined && { cpuid: `${cpuid.family}/${cpuid.model}/${cpuid.stepping}` }),
    reportedTcb: tcb(report.tcb.reported),
    committedTcb: tcb(report.tcb.committed),
    currentTcb: tcb(report.tcb.current),
    launchTcb: tcb(report.tcb.launch),
    currentVersion: versionText(report.currentVersion),
    committedVersion: versionText(report.committedVersion),
    ...(report.launchMitigations !== undefined && { launchMitigations: `0x${report.launchMitigations.toString(16)}` }),
    ...(report.currentMitigations !== undefined && { currentMitigations: `0x${report.currentMitigations.toString(16)}` }),
    reportData: toHex(report.reportData),
  };
}

const COMPONENTS = ['fmc', 'bootloader', 'tee', 'snp', 'microcode'] as const;
const above = (a: SnpTcb, b: SnpTcb): boolean => COMPONENTS.some((name) => (a[name] ?? 0) > (b[name] ?? 0));
const below = (tcb: SnpTcb, floor: SnpTcbFloor): boolean => COMPONENTS.some((name) => floor[name] !== undefined && (tcb[name] ?? 0) < (floor[name] ?? 0));

function validateTcb(report: SnpReport, product: SnpProduct, policy: Policy, findings: Findings): void {
  const [reported, committed, current, launch] = [report.tcb.reported, report.tcb.committed, report.tcb.current, report.tcb.launch].map((bytes) => {
    if (!tcbReservedZero(bytes, product)) findings.fail('evidence-reserved', `a reserved byte of a TCB (${rawTcb(bytes)}) is not zero`);
    return tcbOf(bytes, product);
  });
  if (above(reported, committed)) findings.fail('snp-tcb-order', `the reported TCB (${tcbText(reported)}) is above the committed one (${tcbText(committed)})`);
  if (above(committed, current)) findings.fail('snp-tcb-order', `the committed TCB (${tcbText(committed)}) is above the current one (${tcbText(current)})`);
  const least = policy['snp.minimumTcb'];
  if (least !== 'unchecked') for (const [name, tcb] of Object.entries({ reported, committed, current })) if (below(tcb, least)) findings.fail('snp-tcb', `the ${name} TCB (${tcbText(tcb)}) is below that of the policy`);
  const leastLaunch = policy['snp.minimumLaunchTcb'];
  if (leastLaunch !== 'unchecked' && below(launch, leastLaunch)) findings.fail('snp-tcb', `the launch TCB (${tcbText(launch)}) is below that of the policy`);
}

const before = (a: readonly number[], b: readonly number[]): boolean => {
  for (let index = 0; index < b.length; index++) if (a[index] !== b[index]) return a[index] < b[index];
  return false;
};

export function validateSnp(report: SnpReport, product: SnpProduct | undefined, policy: Policy, findings: Findings): void {
  const { guestPolicy, platformInfo } = report;
  const has = (bit: keyof typeof GUEST_POLICY): boolean => (guestPolicy & GUEST_POLICY[bit]) !== 0n;
  if (policy.debug === 'refused' && has('DEBUG')) findings.fail('debug', 'the guest policy allows debugging');
  // biome-ignore format: a table
  const bits = [
    ['snp.migrationAgent',   'MIGRATE_MA',             false, 'allows a migration agent'],
    ['snp.smt',              'SMT',                    false, 'allows simultaneous multithreading'],
    ['snp.cxl',              'CXL_ALLOW',              false, 'allows CXL memory'],
    ['snp.singleSocket',     'SINGLE_SOCKET',          true,  'does not bind the guest to one socket'],
    ['snp.aes256Xts',        'MEM_AES_256_XTS',        true,  'does not ask for AES-256-XTS'],
    ['snp.raplDisabled',     'RAPL_DIS',               true,  'allows RAPL'],
    ['snp.ciphertextHiding', 'CIPHERTEXT_HIDING_DRAM', true,  'does not ask for ciphertext hiding'],
    ['snp.pageSwapDisabled', 'PAGE_SWAP_DISABLE',      true,  'allows pages to be swapped'],
  ] as const;
  for (const [key, bit, wanted, fault] of bits) if (policy[key] !== 'unchecked' && has(bit) !== wanted) findings.fail('snp-guest-policy', `the guest policy ${fault}`);
  if (policy['snp.aliasCheckComplete'] === 'required' && (platformInfo & PLATFORM_INFO.ALIAS_CHECK_COMPLETE) === 0n) findings.fail('snp-platform-info', 'the check for memory aliases is not complete');
  const vmpls = policy['snp.vmpl'];
  if (vmpls !== 'unchecked' && !vmpls.includes(report.vmpl)) findings.fail('snp-vmpl', `VMPL is ${report.vmpl}`);
  if (product !== undefined) validateTcb(report, product, policy, findings);
  const abi = policy['snp.minimumAbi'];
  if (abi !== 'unchecked' && before(report.committedVersion, abi.split('.').map(Number))) findings.fail('snp-tcb', `the committed firmware is ${versionText(report.committedVersion)}, before ${abi}`);
  if (policy['snp.provisionalFirmware'] === 'refused' && before(report.committedVersion, report.currentVersion))
    findings.fail('snp-provisional-firmware', `firmware ${versionText(report.currentVersion)} runs while ${versionText(report.committedVersion)} is committed`);
  const { measurement, signer, minimumSecurityVersion } = policy;
  if (measurement !== 'unchecked' && !measurement.includes(report.measurement)) findings.fail('measurement', `MEASUREMENT is ${report.measurement}`);
  if (signer !== 'unchecked' && !(report.authorKeyEnabled && signer.includes(report.authorKeyDigest)))
    findings.fail('signer', `AUTHOR_KEY_DIGEST is ${report.authorKeyDigest}${report.authorKeyEnabled ? '' : ', and no author key was used'}`);
  if (minimumSecurityVersion !== 'unchecked' && report.guestSvn < minimumSecurityVersion) findings.fail('security-version', `the guest SVN is ${report.guestSvn}, below ${minimumSecurityVersion}`);
  const host = policy['snp.hostData'];
  if (host !== 'unchecked' && report.hostData !== host) findings.fail('snp-host-data', `HOST_DATA is ${report.hostData}`);
  // biome-ignore format: a table
  const exact = [
    ['snp.familyId',    report.familyId,    'FAMILY_ID'],
    ['snp.imageId',     report.imageId,     'IMAGE_ID'],
    ['snp.idKeyDigest', report.idKeyDigest, 'ID_KEY_DIGEST'],
  ] as const;
  for (const [key, value, name] of exact) if (policy[key] !== 'unchecked' && value !== policy[key]) findings.fail('snp-id-block', `${name} is ${value}`);
  const chips = policy['snp.chipId'];
  if (chips !== 'unchecked' && !chips.includes(toHex(report.chipId))) findings.fail('snp-chip-id', `CHIP_ID is ${toHex(report.chipId)}`);
}
