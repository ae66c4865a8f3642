/**
 * Decides with Cedar. Nothing is allowed that no policy permits; and where the evaluation of any policy fails, nothing
 * is allowed at all, because a `forbid` that fails would otherwise be skipped.
 */

import type * as Cedar from '@cedar-policy/cedar-wasm/nodejs';
import { otherMachines } from './platform.ts';
import { type PolicyAction, type PolicyContext, type ResourceAttributes, SCHEMA } from './schema.ts';

export interface PolicyText {
  readonly name: string;
  readonly text: string;
}

export interface PolicyRequest {
  readonly action: PolicyAction;
  readonly resource: ResourceAttributes;
  readonly context: PolicyContext;
}

/** A condition that did not hold, with what the evidence said about what it asks for. */
export interface FailedCondition {
  readonly policy: string;
  readonly condition: string;
  readonly evidence: Readonly<Record<string, unknown>>;
}

export interface Decision {
  readonly allowed: boolean;
  /** Policies that decided. */
  readonly policies: readonly string[];
  /** For the owner, never for the one who asked. */
  readonly failed: readonly FailedCondition[];
  readonly errors: readonly string[];
}

export class PolicyError extends Error {
  override readonly name = 'PolicyError';
  readonly code = 'policy-format';
}

type Api = typeof Cedar;
const SCHEMA_NAME = 'cloister';
/** Prepared policy sets are kept in Cedar's memory by name; this many names are used in turn. */
const PREPARED = 256;
const DECISIONS = 4096;

const messages = (errors: readonly { readonly message: string; readonly help?: string | null }[]): string => errors.map(({ message, help }) => (help === null || help === undefined ? message : `${message} (${help})`)).join('; ');

/** Cedar's own failures are answers; what its module throws (text that is not well-formed, a fault of its own) is one, too. */
function answerOf<T>(ask: () => T): T | { readonly type: 'failure'; readonly errors: readonly { readonly message: string; readonly help?: undefined }[] } {
  try {
    return ask();
  } catch (error) {
    return { type: 'failure', errors: [{ message: (error as Error).message }] };
  }
}

export class PolicyEngine {
  readonly #cedar: Api;
  readonly #prepared = new Map<string, string>();
  /** By the name of the set and the request; forgotten when a name is given to another set. */
  readonly #decisions = new Map<string, Decision>();
  #next = 0;

  constructor(cedar: Api) {
    this.#cedar = cedar;
    const answer = cedar.preparseSchema(SCHEMA_NAME, SCHEMA);
    if (answer.type === 'failure') throw new Error(`the schema of policies: ${messages(answer.errors)}`);
  }

  /** Cedar's module is 4 MB: loaded when a broker or a policy command needs it. */
  static async load(): Promise<PolicyEngine> {
    const { default: cedar, ...named } = (await import('@cedar-policy/cedar-wasm/nodejs')) as Api & { default?: Api };
    return new PolicyEngine(cedar ?? (named as Api));
  }

  /** Throws PolicyError, with everything that is wrong, unless the text is policies that fit the schema. */
  check({ name, text }: PolicyText): void {
    this.#parts(name, text);
    const answer = answerOf(() => this.#cedar.validate({ schema: SCHEMA, policies: { staticPolicies: text }, validationSettings: { mode: 'strict' } }));
    if (answer.type === 'failure') throw new PolicyError(`${name}: ${messages(answer.errors)}`);
    if (answer.validationErrors.length > 0) throw new PolicyError(`${name}: ${answer.validationErrors.map(({ error }) => messages([error])).join('; ')}`);
  }

  /** A decision is a function of its arguments; the same ones within a second, or ever where no policy asks for the time, are decided once. */
  decide(policies: readonly PolicyText[], request: PolicyRequest): Decision {
    const set = this.#prepare(policies);
    // A name in a policy can also be written with escapes.
    const timed = policies.some(({ text }) => /\bnow\b|\\/.test(text));
    const key = JSON.stringify([set, request.action, request.resource, timed ? request.context : { ...request.context, now: 0 }]);
    const known = this.#decisions.get(key);
    if (known !== undefined) return known;
    if (this.#decisions.size >= DECISIONS) this.#decisions.clear();
    const decision = this.#evaluate(set, policies, request);
    this.#decisions.set(key, decision);
    return decision;
  }

  #evaluate(set: string, policies: readonly PolicyText[], request: PolicyRequest): Decision {
    const decision = this.#ask(set, request);
    if (!decision.allowed) return { ...decision, failed: this.#explain(policies, request) };
    const failed = this.#unnamed(set, request, decision);
    return failed.length > 0 ? { ...decision, allowed: false, policies: [], failed } : decision;
  }

  /** Without a reason where it refuses. */
  #ask(set: string, request: PolicyRequest): Decision {
    const answer = answerOf(() => this.#cedar.statefulIsAuthorized({ ...this.#call(request), preparsedPolicySetId: set, preparsedSchemaName: SCHEMA_NAME, validateRequest: true }));
    if (answer.type === 'failure') return { allowed: false, policies: [], failed: [], errors: [messages(answer.errors)] };
    const { decision, diagnostics } = answer.response;
    const errors = diagnostics.errors.map(({ policyId, error }) => `${policyId}: ${messages([error])}`);
    return { allowed: decision === 'allow' && errors.length === 0, policies: diagnostics.reason, failed: [], errors };
  }

  /** What a decision lacks that rests on an enclave's own claims: the name of what states them. */
  #unnamed(set: string, request: PolicyRequest, { policies }: Decision): FailedCondition[] {
    const { enclave, ...silent } = request.context;
    if (enclave === undefined || this.#ask(set, { ...request, context: silent }).allowed) return [];
    const others = otherMachines(request.context);
    if (others === undefined) return [{ policy: policies.join(', '), condition: `evidence of ${request.context.tee} names nothing that could be believed about an enclave`, evidence: { tee: request.context.tee } }];
    return others.flatMap(({ names, context }) => {
      const other = this.#ask(set, { ...request, context });
      if (!other.allowed) return [];
      const condition = `any software can state what is asked of context.enclave: name the one that is believed, by ${names.map((name) => `context.${name}`).join(' or ')}`;
      return [{ policy: other.policies.join(', '), condition, evidence: Object.fromEntries(['tee', ...names].map((name) => [name, request.context[name as keyof PolicyContext]])) }];
    });
  }

  #call({ action, resource, context }: PolicyRequest) {
    const uid = { type: 'Cloister::Resource', id: `${resource.repository}/${resource.type}/${resource.tag}` };
    const repository = { type: 'Cloister::Repository', id: resource.repository };
    return {
      principal: { type: 'Cloister::Enclave', id: context.measurement },
      action: { type: 'Cloister::Action', id: action },
      resource: uid,
      context: context as unknown as Cedar.Context,
      entities: [
        { uid, attrs: resource as unknown as Record<string, Cedar.CedarValueJson>, parents: [repository] },
        { uid: repository, attrs: {}, parents: [] },
      ],
    };
  }

  /** Policies of one text are called NAME, or NAME#0, NAME#1 … where it holds several. */
  #parts(name: string, text: string): [id: string, policy: string][] {
    const answer = answerOf(() => this.#cedar.policySetTextToParts(text));
    if (answer.type === 'failure') throw new PolicyError(`${name}: ${messages(answer.errors)}`);
    if (answer.policy_templates.length > 0) throw new PolicyError(`${name}: templates (?principal, ?resource) are not supported; write the value`);
    if (answer.policies.length === 0) throw new PolicyError(`${name}: there is no policy in it`);
    return answer.policies.map((policy, index) => [answer.policies.length === 1 ? name : `${name}#${index}`, policy]);
  }

  #prepare(policies: readonly PolicyText[]): string {
    const key = JSON.stringify(policies.map(({ name, text }) => [name, text]));
    const known = this.#prepared.get(key);
    if (known !== undefined) return known;
    const name = `set-${this.#next++ % PREPARED}`;
    for (const [old, used] of this.#prepared) {
      if (used !== name) continue;
      this.#prepared.delete(old);
      this.#decisions.clear();
    }
    const staticPolicies = Object.fromEntries(policies.flatMap((policy) => this.#parts(policy.name, policy.text)));
    const answer = answerOf(() => this.#cedar.preparsePolicySet(name, { staticPolicies }));
    if (answer.type === 'failure') throw new PolicyError(messages(answer.errors));
    this.#prepared.set(key, name);
    return name;
  }

  /** Tries every condition of every policy about this resource alone. */
  #explain(policies: readonly PolicyText[], request: PolicyRequest): FailedCondition[] {
    const failed: FailedCondition[] = [];
    for (const [id, text] of policies.flatMap((policy) => this.#parts(policy.name, policy.text))) {
      const answer = answerOf(() => this.#cedar.policyToJson(text));
      if (answer.type === 'failure') continue;
      const policy = answer.json;
      if (!this.#holds({ ...policy, effect: 'permit', conditions: [] }, request)) continue;
      if (policy.effect === 'forbid') {
        if (this.#holds({ ...policy, effect: 'permit' }, request)) failed.push({ policy: id, condition: `forbidden: ${this.#text(policy)}`, evidence: this.#evidence(policy.conditions, request) });
        continue;
      }
      for (const clause of policy.conditions.flatMap(conjuncts)) {
        if (!this.#holds({ ...policy, conditions: [clause] }, request)) failed.push({ policy: id, condition: this.#text({ ...policy, conditions: [clause] }), evidence: this.#evidence([clause], request) });
      }
    }
    return failed;
  }

  #holds(policy: Cedar.PolicyJson, request: PolicyRequest): boolean {
    const answer = answerOf(() => this.#cedar.isAuthorized({ ...this.#call(request), policies: { staticPolicies: { policy } } }));
    return answer.type === 'success' && answer.response.decision === 'allow';
  }

  /** The conditions of a policy as they are written. */
  #text(policy: Cedar.PolicyJson): string {
    const answer = answerOf(() => this.#cedar.policyToText(policy));
    const text = answer.type === 'success' ? answer.text : JSON.stringify(policy.conditions);
    return (/\b(?:when|unless)\s*\{[^]*$/.exec(text)?.[0] ?? text).replace(/\s+/g, ' ').replace(/;$/, '').trim();
  }

  #evidence(clauses: readonly Cedar.Clause[], { context }: PolicyRequest): FailedCondition['evidence'] {
    const names = new Set<string>();
    const collect = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return;
      const access = (value as { '.'?: { left?: { Var?: string }; attr?: string } })['.'];
      if (access?.left?.Var === 'context' && access.attr !== undefined) names.add(access.attr);
      Object.values(value).forEach(collect);
    };
    collect(clauses);
    return Object.fromEntries(Object.entries(context).filter(([name]) => names.has(name)));
  }
}

/** `when { a && b }` says as much as `when { a } when { b }`. */
function conjuncts(clause: Cedar.Clause): Cedar.Clause[] {
  const body = clause.body as { '&&'?: { left: Cedar.Expr; right: Cedar.Expr } };
  if (clause.kind === 'unless' || body['&&'] === undefined) return [clause];
  return [body['&&'].left, body['&&'].right].flatMap((side) => conjuncts({ kind: 'when', body: side }));
}
