/**
 * The state directory of a broker, and a broker opened over it.
 *
 *     broker.db        the embedded database; with --db, the database is elsewhere
 *     machine/         keys of the simulated TEE that the root key is sealed to, where there is no other
 *     admin.pem        the key of the first owner, who is called admin
 *     certificate.pem  what clients pin; its private key is in the database, encrypted. Of a broker in a TEE: the newest
 *     serving.json     address and process of the broker that runs here
 */

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { parse as parseYaml, YAMLError } from 'yaml';
import { SimTee } from '../../attestation/index.ts';
import { type Collateral, NO_COLLATERAL, parsePolicy, type Policy, readCollateral, UnreadableError } from '../../attestation/verifier/index.ts';
import { toByteString } from '../../base/bytes.ts';
import {
  BROKER_DEMANDS,
  Broker,
  decodeShare,
  listOwners,
  type Network,
  parseNetwork,
  type Appraiser,
  type Database,
  type RootGuard,
  type CollateralSource,
  EVIDENCE,
  givenCollateral,
  pkcs11Guard,
  PublishedCollateral,
  sampleAppraiser,
  sharesGuard,
  teeGuard,
  transitGuard,
  verifierAppraiser,
} from '../../broker/index.ts';
import type { BrokerOptions, Services } from '../../broker/services.ts';
import { KeyError, PrivateKey, PublicKey } from '../../crypto/index.ts';
import { selfSignedCertificate } from '../../crypto/self-signed.ts';
import type { BrokerEvidence } from '../../libos/broker-evidence.ts';
import { brokerTeeChoice, rootSealingKey } from '../../libos/broker-tee.ts';
import { Failure } from '../../libos/failure.ts';
import { stateDirectory } from '../../libos/instance.ts';
import { readKeyFile } from '../../libos/sealed.ts';
import { VERSION } from '../../libos/version.ts';
import { type AttestedCertificates, attestedCertificates, type TlsIdentity } from '../../pal/broker/certificates.ts';
import { fetchBounded } from '../../pal/broker/fetch.ts';
import { verifySignaturesBy } from '../../attestation/verifier/x509/subtle.ts';
import { verifySynchronously } from '../../pal/broker/signatures.ts';
import { openPkcs11, parsePkcs11Uri } from '../../pal/broker/pkcs11.ts';
import { openPostgres } from '../../pal/broker/postgres.ts';
import { openSqlite } from '../../pal/broker/sqlite.ts';
import { NodeDirectory } from '../../pal/node/storage.ts';
import { NodeTeeFiles } from '../../pal/node/tee-files.ts';
import { choice, flag, type Invocation, type OptionRow, value, values } from '../command.ts';

export const ADMIN = 'admin';

/** How a broker is opened: `serve` and every command that works without a running broker. */
// biome-ignore format: a table
export const OPEN_OPTIONS: readonly OptionRow[] = [
  { flag: '--state DIR', doc: 'State of the broker.' },
  { flag: '--db URL', doc: 'PostgreSQL instead of the embedded database: postgres://USER:PASSWORD@HOST/NAME (or in CLOISTER_BROKER_DB).' },
  { flag: '--tee NAME', doc: 'Which TEE the broker runs in: auto, none, sim, tdx, snp or sgx. Without it CLOISTER_TEE, or else the hardware that is found.' },
  { flag: '--root-key GUARD', doc: 'What guards the root key: tee (sealed, the default; not on TDX and SEV-SNP, which have no sealing keys), shares (people), pkcs11 (a security module), transit (a KMS). Decided at the first start.' },
  { flag: '--split M/N', doc: 'With shares, at the first start: how many there are, and how many are needed.' },
  { flag: '--shares-to DIR', doc: 'With shares, at the first start: where to write them.' },
  { flag: '--share FILE', doc: 'With shares: one of them.', repeated: true },
  { flag: '--pkcs11 URI', doc: 'With pkcs11: an AES key (RFC 7512), as pkcs11:token=NAME;object=KEY?module-path=FILE. The PIN is in CLOISTER_PKCS11_PIN, or in the file of pin-source=FILE.' },
  { flag: '--transit URL', doc: 'With transit: URL/MOUNT/KEY of an API as of Vault; the token is in VAULT_TOKEN.' },
];

function rejectShares(directory: string | undefined): never {
  throw new Failure('usage', directory === undefined ? 'the root key is to be split: say where the shares go' : 'say how many shares there are to be', 'Add --split 2/3 --shares-to DIR.');
}

/** `which` option names the guard; `shares` of a new guard are written, those of an old one read. */
function guardOf(invocation: Invocation, state: string, which: 'root-key' | 'new-root-key' = 'root-key'): RootGuard {
  const kind = choice(value(invocation, which) ?? value(invocation, 'root-key'), ['tee', 'shares', 'pkcs11', 'transit'], which);
  if (kind === 'tee') {
    const machine = (): NodeDirectory => new NodeDirectory(toByteString(join(state, 'machine')));
    return teeGuard(rootSealingKey(brokerTeeChoice(value(invocation, 'tee')), { files: new NodeTeeFiles(), machine }));
  }
  if (kind === 'shares') {
    const shares = values(invocation, 'share').map((file) => decodeShare(readKeyFile(file, 'share')));
    const [split, directory] = [value(invocation, 'split'), value(invocation, 'shares-to')];
    if (which === 'root-key' && shares.length > 0) return sharesGuard(shares);
    const match = /^(\d+)\/(\d+)$/.exec(split ?? '');
    if (match === null || directory === undefined) return rejectShares(directory);
    return sharesGuard(shares, {
      threshold: Number(match[1]),
      count: Number(match[2]),
      deliver: (texts) => {
        mkdirSync(directory, { recursive: true, mode: 0o700 });
        texts.forEach((text, at) => writeFileSync(join(directory, `share-${at + 1}.txt`), `${text}\n`, { mode: 0o600, flag: 'wx' }));
      },
    });
  }
  if (kind === 'pkcs11') {
    const uri = value(invocation, 'pkcs11');
    if (uri === undefined) throw new Failure('usage', 'with --root-key pkcs11, --pkcs11 names a key', "As in: --pkcs11 'pkcs11:token=broker;object=root?module-path=/usr/lib/softhsm/libsofthsm2.so'");
    return pkcs11Guard(openPkcs11(parsePkcs11Uri(uri)));
  }
  const url = /^(https?:\/\/[^/]+)\/(.+)\/([^/]+)$/.exec(value(invocation, 'transit') ?? '');
  const token = process.env.VAULT_TOKEN;
  if (url === null || token === undefined)
    throw new Failure('usage', 'with --root-key transit, --transit names URL/MOUNT/KEY, and VAULT_TOKEN is set', 'As in: VAULT_TOKEN=… cloister broker serve --root-key transit --transit https://vault.example:8200/transit/cloister');
  return transitGuard({ url: url[1], mount: url[2], key: url[3], token, timeoutMs: 10_000 });
}

export function stateOf(invocation: Invocation): string {
  const given = value(invocation, 'state');
  if (given === undefined) throw new Failure('usage', '--state DIR is missing', 'It is where the broker keeps its database and keys.');
  return isAbsolute(given) ? given : resolve(given);
}

const databaseUrl = (invocation: Invocation): string | undefined => value(invocation, 'db') ?? process.env.CLOISTER_BROKER_DB;
const hasOwnDatabase = (invocation: Invocation): boolean => databaseUrl(invocation) === undefined;

function openDatabase(invocation: Invocation, state: string): Promise<Database> | Database {
  const url = databaseUrl(invocation);
  if (url === undefined) return openSqlite(join(state, 'broker.db'));
  if (!/^postgres(ql)?:\/\//.test(url)) throw new Failure('usage', '--db is not a URL of PostgreSQL', 'As in: postgres://cloister@db.example/broker');
  return openPostgres(url);
}

export interface OpenedBroker {
  readonly broker: Broker;
  readonly state: string;
  /** Of the first owner, where this state directory has it. */
  readonly adminKey: PrivateKey | undefined;
}

/** What `serve` takes as evidence. */
// biome-ignore format: a table
export const EVIDENCE_OPTIONS: readonly OptionRow[] = [
  { flag: '--collateral WHERE', doc: "Certificates, revocation lists and TCB information: URL of a PCCS instead of Intel's service, a directory of files (as `cloister verify` takes them, read anew when they change), or `offline` for none. What is fetched is kept in the database." },
  { flag: '--kds URL', doc: "Another service than AMD's." },
  { flag: '--appraisal FILE', doc: 'What is demanded of all evidence (as verify --policy): genuine, up to date, not revoked, not debuggable otherwise.' },
  { flag: '--allow-sim', doc: "Take evidence of this user's simulated machine. It protects nothing." },
  { flag: '--sim-key FILE', doc: 'Take evidence of the simulated machine with this key (PEM).', repeated: true },
  { flag: '--allow-sample', doc: 'Take sample evidence of Confidential Containers, which anybody can make.' },
];

function simKeys(invocation: Invocation): string[] {
  const given = values(invocation, 'sim-key').map((file) => {
    try {
      return PublicKey.fromPem(readKeyFile(file, 'key of a simulated machine')).pem();
    } catch (error) {
      throw error instanceof KeyError ? new Failure('key', `${file}: ${error.message}`) : error;
    }
  });
  return flag(invocation, 'allow-sim') ? [ownMachine().pem(), ...given] : given;
}

/** A directory of files, read again when a file in it has changed. */
function collateralIn(directory: string): CollateralSource {
  let [stamp, current]: [string, Collateral] = ['', NO_COLLATERAL];
  let looked = 0;
  return givenCollateral(() => {
    if (Date.now() - looked < 10_000 && looked > 0) return current;
    looked = Date.now();
    const names = readdirSync(directory, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
    const seen = names.map((name) => `${name} ${statSync(name).mtimeMs}`).join('\n');
    if (seen !== stamp) [stamp, current] = [seen, readCollateral(names.map((name) => ({ name, bytes: readFileSync(name) })))];
    return current;
  });
}

function collateralOf(invocation: Invocation, database: Database, log: Services['log']): CollateralSource {
  const [where, kds] = [value(invocation, 'collateral'), value(invocation, 'kds')];
  const isUrl = (text: string): boolean => /^https?:\/\/[^/]/.test(text);
  if (kds !== undefined && !isUrl(kds)) throw new Failure('usage', '--kds is not a URL', 'As in: --kds https://kds.example');
  if (where === 'offline') return givenCollateral(() => NO_COLLATERAL);
  if (where === undefined || isUrl(where)) {
    const [pcs, amd] = [where, kds].map((url) => url?.replace(/\/$/, ''));
    return new PublishedCollateral({ database, now: Date.now, log, get: fetchBounded, ...(pcs !== undefined && { pcs }), ...(amd !== undefined && { kds: amd }) });
  }
  if (!statSync(where, { throwIfNoEntry: false })?.isDirectory()) throw new Failure('usage', `${where} is no directory of collateral`, 'Or give the URL of a PCCS, or the word offline.');
  return collateralIn(where);
}

function demandsIn(file: string): Policy {
  const text = readKeyFile(file, 'appraisal policy');
  try {
    return parsePolicy(parseYaml(text), BROKER_DEMANDS);
  } catch (error) {
    if (!(error instanceof UnreadableError || error instanceof YAMLError)) throw error;
    throw new Failure('usage', `${file}: ${error.message.split('\n')[0].replace(/^policy: /, '')}`, 'It is written as for cloister verify --policy: docs/reference/verification.md has all keys.');
  }
}

/** By the name of the TEE in the KBS protocol. Hardware always; what protects nothing only when it is asked for. */
export function appraisersOf(invocation: Invocation, database: Database, log: Services['log']): Map<string, Appraiser> {
  verifySignaturesBy(verifySynchronously);
  const file = value(invocation, 'appraisal');
  const demands = file === undefined ? BROKER_DEMANDS : demandsIn(file);
  const collateral = collateralOf(invocation, database, log);
  const appraisers = new Map<string, Appraiser>();
  for (const [name, [kind]] of Object.entries(EVIDENCE)) if (kind !== 'sim') appraisers.set(name, verifierAppraiser(demands, collateral));
  const machines = simKeys(invocation);
  // Nothing is secret from the machine that simulates, debuggable or not.
  if (machines.length > 0) appraisers.set('sim', verifierAppraiser({ ...demands, tee: ['sim'], debug: 'unchecked', simKeys: machines }, collateral));
  if (flag(invocation, 'allow-sample')) appraisers.set('sample', sampleAppraiser);
  return appraisers;
}

function ownMachine(): PublicKey {
  const identity = { measurement: new Uint8Array(48), signer: new Uint8Array(48), productId: 0, securityVersion: 0, debuggable: false };
  return new SimTee(new NodeDirectory(toByteString(join(stateDirectory(), 'sim'))), identity).attestationKey;
}

const noBroker = (where: string): Failure => new Failure('usage', `there is no broker in ${where}`, 'Check --state and --db. A broker is made by its first start: cloister broker serve --state DIR');

/** Where a broker has been started over the directory. Throws Failure otherwise, and leaves nothing there. */
function stateInUse(invocation: Invocation): string {
  const state = stateOf(invocation);
  const files = hasOwnDatabase(invocation) ? ['broker.db'] : ['admin.pem', 'certificate.pem', 'machine'];
  if (!files.some((name) => existsSync(join(state, name)))) throw noBroker(state);
  return state;
}

function newState(invocation: Invocation): string {
  const state = stateOf(invocation);
  mkdirSync(state, { recursive: true, mode: 0o700 });
  return state;
}

function optionsOf(invocation: Invocation): BrokerOptions {
  const rate = value(invocation, 'rate-limit') ?? '500';
  const minutes = value(invocation, 'session-minutes') ?? '5';
  if (!/^\d{1,6}$/.test(rate)) throw new Failure('usage', '--rate-limit is a number of requests a second');
  if (!/^[1-9]\d{0,3}$/.test(minutes)) throw new Failure('usage', '--session-minutes is a number of minutes');
  return { sessionMs: Number(minutes) * 60_000, requestsPerSecond: Number(rate), trustedProxies: trustedProxies(invocation), version: VERSION };
}

/** `serve` makes what is not there yet; nothing else does: a directory that was mistyped is told, not filled. */
function trustedProxies(invocation: Invocation): Network[] {
  return values(invocation, 'trusted-proxy').map((text) => {
    const network = parseNetwork(text);
    if (network === undefined) throw new Failure('usage', `--trusted-proxy ${text} is neither an address nor a network`, 'As in: --trusted-proxy 10.0.0.0/8');
    return network;
  });
}

export async function openBroker(invocation: Invocation, appraisers: (database: Database) => ReadonlyMap<string, Appraiser>, log: Services['log'], absent: 'make' | 'refuse' = 'refuse'): Promise<OpenedBroker> {
  const options = optionsOf(invocation);
  const state = absent === 'make' ? newState(invocation) : stateInUse(invocation);
  const database = await openDatabase(invocation, state);
  try {
    if (absent === 'refuse' && !(await Broker.isIn(database))) throw noBroker(hasOwnDatabase(invocation) ? state : 'the database');
    const broker = await Broker.open({
      database,
      guard: guardOf(invocation, state),
      appraisers: appraisers(database),
      options,
      now: Date.now,
      log,
    });
    return { broker, state, adminKey: await adminKeyOf(broker, state) };
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** Returns the kind of the new guard. */
export async function replaceRoot(invocation: Invocation): Promise<string> {
  const state = stateInUse(invocation);
  const database = await openDatabase(invocation, state);
  try {
    if (!(await Broker.isIn(database))) throw noBroker('the database');
    const next = guardOf(invocation, state, 'new-root-key');
    await Broker.replaceRoot({ database, guard: guardOf(invocation, state), appraisers: new Map(), options: { sessionMs: 0, requestsPerSecond: 0, version: VERSION }, now: Date.now, log: () => {} }, next);
    return next.kind;
  } finally {
    await database.close();
  }
}

/** Made with the broker; another state directory on the same database has none. */
async function adminKeyOf(broker: Broker, state: string): Promise<PrivateKey | undefined> {
  const file = join(state, 'admin.pem');
  if (existsSync(file)) return PrivateKey.fromPem(readFileSync(file, 'utf8'));
  if ((await listOwners(broker.services.database)).some(({ id }) => id === ADMIN)) return undefined;
  const key = PrivateKey.generate('EdDSA');
  // The database first: a key that nobody knows is worth nothing.
  await broker.addAdmin(ADMIN, key.publicKey.pem());
  writeFileSync(file, key.pem(), { mode: 0o600, flag: 'wx' });
  return key;
}

export interface Serving {
  readonly url: string;
  readonly pid: number;
}

export const servingFile = (state: string): string => join(state, 'serving.json');

/** The broker that runs over this state directory. */
export function servingAt(state: string): Serving | undefined {
  try {
    const serving = JSON.parse(readFileSync(servingFile(state), 'utf8')) as Serving;
    process.kill(serving.pid, 0);
    return serving;
  } catch {
    return undefined;
  }
}

export function announce(state: string, serving: Serving): void {
  // Whoever waits for it finds it whole.
  writeFileSync(`${servingFile(state)}.new`, `${JSON.stringify(serving)}\n`);
  renameSync(`${servingFile(state)}.new`, servingFile(state));
  process.on('exit', () => rmSync(servingFile(state), { force: true }));
}

const YEAR_MS = 365 * 86_400_000;

const namesOf = (host: string): string[] => [...new Set(['localhost', '127.0.0.1', '::1', hostname(), host])].filter((name) => name !== '0.0.0.0' && name !== '::');

/** A new one takes its place at once: a command on this machine may be reading it. */
function keepCertificate(state: string, cert: string): void {
  const file = join(state, 'certificate.pem');
  writeFileSync(`${file}.new`, cert);
  renameSync(`${file}.new`, file);
}

/** Certificates with evidence of this broker. */
export const attestedTlsOf = ({ state }: OpenedBroker, { tee, source }: BrokerEvidence, host: string): AttestedCertificates =>
  attestedCertificates(source, {
    commonName: tee === 'sim' ? 'Cloister broker, SIMULATED: protects nothing' : 'Cloister broker',
    names: namesOf(host),
    made: ({ cert }) => keepCertificate(state, cert),
  });

/** Key and certificate that were given, checked before connections fail on them. */
export function givenTls({ state }: OpenedBroker, certFile: string, keyFile: string): TlsIdentity {
  const [cert, key] = [readKeyFile(certFile, 'certificate'), readKeyFile(keyFile, 'private key')];
  const read = <T>(file: string, what: string, make: () => T): T => {
    try {
      return make();
    } catch {
      throw new Failure('key', `${file} holds no ${what} in PEM`);
    }
  };
  const certificate = read(certFile, 'certificate', () => new X509Certificate(cert));
  if (!certificate.checkPrivateKey(read(keyFile, 'private key', () => createPrivateKey(key)))) throw new Failure('key', `the private key in ${keyFile} does not belong to the certificate in ${certFile}`);
  keepCertificate(state, cert);
  return { cert, key };
}

/** Key and certificate for TLS; made once for a database, so that clients can pin it. */
export async function tlsOf({ broker, state }: OpenedBroker, host: string): Promise<{ key: string; cert: string }> {
  const sealed = await broker.secret('tls', () => {
    const key = PrivateKey.generate('ES256');
    const now = Date.now();
    return JSON.stringify({ key: key.pem(), cert: selfSignedCertificate(key, { commonName: 'Cloister broker', names: namesOf(host), notBefore: now - 86_400_000, notAfter: now + 10 * YEAR_MS }) });
  });
  const tls = JSON.parse(sealed) as { key: string; cert: string };
  keepCertificate(state, tls.cert);
  return tls;
}
