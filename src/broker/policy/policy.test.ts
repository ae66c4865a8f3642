import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeEnclave } from '../../attestation/verifier/enclave.ts';
import { AUTHENTIC, type Policy } from '../../attestation/verifier/index.ts';
import { Findings } from '../../attestation/verifier/verdict.ts';
import { parseCases, runCases } from './cases.ts';
import { PolicyEngine, PolicyError } from './engine.ts';
import { LIBRARY, policyFromLibrary } from './library.ts';

const engine = await PolicyEngine.load();
const M = 'ab'.repeat(48);
const OTHER = 'cd'.repeat(48);
const [HASH, OTHER_HASH] = ['ab'.repeat(32), 'cd'.repeat(32)];
// biome-ignore format: a table
const PARAMETERS: Readonly<Record<string, readonly [string, string][]>> = {
  'exact-build': [['measurement', M]], 'exact-build-strict': [['measurement', M]], 'signed-by': [['signer', M], ['product', '3'], ['version', '2']], 'signed-by-strict': [['signer', M], ['product', '3'], ['version', '2']],
  reference: [['name', 'app']], 'reference-strict': [['name', 'app']], 'published-by': [['publisher', M]], until: [['measurement', M], ['time', '2027-01-01T00:00:00Z']],
  enclave: [['platform', M], ['measurement', M]], 'enclave-reference': [['platform', M], ['name', 'app']],
};
const ENCLAVE = { measurement: M, signer: M, productId: 3, securityVersion: 2, imageKind: 'encrypted', references: ['app'], publishers: [M] };
const GOOD = { tee: 'sgx', enclave: ENCLAVE, measurement: M, signer: M, productId: 3, securityVersion: 2, references: ['app'], publishers: [M], now: 1_700_000_000 };
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
    if (!name.startsWith('signed-by')) for (const tee of ['tdx', 'az-snp-vtpm']) assert.ok(!decide(text, { ...GOOD, tee }).allowed, `${name}: ${tee}, where the measurement is of the firmware`);
    if (name.endsWith('-strict') || name.startsWith('enclave')) for (const bad of [{ debug: true }, { simulated: true }, { tcbStatus: 'OutOfDate' }]) assert.ok(!decide(text, { ...GOOD, ...bad }).allowed, `${name} ${JSON.stringify(bad)}`);
  }
  const until = policyFromLibrary('until', 'hospital', new Map(PARAMETERS.until));
  assert.ok(decide(until, GOOD, 'hospital/any/thing').allowed);
  assert.ok(!decide(until, { ...GOOD, now: 1_800_000_000 }).allowed);
  assert.ok(!decide(until, GOOD, 'other/any/thing').allowed);
});

// biome-ignore format: a table
const REGISTERS = [
  ['tdx',         [['rtmr1', OTHER], ['rtmr2', M]]],
  ['tdx',         [['rtmr0', M], ['rtmr1', M], ['rtmr2', M], ['rtmr3', M]]],
  ['az-snp-vtpm', [['pcr4', HASH]]],
  ['aztdxvtpm',   [['pcr11', HASH], ['pcr7', OTHER_HASH]]],
] as const;

test('where the measurement is of the firmware, ready policies name the registers that the rest is measured into', () => {
  for (const [tee, registers] of REGISTERS) {
    for (const [name, { optional }] of Object.entries(LIBRARY)) {
      const make = () => policyFromLibrary(name, 'hospital/key/data', new Map([...PARAMETERS[name], ...registers]));
      if (!optional.includes(registers[0][0])) {
        assert.throws(make, PolicyError);
        continue;
      }
      engine.check({ name, text: make() });
      const booted = { ...GOOD, tee, ...Object.fromEntries(registers) };
      assert.ok(decide(make(), booted).allowed, `${name} on ${tee}`);
      for (const [register, value] of registers) {
        const { failed, allowed } = decide(make(), { ...booted, [register]: value.replaceAll(/./g, '0') });
        assert.ok(!allowed && failed.some(({ evidence }) => register in evidence), `${name} on ${tee}: another ${register}`);
        assert.ok(!decide(make(), { ...booted, [register]: undefined }).allowed, `${name} on ${tee}: no ${register}`);
      }
      assert.ok(!decide(make(), { ...booted, measurement: OTHER, references: [], publishers: [] }).allowed);
      assert.ok(!decide(make(), { ...booted, tee: 'snp' }).allowed);
    }
  }
  for (const registers of [[['rtmr1', M]], [['rtmr2', M]], [['rtmr0', M]], [['pcr0', HASH]], [['pcr7', HASH]], [['pcr4', M]], [['pcr24', HASH]], [['rtmr1', HASH], ['rtmr2', HASH]], [['rtmr1', M], ['rtmr2', M], ['pcr4', HASH]]] as [string, string][][]) // biome-ignore format: a table
    assert.throws(() => policyFromLibrary('exact-build', 'a', new Map([['measurement', M], ...registers])), PolicyError, JSON.stringify(registers));
});

const MILAN = { product: 'Milan', tee: 'snp', tcbStatus: 'NotPublished', reportedTcb: { bootloader: 4, tee: 0, snp: 22, microcode: 213 } };

test('up to date means something on SEV-SNP: a minimum, or nothing is released', () => {
  const ready = (name: string, snpTcb?: string) => policyFromLibrary(name, 'hospital/key/data', new Map([...PARAMETERS[name], ...(snpTcb === undefined ? [] : [['snpTcb', snpTcb] as const])]));
  const strict = Object.entries(LIBRARY).filter(([name]) => name.endsWith('-strict') || name.startsWith('enclave'));
  assert.equal(strict.length, 5);
  for (const [name] of strict) {
    assert.ok(!decide(ready(name), { ...GOOD, ...MILAN }).allowed, name);
    const text = ready(name, 'Milan,bootloader=4,snp=22,microcode=213');
    engine.check({ name, text });
    assert.ok(decide(text, { ...GOOD, ...MILAN }).allowed, name);
    assert.ok(decide(text, GOOD).allowed, `${name}: others by their status`);
    for (const lower of [{ bootloader: 3 }, { snp: 21 }, { microcode: 212 }]) {
      const { allowed, failed } = decide(text, { ...GOOD, ...MILAN, reportedTcb: { ...MILAN.reportedTcb, ...lower } });
      assert.ok(!allowed && failed.some(({ evidence }) => 'reportedTcb' in evidence), name);
    }
    for (const other of [{ product: 'Genoa' }, { reportedTcb: undefined }, { product: undefined }, { debug: true }]) assert.ok(!decide(text, { ...GOOD, ...MILAN, ...other }).allowed, `${name} ${JSON.stringify(other)}`);
  }
  const turin = ready('exact-build-strict', 'Turin,fmc=1,bootloader=4,tee=1,snp=22,microcode=9');
  engine.check({ name: 'turin', text: turin });
  assert.ok(decide(turin, { ...GOOD, ...MILAN, product: 'Turin', reportedTcb: { ...MILAN.reportedTcb, tee: 1, fmc: 1 } }).allowed);
  assert.ok(!decide(turin, { ...GOOD, ...MILAN, product: 'Turin', reportedTcb: { ...MILAN.reportedTcb, tee: 1 } }).allowed);
  for (const wrong of [
    '',
    'Milan',
    'Milan,snp=22',
    'Naples,bootloader=4,snp=22,microcode=213',
    'Milan,bootloader=4,snp=22,microcode=256',
    'Milan,bootloader=4,snp=22,microcode=1 || true',
    'Milan,bootloader=4,snp=22,snp=1,microcode=213',
    'Milan,bootloader,snp=22,microcode=1',
    'Milan,bootloader=4,snp=22,microcode=2,x=1',
  ])
    assert.throws(() => ready('exact-build-strict', wrong), PolicyError, wrong);
  assert.throws(() => ready('exact-build', 'Milan,bootloader=4,snp=22,microcode=213'), PolicyError);
});

const STATED = `context has enclave && context.enclave.measurement == "${M}"`;
const RTMR = (index: number): string => `context has rtmr${index} && context.rtmr${index} == "${M}"`;

test("an enclave's claims count only where a policy of any form names what states them", () => {
  const registers = { rtmr0: M, rtmr1: M, rtmr2: M, rtmr3: M };
  // biome-ignore format: a table
  const rows: readonly (readonly [tee: string, condition: string, missing: RegExp | 'nothing'])[] = [
    ['tdx', STATED,                                                                                     /measurement/],
    ['tdx', `${STATED} && context.measurement == "${M}"`,                                               /rtmr1 or context\.rtmr2/],
    ['tdx', `${STATED} && ${RTMR(1)}`,                                                                  /measurement/],
    ['tdx', `${STATED} && context.measurement == "${M}" && ${RTMR(0)} && ${RTMR(3)}`,                   /rtmr1 or context\.rtmr2/],
    ['tdx', `${STATED} && context.measurement == "${M}" && context has rtmr1 && context.rtmr1 != "${OTHER}"`, /rtmr1 or context\.rtmr2/],
    ['tdx', `${STATED} && (context.measurement == "${M}" || context.tee == "tdx") && ${RTMR(2)}`,       /measurement/],
    ['tdx', `${STATED} && context.measurement == "${M}" && ${RTMR(1)}`,                                 'nothing'],
    ['tdx', `${STATED} && ["${M}", "${OTHER}"].contains(context.measurement) && ${RTMR(2)}`,            'nothing'],
    ['tdx', `${STATED} && context.references.contains("app") && ${RTMR(2)}`,                            'nothing'],
    ['tdx', `if context.tee == "tdx" then ${STATED} && context.measurement like "abab*" && ${RTMR(2)} else false`, 'nothing'],
    ['tdx', `context.measurement == "${M}" || ${STATED}`,                                               'nothing'],
    ['snp', STATED,                                                                                     /measurement/],
    ['snp', `${STATED} && context.signer == "${M}"`,                                                    /measurement/],
    ['snp', `${STATED} && context.measurement == "${M}"`,                                               'nothing'],
    ['sgx', STATED,                                                                                     /measurement or context\.signer/],
    ['sgx', `${STATED} && context.signer == "${M}"`,                                                    'nothing'],
    ['sgx', `${STATED} && context.measurement == "${M}"`,                                               'nothing'],
    ['sim', STATED,                                                                                     'nothing'],
    ['az-snp-vtpm', `${STATED} && context.measurement == "${M}"`,                                       /names nothing/],
    ['constructor', STATED,                                                                             /names nothing/],
  ];
  for (const [tee, condition, missing] of rows) {
    const { allowed, failed } = decide(`permit (principal, action, resource) when { ${condition} };`, { ...GOOD, tee, ...registers });
    assert.equal(allowed, missing === 'nothing', `${tee}: ${condition}`);
    if (missing !== 'nothing')
      assert.ok(
        failed.some((each) => missing.test(each.condition)),
        JSON.stringify(failed),
      );
  }
  // The statement may also be what a prohibition looks at, and the machine what a principal is.
  assert.ok(decide(`permit (principal, action, resource); forbid (principal, action, resource) when { context has enclave && context.enclave.securityVersion < 2 };`, { ...GOOD, tee: 'tdx' }).allowed);
  assert.ok(decide(`permit (principal == Cloister::Enclave::"${M}", action, resource) when { ${STATED} };`, { ...GOOD, tee: 'snp' }).allowed);
});

test("the broker asks for the same names as the verifier's enclave.platform", () => {
  const attributes = { measurement: 'measurement', signer: 'signer', rtmr0: 'tdx.rtmr0', rtmr1: 'tdx.rtmr1', rtmr2: 'tdx.rtmr2', rtmr3: 'tdx.rtmr3' } as const;
  const names = Object.keys(attributes) as (keyof typeof attributes)[];
  const cloister = { measurement: M, signer: M, productId: 3, securityVersion: 2, debuggable: false, imageKind: 'encrypted' as const };
  for (const tee of ['sgx', 'tdx', 'snp', 'sim'] as const)
    for (let chosen = 0; chosen < 1 << names.length; chosen++) {
      const named = names.filter((_, bit) => ((chosen >> bit) & 1) === 1);
      const findings = new Findings();
      const policy: Policy = { ...AUTHENTIC, 'enclave.measurement': [M], ...Object.fromEntries(named.map((name) => [attributes[name], [M]])) };
      judgeEnclave(tee, { cloister }, undefined, policy, findings);
      const condition = [STATED, ...named.map((name) => (name.startsWith('rtmr') ? `context has ${name} && ` : '') + `context.${name} == "${M}"`)].join(' && ');
      const { allowed } = decide(`permit (principal, action, resource) when { ${condition} };`, { ...GOOD, tee, rtmr0: M, rtmr1: M, rtmr2: M, rtmr3: M });
      assert.equal(allowed, findings.failures.length === 0, `${tee}: ${named.join(', ')}`);
    }
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
