/**
 * A fault in the middle of a program of several functions: registers, memory and `rip` must be exactly those of the
 * faulting instruction, as a handler for SIGSEGV sees them; and when it has stepped over the instruction, the program must go on
 * from there. The interpreter, which other tests compare with the host, is the oracle.
 */

import type { Engine } from '../../src/kernel/platform.ts';
import { FAMILIES, FORMS } from '../../src/x86/index.ts';
import { excluded, fillState, type Place, type State, STATUS } from './cases.ts';
import { imageOfCpu } from './compare.ts';
import { CODE_AREA, DATA_BYTES } from './native.ts';
import { Source } from './random.ts';
import { makeRoutines, type RoutinesCase } from './routines.ts';
import { Subject } from './subject.ts';

export interface RoutineFaultResult {
  cases: number;
  faults: number;
  readonly failures: string[];
}

const STATES = 4,
  DF = 0x400;
/** Programs whose fault is in a loop meet it again and again. */
const MOST_FAULTS = 50;
const FLAGS_AFTER = 0x85;

interface Stop {
  readonly text: string;
  readonly image: Uint8Array;
  readonly data: Uint8Array;
}

/** Every stop on the way to the end. */
function* stops(subject: Subject, x: RoutinesCase, end: number): Generator<Stop> {
  const { cpu } = subject.executor;
  for (let faults = 0; ; faults++) {
    const { rip, trap, fault } = subject.run(x, end);
    // At a fault, status flags may be those of an earlier instruction (docs/divergences.md); the handler sets them.
    yield {
      text: `${fault === undefined ? (trap ?? 'end') : `fault in page ${(fault >>> 12).toString(16)}`} at ${rip.toString(16)}`,
      image: imageOfCpu(cpu, cpu.rflags & (fault === undefined ? STATUS | DF : DF), false),
      data: subject.data.slice(),
    };
    if (fault === undefined || x.poison === undefined || rip !== x.poison.address || faults === MOST_FAULTS) return;
    cpu.rip = x.poison.next;
    cpu.rflags = (cpu.rflags & DF) | FLAGS_AFTER;
  }
}

/** The parts of `imageOfCpu`. */
const IMAGE = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15', 'flags'];
const hex = (image: Uint8Array, at: number): string =>
  Buffer.from(image.subarray(at & ~7, (at & ~7) + 8))
    .reverse()
    .toString('hex');

function compare(oracle: Stop, stop: Stop | undefined): string | undefined {
  if (stop === undefined) return 'it ends earlier';
  if (stop.text !== oracle.text) return `${stop.text} instead of ${oracle.text}`;
  const register = stop.image.findIndex((byte, at) => byte !== oracle.image[at]);
  if (register >= 0) return `${oracle.text}: ${IMAGE[Math.floor(register / 8)] ?? 'x87 or SSE'}: ${hex(oracle.image, register)} expected, ${hex(stop.image, register)}`;
  const memory = stop.data.findIndex((byte, at) => byte !== oracle.data[at]);
  return memory < 0 ? undefined : `${oracle.text}: memory differs at offset ${memory.toString(16)}`;
}

/** What is before and behind the fault. */
function around({ text, poison }: RoutinesCase): string {
  const at = text.indexOf(`; ${poison?.address.toString(16)} `);
  return text.slice(Math.max(0, at - 300), at + 200);
}

export function testRoutineFaults(oracle: Engine, engine: Engine, place: Place, seed: number, cases: number): RoutineFaultResult {
  const result: RoutineFaultResult = { cases: 0, faults: 0, failures: [] };
  const source = new Source(seed ^ 0xfa17);
  const forms = Object.fromEntries(Object.entries(FAMILIES).map(([family, rows]) => [family, FORMS.filter((form) => rows.includes(form.row) && excluded(form) === undefined)]));
  const subjects = [new Subject(oracle, place, true), new Subject(engine, place, true), new Subject(engine, place, false)];
  for (const { executor } of subjects) executor.requirePreciseFaults();
  const state: State = { gpr: new BigUint64Array(16), fx: new Uint8Array(512), flags: 0 };
  const data = new Uint8Array(DATA_BYTES);
  while (result.cases < cases) {
    const x = makeRoutines(forms, source, place, place.data + CODE_AREA, 'faulting');
    if (x?.poison === undefined) continue;
    for (const subject of subjects) subject.place(x.bytes, x.code);
    for (let n = 0; n < STATES; n++, result.cases++) {
      fillState(x, 'routines', source, place, state, data);
      const [expected, ...others] = subjects.map((subject) => {
        subject.data.set(data);
        subject.enter(state);
        return [...stops(subject, x, place.pc + x.bytes.length)];
      });
      result.faults += expected.length - 1;
      others.forEach((found, at) => {
        const wrong = expected.map((stop, n) => compare(stop, found[n])).find((text) => text !== undefined);
        if (wrong !== undefined) result.failures.push(`${at === 0 ? 'translator' : 'translator with checks'}: ${wrong}\n      ${around(x)}`);
      });
    }
  }
  return result;
}
