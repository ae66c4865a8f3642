/** What the broker refuses with: one table of problems, and what of them the other side is told. */

export type ProblemKind = keyof typeof PROBLEMS;

/** Names and statuses are those of the KBS protocol where it has one (RFC 9457 bodies of `type` and `detail`). */
// biome-ignore format: a table
export const PROBLEMS = {
  AdminAuth:          [401, 'The request is not signed by a known owner.'],
  AttestationError:   [401, 'The evidence was not accepted, or not asked for.'],
  PolicyDeny:         [401, 'Access denied by policy'],
  TokenNotFound:      [401, 'There is no attestation token, and no session that is attested.'],
  TokenVerifierError: [401, 'The attestation token was not accepted.'],
  SerdeError:         [401, 'The request is not the JSON that is expected.'],
  InvalidRequestPath: [404, 'There is nothing at this path.'],
  PluginNotFound:     [404, 'There is nothing at this path.'],
  Forbidden:          [403, 'The owner may not do that.'],
  InvalidRequest:     [400, 'The request cannot be understood.'],
  Conflict:           [409, 'What is there already is in the way.'],
  MethodNotAllowed:   [405, 'The path does not answer to this method.'],
  Timeout:            [408, 'The request did not arrive in time.'],
  TooLarge:           [413, 'The request is too large.'],
  TooManyRequests:    [429, 'Too many requests; try again later.'],
  Internal:           [500, 'The broker failed; its log says why.'],
  Unavailable:        [503, 'The broker cannot answer now; try again later.'],
} as const satisfies Readonly<Record<string, readonly [status: number, detail: string]>>;

export const PROBLEM_PREFIX = 'https://github.com/confidential-containers/kbs/errors/';

/** A refusal. `message` is for the log and the owner; `told` is what the other side gets. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly kind: ProblemKind;
  readonly told: string;
  /** Of the answer. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(kind: ProblemKind, message: string, told: string = PROBLEMS[kind][1], headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.kind = kind;
    this.told = told;
    this.headers = headers;
  }

  /** A problem that the other side may know all of. */
  static open(kind: ProblemKind, message: string, headers: Readonly<Record<string, string>> = {}): Problem {
    return new Problem(kind, message, message, headers);
  }

  get status(): number {
    return PROBLEMS[this.kind][0];
  }
}
