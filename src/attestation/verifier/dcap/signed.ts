/** TCB information and QE identity: chosen from the collateral, held against the TCB signing chain, dated. */

import { byteString, equalBytes } from '../../../base/bytes.ts';
import type { CrlDocument, SignedDocument } from '../collateral.ts';
import { FormatError } from '../reader.ts';
import type { Certificate } from '../x509/certificate.ts';
import { keyKind } from '../x509/certificate.ts';
import { day, linkFault, validAt, validity } from '../x509/chain.ts';
import { verifySignature } from '../x509/subtle.ts';
import { type Context, pinnedRoot } from './chain.ts';
import { type QeIdentity, readQeIdentity, readTcbInfo, type TcbInfo, versionOf } from './tcb-info.ts';

const SIGNER_NAME = 'Intel SGX TCB Signing';
const utf8 = new TextEncoder();

type Kind = 'tcb-info' | 'qe-identity';

interface Parsed<T> {
  readonly document: SignedDocument;
  readonly value?: T;
  readonly fault?: string;
}

const cache = new WeakMap<SignedDocument, Parsed<TcbInfo | QeIdentity>>();

function parse<T extends TcbInfo | QeIdentity>(document: SignedDocument, read: (text: string) => T): Parsed<T> {
  let parsed = cache.get(document) as Parsed<T> | undefined;
  if (parsed === undefined) {
    try {
      parsed = { document, value: read(document.text) };
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      parsed = { document, fault: error.message };
    }
    cache.set(document, parsed);
  }
  return parsed;
}

/** Signatures of documents that were checked, by signer. */
const checked = new WeakMap<SignedDocument, Map<string, Promise<boolean>>>();

function signatureHolds(document: SignedDocument, spki: Uint8Array): Promise<boolean> {
  let known = checked.get(document);
  if (known === undefined) checked.set(document, (known = new Map()));
  const signer = byteString(spki);
  const before = known.get(signer);
  if (before !== undefined) return before;
  const holds = document.signature.length === 64 && keyKind(spki) === 'P-256' ? verifySignature({ name: 'ECDSA', curve: 'P-256', hash: 'SHA-256' }, spki, document.signature, utf8.encode(document.text)) : Promise.resolve(false);
  known.set(signer, holds);
  return holds;
}

/** Those who may have signed a document: of its own chain, or of all the collateral. */
const signersOf = (document: SignedDocument, { collateral, roots }: Context): readonly Certificate[] =>
  (document.chain ?? collateral.certificates).filter(({ commonName, issuer }) => commonName === SIGNER_NAME && (document.chain !== undefined || roots.some(({ subject }) => equalBytes(subject, issuer))));

async function checkSigner(kind: Kind, document: SignedDocument, rootList: CrlDocument | undefined, context: Context): Promise<void> {
  const { roots, findings, at } = context;
  const signers = signersOf(document, context);
  if (signers.length === 0) return findings.fail(`${kind}-chain`, `no certificate of ${SIGNER_NAME} ${document.chain === undefined ? 'is in the collateral' : 'is in the chain'}`);
  // Several generations of the signer may lie about: the one that signed, or else the newest that is valid.
  const ordered = [...signers].sort((a, b) => Number(validAt(b, at)) - Number(validAt(a, at)) || b.notBefore - a.notBefore);
  let signer = ordered[0];
  for (const candidate of ordered)
    if (await signatureHolds(document, candidate.spki)) {
      signer = candidate;
      break;
    }
  const given: Certificate | undefined = document.chain?.find((certificate) => certificate !== signer);
  const root = given === undefined ? roots.find(({ subject }) => equalBytes(subject, signer.issuer)) : pinnedRoot(given, roots);
  if (root === undefined || (document.chain?.length ?? 0) > 2) findings.fail(`${kind}-chain`, `the chain of ${signer.commonName} does not end in the pinned root`);
  else {
    const fault = (await linkFault(signer, root)) ?? (given === undefined ? undefined : await linkFault(given, given));
    if (fault !== undefined) findings.fail(`${kind}-chain`, fault);
  }
  for (const certificate of [signer, given ?? root]) if (certificate !== undefined && !validAt(certificate, at)) findings.fail('tcb-signing-expired', `${validity(certificate)}, not at ${day(at)}`);
  if (rootList?.crl.revoked.has(signer.serial)) findings.fail('tcb-signing-revoked', `${signer.commonName}, serial number ${signer.serial}, is revoked`);
  if (!(await signatureHolds(document, signer.spki))) findings.fail(`${kind}-signature`, `the signature does not fit the text as it is given (${document.text.length} characters): it was changed, or written again`);
}

/** Best first: for this use, signed, current, of the latest evaluation, newest. */
async function choose<T extends TcbInfo | QeIdentity>(documents: readonly Parsed<T>[], fits: (value: T) => number, context: Context): Promise<Parsed<T> | undefined> {
  if (documents.length < 2) return documents[0];
  const { at } = context;
  const best = Math.max(...documents.map(({ value }) => (value === undefined ? -1 : fits(value))));
  const fitting = documents.filter(({ value }) => (value === undefined ? -1 : fits(value)) === best);
  const ranked = await Promise.all(
    fitting.map(async (parsed) => {
      const { document, value } = parsed;
      const signed = await Promise.all(signersOf(document, context).map(({ spki }) => signatureHolds(document, spki)));
      const rank = value === undefined ? [] : [Number(signed.includes(true)), Number(value.issueDate <= at && at <= value.nextUpdate), value.evaluation, value.issueDate];
      return { parsed, rank };
    }),
  );
  ranked.sort(({ rank: left }, { rank: right }) => {
    for (const [index, value] of left.entries()) if (value !== right[index]) return right[index] - value;
    return 0;
  });
  return ranked[0].parsed;
}

async function check<T extends TcbInfo | QeIdentity>(
  kind: Kind,
  chosen: Parsed<T> | undefined,
  versions: readonly number[],
  minimumEvaluation: number | 'unchecked',
  rootList: CrlDocument | undefined,
  context: Context,
): Promise<T | undefined> {
  const { findings, at } = context;
  if (chosen === undefined) {
    findings.fail(`${kind}-missing`, kind === 'tcb-info' ? 'the collateral has no TCB information' : "the collateral has no quoting enclave's identity");
    return undefined;
  }
  await checkSigner(kind, chosen.document, rootList, context);
  const version = versionOf(chosen.document.text);
  if (version !== undefined && !versions.includes(version)) findings.fail(`${kind}-version`, `version ${version} is not known`);
  else if (chosen.fault !== undefined) findings.fail(`${kind}-format`, chosen.fault);
  const { value } = chosen;
  if (value === undefined) return undefined;
  const dates = `it is valid from ${day(value.issueDate)} to ${day(value.nextUpdate)}, not at ${day(at)}`;
  if (at > value.nextUpdate) findings.fail(`${kind}-expired`, `expired: ${dates}`);
  if (at < value.issueDate) findings.fail(`${kind}-not-yet-valid`, `not yet valid: ${dates}`);
  if (minimumEvaluation !== 'unchecked' && value.evaluation < minimumEvaluation) findings.fail(`${kind}-evaluation`, `evaluation ${value.evaluation} is below ${minimumEvaluation}`);
  return value;
}

export async function verifyTcbInfo(id: 'SGX' | 'TDX', fmspc: string | undefined, minimumEvaluation: number | 'unchecked', rootList: CrlDocument | undefined, context: Context): Promise<TcbInfo | undefined> {
  const parsed = context.collateral.tcbInfos.map((document) => parse(document, readTcbInfo));
  const chosen = await choose(parsed, (value) => Number(value.id === id) * 2 + Number(value.fmspc === fmspc), context);
  const info = await check('tcb-info', chosen, id === 'SGX' ? [2, 3] : [3], minimumEvaluation, rootList, context);
  if (info !== undefined && info.id !== id) context.findings.fail('tcb-info-tee', `it is for ${info.id}, the quote for ${id}`);
  if (info !== undefined && fmspc !== undefined && info.fmspc !== fmspc) context.findings.fail('tcb-info-fmspc', `it is for FMSPC ${info.fmspc}, the platform's is ${fmspc}`);
  return info;
}

export async function verifyQeIdentity(id: 'QE' | 'TD_QE', minimumEvaluation: number | 'unchecked', rootList: CrlDocument | undefined, context: Context): Promise<QeIdentity | undefined> {
  const parsed = context.collateral.qeIdentities.map((document) => parse(document, readQeIdentity));
  const identity = await check('qe-identity', await choose(parsed, (value) => Number(value.id === id), context), [2], minimumEvaluation, rootList, context);
  if (identity !== undefined && identity.id !== id) context.findings.fail('qe-identity-tee', `it is for ${identity.id}, ${id} is needed`);
  return identity;
}
