/** OpenAPI 3.1 of rows that say what they take and give, with JSON Schemas that the compiler holds against our own types. */

import { PROBLEMS } from './errors.ts';
import type { Method } from './http.ts';

/** JSON Schema (2020-12) of values of a type. */
export interface Schema<out T> {
  readonly json: Readonly<Record<string, unknown>>;
  readonly optional?: boolean;
  /** For the compiler. */
  readonly of?: T;
}

interface Optional<out T> extends Schema<T> {
  readonly optional: true;
}

type Members<T> = { readonly [K in keyof T]-?: undefined extends T[K] ? Optional<Exclude<T[K], undefined>> : Schema<T[K]> };

const schema = <T>(json: Schema<T>['json']): Schema<T> => ({ json });

export const text = schema<string>({ type: 'string' });
export const whole = schema<number>({ type: 'integer' });
export const truth = schema<boolean>({ type: 'boolean' });
export const anything = schema<any>({});
/** Milliseconds since 1970. */
export const time = schema<number>({ type: 'integer', description: 'Milliseconds since 1970.' });
export const hex = schema<string>({ type: 'string', pattern: '^([0-9a-f]{2})*$' });
export const base64url = schema<string>({ type: 'string', pattern: '^[A-Za-z0-9_-]*$' });
export const oneOf = <const T extends string>(...words: readonly T[]): Schema<T> => schema({ enum: words });
export const list = <T>({ json }: Schema<T>): Schema<readonly T[]> => schema({ type: 'array', items: json });
export const mapOf = <T>({ json }: Schema<T>): Schema<Readonly<Record<string, T>>> => schema({ type: 'object', additionalProperties: json });
export const either = <T, U>(one: Schema<T>, other: Schema<U>): Schema<T | U> => schema({ anyOf: [one.json, other.json] });
export const orNull = <T>(one: Schema<T>): Schema<T | null> => schema({ anyOf: [one.json, { type: 'null' }] });
export const optional = <T>({ json }: Schema<T>): Optional<T> => ({ json, optional: true });

/** All members of T, and no others unless `more` says so. */
export function object<T>(members: Members<T>, more: 'closed' | 'open' = 'closed'): Schema<T> {
  const entries = Object.entries(members) as [string, Schema<unknown>][];
  const required = entries.filter(([, { optional: may }]) => may !== true).map(([name]) => name);
  return schema({ type: 'object', ...(required.length > 0 && { required }), properties: Object.fromEntries(entries.map(([name, { json }]) => [name, json])), ...(more === 'closed' && { additionalProperties: false }) });
}

const NAMED = new Map<string, Schema<unknown>>();

/** A schema of `components`, which others refer to. */
export function named<T>(name: string, of: Schema<T>): Schema<T> {
  NAMED.set(name, of);
  return schema({ $ref: `#/components/schemas/${name}` });
}

export interface Content {
  readonly type: string;
  readonly schema?: Schema<unknown>;
}

export const OCTETS: Content = { type: 'application/octet-stream' };
export const jsonOf = (of: Schema<unknown>): Content => ({ type: 'application/json', schema: of });

/** What a request has besides its path. */
export interface Takes {
  readonly content?: Content;
  readonly query?: Readonly<Record<string, Schema<unknown>>>;
}

export interface DocumentedRow {
  readonly method: Method;
  readonly path: string;
  readonly maxBytes: number;
  readonly doc: string;
  readonly who: 'anyone' | 'attested' | 'owner' | 'admin';
  readonly takes: Takes;
  /** Absent where an answer has no content. */
  readonly gives: Content | undefined;
}

const mediaOf = ({ type, schema: of }: Content): unknown => ({ [type]: of === undefined ? {} : { schema: of.json } });

function operation({ path, doc, who, maxBytes, takes, gives }: DocumentedRow): unknown {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } }));
  const inQuery = Object.entries(takes.query ?? {}).map(([name, { json }]) => ({ name, in: 'query', schema: json }));
  const parameters = [...inPath, ...inQuery];
  return {
    summary: doc,
    ...(who === 'admin' && { description: 'For owners with the role admin.' }),
    ...(parameters.length > 0 && { parameters }),
    security: { anyone: [], attested: [{ session: [] }, { token: [] }], owner: [{ owner: [] }], admin: [{ owner: [] }] }[who],
    ...(takes.content !== undefined && { requestBody: { description: `At most ${maxBytes} bytes.`, required: true, content: mediaOf(takes.content) } }),
    responses: { 200: { description: gives === undefined ? 'Done.' : 'As asked.', ...(gives !== undefined && { content: mediaOf(gives) }) }, default: { $ref: '#/components/responses/Problem' } },
  };
}

export function describe(rows: readonly DocumentedRow[], version: string): unknown {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const row of rows) paths[row.path] = { ...paths[row.path], [row.method.toLowerCase()]: operation(row) };
  return {
    openapi: '3.1.0',
    info: { title: 'Cloister broker', version, description: 'Keys for verified programs: the KBS protocol of Confidential Containers (/kbs/v0) and the administration of the broker (/cloister/v0).' },
    paths,
    components: {
      schemas: Object.fromEntries([...NAMED].map(([name, { json }]) => [name, json])),
      securitySchemes: {
        session: { type: 'apiKey', in: 'cookie', name: 'kbs-session-id' },
        token: { type: 'http', scheme: 'bearer', bearerFormat: 'EAR (JWT)' },
        owner: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: "By the owner's key (ES256 or EdDSA): iss, aud, exp within five minutes; for /cloister/v0 also htm (method), htp (path with query) and bsh (base64url SHA-256 of the body).",
        },
      },
      responses: {
        Problem: {
          description: `A problem (RFC 9457). type ends in one of ${Object.keys(PROBLEMS).join(', ')}.`,
          content: { 'application/problem+json': { schema: object<{ type: string; detail: string }>({ type: text, detail: text }).json } },
        },
      },
    },
  };
}
