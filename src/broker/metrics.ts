/** Counters in the text format of Prometheus. Names that clients of Trustee's dashboards know keep them. */

// biome-ignore format: a table
const COUNTERS = {
  kbs_http_requests_total:            ['Requests, by status.', 'status'],
  kbs_auth_requests_total:            ['Requests for a challenge.'],
  kbs_auth_successes_total:           ['Challenges given.'],
  kbs_auth_errors_total:              ['Requests for a challenge that were refused.'],
  kbs_attestation_requests_total:     ['Attestations.'],
  kbs_attestation_successes_total:    ['Attestations accepted.', 'tee_type'],
  kbs_attestation_failures_total:     ['Evidence refused.', 'tee_type'],
  kbs_attestation_errors_total:       ['Attestations that could not be judged.'],
  kbs_policy_evaluations_total:       ['Decisions asked of policies.'],
  kbs_policy_approvals_total:         ['Decisions to release.'],
  kbs_policy_violations_total:        ['Decisions to refuse.'],
  kbs_policy_errors_total:            ['Decisions that failed, and so refused.'],
  kbs_resource_reads_total:           ['Resources released.'],
  kbs_resource_writes_total:          ['Resources written.'],
} as const satisfies Readonly<Record<string, readonly [doc: string, label?: string]>>;

/** Upper bounds in seconds. */
const BUCKETS = [0.0005, 0.001, 0.005, 0.01, 0.05, 0.5, 1];

export type CounterName = keyof typeof COUNTERS;

export class Metrics {
  readonly #counts = new Map<string, number>();
  readonly #buckets = new Array<number>(BUCKETS.length + 1).fill(0);
  #seconds = 0;

  /** `label` only for counters that have one, and from a closed set: never from a request's own text. */
  count(name: CounterName, label?: string): void {
    const [, labelName] = COUNTERS[name] as readonly [string, string?];
    const key = labelName === undefined ? name : `${name}{${labelName}="${label ?? ''}"}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  observe(seconds: number): void {
    const at = BUCKETS.findIndex((bound) => seconds <= bound);
    this.#buckets[at < 0 ? BUCKETS.length : at]++;
    this.#seconds += seconds;
  }

  text(): string {
    const lines: string[] = [];
    for (const [name, [doc, label]] of Object.entries(COUNTERS) as [string, readonly [string, string?]][]) {
      lines.push(`# HELP ${name} ${doc}`, `# TYPE ${name} counter`);
      const found = [...this.#counts].filter(([key]) => key === name || key.startsWith(`${name}{`));
      if (found.length === 0 && label === undefined) lines.push(`${name} 0`);
      for (const [key, value] of found) lines.push(`${key} ${value}`);
    }
    const duration = 'kbs_http_request_duration_seconds';
    lines.push(`# HELP ${duration} How long requests took.`, `# TYPE ${duration} histogram`);
    let below = 0;
    BUCKETS.forEach((bound, at) => {
      below += this.#buckets[at];
      lines.push(`${duration}_bucket{le="${bound}"} ${below}`);
    });
    const all = below + this.#buckets[BUCKETS.length];
    lines.push(`${duration}_bucket{le="+Inf"} ${all}`, `${duration}_sum ${this.#seconds}`, `${duration}_count ${all}`);
    return `${lines.join('\n')}\n`;
  }
}

const MAX_PEERS = 100_000;

/** Token buckets by peer. In memory: a restart forgives, and each broker counts for itself. */
export class RateLimit {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #maxPeers: number;
  /** Who asked last is last. */
  readonly #peers = new Map<string, { tokens: number; at: number }>();

  /** 0: no limit. */
  constructor(perSecond: number, burst = perSecond * 2, maxPeers = MAX_PEERS) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#maxPeers = maxPeers;
  }

  get size(): number {
    return this.#peers.size;
  }

  /** Whether a peer may have one more request now. */
  take(peer: string, nowMs: number): boolean {
    if (this.#perSecond === 0) return true;
    const state = this.#peers.get(peer) ?? { tokens: this.#burst, at: nowMs };
    this.#peers.delete(peer);
    // Where there are too many, the one that has been silent for longest is forgotten, and forgiven: nobody is shut out for the number of others.
    if (this.#peers.size >= this.#maxPeers) this.#peers.delete(this.#peers.keys().next().value as string);
    this.#peers.set(peer, state);
    state.tokens = Math.min(this.#burst, state.tokens + (Math.max(0, nowMs - state.at) / 1000) * this.#perSecond);
    state.at = nowMs;
    if (state.tokens < 1) return false;
    state.tokens--;
    return true;
  }
}
