/**
 * Fuzz target: policies and their cases. Any text is a PolicyError, or policies that decide without a fault; any cases are a
 * PolicyError, or give results.
 *
 *     node fuzz/policy.ts [seed] [iterations]
 */

import { parseCases, runCases } from '../src/broker/policy/cases.ts';
import { PolicyEngine, PolicyError } from '../src/broker/policy/engine.ts';
import { LIBRARY, policyFromLibrary } from '../src/broker/policy/library.ts';
import { randomFrom } from '../src/encfs/5-disk/model.ts';
import { fromCommandLine } from './mutate.ts';
import { mutateJson } from './mutate-json.ts';

const HEX = 'ab'.repeat(48);
const VALUES: Readonly<Record<string, string>> = { measurement: HEX, signer: HEX, publisher: HEX, platform: HEX, product: '1', version: '2', name: 'app', time: '2027-01-01T00:00:00Z' };
const REGISTERS = ['rtmr1', 'rtmr2'];
const TEXTS = Object.entries(LIBRARY).flatMap(([name, { parameters, optional }]) =>
  [[], REGISTERS.filter((register) => optional.includes(register))].map((more) =>
    policyFromLibrary(name, 'a/key/k', new Map([...parameters.map((parameter) => [parameter, VALUES[parameter]] as const), ...more.map((register) => [register, HEX] as const)])),
  ),
);
// biome-ignore format: a table
const WORDS = ['permit', 'forbid', '(', ')', '{', '}', 'when', 'unless', ';', '&&', '||', '!', '==', '<', '+', '-', '*', 'principal', 'action', 'resource', 'context', '.', 'has', 'like', 'in', 'is', 'if true then 1 else 2', '"', '\\u{0}', '\\', '@id("x")', '?principal', 'Cloister::Action::"release"', '9223372036854775807', '-9223372036854775808', '[', ']', '.contains(', 'ip("1.2.3.4")', 'decimal("1.0")', '\n', '//', '\0', '((((((((((((((((((((', '!!!!!!!!!!!!!!!!!!!!!'];
const CASES = [
  {
    name: 'a',
    expect: 'allow',
    action: 'release',
    resource: 'a/key/k',
    attributes: { owner: 'alice', tenant: 't', version: 1, labels: ['x'] },
    context: { tee: 'tdx', simulated: false, measurement: HEX, rtmr1: HEX, now: 1, enclave: { measurement: HEX, signer: HEX, productId: 1, securityVersion: 1, imageKind: 'encrypted', references: [], publishers: [] } },
  },
];

export async function fuzz(seed: number, iterations: number): Promise<void> {
  const random = randomFrom(seed);
  const engine = await PolicyEngine.load();
  for (let iteration = 0; iteration < iterations; iteration++) {
    let text = TEXTS[random(TEXTS.length)];
    for (let edits = random(4); edits > 0; edits--) {
      const at = random(text.length + 1);
      text = `${text.slice(0, at)} ${WORDS[random(WORDS.length)]} ${text.slice(at + random(3) * random(12))}`;
    }
    try {
      engine.check({ name: 'p', text });
      const cases = random(2) === 0 ? CASES : mutateJson(CASES, random);
      runCases(engine, [{ name: 'p', text }], parseCases(JSON.stringify(cases)));
    } catch (error) {
      if (!(error instanceof PolicyError)) throw new Error(`seed ${seed}, iteration ${iteration}: ${JSON.stringify(text)}: ${String(error)}`, { cause: error });
    }
  }
}

if (import.meta.main) await fromCommandLine(fuzz, 1000);
