/** What owners can ask for: `routes.ts` says at which paths. */

import { openReferenceValues, ReferenceError, signerOf } from '../../attestation/index.ts';
import { toHex } from '../../base/bytes.ts';
import { encryptJwe, JweError, KeyError, recipientOf, sha256, wipe } from '../../crypto/index.ts';
import type { BrokerStatus } from '../api.ts';
import { appendTo } from '../audit/log.ts';
import { exportLog, lastHead, proveEntry } from '../audit/verify.ts';
import { Problem } from '../errors.ts';
import { type HttpRequest, type HttpResponse, json, jsonBody } from '../http.ts';
import { datasetKey, ownerKey } from '../keys/ring.ts';
import { PolicyError } from '../policy/engine.ts';
import { deleteResource, listResources, type Owner, policiesOf, putResource, readResource, requireOwner, resourcePath, resourceVersions } from '../resources.ts';
import { brokerKey, type Services } from '../services.ts';
import { numberOf, textOf } from '../sql.ts';
import { addOwner, listOwners, OWNER_NAME } from './owners.ts';

export interface OwnerCall {
  readonly services: Services;
  readonly owner: Owner;
  readonly request: HttpRequest;
  /** What stood for `{name}` in the path. */
  readonly parameters: Readonly<Record<string, string>>;
}

const pathOf = ({ parameters }: OwnerCall) => resourcePath([parameters.repository, parameters.type, parameters.tag]);

function wholeQuery({ request }: OwnerCall, name: string): number | undefined {
  const value = request.query.get(name);
  if (value === null) return undefined;
  if (!/^\d{1,15}$/.test(value)) throw Problem.open('InvalidRequest', `${name} is a whole number`);
  return Number(value);
}

/** When something is over; a time that has passed is a slip of the pen, and would be noticed by nobody but those who are refused. */
function expiryOf({ request, services }: OwnerCall): number | undefined {
  const value = request.query.get('expires');
  if (value === null) return undefined;
  const at = Date.parse(value);
  if (Number.isNaN(at)) throw Problem.open('InvalidRequest', 'expires is a time such as 2027-01-31T00:00:00Z');
  if (at <= services.now()) throw Problem.open('InvalidRequest', `expires is a time to come: ${new Date(at).toISOString()} has passed`);
  return at;
}

const textMember = (body: Readonly<Record<string, unknown>>, name: string): string => {
  const value = body[name];
  if (typeof value !== 'string') throw Problem.open('InvalidRequest', `the body needs ${name}`);
  return value;
};

export async function status({ services, owner }: OwnerCall): Promise<HttpResponse> {
  const { database, options, appraisers, auditKey } = services;
  const count = async (table: string): Promise<number> => numberOf((await database.query(`SELECT COUNT(*) AS n FROM ${table}`))[0], 'n');
  const [root] = await database.query("SELECT value FROM meta WHERE name = 'root'");
  return json({
    version: options.version,
    key: brokerKey(services),
    database: database.kind,
    rootKey: JSON.parse(new TextDecoder().decode(root.value as Uint8Array)).kind,
    evidence: [...appraisers.keys()],
    owner,
    owners: await count('owners'),
    sessions: await count('sessions'),
    resources: await count('resources'),
    audit: (await lastHead(database)) ?? null,
    auditKey: auditKey.publicKey.pem(),
  } satisfies BrokerStatus);
}

export const owners = async ({ services }: OwnerCall): Promise<HttpResponse> => json(await listOwners(services.database));

export async function ownerAdd({ services, owner, request }: OwnerCall): Promise<HttpResponse> {
  const body = jsonBody(request);
  try {
    await addOwner(services, owner.id, { id: textMember(body, 'id'), tenant: textMember(body, 'tenant'), role: textMember(body, 'role') as Owner['role'] }, textMember(body, 'publicKey'));
  } catch (error) {
    throw error instanceof KeyError ? Problem.open('InvalidRequest', error.message) : error;
  }
  return json({});
}

export const resources = async ({ services, owner }: OwnerCall): Promise<HttpResponse> => json(await listResources(services, owner));

export async function resourceInfo(call: OwnerCall): Promise<HttpResponse> {
  const versions = await resourceVersions(call.services, call.owner, pathOf(call));
  if (versions.length === 0) throw Problem.open('InvalidRequestPath', `you have no resource ${Object.values(call.parameters).join('/')}`);
  return json(versions);
}

export async function resourcePut(call: OwnerCall): Promise<HttpResponse> {
  const { services, owner, request } = call;
  const expires = expiryOf(call);
  const labels = request.query.getAll('label');
  if (labels.length > 32 || !labels.every((each) => OWNER_NAME.test(each))) throw Problem.open('InvalidRequest', 'labels are letters, digits, dot, dash and underscore; at most 32');
  const version = await putResource(services, owner, pathOf(call), request.body, { labels, ...(expires !== undefined && { expires }) });
  wipe(request.body);
  return json({ version });
}

export async function resourceDelete(call: OwnerCall): Promise<HttpResponse> {
  return json({ deleted: await deleteResource(call.services, call.owner, pathOf(call), wholeQuery(call, 'version')) });
}

/** The content is encrypted to a key that the owner sends: it is in clear with the owner only. */
export async function resourceRead(call: OwnerCall): Promise<HttpResponse> {
  const { recipient } = jsonBody(call.request);
  try {
    const key = recipientOf(recipient);
    const { content, version } = await readResource(call.services, call.owner, pathOf(call), wholeQuery(call, 'version'));
    const jwe = encryptJwe(key, content);
    wipe(content);
    return json({ version, jwe });
  } catch (error) {
    throw error instanceof JweError ? Problem.open('InvalidRequest', `recipient: ${error.message}`) : error;
  }
}

export const policies = async ({ services, owner }: OwnerCall): Promise<HttpResponse> => json(await policiesOf(services.database, owner.id));

async function writePolicy({ services, owner, parameters }: OwnerCall, text: string | null): Promise<HttpResponse> {
  const { database, auditKey, now } = services;
  const { name } = parameters;
  if (!OWNER_NAME.test(name)) throw Problem.open('InvalidRequest', 'names of policies are letters, digits, dot, dash and underscore');
  const version = await database.transaction(async (sql) => {
    const [last] = await sql.query('SELECT version, policy FROM policies WHERE owner = $1 AND name = $2 ORDER BY version DESC LIMIT 1', owner.id, name);
    if (text === null && (last === undefined || last.policy === null)) throw Problem.open('InvalidRequestPath', `you have no policy ${name}`);
    const next = last === undefined ? 1 : numberOf(last, 'version') + 1;
    await sql.run('INSERT INTO policies (owner, name, version, policy, created) VALUES ($1, $2, $3, $4, $5)', owner.id, name, next, text, now());
    await appendTo(sql, [{ event: text === null ? 'policy-deleted' : 'policy-set', owner: owner.id, subject: name, detail: text === null ? { version: next } : { version: next, policy: text } }], auditKey, now());
    return next;
  });
  return json({ version });
}

export async function policyPut(call: OwnerCall): Promise<HttpResponse> {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(call.request.body);
    call.services.policies.check({ name: call.parameters.name, text });
    return await writePolicy(call, text);
  } catch (error) {
    if (error instanceof PolicyError) throw Problem.open('InvalidRequest', error.message);
    throw error instanceof TypeError ? Problem.open('InvalidRequest', 'the policy is not text') : error;
  }
}

export const policyDelete = (call: OwnerCall): Promise<HttpResponse> => writePolicy(call, null);

export async function references({ services, owner }: OwnerCall): Promise<HttpResponse> {
  const rows = await services.database.query('SELECT id, publisher, document, created FROM reference_values WHERE owner = $1 ORDER BY name, created', owner.id);
  return json(rows.map((row) => ({ id: textOf(row, 'id'), publisher: textOf(row, 'publisher'), created: numberOf(row, 'created'), ...openReferenceValues(new TextEncoder().encode(textOf(row, 'document'))).values })));
}

/** The owner names the publisher that is expected: a signature by anybody else proves nothing. */
export async function referenceAdd({ services, owner, request }: OwnerCall): Promise<HttpResponse> {
  const { database, auditKey, now } = services;
  const body = jsonBody(request);
  const document = textMember(body, 'document');
  const bytes = new TextEncoder().encode(document);
  try {
    const { values, publisher } = openReferenceValues(bytes);
    const key = toHex(signerOf(publisher));
    if (key !== textMember(body, 'publisher')) throw Problem.open('InvalidRequest', `the reference values are signed by ${key}, not by the publisher that you expect`);
    const id = toHex(sha256(bytes)).slice(0, 16);
    await database.transaction(async (sql) => {
      await sql.run(
        'INSERT INTO reference_values (owner, id, name, publisher, measurement, document, created) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (owner, id) DO NOTHING',
        owner.id,
        id,
        values.name,
        key,
        values.measurement,
        document,
        now(),
      );
      await appendTo(sql, [{ event: 'reference-added', owner: owner.id, subject: id, detail: { name: values.name, measurement: values.measurement, publisher: key } }], auditKey, now());
    });
    return json({ id, name: values.name, measurement: values.measurement });
  } catch (error) {
    throw error instanceof ReferenceError ? Problem.open('InvalidRequest', error.message) : error;
  }
}

export async function referenceRemove({ services, owner, parameters }: OwnerCall): Promise<HttpResponse> {
  const { database, auditKey, now } = services;
  await database.transaction(async (sql) => {
    if ((await sql.run('DELETE FROM reference_values WHERE owner = $1 AND id = $2', owner.id, parameters.id)) === 0) throw Problem.open('InvalidRequestPath', `you have no reference values ${parameters.id}`);
    await appendTo(sql, [{ event: 'reference-removed', owner: owner.id, subject: parameters.id, detail: {} }], auditKey, now());
  });
  return json({});
}

/** An owner's own key, and those of the owner's repositories. */
async function ownKeys({ services, owner }: OwnerCall) {
  const all = await services.ring.list(services.database);
  return all.filter(({ id, parent }) => id === ownerKey(owner.id) || parent === ownerKey(owner.id));
}

export const keys = async (call: OwnerCall): Promise<HttpResponse> => json(await ownKeys(call));

/** `owner`, or `dataset/REPOSITORY`. */
async function namedKey(call: OwnerCall): Promise<string> {
  const { kind, name } = call.parameters;
  if (kind === 'owner' && name === call.owner.id) return ownerKey(name);
  if (kind === 'dataset') {
    await requireOwner(call.services.database, name, call.owner);
    return datasetKey(name);
  }
  throw Problem.open('InvalidRequestPath', 'a key is owner/NAME with your own name, or dataset/REPOSITORY');
}

export async function keyRotate(call: OwnerCall): Promise<HttpResponse> {
  const { database, ring, auditKey, now } = call.services;
  const id = await namedKey(call);
  const expires = expiryOf(call);
  const version = await database.transaction(async (sql) => {
    const next = await ring.rotate(sql, id, expires);
    await appendTo(sql, [{ event: 'key-rotated', owner: call.owner.id, subject: id, detail: { version: next } }], auditKey, now());
    return next;
  });
  return json({ id, version });
}

export async function keyRevoke(call: OwnerCall): Promise<HttpResponse> {
  const { database, ring, auditKey, now } = call.services;
  const id = await namedKey(call);
  const revoked = await database.transaction(async (sql) => {
    const changed = await ring.revoke(sql, id);
    if (changed === 0) throw Problem.open('InvalidRequestPath', `there is no key ${id} that could be revoked`);
    await appendTo(sql, [{ event: 'key-revoked', owner: call.owner.id, subject: id, detail: { versions: changed } }], auditKey, now());
    return changed;
  });
  return json({ id, revoked });
}

/** Owners see what is about them; admins see all. */
export async function auditList(call: OwnerCall): Promise<HttpResponse> {
  const { services, owner } = call;
  const limit = Math.min(wholeQuery(call, 'limit') ?? 100, 1000);
  const before = wholeQuery(call, 'before') ?? Number.MAX_SAFE_INTEGER;
  const entries: unknown[] = [];
  // Newest first, in steps: most entries may be about others.
  for (let at = before; entries.length < limit; ) {
    const rows = await services.database.query('SELECT seq, entry FROM audit WHERE seq < $1 ORDER BY seq DESC LIMIT 1000', at);
    if (rows.length === 0) break;
    for (const row of rows) {
      const entry = JSON.parse(textOf(row, 'entry')) as { owner: string };
      if ((owner.role === 'admin' || entry.owner === owner.id) && entries.length < limit) entries.push(entry);
    }
    at = numberOf(rows[rows.length - 1], 'seq');
  }
  return json(entries);
}

export async function auditEntry({ services, owner, parameters }: OwnerCall): Promise<HttpResponse> {
  const proven = /^\d{1,15}$/.test(parameters.seq) ? await proveEntry(services.database, Number(parameters.seq)) : undefined;
  if (proven === undefined || (owner.role !== 'admin' && proven.entry.owner !== owner.id)) throw Problem.open('InvalidRequestPath', `you have no audit entry ${parameters.seq}`);
  return json({ ...proven, publicKey: services.auditKey.publicKey.pem() });
}

export async function auditExport({ services }: OwnerCall): Promise<HttpResponse> {
  return { status: 200, headers: { 'content-type': 'application/jsonl' }, body: await exportLog(services.database, services.auditKey.publicKey.pem()) };
}
