/**
 * Every instruction form against the host CPU: `npm run test:x86`.
 *
 *   --engine interpreter|translator   which engine (default: both)
 *   --family NAME                     one family only
 *   --mnemonic NAME                   one mnemonic only
 *   --cases N                         cases per family (default 10000)
 *   --seed N                          the seed that a failing run printed
 *   --sequences                       only the sequences of instructions
 *   --trace                           names each instruction before it runs (when the host process dies)
 */

import { writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { InterpreterEngine } from '../../src/interpreter/index.ts';
import type { Engine, Executor } from '../../src/kernel/platform.ts';
import { TranslatorEngine } from '../../src/translator/index.ts';
import { CPU, FAMILIES, FORMS } from '../../src/x86/index.ts';
import { initialContext } from '../../src/x86/state.ts';
import type { Form } from '../../src/x86/table.ts';
import { plainBackend } from '../support/plain-memory.ts';
import { type Case, divides, excluded, fillState, makeCase, makeSequence, type State, STATUS } from './cases.ts';
import { differences } from './compare.ts';
import { DATA_BYTES, type Native, openNative } from './native.ts';
import { Source } from './random.ts';

const { values: options } = parseArgs({
  options: { engine: { type: 'string' }, family: { type: 'string' }, mnemonic: { type: 'string' }, cases: { type: 'string', default: '10000' }, seed: { type: 'string' }, sequences: { type: 'boolean', default: false }, trace: { type: 'boolean', default: false } },
});
const seed = options.seed === undefined ? (Math.random() * 2 ** 31) | 0 : Number(options.seed);
const casesPerFamily = Number(options.cases);
/** States per instance. */
const STATES = 20;
const HLT = 0xf4;
/** What of the code page an instance may take, filled up with `hlt`. */
const CODE_BYTES = 0x400;
/** Offset in an FXSAVE image; which bits a CPU has there is its own affair (AMD adds MM). */
const MXCSR_MASK = 28;
const SHOWN = 2;

class Subject {
  readonly name: string;
  readonly executor: Executor;
  readonly #bytes: () => Uint8Array;
  readonly #native: Native;

  constructor(engine: Engine, native: Native) {
    this.name = engine.name;
    const backend = plainBackend(false);
    const memory = backend.create('test');
    memory.mapAnonymous(native.pc & ~0xfff, 0x1000, 7);
    memory.mapAnonymous(native.data, DATA_BYTES, 3);
    this.#bytes = () => memory.bytes;
    this.#native = native;
    this.executor = engine.create(memory, backend, { syscall: () => 1, tick: () => 0 });
  }

  get data(): Uint8Array {
    return this.#bytes().subarray(this.#native.data, this.#native.data + DATA_BYTES);
  }

  place(insn: Uint8Array): void {
    const { pc } = this.#native;
    this.#bytes().fill(HLT, pc, pc + CODE_BYTES);
    this.#bytes().set(insn, pc);
    this.executor.codeChanged(pc, CODE_BYTES);
  }

  /** Where it stopped: the address, and why if not at a `hlt` that was put there. */
  run(state: State, x: Case, end: number): { readonly rip: number; readonly trap: string | undefined } {
    const { cpu } = this.executor;
    cpu.load(CLEAN);
    cpu.u64.set(state.gpr, 0);
    cpu.rflags = state.flags;
    loadFx(cpu, state.fx);
    cpu.rip = this.#native.pc;
    cpu.i32[CPU.fuel / 4] = 1000;
    const trap = this.executor.run();
    const rip = cpu.rip;
    if (trap.kind === 'exception' && trap.name === 'gp' && (rip === end || rip === x.target)) return { rip, trap: undefined };
    return { rip, trap: trap.kind === 'exception' ? `#${trap.name}` : trap.kind === 'fault' ? `fault at ${trap.address.toString(16)}` : trap.kind };
  }
}

const CLEAN = initialContext();

function loadFx(cpu: Executor['cpu'], fx: Uint8Array): void {
  const view = new DataView(fx.buffer, fx.byteOffset, 512);
  const status = view.getUint16(2, true);
  cpu.i32[CPU.x87Control / 4] = view.getUint16(0, true);
  cpu.i32[CPU.x87Status / 4] = status;
  cpu.i32[CPU.x87Tag / 4] = view.getUint8(4);
  cpu.i32[CPU.mxcsr / 4] = view.getInt32(24, true);
  const top = (status >> 11) & 7;
  for (let at = 0; at < 8; at++) cpu.u8.set(fx.subarray(32 + at * 16, 42 + at * 16), CPU.x87 + ((at + top) & 7) * 16);
  cpu.u8.set(fx.subarray(160, 416), CPU.xmm);
}

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
    native.place(x.bytes);
    subject.place(x.bytes);
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
    stopped = subject.run(state, x, end);
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

const labelOf = ({ row }: Form): string => `${row.mnemonic} | ${row.encoding} | ${row.operands}`;
const newTally = (forms: number): Tally => ({ cases: 0, traps: 0, failures: 0, forms, untested: [], failing: new Map() });

function summarize(engine: string, family: string, tally: Tally, left: number, started: number): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${engine.padEnd(12)} ${family.padEnd(9)} ${String(tally.forms).padStart(4)} forms ${String(left).padStart(3)} excluded ${String(tally.cases).padStart(7)} cases ${String(tally.traps).padStart(5)} traps ${String(tally.failures).padStart(6)} differ  ${seconds} s`);
  for (const [label, count] of tally.failing) console.log(`    ${count} × ${label}`);
  for (const label of tally.untested) console.log(`    never ran: ${label}`);
}

/** Several instructions in one block: flags and registers that pass from one to the next, compare and branch. */
function testSequences(subject: Subject, native: Native): boolean {
  const source = new Source(seed ^ 0x5e9);
  const place = { pc: native.pc, target: native.farTarget, data: native.data };
  const forms = Object.fromEntries(Object.entries(FAMILIES).map(([family, rows]) => [family, FORMS.filter((form) => rows.includes(form.row) && excluded(form) === undefined)]));
  const tally = newTally(1);
  const started = performance.now();
  testForm('sequence', () => makeSequence(forms, source, place), 'sequence', casesPerFamily, native, subject, source, tally);
  summarize(subject.name, 'sequence', tally, 0, started);
  return tally.failures > 0 || tally.untested.length > 0;
}

function main(): number {
  const native = openNative();
  if (native === undefined) {
    console.log('test:x86: skipped, this host has no x86-64 CPU to ask (or node:ffi is off)');
    return 0;
  }
  console.log(`test:x86: seed ${seed}, ${casesPerFamily} cases per family (--seed ${seed} repeats this run)`);
  const engines: Engine[] = [];
  if (options.engine !== 'translator') engines.push(new InterpreterEngine({ checkFlags: true }));
  if (options.engine !== 'interpreter') engines.push(new TranslatorEngine());
  const place = { pc: native.pc, target: native.target, data: native.data };
  let failed = false;
  for (const engine of engines) {
    const subject = new Subject(engine, native);
    if (options.family === undefined && options.mnemonic === undefined) failed = testSequences(subject, native) || failed;
    if (options.sequences) continue;
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
  return failed ? 1 : 0;
}

process.exitCode = main();
