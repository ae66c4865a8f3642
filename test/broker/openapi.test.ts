/** The description that the broker gives of its API, held against what a running one takes and answers: every operation of it. */

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { BrokerAttester } from '../../src/attestation/attester.ts';
import { signReferenceValues, signerOf, type Tee } from '../../src/attestation/index.ts';
import { toHex } from '../../src/base/bytes.ts';
import { signRequest } from '../../src/broker/admin/owners.ts';
import { BrokerClient } from '../../src/broker/client.ts';
import { PrivateKey, RecipientKey } from '../../src/crypto/index.ts';
import { openBrokerTee } from '../../src/libos/broker-tee.ts';
import { serve } from '../../src/pal/broker/server.ts';
import { EvidenceResponder } from '../../src/pal/tls/index.ts';
import { FakeTree } from '../attestation/tee/fake.ts';
import { memoryDirectory } from '../support/memory-directory.ts';
import { ALICE, ANYBODY, Bench, simAttester } from './support.ts';

type Json = Readonly<Record<string, any>>;

const bench = await Bench.make();
const machine = memoryDirectory();
const own = new BrokerAttester(openBrokerTee('sim', { files: new FakeTree(), machine: () => machine }) as Tee, { key: bench.broker.key });
const server = await serve(bench.broker, { host: '127.0.0.1', port: 0, maxConnections: 100, requestTimeoutMs: 5000, evidence: new EvidenceResponder(own) });
after(async () => {
  await server.close();
  await bench.close();
});
const base = `http://127.0.0.1:${server.port}`;
const api: Json = await (await fetch(`${base}/cloister/v0/openapi.json`)).json();

/** What of a value is not as its schema says: the keywords of JSON Schema that the description uses, and no others. */
function faults(schema: Json, value: any, at: string): string[] {
  if (schema.$ref !== undefined) return faults(schema.$ref.split('/').slice(1).reduce((part: Json, name: string) => part[name], api), value, at); // biome-ignore format: short
  const known = ['type', 'enum', 'anyOf', 'required', 'properties', 'additionalProperties', 'items', 'pattern', 'format', 'description'];
  for (const keyword of Object.keys(schema)) assert.ok(known.includes(keyword), `${keyword} at ${at}`);
  if (schema.anyOf !== undefined) return schema.anyOf.some((each: Json) => faults(each, value, at).length === 0) ? [] : [`${at} is none of its kinds`];
  if (schema.enum !== undefined && !schema.enum.includes(value)) return [`${at} is ${value}`];
  const actual = value === null ? 'null' : Array.isArray(value) ? 'array' : Number.isInteger(value) ? 'integer' : typeof value;
  if (schema.type !== undefined && schema.type !== actual) return [`${at} is ${actual}, not ${schema.type}`];
  if (schema.pattern !== undefined && !new RegExp(schema.pattern).test(value)) return [`${at} is ${value}`];
  if (actual === 'array' && schema.items !== undefined) return value.flatMap((each: unknown, index: number) => faults(schema.items, each, `${at}[${index}]`));
  if (actual !== 'object') return [];
  const missing = (schema.required ?? []).filter((name: string) => !Object.hasOwn(value, name)).map((name: string) => `${at}.${name} is missing`);
  const members = Object.entries(value).flatMap(([name, member]) => {
    const of = schema.properties?.[name] ?? schema.additionalProperties ?? {};
    return of === false ? [`${at}.${name} is not known`] : faults(of, member, `${at}.${name}`);
  });
  return [...missing, ...members];
}

test('the checker of schemas finds what is wrong', () => {
  const schema = { type: 'object', required: ['a'], properties: { a: { type: 'integer' }, b: { type: 'array', items: { enum: ['x'] } } }, additionalProperties: false };
  assert.deepEqual(faults(schema, { a: 1, b: ['x'] }, 'v'), []);
  for (const wrong of [{}, { a: '1' }, { a: 1.5 }, { a: 1, c: 2 }, { a: 1, b: ['y'] }, { a: 1, b: {} }, null, []]) assert.notDeepEqual(faults(schema, wrong, 'v'), [], JSON.stringify(wrong));
  assert.deepEqual(faults(api.components.responses.Problem.content['application/problem+json'].schema, { type: 'x' }, 'v'), ['v.detail is missing']);
});

const seen = new Set<string>();

/** The operation that a request is for. */
function operationOf(method: string, path: string): [name: string, operation: Json] {
  for (const [template, operations] of Object.entries(api.paths as Json)) {
    if (new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+').replaceAll('.', '\\.')}$`).test(path) && operations[method.toLowerCase()] !== undefined) return [`${method} ${template}`, operations[method.toLowerCase()]];
  }
  throw new Error(`${method} ${path} is not described`);
}

async function call(method: string, target: string, given: { readonly body?: object | string; readonly headers?: Readonly<Record<string, string>>; readonly owner?: 'alice' } = {}): Promise<{ status: number; body: any; cookie: string }> {
  const { pathname: path, searchParams: query } = new URL(target, base);
  const [name, operation] = operationOf(method, path);
  const content = given.body === undefined ? '' : typeof given.body === 'string' ? given.body : JSON.stringify(given.body);
  if (given.body !== undefined) {
    const [[type, media]] = Object.entries(operation.requestBody.content as Json);
    if (type === 'application/json') assert.deepEqual(faults(media.schema, JSON.parse(content), 'request'), [], name);
  }
  const described = (operation.parameters ?? []).filter((each: Json) => each.in === 'query').map((each: Json) => each.name);
  for (const parameter of query.keys()) assert.ok(described.includes(parameter), `${name}: ${parameter}`);
  const headers: Record<string, string> = { ...given.headers };
  if (given.owner !== undefined) headers.authorization = `Bearer ${await signRequest('alice', ALICE, { method, path, query, body: new TextEncoder().encode(content) }, Date.now())}`;
  const response = await fetch(new URL(target, base), { method, headers, ...(given.body !== undefined && { body: content }) });
  const text = await response.text();
  const type = (response.headers.get('content-type') ?? '').split(';')[0];
  const answer = response.status === 200 ? operation.responses[200] : api.components.responses.Problem;
  assert.deepEqual(type === '' ? [] : [type], Object.keys(answer.content ?? {}), name);
  const body = type.endsWith('json') ? JSON.parse(text) : text;
  const schema = answer.content?.[type]?.schema;
  if (schema !== undefined) assert.deepEqual(faults(schema, body, 'answer'), [], name);
  if (response.status === 200) seen.add(name);
  return { status: response.status, body, cookie: response.headers.get('set-cookie')?.split(';')[0] ?? '' };
}

test('what a running broker takes and answers is as it is described: every operation', async () => {
  const by = { owner: 'alice' } as const;
  const must = async (...request: Parameters<typeof call>): Promise<any> => {
    const { status, body } = await call(...request);
    assert.equal(status, 200, `${request[0]} ${request[1]}: ${JSON.stringify(body)}`);
    return body;
  };
  for (const path of ['/healthz', '/metrics', '/.well-known/jwks.json', '/cloister/v0/openapi.json']) await must('GET', path);
  await must('PUT', '/cloister/v0/resources/a/key/k?label=x&label=y&expires=2999-01-01T00:00:00Z', { body: 'secret', ...by });
  await must('POST', '/kbs/v0/resource/a/key/old', { body: 'secret', ...by });
  await must('PUT', '/cloister/v0/policies/any', { body: ANYBODY, ...by });
  await must('POST', '/kbs/v0/resource-policy', { body: { policy: Buffer.from(ANYBODY).toString('base64url') }, ...by });
  for (const path of ['/kbs/v0/resource-policy', '/cloister/v0/policies', '/cloister/v0/resources', '/cloister/v0/resources/a/key/k', '/cloister/v0/status', '/cloister/v0/owners', '/cloister/v0/keys']) await must('GET', path, by);
  await must('POST', '/cloister/v0/owners', { body: { id: 'bob', tenant: 'lab', role: 'owner', publicKey: PrivateKey.generate('ES256').publicKey.pem() }, ...by });
  await must('POST', '/cloister/v0/resources/a/key/k/read?version=1', { body: { recipient: new RecipientKey().publicJwk }, ...by });

  const publisher = PrivateKey.generate('EdDSA');
  const claims = { imageRoot: '00'.repeat(48), imageKind: 'integrity', configuration: '00'.repeat(48), productId: 1, securityVersion: 1, debuggable: false, entryPoints: [], runtime: '1' } as const;
  const document = new TextDecoder().decode(signReferenceValues('app', claims, publisher));
  const { id } = await must('POST', '/cloister/v0/references', { body: { document, publisher: toHex(signerOf(publisher.publicKey)) }, ...by });
  assert.equal((await must('GET', '/cloister/v0/references', by)).length, 1);
  await must('DELETE', `/cloister/v0/references/${id}`, by);

  // The client of the KBS protocol: its requests are described, too.
  let token = '';
  const client = new BrokerClient(
    async (method, path, headers, body) => {
      const answer = await call(method, path, { headers, ...(body !== undefined && { body }) });
      token ||= answer.body.token ?? '';
      return { ...answer, body: JSON.stringify(answer.body) };
    },
    { ...simAttester(bench.tee()), cloister: { measurement: '01'.repeat(48), signer: '02'.repeat(48), productId: 0, securityVersion: 0, debuggable: true, imageKind: 'integrity' } },
  );
  assert.equal(new TextDecoder().decode(await client.resource('a/key/k?version=1')), 'secret');
  const { version } = await client.counter('a/key/k');
  await client.advance('a/key/k', version, { from: 0, value: 1, holder: '0'.repeat(32) });

  await must('GET', `/.well-known/cloister-evidence?nonce=${'00'.repeat(32)}`);
  for (const seq of ['0', '1']) await must('GET', `/cloister/v0/audit/${seq}`, by);
  await must('GET', '/cloister/v0/audit?limit=100&before=1000', by);
  await must('GET', '/cloister/v0/audit-export', by);
  await must('DELETE', '/kbs/v0/resource/a/key/old', by);
  await must('DELETE', '/cloister/v0/resources/a/key/k?version=1', by);
  await must('DELETE', '/cloister/v0/policies/any', by);
  await must('POST', '/cloister/v0/keys/dataset/a/rotate?expires=2999-01-01', by);
  await must('GET', '/cloister/v0/keys', by);
  await must('POST', '/cloister/v0/keys/dataset/a/revoke', by);
  for (const [method, path, headers] of [['GET', '/cloister/v0/status', {}], ['POST', '/kbs/v0/auth', {}], ['GET', '/kbs/v0/resource/a/key/k', { authorization: `Bearer ${token}` }], ['GET', '/kbs/v0/resource/a/key/k', {}]] as const) // biome-ignore format: short
    assert.notEqual((await call(method, path, { headers })).status, 200);

  const described = Object.entries(api.paths as Json).flatMap(([path, operations]) => Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`));
  assert.deepEqual([...seen].sort(), described.sort());
  for (const name of described) {
    const [method, path] = name.split(' ');
    const { requestBody, responses } = api.paths[path][method.toLowerCase()];
    for (const content of [requestBody?.content, responses[200].content]) if (content?.['application/json'] !== undefined) assert.ok(content['application/json'].schema, name);
  }
});
