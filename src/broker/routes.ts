/**
 * Every path that the broker answers: who may ask, how much may be sent, who handles it. `docs/broker-openapi.json` is made of
 * these rows. The first ones are those of the KBS protocol, exactly as its clients use them.
 */

import { EVIDENCE_PATH } from '../attestation/formats.ts';
import * as admin from './admin/handlers.ts';
import type { OwnerCall } from './admin/handlers.ts';
import { encryptJwe, wipe } from '../crypto/index.ts';
import * as api from './api.ts';
import { Problem } from './errors.ts';
import { type HttpRequest, type HttpResponse, json, jsonBody, type Method } from './http.ts';
import { attest, auth, identify } from './kbs/handshake.ts';
import { type Content, describe, type DocumentedRow, jsonOf, list, OCTETS, type Schema, type Takes } from './openapi.ts';
import { advanceCounter, deleteResource, MAX_RESOURCE_BYTES, policiesOf, putResource, readCounter, releaseResource, resourcePath } from './resources.ts';
import type { Services } from './services.ts';

export interface PublicCall {
  readonly services: Services;
  readonly request: HttpRequest;
  readonly parameters: Readonly<Record<string, string>>;
}

/** `bound`: the owner's signature is for this very request; `free`: for any, as tools of the KBS protocol sign. */
export type RouteRow = DocumentedRow &
  (
    | { readonly who: 'anyone' | 'attested'; readonly handle: (call: PublicCall) => Promise<HttpResponse> }
    | { readonly who: 'owner' | 'admin'; readonly signature: 'bound' | 'free'; readonly handle: (call: OwnerCall) => Promise<HttpResponse> }
  );

const KIB = 1024;
const EVIDENCE_BYTES = 4 << 20;

/** What a row takes and gives: the query, the content of the request, that of the answer. */
type Io = readonly [takes: Takes, gives: Content | undefined];
const NOTHING: Takes = {};
const METRICS: Content = { type: 'text/plain' };
const CEDAR: Content = { type: 'text/plain' };
const JSON_LINES: Content = { type: 'application/jsonl' };
const gives = (schema: Schema<unknown>, query?: Takes['query']): Io => [query === undefined ? NOTHING : { query }, jsonOf(schema)];
const turns = (request: Schema<unknown> | Content, answer: Schema<unknown> | undefined, query?: Takes['query']): Io => [
  { content: 'type' in request ? request : jsonOf(request), ...(query !== undefined && { query }) },
  answer === undefined ? undefined : jsonOf(answer),
];

const open = (method: Method, path: string, maxBytes: number, [takes, answer]: Io, doc: string, handle: (call: PublicCall) => Promise<HttpResponse>): RouteRow => ({
  method,
  path,
  maxBytes,
  takes,
  gives: answer,
  doc,
  who: 'anyone',
  handle,
});
const attested = (...[method, path, maxBytes, io, doc, handle]: Parameters<typeof open>): RouteRow => ({ ...open(method, path, maxBytes, io, doc, handle), who: 'attested', handle });
const owner = (method: Method, path: string, maxBytes: number, [takes, answer]: Io, doc: string, handle: (call: OwnerCall) => Promise<HttpResponse>, signature: 'bound' | 'free' = 'bound'): RouteRow => ({
  method,
  path,
  maxBytes,
  takes,
  gives: answer,
  doc,
  who: 'owner',
  signature,
  handle,
});
const adminOnly = (method: Method, path: string, maxBytes: number, io: Io, doc: string, handle: (call: OwnerCall) => Promise<HttpResponse>): RouteRow => ({
  ...owner(method, path, maxBytes, io, doc, handle),
  who: 'admin',
  signature: 'bound',
  handle,
});

const pathOf = (parameters: Readonly<Record<string, string>>) => resourcePath([parameters.repository, parameters.type, parameters.tag]);

function versionOf({ query }: HttpRequest): number | undefined {
  const version = query.get('version');
  if (version === null) return undefined;
  if (!/^\d{1,9}$/.test(version)) throw Problem.open('InvalidRequestPath', 'version is a whole number');
  return Number(version);
}

async function release({ services, request, parameters }: PublicCall): Promise<HttpResponse> {
  const client = await identify(services, request);
  const { content, record } = await releaseResource(services, client, pathOf(parameters), versionOf(request));
  const jwe = encryptJwe(client.key, content);
  wipe(content);
  await record();
  return json(jwe);
}

async function counter({ services, request, parameters }: PublicCall): Promise<HttpResponse> {
  return json(await readCounter(services, await identify(services, request), pathOf(parameters), versionOf(request)));
}

async function advance({ services, request, parameters }: PublicCall): Promise<HttpResponse> {
  const client = await identify(services, request);
  const { value, from, holder } = jsonBody(request);
  return json(await advanceCounter(services, client, pathOf(parameters), versionOf(request), { to: value as number, from: from as number, holder: holder as string }));
}

async function kbsPut({ services, owner: by, request, parameters }: OwnerCall): Promise<HttpResponse> {
  await putResource(services, by, pathOf(parameters), request.body, { labels: [] });
  wipe(request.body);
  return { status: 200, headers: {}, body: '' };
}

async function kbsDelete({ services, owner: by, parameters }: OwnerCall): Promise<HttpResponse> {
  await deleteResource(services, by, pathOf(parameters), undefined);
  return { status: 200, headers: {}, body: '' };
}

/** The policy that tools of the KBS protocol set; here it is Cedar, and one of the owner's policies. */
async function kbsPolicyPut(call: OwnerCall): Promise<HttpResponse> {
  const { policy } = jsonBody(call.request);
  let body: Uint8Array;
  try {
    body = Uint8Array.fromBase64(String(policy), { alphabet: 'base64url' });
  } catch {
    throw Problem.open('InvalidRequest', 'the policy is not base64url');
  }
  await admin.policyPut({ ...call, request: { ...call.request, body }, parameters: { name: 'resource-policy' } });
  return { status: 200, headers: {}, body: '' };
}

async function kbsPolicies({ services, owner: by }: OwnerCall): Promise<HttpResponse> {
  return json(Object.fromEntries((await policiesOf(services.database, by.id)).map(({ name, text }) => [name, text])));
}

/** Any page may read it: it is made for the nonce of whoever asks. */
async function ownEvidence({ request }: PublicCall): Promise<HttpResponse> {
  if (request.evidence === undefined) throw Problem.open('InvalidRequestPath', 'this broker has no evidence: its certificate carries none');
  const { status, body } = await request.evidence();
  return { status, headers: { 'content-type': 'application/json', 'access-control-allow-origin': '*' }, body };
}

async function health({ services }: PublicCall): Promise<HttpResponse> {
  await services.database.query('SELECT 1 AS one');
  return json({ status: 'ok' });
}

// biome-ignore format: a table
export const ROUTES: readonly RouteRow[] = [
  open     ('POST',   '/kbs/v0/auth',                                            16 * KIB,           turns(api.challengeRequest, api.challenge),               'Asks for a challenge: version and TEE. Sets the session cookie.', ({ services, request }) => auth(services, request)),
  open     ('POST',   '/kbs/v0/attest',                                          EVIDENCE_BYTES,     turns(api.attestationRequest, api.attestation),           'Evidence over the challenge and a key; gives a token.', ({ services, request }) => attest(services, request)),
  attested ('GET',    '/kbs/v0/resource/{repository}/{type}/{tag}',              0,                  gives(api.jwe, api.versionQuery),                         'A resource, as a JWE to the key of the enclave.', release),
  owner    ('POST',   '/kbs/v0/resource/{repository}/{type}/{tag}',              MAX_RESOURCE_BYTES, turns(OCTETS, undefined),                                 'Writes a new version of a resource.', kbsPut, 'free'),
  owner    ('DELETE', '/kbs/v0/resource/{repository}/{type}/{tag}',              0,                  [NOTHING, undefined],                                     'Forgets all versions of a resource.', kbsDelete, 'free'),
  owner    ('GET',    '/kbs/v0/resource-policy',                                 0,                  gives(api.policyTexts),                                   "The owner's policies, by name.", kbsPolicies, 'free'),
  owner    ('POST',   '/kbs/v0/resource-policy',                                 512 * KIB,          turns(api.policyRequest, undefined),                      'Sets the policy resource-policy: Cedar, as base64url.', kbsPolicyPut, 'free'),
  attested ('GET',    '/cloister/v0/counter/{repository}/{type}/{tag}',          0,                  gives(api.counter, api.versionQuery),                     'The counter of a version of a resource: which state of the storage that it is the key of is the newest.', counter),
  attested ('POST',   '/cloister/v0/counter/{repository}/{type}/{tag}',          KIB,                turns(api.advance, api.counter, api.versionQuery),        'Advances the counter to a value; the body also says who has the storage open (holder), and at which value it was opened (from).', advance),
  open     ('GET',    EVIDENCE_PATH,                                             0,                  gives(api.ownEvidence, api.nonceQuery),                   'Evidence of the broker itself, where it runs in a TEE: over the nonce in the query (hexadecimal) and the connection.', ownEvidence),
  open     ('GET',    '/.well-known/jwks.json',                                  0,                  gives(api.jwks),                                          'The keys that tokens are signed with.', async ({ services }) => json(services.tokens.jwks())),
  open     ('GET',    '/healthz',                                                0,                  gives(api.healthy),                                       'Whether the broker and its database answer.', health),
  open     ('GET',    '/metrics',                                                0,                  [NOTHING, METRICS],                                       'Counters, in the text format of Prometheus.', async ({ services }) => ({ status: 200, headers: { 'content-type': 'text/plain; version=0.0.4' }, body: services.metrics.text() })),
  open     ('GET',    '/cloister/v0/openapi.json',                               0,                  gives(api.document),                                      'This description of the API.', async ({ services }) => json(openApi(services.options.version))),
  owner    ('GET',    '/cloister/v0/status',                                     0,                  gives(api.status),                                        'What the broker is and holds.', admin.status),
  adminOnly('GET',    '/cloister/v0/owners',                                     0,                  gives(list(api.ownerInfo)),                               'All owners.', admin.owners),
  adminOnly('POST',   '/cloister/v0/owners',                                     16 * KIB,           turns(api.newOwner, api.nothing),                         'Adds an owner: id, tenant, role, publicKey (PEM).', admin.ownerAdd),
  owner    ('GET',    '/cloister/v0/resources',                                  0,                  gives(list(api.resource)),                                "The owner's resources.", admin.resources),
  owner    ('GET',    '/cloister/v0/resources/{repository}/{type}/{tag}',        0,                  gives(list(api.resource)),                                'The versions of a resource.', admin.resourceInfo),
  owner    ('PUT',    '/cloister/v0/resources/{repository}/{type}/{tag}',        MAX_RESOURCE_BYTES, turns(OCTETS, api.version, api.putQuery),                 'Writes a new version; label (repeated) and expires in the query.', admin.resourcePut),
  owner    ('DELETE', '/cloister/v0/resources/{repository}/{type}/{tag}',        0,                  gives(api.deleted, api.versionQuery),                     'Forgets a version, or all of them.', admin.resourceDelete),
  owner    ('POST',   '/cloister/v0/resources/{repository}/{type}/{tag}/read',   16 * KIB,           turns(api.readRequest, api.readAnswer, api.versionQuery), 'The content, as a JWE to the key `recipient` in the body.', admin.resourceRead),
  owner    ('GET',    '/cloister/v0/policies',                                   0,                  gives(list(api.policy)),                                  "The owner's policies that are in force.", admin.policies),
  owner    ('PUT',    '/cloister/v0/policies/{name}',                            512 * KIB,          turns(CEDAR, api.version),                                'Sets a policy: Cedar, checked against the schema.', admin.policyPut),
  owner    ('DELETE', '/cloister/v0/policies/{name}',                            0,                  gives(api.version),                                       'Takes a policy out of force.', admin.policyDelete),
  owner    ('GET',    '/cloister/v0/references',                                 0,                  gives(list(api.reference)),                               "The owner's reference values.", admin.references),
  owner    ('POST',   '/cloister/v0/references',                                 64 * KIB,           turns(api.newReference, api.addedReference),              'Adds reference values: document (JWS), publisher (key hash).', admin.referenceAdd),
  owner    ('DELETE', '/cloister/v0/references/{id}',                            0,                  gives(api.nothing),                                       'Removes reference values.', admin.referenceRemove),
  owner    ('GET',    '/cloister/v0/keys',                                       0,                  gives(list(api.key)),                                     "The owner's key and those of the owner's datasets.", admin.keys),
  owner    ('POST',   '/cloister/v0/keys/{kind}/{name}/rotate',                  0,                  gives(api.rotated, api.expiresQuery),                     'A new version of a key; expires in the query.', admin.keyRotate),
  owner    ('POST',   '/cloister/v0/keys/{kind}/{name}/revoke',                  0,                  gives(api.revoked),                                       'Forgets a key: what it encrypted is lost.', admin.keyRevoke),
  owner    ('GET',    '/cloister/v0/audit',                                      0,                  gives(list(api.entry), api.pageQuery),                    'Entries of the audit log, newest first; limit and before in the query.', admin.auditList),
  owner    ('GET',    '/cloister/v0/audit/{seq}',                                0,                  gives(api.proven),                                        'An entry, with its proof of inclusion and the signed head.', admin.auditEntry),
  adminOnly('GET',    '/cloister/v0/audit-export',                               0,                  [NOTHING, JSON_LINES],                                    'The whole log, verifiable offline.', admin.auditExport),
];

export type Match = { readonly route: RouteRow; readonly parameters: Readonly<Record<string, string>> };

const SEGMENTS = ROUTES.map((route) => ({ route, segments: route.path.split('/') }));

/** RFC 9110 §9.1: HEAD wherever GET is, as far as asking does nothing and anybody may. */
const answersTo = ({ method, who }: RouteRow, asked: string): boolean => method === asked || (asked === 'HEAD' && method === 'GET' && who === 'anyone');

/** Throws Problem where no row has the path, or none with this method. */
export function match(method: string, path: string): Match {
  // A client of the KBS protocol in the field writes two slashes before a resource's path.
  const given = path.replace(/^\/kbs\/v0\/resource\/\/+/, '/kbs/v0/resource/').split('/');
  const known: RouteRow[] = [];
  for (const { route, segments } of SEGMENTS) {
    if (segments.length !== given.length || !segments.every((segment, at) => segment === given[at] || (segment.startsWith('{') && given[at] !== ''))) continue;
    known.push(route);
    if (!answersTo(route, method)) continue;
    const parameters: Record<string, string> = {};
    segments.forEach((segment, at) => {
      if (segment.startsWith('{')) parameters[segment.slice(1, -1)] = given[at];
    });
    return { route, parameters };
  }
  const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'].filter((each) => known.some((route) => answersTo(route, each)));
  if (methods.length > 0) throw Problem.open('MethodNotAllowed', `${path} does not answer to ${method.slice(0, 16)}`, { allow: methods.join(', ') });
  throw new Problem('InvalidRequestPath', `there is nothing at ${path.slice(0, 200)}`);
}

/** OpenAPI 3.1 of all rows. */
export const openApi = (version: string): unknown => describe(ROUTES, version);
