/** Where the server has its key and certificate from. Certificates that carry evidence are short-lived: they are renewed while it runs. */

import type { Server } from 'node:https';
import type { EvidenceSource } from '../../attestation/attester.ts';
import { type AttestedIdentity, attestedIdentity, TLS_OPTIONS } from '../tls/identity.ts';

export interface TlsIdentity {
  /** PEM. */
  readonly key: string;
  /** PEM, leaf first. */
  readonly cert: string;
}

export interface CertificateProvider {
  /** Asked at the start, and every `renewEveryMs` from then on. */
  obtain(): Promise<TlsIdentity>;
  readonly renewEveryMs?: number;
  /** 1.2 unless given. */
  readonly minVersion?: 'TLSv1.3';
}

export const fixedCertificate = (identity: TlsIdentity): CertificateProvider => ({ obtain: async () => identity });

export interface AttestedRequest {
  readonly commonName: string;
  /** Host names and addresses. */
  readonly names: readonly string[];
  /** Gets each certificate before connections do. */
  readonly made?: (identity: AttestedIdentity) => void;
  /** A day unless given. */
  readonly lifetimeMs?: number;
}

export interface AttestedCertificates extends CertificateProvider {
  /** The newest one; `undefined` before the first. */
  readonly current: () => AttestedIdentity | undefined;
}

const LIFETIME_MS = 24 * 3_600_000;
/** A certificate that cannot be renewed is tried again twice before it ends. */
const RENEWALS = 4;

/** Each with a new key, which stays in this process, and evidence over it. `obtain` rejects with TeeError. */
export function attestedCertificates(source: Pick<EvidenceSource, 'certificate'>, { commonName, names, made, lifetimeMs = LIFETIME_MS }: AttestedRequest): AttestedCertificates {
  let current: AttestedIdentity | undefined;
  return {
    ...TLS_OPTIONS,
    renewEveryMs: lifetimeMs / RENEWALS,
    current: () => current,
    async obtain() {
      const identity = await attestedIdentity(source, { commonName, names, lifetimeMs });
      made?.(identity);
      current = identity;
      return identity;
    },
  };
}

/** What the server takes: in the beginning, and at each renewal. */
export const secureContext = async (provider: CertificateProvider): Promise<TlsIdentity & { readonly minVersion: 'TLSv1.2' | 'TLSv1.3' }> => {
  const { key, cert } = await provider.obtain();
  return { key, cert, minVersion: provider.minVersion ?? 'TLSv1.2' };
};

/** New connections get the new certificate; those that are open stay. What fails is told, and the old one goes on. Returns how to stop. */
export function keepRenewed(server: Server, provider: CertificateProvider, failed: (why: string) => void): () => void {
  if (provider.renewEveryMs === undefined) return () => {};
  const timer = setInterval(() => {
    secureContext(provider).then(
      (context) => {
        try {
          server.setSecureContext(context);
        } catch (error) {
          failed((error as Error).message);
        }
      },
      (error: Error) => failed(error.message),
    );
  }, provider.renewEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}
