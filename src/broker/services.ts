/** What the handlers of requests work with. One object, made by `Broker.open`. */

import type { Network } from './addresses.ts';
import type { AuditLog } from './audit/log.ts';
import type { KeyRing } from './keys/ring.ts';
import type { Appraiser } from './kbs/appraise.ts';
import type { Tokens } from './kbs/token.ts';
import type { Metrics } from './metrics.ts';
import type { PolicyEngine } from './policy/engine.ts';
import type { Database } from './sql.ts';
import { type PrivateKey, sha256 } from '../crypto/index.ts';
import { toHex } from '../base/bytes.ts';

export interface BrokerOptions {
  /** How long a session and its token are good for. */
  readonly sessionMs: number;
  /** Requests a second from one client (`peerGroup`); 0 for no limit. */
  readonly requestsPerSecond: number;
  /** Whose `X-Forwarded-For` is believed; nobody's otherwise. */
  readonly trustedProxies?: readonly Network[];
  readonly version: string;
}

export type LogLevel = 'info' | 'warn' | 'error';

export interface Services {
  readonly database: Database;
  readonly ring: KeyRing;
  readonly audit: AuditLog;
  readonly auditKey: PrivateKey;
  readonly policies: PolicyEngine;
  readonly tokens: Tokens;
  /** By the name of the TEE in the KBS protocol. */
  readonly appraisers: ReadonlyMap<string, Appraiser>;
  readonly metrics: Metrics;
  readonly options: BrokerOptions;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** For what clients are told: sessions, nonces, numbers of tokens. Keys are made by `crypto` alone. */
  readonly random: (bytes: number) => Uint8Array;
  /** Structured, and without secrets: never a body, a token, a cookie or a key. */
  readonly log: (level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>) => void;
}

/** What tells this broker from others, whatever its address: it stays the same under another root key, and nobody has it who has not opened the database. */
export const brokerKey = ({ auditKey }: Pick<Services, 'auditKey'>): string => toHex(sha256(auditKey.publicKey.spki()));
