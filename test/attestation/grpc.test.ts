/** gRPC over attested connections, with the client and server that everybody has. */

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { Attester } from '../../src/attestation/attester.ts';
import { SimTee } from '../../src/attestation/sim.ts';
import { AttestationRefused } from '../../src/attestation/tls/appraise.ts';
import { AUTHENTIC } from '../../src/attestation/verifier/index.ts';
import { type AttestedIdentity, attestedIdentity, pinAttested } from '../../src/pal/tls/index.ts';
import { memoryDirectory } from '../support/memory-directory.ts';

/** The part of `@grpc/grpc-js` that is used. */
interface Grpc {
  readonly Server: new () => {
    addService(service: object, handlers: object): void;
    bindAsync(address: string, credentials: unknown, done: (error: Error | null, port: number) => void): void;
    forceShutdown(): void;
  };
  readonly ServerCredentials: { createSsl(roots: Buffer | null, pairs: readonly { private_key: Buffer; cert_chain: Buffer }[], checkClient?: boolean): unknown };
  readonly credentials: { createSsl(roots?: Buffer | null, key?: Buffer | null, chain?: Buffer | null, options?: object): unknown };
  makeGenericClientConstructor(service: object, name: string): new (address: string, credentials: unknown) => { echo(request: Buffer, done: (error: Error | null, answer: Buffer) => void): void; close(): void };
}

let grpc: Grpc | undefined;
try {
  grpc = createRequire(process.env.CLOISTER_GRPC ?? import.meta.url)('@grpc/grpc-js') as Grpc;
} catch {
  // Told by the test.
}

const same = (bytes: Buffer): Buffer => bytes;
const SERVICE = { echo: { path: '/cloister.Echo/echo', requestStream: false, responseStream: false, requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same } };

test('a gRPC client believes the one server whose evidence was verified', { skip: grpc === undefined ? 'needs @grpc/grpc-js' : false }, async () => {
  const { Server, ServerCredentials, credentials, makeGenericClientConstructor } = grpc as Grpc;
  const tee = new SimTee(memoryDirectory(), { measurement: new Uint8Array(48).fill(1), signer: new Uint8Array(48).fill(2), productId: 3, securityVersion: 4, debuggable: false });
  const enclave = new Attester(tee, 'integrity');
  const appraisal = { policy: { ...AUTHENTIC, tee: ['sim'] as const, simKeys: [tee.attestationKey.pem()], 'enclave.measurement': ['01'.repeat(48)] } };
  const start = async (identity: AttestedIdentity): Promise<{ port: number; stop: () => void }> => {
    const server = new Server();
    server.addService(SERVICE, { echo: ({ request }: { request: Buffer }, done: (error: null, answer: Buffer) => void) => done(null, Buffer.concat([Buffer.from('echo '), request])) });
    const pair = { private_key: Buffer.from(identity.key), cert_chain: Buffer.from(identity.cert) };
    const port = await new Promise<number>((resolve, reject) => server.bindAsync('localhost:0', ServerCredentials.createSsl(null, [pair], false), (error, at) => (error === null ? resolve(at) : reject(error))));
    return { port, stop: () => server.forceShutdown() };
  };
  const Echo = makeGenericClientConstructor(SERVICE, 'Echo');
  const call = (port: number, trusted: unknown): Promise<string> =>
    new Promise((resolve, reject) => {
      const client = new Echo(`localhost:${port}`, trusted);
      client.echo(Buffer.from('hello'), (error, answer) => {
        client.close();
        if (error === null) resolve(answer.toString());
        else reject(error);
      });
    });

  const [right, other] = [await start(await attestedIdentity(enclave)), await start(await attestedIdentity(enclave))];
  try {
    const pinned = await pinAttested({ host: 'localhost', port: right.port, alpn: ['h2'], binding: 'certificate', appraisal });
    const trusted = credentials.createSsl(pinned.rootCerts, null, null, pinned.verifyOptions);
    assert.equal(await call(right.port, trusted), 'echo hello');
    await assert.rejects(call(other.port, trusted));
    const strict = { policy: { ...appraisal.policy, 'enclave.measurement': ['02'.repeat(48)] } };
    await assert.rejects(pinAttested({ host: 'localhost', port: right.port, alpn: ['h2'], binding: 'certificate', appraisal: strict }), AttestationRefused);
  } finally {
    right.stop();
    other.stop();
  }
});
