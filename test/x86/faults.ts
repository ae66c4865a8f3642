/**
 * Accesses that fault: the operand lies beyond mapped memory, across its end, or in a read-only page. Whatever
 * the instruction, registers, flags and memory must then be as before it, `rip` on it, and the engines agree
 * about which instances fault. No host is asked: a fault there would end this process.
 */

import { PROT_READ, PROT_WRITE, type Engine } from '../../src/kernel/platform.ts';
import { FAMILIES, FORMS } from '../../src/x86/index.ts';
import { type Case, excluded, fillState, makeCase, type Place, type State } from './cases.ts';
import { DATA_BYTES } from './native.ts';
import { Source } from './random.ts';
import { Subject } from './subject.ts';
import { CPU } from '../../src/x86/index.ts';

export interface FaultResult {
  cases: number;
  faults: number;
  readonly failures: string[];
}

/** How far before the end of mapped memory operands may begin. */
const ACROSS = 128;
const JUMP = /^(jmp|call)$/;
/** They move registers with every element, or write in several parts. */
const PARTIAL = /^(movs|cmps|stos|lods|scas|enter|fxsave|fxsave64|fnsave|fnstenv|fstenv|fsave|fxrstor|fxrstor64|frstor)$/;

function snapshot(subject: Subject): Uint8Array {
  return subject.executor.cpu.u8.slice(0, CPU.contextBytes);
}

/** Parts of the register file that a fault may change: `rip`, `fuel`. The flags are compared by value. */
function sameRegisters(a: Uint8Array, b: Uint8Array): string | undefined {
  for (let at = 0; at < CPU.contextBytes; at++) {
    if (a[at] === b[at] || (at >= CPU.rip && at < CPU.rip + 8) || (at >= CPU.flagsCode && at < CPU.df) || (at >= CPU.fuel && at < CPU.fuel + 8)) continue;
    return `byte ${at} of the register file changed`;
  }
  return undefined;
}

export function testFaults(engines: readonly Engine[], place: Place, seed: number, family: string | undefined, mnemonic: string | undefined): FaultResult {
  const result: FaultResult = { cases: 0, faults: 0, failures: [] };
  const subjects = engines.map((engine) => new Subject(engine, place, false));
  for (const subject of subjects) subject.executor.requirePreciseFaults();
  const state: State = { gpr: new BigUint64Array(16), fx: new Uint8Array(512), flags: 0 };
  const data = new Uint8Array(DATA_BYTES);
  for (const [name, rows] of Object.entries(FAMILIES)) {
    if (family !== undefined && family !== name) continue;
    const source = new Source(seed ^ name.length);
    for (const form of FORMS.filter(({ row }) => rows.includes(row) && (mnemonic === undefined || mnemonic === row.mnemonic))) {
      if (excluded(form) !== undefined || /^(i?div|ret)$/.test(form.row.mnemonic)) continue;
      for (const kind of ['beyond', 'across', 'read-only'] as const) {
        // The operand goes to the middle of a data area that is moved so that its middle is the edge.
        const shift = kind === 'read-only' ? 0 : DATA_BYTES / 2 - (kind === 'across' ? ACROSS : 0);
        const moved = { ...place, data: place.data + shift };
        for (let n = 0; n < 6; n++) {
          const x = makeCase(form, source, moved);
          // A jump through a pointer that happens to be mapped goes nowhere in particular.
          if (x === undefined || (kind === 'across' && JUMP.test(x.mnemonic))) continue;
          for (let round = 0; round < 2; round++) {
            fillState(x, name, source, moved, state, data);
            oneCase(x, kind, subjects, state, place, data, result);
          }
        }
      }
    }
  }
  return result;
}

function oneCase(x: Case, kind: string, subjects: readonly Subject[], state: State, place: Place, data: Uint8Array, result: FaultResult): void {
  const wrong = (text: string): void => {
    result.failures.push(`${kind}: ${x.text} ${Buffer.from(x.bytes).toString('hex')}: ${text}`);
  };
  const faults: (number | undefined)[] = [];
  result.cases++;
  for (const subject of subjects) {
    subject.place(x.bytes);
    subject.data.set(data);
    if (kind === 'read-only') subject.memory.protect(place.data, DATA_BYTES, PROT_READ);
    subject.enter(state);
    const before = snapshot(subject);
    const flags = subject.executor.cpu.rflags;
    try {
      const { rip, trap, fault } = subject.run(x, place.pc + x.bytes.length);
      faults.push(fault === undefined ? undefined : 1);
      if (fault === undefined) continue;
      if (rip !== place.pc) wrong(`${subject.name}: ${trap} with rip ${rip.toString(16)}`);
      if (PARTIAL.test(x.mnemonic)) continue;
      const changed = sameRegisters(before, snapshot(subject));
      if (changed !== undefined) wrong(`${subject.name}: ${changed}`);
      if (subject.executor.cpu.rflags !== flags) wrong(`${subject.name}: flags changed`);
      if (Buffer.compare(subject.data, data) !== 0) wrong(`${subject.name}: memory changed`);
    } catch (error) {
      wrong(`${subject.name} throws ${(error as Error).message.slice(0, 200)}`);
    } finally {
      if (kind === 'read-only') subject.memory.protect(place.data, DATA_BYTES, PROT_READ | PROT_WRITE);
    }
  }
  if (faults[0] !== undefined) result.faults++;
  if (faults.length === subjects.length && faults.some((fault) => fault !== faults[0])) wrong(`engines disagree whether it faults (${subjects.map(({ name }, at) => `${name}: ${faults[at] === undefined ? 'no' : 'yes'}`).join(', ')})`);
}
