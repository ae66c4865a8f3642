/** `cloister build`: from configuration and tree to a sealed image with its signed manifest. Touches `build/` only. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { canonicalBytes, type Canonical, type EnclaveClaims, identityOf, openReferenceValues, signManifest, signReferenceValues, verifyManifest } from '../attestation/index.ts';
import { equalBytes, toByteString, toHex } from '../base/bytes.ts';
import { writeFully } from '../base/host-files.ts';
import { parseConfiguration } from '../config/index.ts';
import { PrivateKey, sha384 } from '../crypto/index.ts';
import { buildImage, type BuiltImage } from '../image/index.ts';
import { NodeDirectory, nodeTree, stageFile, type StagedFile, writeAtomically } from '../pal/node/storage.ts';
import { type AheadProgress, translateImage } from './ahead.ts';
import { Failure } from './errors.ts';
import { readImageKey, readKeyFile } from './sealed.ts';
import { checkBroker } from './check-broker.ts';
import { checkKeys } from './needs.ts';
import { type Instance, stateDirectory } from './instance.ts';
import { RUNTIME } from './version.ts';

export interface BuildRequest {
  readonly dependencies: 'resolve' | 'none';
  /** Paths of files. */
  readonly bom?: string;
  readonly includeDirectories?: readonly string[];
  /** Translate programs now, or when they are first run. */
  readonly translation: 'ahead' | 'none';
  readonly progress?: AheadProgress;
  readonly signKey?: string;
  /** A file, or the key itself and where it is kept. */
  readonly imageKey?: string | { readonly uri: string; readonly key: Uint8Array };
  /** What the reference values call the program; the instance's directory otherwise. */
  readonly name?: string;
}

export interface BuildResult {
  readonly image: BuiltImage;
  readonly measurement: string;
  readonly signer: string;
  /** Where the key came from. */
  readonly signKey: string;
  readonly signKeyKind: 'given' | 'development' | 'new-development';
}

export function build(instance: Instance, request: BuildRequest): BuildResult {
  const source = readFileSync(instance.configuration);
  const configuration = parseConfiguration(source.toString('utf8'), instance.configuration);
  const { key, path: signKey, kind: signKeyKind } = signingKey(request.signKey);
  checkKeys(configuration, instance.configuration, request.imageKey);
  checkBroker(configuration, instance.configuration);
  const imageKey = typeof request.imageKey === 'string' ? readImageKey(request.imageKey) : request.imageKey?.key;
  const uri = typeof request.imageKey === 'object' ? request.imageKey.uri : undefined;
  mkdirSync(instance.build, { recursive: true });
  const cache = new NodeDirectory(toByteString(instance.cache));
  const sealed = canonicalBytes({ source: toHex(sha384(source)), configuration, ...(uri !== undefined && { imageKey: uri }) } as unknown as Canonical);
  const claimsOf = (image: BuiltImage): EnclaveClaims => ({
    imageRoot: toHex(image.root),
    imageKind: image.kind,
    configuration: toHex(sha384(sealed)),
    productId: configuration.metadata.product_id,
    securityVersion: configuration.metadata.security_version,
    debuggable: configuration.metadata.debuggable,
    entryPoints: configuration.entry_points,
    runtime: RUNTIME,
  });
  // All three are whole before the first takes its place, so that no full disk leaves parts of two builds.
  const staged: StagedFile<void>[] = [];
  const stage = (path: string, content: Uint8Array): void => void staged.push(stageFile(toByteString(path), (file) => writeFully(file, 0, content)));
  try {
    const image = buildImage({
      host: nodeTree,
      writeAtomically,
      tree: toByteString(instance.tree),
      output: toByteString(instance.sealedImage),
      cache,
      made: (image) => {
        stage(instance.sealedConfiguration, sealed);
        const name = referenceName(request.name ?? basename(instance.directory));
        stage(instance.referenceValues, referencesBefore(instance.referenceValues, name, claimsOf(image), key) ?? signReferenceValues(name, claimsOf(image), key));
        stage(instance.manifest, signedBefore(instance.manifest, claimsOf(image), key) ?? signManifest(claimsOf(image), key));
      },
      dependencies: request.dependencies,
      locale: configuration.env.default.LC_ALL || configuration.env.default.LANG || '',
      ...(request.translation === 'ahead' && { derived: { tag: RUNTIME, make: (root) => translateImage(root, cache, request.progress ?? (() => {})) } }),
      ...(imageKey && { key: imageKey }),
      ...(request.bom !== undefined && {
        bom: { file: toByteString(request.bom), base: toByteString(instance.directory), includeDirectories: (request.includeDirectories ?? []).map(toByteString), variable: (name: string) => process.env[name] },
      }),
      ...(process.env.SOURCE_DATE_EPOCH !== undefined && { epoch: epochOf(process.env.SOURCE_DATE_EPOCH) }),
    });
    for (const file of staged) file.place();
    const identity = identityOf(claimsOf(image), key.publicKey);
    return { image, measurement: toHex(identity.measurement), signer: toHex(identity.signer), signKey, signKeyKind };
  } finally {
    for (const file of staged) file.drop();
  }
}

/** As `signedBefore`. */
function referencesBefore(path: string, name: string, claims: EnclaveClaims, key: PrivateKey): Uint8Array | undefined {
  try {
    const bytes = readFileSync(path);
    const { values, publisher } = openReferenceValues(bytes);
    const { measurement } = identityOf(claims, key.publicKey);
    return values.name === name && values.measurement === toHex(measurement) && equalBytes(publisher.spki(), key.publicKey.spki()) ? bytes : undefined;
  } catch {
    // None yet, or some that are worth nothing.
    return undefined;
  }
}

/** A name that policies can use. */
const referenceName = (text: string): string => text.replace(/[^A-Za-z0-9._-]/g, '-').replace(/^[^A-Za-z0-9]+/, '') || 'program';

/** The manifest that is there, if this key signed these claims: P-256 signatures hold random numbers. */
function signedBefore(path: string, claims: EnclaveClaims, key: PrivateKey): Uint8Array | undefined {
  try {
    const bytes = readFileSync(path);
    const { claims: before, signerKey } = verifyManifest(bytes);
    const same = equalBytes(canonicalBytes(before as unknown as Canonical), canonicalBytes(claims as unknown as Canonical)) && equalBytes(signerKey.spki(), key.publicKey.spki());
    return same ? bytes : undefined;
  } catch {
    // None yet, or one that is worth nothing.
    return undefined;
  }
}

function epochOf(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new Failure('usage', `SOURCE_DATE_EPOCH is ${JSON.stringify(text)}, not a number of seconds`);
  return Number(text);
}

function signingKey(path: string | undefined): { key: PrivateKey; path: string; kind: BuildResult['signKeyKind'] } {
  const file = path ?? join(stateDirectory(), 'development-signing-key.pem');
  const parse = (pem: string): PrivateKey => {
    try {
      return PrivateKey.fromPem(pem);
    } catch (error) {
      throw new Failure('key', `${file}: ${(error as Error).message}`, 'A signing key is a P-256 or Ed25519 private key in PEM.');
    }
  };
  if (path !== undefined) return { key: parse(readKeyFile(path, 'signing key')), path, kind: 'given' };
  try {
    return { key: parse(readFileSync(file, 'utf8')), path: file, kind: 'development' };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  // Signatures of the other kind are never the same twice.
  const key = PrivateKey.generate('EdDSA');
  writeFileSync(file, key.pem(), { mode: 0o600, flag: 'wx' });
  return { key, path: file, kind: 'new-development' };
}
