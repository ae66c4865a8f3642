import { hostname } from 'node:os';
import { SIM_WARNING } from '../../../attestation/index.ts';
import type { LogLevel } from '../../../broker/services.ts';
import { Failure } from '../../../libos/failure.ts';
import { type CertificateProvider, fixedCertificate } from '../../../pal/broker/certificates.ts';
import { serve, type ServerOptions } from '../../../pal/broker/server.ts';
import { type Command, flag, value } from '../../command.ts';
import { type BrokerEvidence, openBrokerEvidence } from '../../../libos/broker-evidence.ts';
import { brokerTeeChoice } from '../../../libos/broker-tee.ts';
import { stateDirectory } from '../../../libos/instance.ts';
import { EvidenceResponder } from '../../../pal/tls/server.ts';
import { announce, appraisersOf, attestedTlsOf, EVIDENCE_OPTIONS, givenTls, OPEN_OPTIONS, type OpenedBroker, openBroker, servingAt, stateOf, tlsOf } from '../../broker/state.ts';

const SWEEP_MS = 60_000;
/** Whoever renews the files need not start the broker anew. */
const READ_AGAIN_MS = 600_000;

/** What connections are made with, and what the log says of it. */
type Certificates = Pick<ServerOptions, 'certificates' | 'evidence'> & { readonly kind: string };

/** Given ones before attested ones before one that is made at the first start. */
async function certificatesOf(opened: OpenedBroker, given: CertificateProvider | undefined, evidence: BrokerEvidence | undefined, host: string): Promise<Certificates> {
  if (given !== undefined) return { certificates: given, kind: 'given' };
  if (evidence === undefined) return { certificates: fixedCertificate(await tlsOf(opened, host)), kind: 'own' };
  const certificates = attestedTlsOf(opened, evidence, host);
  return { certificates, evidence: new EvidenceResponder(evidence.source, certificates.current, (message) => log('error', message)), kind: `attested (${evidence.tee})` };
}

/** One JSON object a line, on standard error. */
function log(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>> = {}): void {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), level, message, ...fields })}\n`);
}

export const command: Command = {
  usage: 'broker serve --state DIR [OPTIONS]',
  doc: 'Holds keys and secrets, and gives them to programs whose evidence satisfies the policy of the owner. Speaks the KBS protocol of\nConfidential Containers (version 0.4.0) to programs, and an API of its own to owners. Runs until it is told to stop (SIGTERM, ^C).\n\nIn a TEE its certificate carries evidence, is made anew before it ends, and connections are bound to evidence over a nonce: clients verify that\n(--broker-policy, `broker.policy` in cloister.yaml, `cloister verify https://…`) instead of pinning a certificate.',
  options: [
    ...OPEN_OPTIONS,
    { flag: '--listen HOST:PORT', doc: 'Where to listen: 127.0.0.1:8443 otherwise. Port 0: any free one.' },
    { flag: '--tls-cert FILE', doc: 'Certificate chain (PEM), instead of one with evidence, or one made at the first start. Read again every ten minutes.' },
    { flag: '--tls-key FILE', doc: 'Its private key (PEM).' },
    { flag: '--insecure-http', doc: 'No TLS. For tests, or behind a proxy that has it.' },
    ...EVIDENCE_OPTIONS,
    { flag: '--session-minutes N', doc: 'How long sessions and tokens are good for: 5 otherwise.' },
    { flag: '--rate-limit N', doc: 'Requests a second from one client (an IPv4 address, a /64 network of IPv6): 500 otherwise, 0 for no limit.' },
    { flag: '--trusted-proxy NETWORK', doc: 'An address, or ADDRESS/PREFIX, of a proxy before the broker: for requests from it, X-Forwarded-For says who the client is, for limits and the audit log.', repeated: true },
  ],
  examples: [
    'cloister broker serve --state ./kbs --allow-sim',
    'cloister broker serve --state ./kbs --listen 0.0.0.0:8443 --db postgres://cloister@db.example/broker',
    'cloister broker serve --state ./kbs --root-key shares --split 2/3 --shares-to ./shares',
    "CLOISTER_PKCS11_PIN=… cloister broker serve --state ./kbs --root-key pkcs11 --pkcs11 'pkcs11:token=broker;object=root?module-path=/usr/lib/softhsm/libsofthsm2.so'",
    'cloister broker serve --state ./kbs --tee tdx --root-key transit --transit https://vault.example:8200/transit/cloister',
  ],
  operands: [0, 0],
  async run(invocation) {
    const listen = /^(?:\[([0-9a-f:]+)\]|([^:[\]]+)):(\d{1,5})$/i.exec(value(invocation, 'listen') ?? '127.0.0.1:8443');
    if (listen === null || Number(listen[3]) > 65535) throw new Failure('usage', '--listen is HOST:PORT', 'As in: --listen 0.0.0.0:8443, or [::]:8443');
    const host = listen[1] ?? listen[2];
    const running = servingAt(stateOf(invocation));
    if (running !== undefined) throw new Failure('busy', `a broker runs over this state already: ${running.url}`, 'Several brokers share a database of PostgreSQL, each with a state directory of its own.');
    const choice = brokerTeeChoice(value(invocation, 'tee'));
    const [certFile, keyFile] = [value(invocation, 'tls-cert'), value(invocation, 'tls-key')];
    if ((certFile === undefined) !== (keyFile === undefined)) throw new Failure('usage', '--tls-cert and --tls-key belong together');
    const opened = await openBroker(invocation, (database) => appraisersOf(invocation, database, log), log, 'make');
    const { broker, state } = opened;
    const { appraisers } = broker.services;
    const insecure = flag(invocation, 'insecure-http');
    const given: CertificateProvider | undefined = certFile === undefined || keyFile === undefined ? undefined : { obtain: async () => givenTls(opened, certFile, keyFile), renewEveryMs: READ_AGAIN_MS };
    const own = insecure || given !== undefined ? undefined : await openBrokerEvidence({ choice, stateDirectory: stateDirectory(), claims: { key: broker.key } });
    try {
      const { kind, ...secure } = insecure ? { kind: 'none' } : await certificatesOf(opened, given, own, host);
      const server = await serve(broker, { host, port: Number(listen[3]), ...secure, maxConnections: 10_000, requestTimeoutMs: 15_000 });
      const name = host === '0.0.0.0' || host === '::' ? hostname() : host;
      const url = `${insecure ? 'http' : 'https'}://${name.includes(':') ? `[${name}]` : name}:${server.port}`;
      announce(state, { url: host === '0.0.0.0' || host === '::' ? url.replace(name, 'localhost') : url, pid: process.pid });
      await broker.services.audit.append({ event: 'broker-started', owner: '', subject: url, detail: { version: broker.services.options.version, evidence: [...appraisers.keys()], certificate: kind } });
      for (const tee of ['sim', 'sample']) if (appraisers.has(tee)) log('warn', tee === 'sim' ? `takes sim evidence. ${SIM_WARNING}` : 'takes sample evidence: whoever reaches this broker can claim to be any sample. For tests only.');
      if (own?.tee === 'sim') log('warn', `gives sim evidence of itself. ${SIM_WARNING}`);
      if (insecure) log('warn', 'no TLS: owners send secrets in clear');
      log('info', `listening at ${url}`, { state, database: broker.services.database.kind, certificate: kind, key: broker.key });
      const sweeping = setInterval(() => void broker.sweep().catch((error: Error) => log('error', error.message)), SWEEP_MS);
      await new Promise<void>((resolve) => {
        for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
      });
      log('info', 'stopping');
      clearInterval(sweeping);
      await server.close();
    } finally {
      await own?.close();
      await broker.close();
    }
    return 0;
  },
};
