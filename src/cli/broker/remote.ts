/**
 * How an owner's commands reach a broker: the one that runs over `--state`, the one at `--broker`, or, where none runs over
 * `--state`, one opened for this command. All of them answer the same requests.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { signRequest } from '../../broker/index.ts';
import type { HttpRequest } from '../../broker/http.ts';
import { KeyError, PrivateKey, RecipientKey } from '../../crypto/index.ts';
import { Failure } from '../../libos/failure.ts';
import { readKeyFile } from '../../libos/sealed.ts';
import { Exchange } from '../../pal/broker/exchange.ts';
import { type Invocation, type OptionRow, value } from '../command.ts';
import { brokerAppraisal } from './appraisal.ts';
import { ADMIN, OPEN_OPTIONS, openBroker, servingAt, stateOf } from './state.ts';

// biome-ignore format: a table
export const REMOTE_OPTIONS: readonly OptionRow[] = [
  { flag: '--broker URL', doc: 'The broker (or CLOISTER_BROKER).' },
  { flag: '--broker-cert FILE', doc: 'The certificate that the broker must have, itself and not that of an authority (or CLOISTER_BROKER_CERT).' },
  { flag: '--broker-policy FILE', doc: 'What the evidence of the broker must satisfy (as verify --policy), instead of a certificate; it is verified before anything is sent (or CLOISTER_BROKER_POLICY).' },
  { flag: '--broker-collateral WHERE', doc: "With it: URL of a PCCS instead of Intel's service, a file or directory of collateral, or `offline` for none." },
  { flag: '--owner NAME', doc: 'Who you are to the broker (or CLOISTER_OWNER; admin otherwise).' },
  { flag: '--owner-key FILE', doc: 'Your key (or CLOISTER_OWNER_KEY).' },
  ...OPEN_OPTIONS.map((row) => (row.flag === '--state DIR' ? { ...row, doc: 'State of a broker on this machine, running or not, instead of --broker.' } : row)),
];

export interface Remote {
  readonly owner: string;
  /** The body of the answer. Throws Failure with what the broker said. */
  call(method: string, path: string, body?: string | Uint8Array): Promise<Buffer>;
  close(): Promise<void>;
}

function ownerKey(file: string): PrivateKey {
  try {
    return PrivateKey.fromPem(readKeyFile(file, "owner's key"));
  } catch (error) {
    throw error instanceof KeyError ? new Failure('key', `${file}: ${error.message}`) : error;
  }
}

function judge(status: number, body: Buffer): Buffer {
  if (status === 200) return body;
  let problem: { type?: string; detail?: string } = {};
  try {
    problem = JSON.parse(body.toString('utf8'));
  } catch {
    // Not from a broker.
  }
  const kind = problem.type?.split('/').at(-1);
  const message = `the broker refused: ${problem.detail ?? `status ${status}`}`;
  if (kind === 'AdminAuth') throw new Failure('broker', message, 'Check --owner and --owner-key; clocks may differ by half a minute.', 'broker-refused');
  throw new Failure('broker', message, undefined, status === 404 ? 'broker-not-found' : 'broker-refused');
}

/** Options before the environment, and that before what lies in the state directory; evidence or a certificate, never both. */
function believed(invocation: Invocation, otherwise: string | undefined): { readonly certFile?: string; readonly policyFile?: string } {
  const { CLOISTER_BROKER_CERT, CLOISTER_BROKER_POLICY } = process.env;
  for (const [certFile, policyFile] of [
    [value(invocation, 'broker-cert'), value(invocation, 'broker-policy')],
    [CLOISTER_BROKER_CERT, CLOISTER_BROKER_POLICY],
  ]) {
    if (certFile !== undefined && policyFile !== undefined)
      throw new Failure('usage', 'the broker is known by a certificate or by its evidence, not by both', 'Give --broker-cert or --broker-policy (or one of CLOISTER_BROKER_CERT and CLOISTER_BROKER_POLICY).');
    if (policyFile !== undefined) return { policyFile };
    if (certFile !== undefined) return { certFile };
  }
  return otherwise === undefined ? {} : { certFile: otherwise };
}

/** What people type instead of an address are hosts without a scheme. */
function brokerUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') throw new Failure('usage', `${text} is no address of a broker`, 'As in: https://kbs.example:8443');
  return url;
}

export async function connect(invocation: Invocation): Promise<Remote> {
  const state = value(invocation, 'state') === undefined ? undefined : stateOf(invocation);
  const serving = state === undefined ? undefined : servingAt(state);
  const owner = value(invocation, 'owner') ?? process.env.CLOISTER_OWNER ?? ADMIN;
  const keyFile = value(invocation, 'owner-key') ?? process.env.CLOISTER_OWNER_KEY ?? (state === undefined ? undefined : join(state, 'admin.pem'));
  const url = value(invocation, 'broker') ?? serving?.url ?? (state === undefined ? process.env.CLOISTER_BROKER : undefined);
  if (url === undefined && state === undefined) throw new Failure('usage', 'no broker is named', 'Name one with --broker URL or CLOISTER_BROKER, or a state directory with --state DIR.');
  if (url !== undefined && keyFile === undefined) throw new Failure('usage', "the owner's key is missing", 'Name it with --owner-key FILE or CLOISTER_OWNER_KEY.');
  const sign = (key: PrivateKey, request: Pick<HttpRequest, 'method' | 'path' | 'query' | 'body'>): Promise<string> => signRequest(owner, key, request, Date.now());
  const parts = (method: string, target: string, body: string | Uint8Array): Pick<HttpRequest, 'method' | 'path' | 'query' | 'body'> => {
    const { pathname, searchParams } = new URL(target, 'http://broker');
    return { method, path: pathname, query: searchParams, body: typeof body === 'string' ? new TextEncoder().encode(body) : body };
  };
  if (url !== undefined) {
    const base = brokerUrl(url);
    const { certFile, policyFile } = believed(invocation, serving === undefined || state === undefined ? undefined : join(state, 'certificate.pem'));
    const appraisal = policyFile === undefined ? undefined : await brokerAppraisal(invocation, policyFile, base);
    const certificate = certFile === undefined || base.protocol === 'http:' ? undefined : readKeyFile(certFile, "broker's certificate");
    const key = ownerKey(keyFile as string);
    const exchange = new Exchange(appraisal);
    return {
      owner,
      async call(method, path, body = '') {
        const authorization = `Bearer ${await sign(key, parts(method, path, body))}`;
        const { status, body: answer } = await exchange.send({ base, method, path, headers: { authorization, 'content-type': 'application/octet-stream' }, body, ...(certificate !== undefined && { certificate }) });
        return judge(status, answer);
      },
      close: async () => exchange.close(),
    };
  }
  const opened = await openBroker(
    invocation,
    () => new Map(),
    () => {},
  );
  const key = keyFile === undefined || keyFile === join(opened.state, 'admin.pem') ? opened.adminKey : ownerKey(keyFile);
  if (key === undefined) {
    await opened.broker.close();
    throw new Failure('usage', `${opened.state} has no key of an owner`, 'Name yours with --owner-key FILE or CLOISTER_OWNER_KEY.');
  }
  return {
    owner,
    async call(method, target, body = '') {
      const request = parts(method, target, body);
      const authorization = `Bearer ${await sign(key, request)}`;
      const response = await opened.broker.handle({ ...request, header: (name) => (name === 'authorization' ? authorization : undefined), remote: 'here' });
      return judge(response.status, Buffer.from(response.body));
    },
    close: () => opened.broker.close(),
  };
}

/** Connects, does something, and says good-bye. */
export async function withBroker<T>(invocation: Invocation, work: (remote: Remote) => Promise<T>): Promise<T> {
  const remote = await connect(invocation);
  try {
    return await work(remote);
  } finally {
    await remote.close();
  }
}

export const answerOf = async (remote: Remote, method: string, path: string, body?: string | Uint8Array): Promise<any> => JSON.parse((await remote.call(method, path, body)).toString('utf8'));

/** REPOSITORY/TYPE/TAG, also as `kbs:///…`. */
export function resourceOperand(text: string): string {
  const path = text.replace(/^kbs:\/\/\//, '');
  if (!/^[\w-][\w.-]*\/[\w-][\w.-]*\/[\w-][\w.-]*$/.test(path)) throw new Failure('usage', `${text} is not REPOSITORY/TYPE/TAG`, 'As in: hospital/key/records');
  return path;
}

export function readInput(file: string): Uint8Array {
  try {
    return file === '-' ? readFileSync(0) : readFileSync(file);
  } catch (error) {
    throw new Failure('usage', `cannot read ${file}: ${(error as Error).message}`);
  }
}

/** The text of a resource of one's own; made and put where there is none. */
export function keptAtBroker(invocation: Invocation, uri: string, make: () => string): Promise<string> {
  const path = resourceOperand(uri);
  return withBroker(invocation, async (remote) => {
    const key = new RecipientKey();
    try {
      const { jwe } = await answerOf(remote, 'POST', `/cloister/v0/resources/${path}/read`, JSON.stringify({ recipient: key.publicJwk }));
      return new TextDecoder().decode(key.decrypt(jwe));
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'broker-not-found') throw error;
    }
    const made = make();
    await answerOf(remote, 'PUT', `/cloister/v0/resources/${path}`, made);
    return made;
  });
}
