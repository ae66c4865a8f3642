/**
 * Collateral from the vendors' services: Intel's PCS (or a PCCS with the same paths) and AMD's KDS. The network is an
 * interface, so is the cache; what comes back is judged like any other collateral.
 */

import { toHex } from '../../base/bytes.ts';
import { type Collateral, type NamedBytes, NO_COLLATERAL, readCollateral } from './collateral.ts';
import { isPckChain, readQuote } from './dcap/abi.ts';
import { readPckExtension } from './dcap/pck.ts';
import type { Evidence } from './evidence.ts';
import { FormatError } from './reader.ts';
import { productOf, readSnpReport, type SnpProduct, tcbOf } from './snp/abi.ts';
import { isVek, readVekExtensions } from './snp/vek.ts';
import { UnreadableError } from './verdict.ts';
import { parseCertificate } from './x509/certificate.ts';
import { DerError } from './x509/der.ts';
import { pemChain } from './x509/pem.ts';

export interface FetchedResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface CachedResponse extends FetchedResponse {
  /** Milliseconds since 1970. */
  readonly expires: number;
}

export interface CollateralCache {
  get(url: string): Promise<CachedResponse | undefined>;
  put(url: string, response: CachedResponse): Promise<void>;
}

export interface FetchOptions {
  readonly get: (url: string) => Promise<FetchedResponse>;
  readonly cache?: CollateralCache;
  /** Base addresses. */
  readonly pcs?: string;
  readonly kds?: string;
  readonly now?: () => number;
  readonly sleep?: (ms: number) => Promise<void>;
}

/** The collateral could not be had: no network, no such machine, or the service refuses. */
export class CollateralError extends Error {
  override readonly name = 'CollateralError';
  readonly url: string;

  constructor(url: string, message: string) {
    super(message);
    this.url = url;
  }
}

export const INTEL_PCS = 'https://api.trustedservices.intel.com';
export const INTEL_ROOT_CRL = 'https://certificates.trustedservices.intel.com/IntelSGXRootCA.der';
export const AMD_KDS = 'https://kdsintf.amd.com';
const CHAIN_HEADERS = ['tcb-info-issuer-chain', 'sgx-tcb-info-issuer-chain', 'sgx-enclave-identity-issuer-chain', 'sgx-pck-crl-issuer-chain'];
const CACHE_MS = 24 * 3600_000;
const ATTEMPTS = 5;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;

/** When the vendor will have something newer, as what it signed says; undefined where that is not told, or has not come true. */
function nextUpdateOf({ crls, tcbInfos, qeIdentities }: Collateral, now: number): number | undefined {
  const documents = [...tcbInfos, ...qeIdentities].map(({ text }) => nextUpdateIn(text));
  const times = [...crls.map(({ crl }) => crl.nextUpdate), ...documents].filter((time) => time > now);
  return times.length === 0 ? undefined : Math.min(...times);
}

function nextUpdateIn(text: string): number {
  try {
    return Date.parse((JSON.parse(text) as { nextUpdate?: string }).nextUpdate ?? '');
  } catch {
    return Number.NaN;
  }
}

/** What is published at an address. */
function partAt(url: string): 'crls' | 'tcbInfos' | 'qeIdentities' | 'certificates' {
  if (url === INTEL_ROOT_CRL || /\/(?:pckcrl|rootcacrl|crl)(?:\?|$)/.test(url)) return 'crls';
  return /\/tcb\?/.test(url) ? 'tcbInfos' : url.endsWith('/qe/identity') ? 'qeIdentities' : 'certificates';
}

/** What was answered, read; undefined where it is not what is published there: a page about a limit is no revocation list. */
function answered(url: string, body: Uint8Array): Collateral | undefined {
  try {
    const collateral = readCollateral([{ name: url, bytes: body }]);
    return collateral.problems.length === 0 && collateral[partAt(url)].length > 0 ? collateral : undefined;
  } catch (error) {
    if (error instanceof UnreadableError) return undefined;
    throw error;
  }
}

/** 429 and 5xx are waited for, as long as the answer says or twice as long each time; anything else but 200 is final. */
async function get(url: string, { get: fetchOne, cache, now = Date.now, sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms)) }: FetchOptions): Promise<FetchedResponse> {
  const cached = await cache?.get(url);
  if (cached !== undefined && cached.expires > now() && answered(url, cached.body) !== undefined) return cached;
  let wait = FIRST_WAIT_MS;
  for (let attempt = 1; ; attempt++) {
    let response: FetchedResponse | undefined;
    let fault: string;
    try {
      response = await fetchOne(url);
      fault = `${url} answers ${response.status}`;
    } catch (error) {
      fault = `${url} cannot be reached (${(error as Error).cause instanceof Error ? ((error as Error).cause as Error).message : (error as Error).message})`;
    }
    if (response?.status === 200) {
      const collateral = answered(url, response.body);
      if (collateral === undefined) throw new CollateralError(url, `${url} answers something else than what is published there`);
      await cache?.put(url, { ...response, expires: Math.min(now() + CACHE_MS, nextUpdateOf(collateral, now()) ?? Number.POSITIVE_INFINITY) });
      return response;
    }
    const again = response !== undefined && (response.status === 429 || response.status >= 500);
    if (!again || attempt >= ATTEMPTS) throw new CollateralError(url, fault);
    const asked = Number(response?.headers['retry-after']) * 1000;
    await sleep(Math.min(Number.isFinite(asked) && asked >= 0 ? asked : wait, LONGEST_WAIT_MS));
    wait *= 2;
  }
}

/** The body and the chain in its headers, as files. */
function filesOf(url: string, { headers, body }: FetchedResponse): NamedBytes[] {
  const chains = CHAIN_HEADERS.flatMap((name) => (headers[name] === undefined ? [] : [headers[name]]));
  try {
    return [{ name: url, bytes: body }, ...chains.map((chain) => ({ name: `${url} (issuer chain)`, bytes: new TextEncoder().encode(decodeURIComponent(chain)) }))];
  } catch (error) {
    if (error instanceof URIError) throw new CollateralError(url, `${url} answers with a damaged chain of certificates`);
    throw error;
  }
}

function intelUrls(evidence: Evidence, pcs: string): string[] {
  const quote = readQuote(evidence.quote);
  const chain = isPckChain(quote.certification) ? pemChain(quote.certification.data) : undefined;
  if (chain === undefined) throw new UnreadableError('the quote does not bring its PCK certificate, so its platform is not known');
  const leaf = parseCertificate(chain[0]);
  const { fmspc } = readPckExtension(leaf);
  const processor = new TextDecoder().decode(leaf.issuer).includes('Processor CA');
  const kind = quote.body.kind;
  return [
    `${pcs}/${kind}/certification/v4/tcb?fmspc=${fmspc}`,
    `${pcs}/${kind}/certification/v4/qe/identity`,
    `${pcs}/sgx/certification/v4/pckcrl?ca=${processor ? 'processor' : 'platform'}&encoding=der`,
    pcs === INTEL_PCS ? INTEL_ROOT_CRL : `${pcs}/sgx/certification/v4/rootcacrl`,
  ];
}

function amdUrls(evidence: Evidence, kds: string): string[] {
  const report = readSnpReport(evidence.quote);
  const vek = evidence.certificates.find(isVek);
  const product: SnpProduct | undefined = report.cpuid === undefined ? (vek === undefined ? undefined : readVekExtensions(vek).product) : productOf(report.cpuid);
  if (product === undefined) throw new UnreadableError('a report of version 2 does not say which product it is of: give the VCEK certificate with --collateral');
  const vlek = report.signingKey === 1;
  const kind = vlek ? 'vlek' : 'vcek';
  const urls = [`${kds}/${kind}/v1/${product}/cert_chain`, `${kds}/${kind}/v1/${product}/crl`];
  if (vek !== undefined) return urls;
  if (vlek) throw new UnreadableError('AMD does not publish VLEK certificates: give the one of the machine with --collateral');
  const { fmc, bootloader, tee, snp, microcode } = tcbOf(report.tcb.reported, product);
  const hwId = toHex(product === 'Turin' ? report.chipId.subarray(0, 8) : report.chipId);
  return [`${kds}/vcek/v1/${product}/${hwId}?${fmc === undefined ? '' : `fmcSPL=${fmc}&`}blSPL=${bootloader}&teeSPL=${tee}&snpSPL=${snp}&ucodeSPL=${microcode}`, ...urls];
}

/** The address of a PCCS as its configuration files have it, up to the version of its interface, is taken as well. */
const baseOf = (address: string): string => address.replace(/(?:\/(?:sgx|tdx)\/certification\/v\d+)?\/*$/, '');

/** Where the collateral for this evidence is published. Throws UnreadableError. */
export function collateralUrls(evidence: Evidence, { pcs = INTEL_PCS, kds = AMD_KDS }: Pick<FetchOptions, 'pcs' | 'kds'> = {}): string[] {
  try {
    if (evidence.tee === 'sim') return [];
    return evidence.tee === 'snp' ? amdUrls(evidence, baseOf(kds)) : intelUrls(evidence, baseOf(pcs));
  } catch (error) {
    if (error instanceof FormatError || error instanceof DerError) throw new UnreadableError(`which collateral is needed cannot be read from the evidence: ${error.message}`);
    throw error;
  }
}

export interface Fetched {
  readonly collateral: Collateral;
  /** For an offline bundle. */
  readonly files: readonly NamedBytes[];
}

/** Throws CollateralError, UnreadableError. */
export async function fetchCollateral(evidence: Evidence, options: FetchOptions): Promise<Fetched> {
  const files: NamedBytes[] = [];
  for (const url of collateralUrls(evidence, options)) files.push(...filesOf(url, await get(url, options)));
  return { collateral: readCollateral(files), files };
}

/** As `fetchCollateral`; nothing is published about simulated machines. What comes with evidence of SEV-SNP lacks the revocation list. */
export async function neededCollateral(evidence: Evidence, options: FetchOptions): Promise<Collateral> {
  return evidence.tee === 'sim' ? NO_COLLATERAL : (await fetchCollateral(evidence, options)).collateral;
}
