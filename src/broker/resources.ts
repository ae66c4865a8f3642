/**
 * Resources: secrets with versions, encrypted under keys of their dataset, and their release to attested enclaves. The
 * entry in the audit log is durable before an answer leaves.
 */

import { Problem } from './errors.ts';
import type { FailedCondition } from './policy/engine.ts';
import type { PolicyAction, PolicyContext, ResourceAttributes } from './policy/schema.ts';
import { datasetKey, ownerKey } from './keys/ring.ts';
import type { Attested } from './kbs/token.ts';
import type { Services } from './services.ts';
import { bytesColumn, numberOf, optionalNumber, type Sql, type SqlRow, textOf } from './sql.ts';
import { appendTo } from './audit/log.ts';

export interface ResourcePath {
  readonly repository: string;
  readonly type: string;
  readonly tag: string;
}

const PART = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/;
export const MAX_RESOURCE_BYTES = 1 << 20;

/** `repository/type/tag`. Throws Problem. */
export function resourcePath(parts: readonly string[]): ResourcePath {
  if (parts.length !== 3 || !parts.every((part) => PART.test(part))) throw Problem.open('InvalidRequestPath', 'a resource is REPOSITORY/TYPE/TAG: letters, digits, dot, dash and underscore');
  const [repository, type, tag] = parts;
  return { repository, type, tag };
}

export const pathText = ({ repository, type, tag }: ResourcePath): string => `${repository}/${type}/${tag}`;

export interface Owner {
  readonly id: string;
  readonly tenant: string;
  readonly role: 'admin' | 'owner';
}

/** Seals are for this version of this resource of this owner. */
const label = (path: string, version: number, owner: string): string => `${owner}\0${path}\0${version}`;

async function ownerOfRepository(sql: Sql, repository: string): Promise<string | undefined> {
  const [row] = await sql.query('SELECT parent FROM keys WHERE id = $1 LIMIT 1', datasetKey(repository));
  return row === undefined ? undefined : textOf(row, 'parent').slice('owner:'.length);
}

export async function requireOwner(sql: Sql, repository: string, owner: Owner): Promise<void> {
  const present = await ownerOfRepository(sql, repository);
  if (present !== undefined && present !== owner.id) throw Problem.open('Forbidden', `the repository ${repository} belongs to somebody else`);
}

export interface PutOptions {
  readonly labels: readonly string[];
  /** Milliseconds since 1970. */
  readonly expires?: number;
}

/** Returns the new version. */
export async function putResource(services: Services, owner: Owner, path: ResourcePath, content: Uint8Array, { labels, expires }: PutOptions): Promise<number> {
  const { database, ring, auditKey, now, metrics } = services;
  if (content.length > MAX_RESOURCE_BYTES) throw Problem.open('TooLarge', `a resource has at most ${MAX_RESOURCE_BYTES} bytes, this one has ${content.length}`);
  const text = pathText(path);
  const version = await database.transaction(async (sql) => {
    await requireOwner(sql, path.repository, owner);
    const dataset = datasetKey(path.repository);
    await ring.current(sql, ownerKey(owner.id), 'root');
    const keyVersion = await ring.current(sql, dataset, ownerKey(owner.id));
    const [last] = await sql.query('SELECT MAX(version) AS version FROM resources WHERE path = $1', text);
    const next = (last?.version ?? null) === null ? 1 : numberOf(last, 'version') + 1;
    const sealed = await ring.sealFile(sql, dataset, keyVersion, label(text, next, owner.id), content);
    await sql.run(
      'INSERT INTO resources (path, version, owner, key_version, sealed, labels, created, expires) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)',
      text,
      next,
      owner.id,
      keyVersion,
      sealed,
      JSON.stringify(labels),
      now(),
      expires ?? null,
    );
    await appendTo(sql, [{ event: 'resource-put', owner: owner.id, subject: text, detail: { version: next, bytes: content.length } }], auditKey, now());
    return next;
  });
  metrics.count('kbs_resource_writes_total');
  return version;
}

/** Forgets the content of one version, or of all; the numbers of versions are not used again. */
export async function deleteResource({ database, auditKey, now }: Services, owner: Owner, path: ResourcePath, version: number | undefined): Promise<number> {
  const text = pathText(path);
  return database.transaction(async (sql) => {
    await requireOwner(sql, path.repository, owner);
    const deleted =
      version === undefined
        ? await sql.run('UPDATE resources SET sealed = NULL WHERE path = $1 AND sealed IS NOT NULL', text)
        : await sql.run('UPDATE resources SET sealed = NULL WHERE path = $1 AND version = $2 AND sealed IS NOT NULL', text, version);
    if (deleted === 0) throw Problem.open('InvalidRequestPath', `there is no resource ${text}${version === undefined ? '' : ` of version ${version}`}`);
    await appendTo(sql, [{ event: 'resource-deleted', owner: owner.id, subject: text, detail: { versions: deleted } }], auditKey, now());
    return deleted;
  });
}

export interface ResourceInfo {
  readonly path: string;
  readonly version: number;
  readonly owner: string;
  readonly keyVersion: number;
  readonly labels: readonly string[];
  readonly created: number;
  readonly expires?: number;
  readonly deleted: boolean;
}

function infoOf(row: SqlRow): ResourceInfo {
  const expires = optionalNumber(row, 'expires');
  return {
    path: textOf(row, 'path'),
    version: numberOf(row, 'version'),
    owner: textOf(row, 'owner'),
    keyVersion: numberOf(row, 'key_version'),
    labels: JSON.parse(textOf(row, 'labels')),
    created: numberOf(row, 'created'),
    ...(expires !== undefined && { expires }),
    deleted: numberOf(row, 'deleted') === 1,
  };
}

const INFO = 'SELECT path, version, owner, key_version, labels, created, expires, CASE WHEN sealed IS NULL THEN 1 ELSE 0 END AS deleted FROM resources';

/** The newest version of each resource of an owner. */
export async function listResources({ database }: Services, owner: Owner): Promise<ResourceInfo[]> {
  const rows = await database.query(`${INFO} WHERE owner = $1 ORDER BY path, version`, owner.id);
  return [
    ...new Map(
      rows
        .map(infoOf)
        .filter(({ deleted }) => !deleted)
        .map((info) => [info.path, info]),
    ).values(),
  ];
}

export async function resourceVersions({ database }: Services, owner: Owner, path: ResourcePath): Promise<ResourceInfo[]> {
  return (await database.query(`${INFO} WHERE owner = $1 AND path = $2 ORDER BY version`, owner.id, pathText(path))).map(infoOf);
}

interface Stored {
  readonly info: ResourceInfo;
  readonly sealed: Uint8Array;
  readonly tenant: string;
}

async function stored(sql: Sql, path: string, version: number | undefined): Promise<Stored | undefined> {
  const columns = 'r.path, r.version, r.owner, r.key_version, r.labels, r.created, r.expires, r.sealed, 0 AS deleted, o.tenant FROM resources r JOIN owners o ON o.id = r.owner';
  const [row] =
    version === undefined
      ? await sql.query(`SELECT ${columns} WHERE r.path = $1 AND r.sealed IS NOT NULL ORDER BY r.version DESC LIMIT 1`, path)
      : await sql.query(`SELECT ${columns} WHERE r.path = $1 AND r.version = $2 AND r.sealed IS NOT NULL`, path, version);
  return row === undefined ? undefined : { info: infoOf(row), sealed: bytesColumn(row, 'sealed'), tenant: textOf(row, 'tenant') };
}

const open = ({ ring }: Services, sql: Sql, { info, sealed }: Stored): Promise<Uint8Array> => ring.openFile(sql, datasetKey(info.path.split('/')[0]), info.keyVersion, label(info.path, info.version, info.owner), sealed);

/** For the owner. Wipe what it returns. */
export async function readResource(services: Services, owner: Owner, path: ResourcePath, version: number | undefined): Promise<{ content: Uint8Array; version: number }> {
  const found = await stored(services.database, pathText(path), version);
  if (found === undefined || found.info.owner !== owner.id) throw Problem.open('InvalidRequestPath', `you have no resource ${pathText(path)}${version === undefined ? '' : ` of version ${version}`}`);
  const content = await open(services, services.database, found);
  await services.audit.append({ event: 'resource-read', owner: owner.id, subject: found.info.path, detail: { version: found.info.version } });
  return { content, version: found.info.version };
}

async function referencesOf(sql: Sql, owner: string, measurement: string): Promise<Pick<PolicyContext, 'references' | 'publishers'>> {
  const rows = measurement === '' ? [] : await sql.query('SELECT name, publisher FROM reference_values WHERE owner = $1 AND measurement = $2', owner, measurement);
  const distinct = (column: string): string[] => [...new Set(rows.map((row) => textOf(row, column)))].sort();
  return { references: distinct('name'), publishers: distinct('publisher') };
}

async function policyContext(sql: Sql, owner: string, { context }: Attested, now: number): Promise<PolicyContext> {
  const { enclave, ...rest } = context;
  const known = await referencesOf(sql, owner, context.measurement);
  return { ...rest, ...(enclave !== undefined && { enclave: { ...enclave, ...(await referencesOf(sql, owner, enclave.measurement)) } }), ...known, now: Math.floor(now / 1000) };
}

export interface PolicyInfo {
  readonly name: string;
  readonly text: string;
  readonly version: number;
}

/** Policies of an owner that are in force. */
export async function policiesOf(sql: Sql, owner: string): Promise<PolicyInfo[]> {
  const rows = await sql.query(
    'SELECT p.name, p.version, p.policy FROM policies p WHERE p.owner = $1 AND p.policy IS NOT NULL AND p.version = (SELECT MAX(q.version) FROM policies q WHERE q.owner = p.owner AND q.name = p.name) ORDER BY p.name',
    owner,
  );
  return rows.map((row) => ({ name: textOf(row, 'name'), text: textOf(row, 'policy'), version: numberOf(row, 'version') }));
}

export interface Granted {
  readonly info: ResourceInfo;
  readonly decision: { readonly policies: readonly string[] };
  readonly context: PolicyContext;
  readonly stored: Stored;
}

const told = (failed: FailedCondition): string => `${failed.policy}: ${failed.condition}; the evidence says ${JSON.stringify(failed.evidence)}`;

/** What a resource that is not there looks like to policies: nothing that an owner wrote speaks for it but its path. */
const nobodys = (path: ResourcePath, owner: string, version: number | undefined): ResourceAttributes => ({ owner, tenant: '', ...path, version: version ?? 0, labels: [] });

/**
 * Decides by the policies of the owner of the repository, whether there is such a resource or not: only whom they would
 * give it is told that there is none. A refusal is in the audit log before it is told, without its reasons.
 */
export async function authorize(services: Services, attested: Attested, path: ResourcePath, version: number | undefined, action: PolicyAction): Promise<Granted> {
  const { database, policies, metrics, audit, now } = services;
  const text = pathText(path);
  const found = await stored(database, text, version);
  const { measurement, tee, enclave } = attested.context;
  const owner = found?.info.owner ?? (await ownerOfRepository(database, path.repository)) ?? '';
  const record = (why: readonly string[]): Promise<unknown> =>
    audit.append({ event: 'resource-refused', owner, subject: text, detail: { action, measurement, tee, ...(enclave && { enclave: enclave.measurement }), ...(found && { version: found.info.version }), why } });
  const refuse = async (why: readonly string[]): Promise<never> => {
    metrics.count('kbs_policy_violations_total');
    await record(why);
    throw new Problem('PolicyDeny', `${text} refused: ${why.join('; ')}`);
  };
  const attributes: ResourceAttributes = found === undefined ? nobodys(path, owner, version) : { owner, tenant: found.tenant, ...path, version: found.info.version, labels: found.info.labels };
  const context = await policyContext(database, owner, attested, now());
  const texts = await policiesOf(database, owner);
  metrics.count('kbs_policy_evaluations_total');
  const decision = policies.decide(texts, { action, resource: attributes, context });
  if (decision.errors.length > 0) metrics.count('kbs_policy_errors_total');
  const missing = found === undefined ? ['there is no such resource'] : [];
  if (!decision.allowed) {
    const why = [...decision.errors, ...decision.failed.map(told)];
    return refuse([...missing, ...(why.length > 0 ? why : [`none of your ${texts.length} policies is about ${text}`])]);
  }
  if (found === undefined) {
    await record(missing);
    throw Problem.open('InvalidRequestPath', `there is no resource ${text}`);
  }
  const { info } = found;
  if (info.expires !== undefined && info.expires <= now()) return refuse([`version ${info.version} expired on ${new Date(info.expires).toISOString()}`]);
  metrics.count('kbs_policy_approvals_total');
  return { info, decision, context, stored: found };
}

/** Wipe what it returns, and send nothing of it before `record` has resolved. */
export async function releaseResource(services: Services, attested: Attested, path: ResourcePath, version: number | undefined): Promise<{ content: Uint8Array; record: () => Promise<void> }> {
  const { info, decision, context, stored: found } = await authorize(services, attested, path, version, 'release');
  const { audit, database, metrics } = services;
  let content: Uint8Array;
  try {
    content = await open(services, database, found);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    await audit.append({ event: 'resource-refused', owner: info.owner, subject: info.path, detail: { action: 'release', measurement: context.measurement, tee: context.tee, version: info.version, why: [error.message] } });
    throw error;
  }
  return {
    content,
    record: async () => {
      await audit.append({
        event: 'resource-released',
        owner: info.owner,
        subject: info.path,
        detail: { version: info.version, measurement: context.measurement, ...(context.enclave && { enclave: context.enclave.measurement }), signer: context.signer, tee: context.tee, policies: decision.policies },
      });
      metrics.count('kbs_resource_reads_total');
    },
  };
}

/** Which state of a storage is the newest, by number; the key of the storage is a version of a resource. */
export interface Counter {
  /** 0 where nobody has advanced it yet. */
  readonly value: number;
  /** Of the resource. */
  readonly version: number;
}

/** For who may advance it: nobody else has a use for it. */
export async function readCounter(services: Services, attested: Attested, path: ResourcePath, version: number | undefined): Promise<Counter> {
  const { info } = await authorize(services, attested, path, version, 'advance');
  const [row] = await services.database.query('SELECT value FROM counters WHERE path = $1 AND version = $2', info.path, info.version);
  return { value: row === undefined ? 0 : numberOf(row, 'value'), version: info.version };
}

export interface Advance {
  readonly to: number;
  /** Where the counter stood when the storage was opened. */
  readonly from: number;
  /** Who has the storage open: may ask for the same value again, where the answer was lost. */
  readonly holder: string;
}

const HOLDER = /^[0-9a-f]{32}$/;

/** A counter only ever grows, and its holder changes only where the new one has opened what the last one left. Throws Problem otherwise: then two have the storage. */
export async function advanceCounter(services: Services, attested: Attested, path: ResourcePath, version: number | undefined, { to, from, holder }: Advance): Promise<Counter> {
  if (!Number.isSafeInteger(to) || to < 1 || !Number.isSafeInteger(from) || from < 0) throw Problem.open('InvalidRequest', 'a counter advances to a whole number');
  if (typeof holder !== 'string' || !HOLDER.test(holder)) throw Problem.open('InvalidRequest', 'the holder is 32 hexadecimal digits');
  const { info, context } = await authorize(services, attested, path, version, 'advance');
  const { database, auditKey, now } = services;
  return database.transaction(async (sql) => {
    const [row] = await sql.query('SELECT value, holder FROM counters WHERE path = $1 AND version = $2', info.path, info.version);
    const present = row === undefined ? 0 : numberOf(row, 'value');
    const isHolder = row !== undefined && textOf(row, 'holder') === holder;
    if (isHolder ? to < present : from !== present || to <= present) throw Problem.open('Conflict', `the counter stands at ${present}: it cannot go to ${to}`);
    if (to > present) {
      await sql.run('INSERT INTO counters (path, version, value, holder) VALUES ($1, $2, $3, $4) ON CONFLICT (path, version) DO UPDATE SET value = excluded.value, holder = excluded.holder', info.path, info.version, to, holder);
      await appendTo(sql, [{ event: 'counter-advanced', owner: info.owner, subject: info.path, detail: { version: info.version, from: present, to, measurement: context.measurement } }], auditKey, now());
    }
    return { value: to, version: info.version };
  });
}
