/** Requests and answers as the broker sees them: whole, small, without sockets. `pal/broker` carries them over HTTP. */

import { PROBLEM_PREFIX, Problem } from './errors.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

export interface HttpRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** By lower-case name; `undefined` where there is none, or more than one that may not be joined. */
  readonly header: (name: string) => string | undefined;
  readonly body: Uint8Array;
  /** Who asks, for rate limits and the log: the peer's address, or that of the client behind a trusted proxy. */
  readonly remote: string;
  /** Where the request is one for the broker's evidence and came by a connection that it can be bound to: makes it. */
  readonly evidence?: () => Promise<{ readonly status: number; readonly body: string }>;
}

/** What is known of a request before its body has arrived. */
export type RequestHead = Omit<HttpRequest, 'body'>;

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

export const json = (value: unknown, headers: Readonly<Record<string, string>> = {}): HttpResponse => ({ status: 200, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) });

/** RFC 9457, with the members that clients of the KBS protocol read: `type` and `detail`. */
export function problemResponse({ kind, told, status, headers }: Problem): HttpResponse {
  return { status, headers: { 'content-type': 'application/problem+json', ...headers }, body: JSON.stringify({ type: `${PROBLEM_PREFIX}${kind}`, detail: told }) };
}

/** A body that must be a JSON object. Throws Problem. */
export function jsonBody(request: HttpRequest): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(request.body));
  } catch {
    throw Problem.open('SerdeError', 'the body is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw Problem.open('SerdeError', 'the body is not a JSON object');
  return value as Readonly<Record<string, unknown>>;
}

/** The value of a cookie (RFC 6265 §5.4); the first, where there are several. */
export function cookie(request: HttpRequest, name: string): string | undefined {
  for (const pair of (request.header('cookie') ?? '').split(';')) {
    const at = pair.indexOf('=');
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return undefined;
}

export function bearer(request: HttpRequest): string | undefined {
  return /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(request.header('authorization') ?? '')?.[1];
}
