/**
 * Every instruction form against the host CPU: `npm run test:x86`.
 *
 *   --engine interpreter|translator   which engine (default: both)
 *   --family NAME                     one family only
 *   --mnemonic NAME                   one mnemonic only
 *   --cases N                         cases per family (default 10000)
 *   --seed N                          the seed that a failing run printed
 *   --sequences                       only the sequences of instructions
 *   --routines                        only the programs of several functions
 *   --faults                          only the accesses that fault
 *   --without NAME                    only the translator without an optimisation (src/translator/optimizations.ts)
 *   --trace                           names each instruction before it runs (when the host process dies)
 */

import { writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { InterpreterEngine } from '../../src/interpreter/index.ts';
import type { Engine } from '../../src/kernel/platform.ts';
import { ALL_ON, type Optimization, OPTIMIZATIONS, TranslatorEngine, type Without } from '../../src/translator/index.ts';
import { FAMILIES, FORMS } from '../../src/x86/index.ts';
import type { Form } from '../../src/x86/table.ts';
import { type Case, divides, excluded, fillState, makeCase, type State, STATUS } from './cases.ts';
import { differences } from './compare.ts';
import { testFaults } from './faults.ts';
import { type Native, openNative } from './native.ts';
import { Source } from './random.ts';
import { testRoutineFaults } from './routine-faults.ts';
import { makeRoutines } from './routines.ts';
import { engineWith } from './ahead.ts';
import { type FormsByFamily, makeSequence } from './sequences.ts';
import { Subject } from './subject.ts';
import { replay } from './vectors.ts';

const { values: options } = parseArgs({
  options: {
    engine: { type: 'string' },
    family: { type: 'string' },
    mnemonic: { type: 'string' },
    cases: { type: 'string', default: '10000' },
    seed: { type: 'string' },
    sequences: { type: 'boolean', default: false },
    routines: { type: 'boolean', default: false },
    faults: { type: 'boolean', default: false },
    ahead: { type: 'boolean', default: false },
    without: { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
});
const ways = Object.keys(OPTIMIZATIONS) as Optimization[];
const without = ways.find((name) => name === options.without);
if (options.without !== undefined && without === undefined) {
  console.error(`--without takes one of ${ways.join(', ')}`);
  process.exit(2);
}
const seed = options.seed === undefined ? (Math.random() * 2 ** 31) | 0 : Number(options.seed);
const casesPerFamily = Number(options.cases);
/** States per instance. */
const STATES = 20;
/** Offset in an FXSAVE image; which bits a CPU has there is its own affair (AMD adds MM). */
const MXCSR_MASK = 28;
const SHOWN = 2;

interface Tally {
  cases: number;
  traps: number;
  failures: number;
  forms: number;
  readonly untested: string[];
  readonly failing: Map<string, number>;
}

function testForm(label: string, make: () => Case | undefined, family: string, cases: number, native: Native, subject: Subject, source: Source, tally: Tally): void {
  const place = { pc: native.pc, target: native.target, data: native.data };
  const state: State = { gpr: native.before.gpr, fx: native.before.fx, flags: 0 };
  let ran = 0;
  for (let done = 0, tries = 0; done < cases && tries < 400; ) {
    const x = make();
    if (x === undefined) {
      tries++;
      continue;
    }
    native.place(x.bytes, x.code);
    subject.place(x.bytes, x.code);
    if (options.trace) writeSync(2, `${x.text}  ${Buffer.from(x.bytes).toString('hex')}\n`);
    for (let n = 0; n < STATES; n++, done++) {
      fillState(x, family, source, place, state, native.bytes);
      const outcome = testState(x, state, native, subject);
      tally.cases++;
      if (outcome === 'trap') tally.traps++;
      else ran++;
      if (outcome !== 'trap' && outcome.length > 0) {
        tally.failures++;
        const count = (tally.failing.get(label) ?? 0) + 1;
        tally.failing.set(label, count);
        if (count <= SHOWN) report(x, label, outcome, subject);
        subject.data.set(native.bytes);
      }
    }
  }
  if (ran === 0) tally.untested.push(label);
}

let shownState = '';

/** The differences; `'trap'` where both raise an exception. */
function testState(x: Case, state: State, native: Native, subject: Subject): 'trap' | string[] {
  const end = native.pc + x.bytes.length;
  shownState = describeState(state, x, native);
  subject.data.set(native.bytes);
  const mayDivide = !/^i?div$/.test(x.mnemonic) || divides(x, state, native.bytes, { pc: native.pc, target: native.target, data: native.data });
  let stopped: { readonly rip: number; readonly trap: string | undefined };
  try {
    subject.enter(state);
    stopped = subject.run(x, end);
  } catch (error) {
    return [`the engine throws: ${(error as Error).message.slice(0, 400)}`];
  }
  if (!mayDivide) return stopped.trap === '#de' && stopped.rip === native.pc ? 'trap' : [`#DE expected, got ${stopped.trap ?? 'none'}`];
  if (stopped.trap !== undefined) return [`the engine stops with ${stopped.trap} at ${stopped.rip.toString(16)}`];
  native.setFlags(state.flags);
  const jumped = native.run();
  if (x.mnemonic.startsWith('fxsave')) new DataView(native.bytes.buffer, native.bytes.byteOffset).setUint32(x.at - native.data + MXCSR_MASK, 0xffff, true);
  const found = differences(native, subject.executor.cpu, STATUS & ~x.undefinedFlags);
  const rip = jumped ? x.target : end;
  if (rip !== stopped.rip) found.push(`rip: host ${rip.toString(16)}, engine ${stopped.rip.toString(16)}`);
  if (Buffer.compare(native.bytes, subject.data) !== 0) {
    const at = native.bytes.findIndex((byte, index) => byte !== subject.data[index]);
    const line = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(at, at + 16)).toString('hex');
    found.push(`memory at ${(native.data + at).toString(16)}: host ${line(native.bytes)}, engine ${line(subject.data)}`);
  }
  return found;
}

/** The registers that the instruction's operands name, and the usual implicit ones. */
function describeState(state: State, x: Case, native: Native): string {
  const hex = (value: bigint): string => value.toString(16);
  const gpr = [...state.gpr].map((value, at) => `r${at}=${hex(value)}`).join(' ');
  const xmm = x.ops.flatMap((operand) => (operand.kind === 'xmm' ? [`xmm${operand.index}=${Buffer.from(state.fx.subarray(160 + operand.index * 16, 176 + operand.index * 16)).toString('hex')}`] : []));
  const st = x.x87 ? [`fcw=${Buffer.from(state.fx.subarray(0, 5)).toString('hex')}`, ...[0, 1, 2, 3, 4, 5, 6, 7].map((at) => `st${at}=${Buffer.from(state.fx.subarray(32 + at * 16, 42 + at * 16)).toString('hex')}`)] : [];
  const at = x.at - native.data;
  return `flags=${state.flags.toString(16)} ${gpr}\n      ${[...xmm, ...st].join(' ')} mxcsr=${Buffer.from(state.fx.subarray(24, 28)).toString('hex')} [${x.at.toString(16)}]=${Buffer.from(native.bytes.subarray(at, at + 16)).toString('hex')}`;
}

function report(x: Case, label: string, found: readonly string[], subject: Subject): void {
  console.log(`  ${subject.name}: ${label}\n    ${x.text}   ${Buffer.from(x.bytes).toString('hex')}\n      ${shownState}`);
  for (const line of found.slice(0, 6)) console.log(`      ${line}`);
}

const formsByFamily = (): FormsByFamily => Object.fromEntries(Object.entries(FAMILIES).map(([family, rows]) => [family, FORMS.filter((form) => rows.includes(form.row) && excluded(form) === undefined)]));
const labelOf = ({ row }: Form): string => `${row.mnemonic} | ${row.encoding} | ${row.operands}`;
const newTally = (forms: number): Tally => ({ cases: 0, traps: 0, failures: 0, forms, untested: [], failing: new Map() });

function summarize(engine: string, family: string, tally: Tally, left: number, started: number): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    `${engine.padEnd(12)} ${family.padEnd(9)} ${String(tally.forms).padStart(4)} forms ${String(left).padStart(3)} excluded ${String(tally.cases).padStart(7)} cases ${String(tally.traps).padStart(5)} traps ${String(tally.failures).padStart(6)} differ  ${seconds} s`,
  );
  for (const [label, count] of tally.failing) console.log(`    ${count} × ${label}`);
  for (const label of tally.untested) console.log(`    never ran: ${label}`);
}

/** Random programs: flags and registers that pass from one instruction, one block, one function to the next. */
function testPrograms(kind: 'sequence' | 'routines', subject: Subject, native: Native, cases: number): boolean {
  const source = new Source(seed ^ 0x5e9);
  const place = { pc: native.pc, target: native.farTarget, data: native.data };
  const forms = formsByFamily();
  const tally = newTally(1);
  const started = performance.now();
  testForm(kind, () => (kind === 'sequence' ? makeSequence(forms, source, place) : makeRoutines(forms, source, place, native.code)), kind, cases, native, subject, source, tally);
  summarize(subject.name, kind, tally, 0, started);
  return tally.failures > 0 || tally.untested.length > 0;
}

/** The same translated before it runs: functions of one module call one another in ways of their own. */
function testAhead(native: Native, left: Without, cases: number): boolean {
  const source = new Source(seed ^ 0xa4ead);
  const place = { pc: native.pc, target: native.farTarget, data: native.data };
  const forms = formsByFamily();
  const tally = newTally(1);
  const started = performance.now();
  let stored = 0;
  while (tally.cases < cases) {
    const x = makeRoutines(forms, source, place, native.code, 'flags as compilers leave them');
    if (x === undefined) continue;
    const engine = engineWith(x, native.code, left);
    // Not preempted: see "Flags over returns" in docs/divergences.md, which a preemption makes visible here.
    const subject = new Subject(engine, place, true, undefined, 'ahead');
    testForm('routines', () => x, 'routines', STATES, native, subject, source, tally);
    if (engine.statistics.stored > 0) stored++;
  }
  summarize('ahead', 'routines', tally, 0, started);
  // Code that keeps all flags is not stored.
  const few = !left.has('flags') && stored < tally.cases / STATES / 2;
  if (few) console.log(`    only ${stored} programs ran what was stored`);
  return tally.failures > 0 || tally.untested.length > 0 || few;
}

/** The translator without one of its optimisations. */
function testWithout(name: Optimization, native: Native, cases: number): boolean {
  const place = { pc: native.pc, target: native.target, data: native.data };
  const left = new Set([name]);
  const subject = (preemptions?: Source): Subject => new Subject(new TranslatorEngine(undefined, left), place, true, preemptions, `no ${name}`);
  const recovering = subject();
  recovering.executor.requirePreciseFaults();
  let failed = false;
  for (const each of [recovering, subject(new Source(seed))]) {
    for (const kind of ['sequence', 'routines'] as const) failed = testPrograms(kind, each, native, cases) || failed;
  }
  return testAhead(native, left, cases) || failed;
}

/** Which parts of the run were asked for; all, unless one was named. */
function wants(part: 'sequences' | 'routines' | 'ahead' | 'faults' | 'forms'): boolean {
  const named = options.sequences || options.routines || options.ahead || options.faults;
  if (part === 'forms') return !named;
  return named ? options[part] : (options.family === undefined && options.mnemonic === undefined) || part === 'faults';
}

function main(): number {
  const native = openNative();
  if (native === undefined) {
    console.log('test:x86: no x86-64 CPU to ask here (or node:ffi is off): recorded vectors instead');
    return replay(console.log).differ > 0 ? 1 : 0;
  }
  console.log(`test:x86: seed ${seed}, ${casesPerFamily} cases per family (--seed ${seed} repeats this run)`);
  if (without !== undefined) return testWithout(without, native, casesPerFamily) ? 1 : 0;
  const engines: Engine[] = [];
  if (options.engine !== 'translator') engines.push(new InterpreterEngine({ checkFlags: true }));
  if (options.engine !== 'interpreter') engines.push(new TranslatorEngine());
  const place = { pc: native.pc, target: native.target, data: native.data };
  let failed = false;
  for (const engine of engines) {
    const subject = new Subject(engine, place, true);
    const subjects = [subject];
    if (engine.name === 'translator') {
      // The other code that it makes: with checks before accesses, and registers where a fault handler finds them.
      const careful = new Subject(engine, place, false);
      careful.executor.requirePreciseFaults();
      // Left and entered again at any back-edge or call.
      subjects.push(careful, new Subject(engine, place, true, new Source(seed)));
    }
    for (const each of subjects) {
      if (wants('sequences')) failed = testPrograms('sequence', each, native, casesPerFamily) || failed;
      if (wants('routines')) failed = testPrograms('routines', each, native, casesPerFamily) || failed;
    }
    if (engine.name === 'translator' && (wants('ahead') || wants('routines'))) failed = testAhead(native, ALL_ON, casesPerFamily) || failed;
    if (engine.name === 'translator' && wants('routines')) {
      for (const name of ways) failed = testWithout(name, native, Math.ceil(casesPerFamily / 10)) || failed;
    }
    if (!wants('forms')) continue;
    for (const [family, rows] of Object.entries(FAMILIES)) {
      if (options.family !== undefined && options.family !== family) continue;
      const inFamily = new Set(rows);
      const forms = FORMS.filter((form) => inFamily.has(form.row) && (options.mnemonic === undefined || options.mnemonic === form.row.mnemonic));
      const tested = forms.filter((form) => excluded(form) === undefined);
      if (tested.length === 0) continue;
      const tally = newTally(tested.length);
      const started = performance.now();
      // Each family has its own stream: `--family` repeats what the whole run did.
      const source = new Source(seed ^ [...family].reduce((sum, c) => Math.imul(sum, 31) + c.charCodeAt(0), 7));
      const each = Math.ceil(casesPerFamily / tested.length / STATES) * STATES;
      for (const form of tested) testForm(labelOf(form), () => makeCase(form, source, place), family, each, native, subject, source, tally);
      summarize(engine.name, family, tally, forms.length - tested.length, started);
      if (tally.failures > 0 || tally.untested.length > 0) failed = true;
    }
  }
  if (wants('faults')) {
    const faults = testFaults(engines, place, seed, options.family, options.mnemonic);
    console.log(`faults       ${faults.cases} cases, ${faults.faults} faulted, ${faults.failures.length} wrong`);
    for (const line of faults.failures.slice(0, 12)) console.log(`    ${line}`);
    failed ||= faults.failures.length > 0;
    const [oracle, engine] = engines;
    if (engine !== undefined) {
      const within = testRoutineFaults(oracle, engine, place, seed, Math.ceil(casesPerFamily / 5));
      console.log(`faults in programs: ${within.cases} cases, ${within.faults} faults, ${within.failures.length} wrong`);
      for (const line of within.failures.slice(0, 4)) console.log(`    ${line}`);
      failed ||= within.failures.length > 0 || within.faults === 0;
    }
  }
  return failed ? 1 : 0;
}

process.exitCode = main();
