/** Where the server has its key and certificate from. Certificates that carry evidence are short-lived: they are renewed while it runs. */

import type { Server } from 'node:https';

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
}

export const fixedCertificate = (identity: TlsIdentity): CertificateProvider => ({ obtain: async () => identity });

/** New connections get the new certificate; those that are open stay. What fails is told, and the old one goes on. Returns how to stop. */
export function keepRenewed(server: Server, { obtain, renewEveryMs }: CertificateProvider, failed: (why: string) => void): () => void {
  if (renewEveryMs === undefined) return () => {};
  const timer = setInterval(() => {
    obtain().then(
      (identity) => {
        try {
          server.setSecureContext(identity);
        } catch (error) {
          failed((error as Error).message);
        }
      },
      (error: Error) => failed(error.message),
    );
  }, renewEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}
