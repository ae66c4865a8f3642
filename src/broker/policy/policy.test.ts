import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCases, runCases } from './cases.ts';
import { PolicyEngine, PolicyError } from './engine.ts';
import { LIBRARY, policyFromLibrary } from './library.ts';

const engine = await PolicyEngine.load();
const M = 'ab'.repeat(48);
const OTHER = 'cd'.repeat(48);
// biome-ignore format: a table
const PARAMETERS: Readonly<Record<string, readonly [string, string][]>> = {
  'exact-build': [['measurement', M]], 'exact-build-strict': [['measurement', M]], 'signed-by': [['signer', M], ['product', '3'], ['version', '2']], 'signed-by-strict': [['signer', M], ['product', '3'], ['version', '2']],
  reference: [['name', 'app']], 'reference-strict': [['name', 'app']], 'published-by': [['publisher', M]], until: [['measurement', M], ['time', '2027-01-01T00:00:00Z']],
  enclave: [['platform', M], ['measurement', M]], 'enclave-reference': [['platform', M], ['name', 'app']],
};
const ENCLAVE = { measurement: M, signer: M, productId: 3, securityVersion: 2, imageKind: 'encrypted', references: ['app'], publishers: [M] };
const GOOD = { enclave: ENCLAVE, measurement: M, signer: M, productId: 3, securityVersion: 2, references: ['app'], publishers: [M], now: 1_700_000_000 };
const decide = (text: string, context: object, resource = 'hospital/key/data') => runCases(engine, [{ name: 'p', text }], [{ name: 'c', expect: 'allow', resource, context }])[0].decision;

test('every ready policy fits the schema, allows what it is for and nothing else', () => {
  assert.deepEqual(Object.keys(PARAMETERS).sort(), Object.keys(LIBRARY).sort());
  for (const name of Object.keys(LIBRARY)) {
    const text = policyFromLibrary(name, 'hospital/key/data', new Map(PARAMETERS[name]));
    engine.check({ name, text });
    assert.ok(decide(text, GOOD).allowed, name);
    assert.ok(!decide(text, GOOD, 'hospital/key/other').allowed, `${name}: another resource`);
    const nothing = { ...GOOD, measurement: OTHER, signer: OTHER, references: [], publishers: [] };
    assert.ok(!decide(text, nothing).allowed, `${name}: another program`);
    if (name.startsWith('enclave')) {
      assert.ok(!decide(text, { ...GOOD, enclave: { ...ENCLAVE, measurement: OTHER, references: [] } }).allowed, `${name}: another program in the right machine`);
      assert.ok(!decide(text, { ...GOOD, enclave: undefined }).allowed, `${name}: a machine that says nothing`);
    }
    if (name.endsWith('-strict') || name.startsWith('enclave')) for (const bad of [{ debug: true }, { simulated: true }, { tcbStatus: 'OutOfDate' }]) assert.ok(!decide(text, { ...GOOD, ...bad }).allowed, `${name} ${JSON.stringify(bad)}`);
  }
  const until = policyFromLibrary('until', 'hospital', new Map(PARAMETERS.until));
  assert.ok(decide(until, GOOD, 'hospital/any/thing').allowed);
  assert.ok(!decide(until, { ...GOOD, now: 1_800_000_000 }).allowed);
  assert.ok(!decide(until, GOOD, 'other/any/thing').allowed);
});

test('parameters cannot smuggle in policy', () => {
  for (const [name, resource, parameters] of [
    ['reference', 'a/b/c" } ; permit(principal,action,resource) when { "1', [['name', 'x']]],
    ['exact-build', 'a/b/c', [['measurement', `${M}" || true || "`]]],
    [
      'signed-by',
      'a/b/c',
      [
        ['signer', M],
        ['product', '1 || true'],
        ['version', '1'],
      ],
    ],
  ] as const)
    assert.throws(() => policyFromLibrary(name, resource, new Map(parameters as unknown as [string, string][])), PolicyError);
  const quoted = policyFromLibrary('reference', 'a/b/c', new Map([['name', 'x") || context.references.contains("']]));
  engine.check({ name: 'q', text: quoted });
  assert.ok(!decide(quoted, { references: [''] }, 'a/b/c').allowed);
});

test('what does not fit the schema is refused when it is set', () => {
  for (const text of [
    '',
    'permit (principal, action, resource',
    'permit (principal, action, resource) when { context.mesurement == "x" };',
    'permit (principal, action, resource) when { context.securityVersion == "2" };',
    'permit (principal == ?principal, action, resource);',
    'permit (principal is Cloister::Owner, action, resource);',
  ])
    assert.throws(() => engine.check({ name: 'p', text }), PolicyError, text);
});

test('a policy that fails while it is evaluated allows nothing, whatever others say', () => {
  const allow = { name: 'allow', text: 'permit (principal, action, resource);' };
  const overflow = { name: 'limit', text: 'forbid (principal, action, resource) when { context.now + 9223372036854775807 > 0 };' };
  const [fine] = runCases(engine, [allow], [{ name: 'c', expect: 'allow', resource: 'a/b/c', context: { now: 1 } }]);
  assert.ok(fine.passed);
  const [failed] = runCases(engine, [allow, overflow], [{ name: 'c', expect: 'deny', resource: 'a/b/c', context: { now: 1 } }]);
  assert.equal(failed.decision.allowed, false);
  assert.match(failed.decision.errors[0], /limit.*overflow/);
  assert.equal(failed.passed, false, 'a case that only fails to evaluate is no pass');
});

test('a refusal names the conditions that did not hold and what the evidence said', () => {
  const text = policyFromLibrary('exact-build-strict', 'hospital/key/data', new Map([['measurement', M]]));
  const { allowed, failed } = decide(text, { ...GOOD, measurement: OTHER, debug: true });
  assert.equal(allowed, false);
  assert.deepEqual(
    failed.map(({ policy, evidence }) => ({ policy, evidence })),
    [
      { policy: 'p', evidence: { measurement: OTHER } },
      { policy: 'p', evidence: { debug: true } },
    ],
  );
  assert.match(failed[0].condition, new RegExp(`context.measurement == "${M}"`));
  assert.match(failed[1].condition, /debug == false/);
  const forbidden = decide('permit (principal, action, resource); forbid (principal, action, resource) when { context.simulated };', { simulated: true });
  assert.match(forbidden.failed[0].condition, /forbidden.*simulated/);
  assert.deepEqual(decide('permit (principal, action, resource == Cloister::Resource::"x/y/z");', GOOD).failed, []);
});

test('cases that are misspelled do not pass', () => {
  for (const json of [
    '',
    '{}',
    '[]',
    '[{"name":"a","expect":"allowed","resource":"a/b/c"}]',
    '[{"name":"a","expect":"deny","resource":"a/b"}]',
    '[{"name":"a","expect":"deny","resource":"a/b/c","contxt":{}}]',
    '[{"name":"a","expect":"deny","resource":"a/b/c","context":{"mesurement":"x"}}]',
  ])
    assert.throws(() => parseCases(json), PolicyError, json);
  const [wrong] = runCases(engine, [{ name: 'p', text: 'permit (principal, action, resource);' }], [{ name: 'a', expect: 'deny', resource: 'a/b/c', context: { now: 'x' as unknown as number } }]);
  assert.equal(wrong.passed, false);
});
