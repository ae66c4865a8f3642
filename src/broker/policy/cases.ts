/** `cloister policy test`: cases that say what policies should decide, and what they decided. */

import type { Decision, PolicyEngine, PolicyText } from './engine.ts';
import { PolicyError } from './engine.ts';
import { CONTEXT_NAMES, type PolicyAction, type PolicyContext, type ResourceAttributes } from './schema.ts';

/** What a case leaves out is as harmless as evidence can be: real hardware, up to date, not debuggable, nothing known. */
const DEFAULT_CONTEXT: PolicyContext = {
  tee: 'tdx',
  simulated: false,
  tcbStatus: 'UpToDate',
  tcbDate: 0,
  advisories: [],
  debug: false,
  measurement: '00'.repeat(48),
  signer: '',
  productId: 0,
  securityVersion: 0,
  references: [],
  publishers: [],
  now: 0,
};

export interface PolicyCase {
  readonly name: string;
  readonly expect: 'allow' | 'deny';
  readonly action?: PolicyAction;
  /** `repository/type/tag`. */
  readonly resource: string;
  readonly attributes?: Partial<ResourceAttributes>;
  readonly context?: Partial<PolicyContext>;
}

export interface CaseResult {
  readonly name: string;
  readonly passed: boolean;
  readonly expected: 'allow' | 'deny';
  readonly decision: Decision;
}

const CASE_KEYS = ['name', 'expect', 'action', 'resource', 'attributes', 'context'];

/** Reads a JSON array of cases. Throws PolicyError: a case that is misspelled must not pass. */
export function parseCases(json: string): PolicyCase[] {
  let cases: unknown;
  try {
    cases = JSON.parse(json);
  } catch (error) {
    throw new PolicyError(`the cases are not JSON: ${(error as Error).message}`);
  }
  if (!Array.isArray(cases) || cases.length === 0) throw new PolicyError('the cases are a JSON array with at least one of {name, expect, resource, context}');
  cases.forEach((each: Readonly<Record<string, unknown>>, at) => {
    const where = `case ${at + 1}`;
    if (typeof each !== 'object' || each === null) throw new PolicyError(`${where} is not an object`);
    for (const key of Object.keys(each)) if (!CASE_KEYS.includes(key)) throw new PolicyError(`${where} has ${key}, which no case has`);
    if (typeof each.name !== 'string' || typeof each.resource !== 'string' || !/^[^/]+\/[^/]+\/[^/]+$/.test(each.resource)) throw new PolicyError(`${where} needs a name and a resource (repository/type/tag)`);
    if (each.expect !== 'allow' && each.expect !== 'deny') throw new PolicyError(`${where} expects allow or deny, not ${JSON.stringify(each.expect)}`);
    if (each.action !== undefined && each.action !== 'release' && each.action !== 'advance') throw new PolicyError(`${where}: the action is release or advance`);
    for (const key of ['attributes', 'context']) if (each[key] !== undefined && (typeof each[key] !== 'object' || each[key] === null || Array.isArray(each[key]))) throw new PolicyError(`${where}: ${key} is a map`);
    for (const key of Object.keys((each.context as object | undefined) ?? {})) if (!CONTEXT_NAMES.includes(key)) throw new PolicyError(`${where}: evidence says nothing called ${key}; there are ${CONTEXT_NAMES.join(', ')}`);
  });
  return cases as PolicyCase[];
}

export function runCases(engine: PolicyEngine, policies: readonly PolicyText[], cases: readonly PolicyCase[]): CaseResult[] {
  return cases.map(({ name, expect, action, resource, attributes, context }) => {
    const [repository, type, tag] = resource.split('/');
    const decision = engine.decide(policies, {
      action: action ?? 'release',
      resource: { owner: 'owner', tenant: 'default', version: 1, labels: [], ...attributes, repository, type, tag },
      context: { ...DEFAULT_CONTEXT, ...context },
    });
    // A case that Cedar cannot even evaluate says nothing about the policies.
    return { name, passed: decision.errors.length === 0 && decision.allowed === (expect === 'allow'), expected: expect, decision };
  });
}
