/**
 * Random programs of a few dozen instructions: flags and registers that pass from one instruction and one block to
 * the next, branches over code, loops, string instructions and divisions between others.
 *
 * Memory is addressed absolutely, because registers hold anything. Flags that the manual leaves undefined are made
 * defined again before anybody may look.
 */

import type { Form } from '../../src/x86/table.ts';
import { BIT_TEST, type Case, makeCase, type Place } from './cases.ts';
import { DATA_BYTES } from './native.ts';
import type { Source } from './random.ts';

export type FormsByFamily = Readonly<Record<string, readonly Form[]>>;

/** How often a family is drawn. */
// biome-ignore format: a table
const WEIGHTS: Readonly<Record<string, number>> = { arith: 10, mov: 5, stack: 1, shift: 3, bit: 1, muldiv: 1, flags: 1, misc: 7, mmx: 1, sse: 1, sse2: 2, sse3: 1, ssse3: 1, sse41: 1, x87: 2 };
const DRAW = Object.entries(WEIGHTS).flatMap(([family, weight]) => new Array<string>(weight).fill(family));
/** They fault on what memory happens to hold, move the stack far, or need prepared registers. */
const LEFT_OUT = /^(i?div|ldmxcsr|stmxcsr|xlatb?|maskmov.*|popf|enter|leave|fldcw|fldenv|frstor|fbld|f?xrstor.*)$/;
const CONDITIONAL = 0x0f;
/** Bytes of code; what is begun is finished beyond it. */
const ENOUGH = 320;
const COUNTERS = 0x100;

class Program {
  readonly bytes: number[] = [];
  readonly texts: string[] = [];
  readonly #forms: FormsByFamily;
  readonly #source: Source;
  readonly #place: Place;
  #loops = 0;
  x87 = false;

  constructor(forms: FormsByFamily, source: Source, place: Place) {
    this.#forms = forms;
    this.#source = source;
    this.#place = place;
  }

  raw(text: string, ...bytes: readonly number[]): void {
    this.bytes.push(...bytes);
    this.texts.push(text);
  }

  #add(form: Form): boolean {
    const x = makeCase(form, this.#source, { ...this.#place, pc: this.#place.pc + this.bytes.length });
    if (x === undefined) return false;
    for (const operand of x.ops) {
      if (operand.kind === 'gpr' && !operand.high && operand.index === 4) return false;
      if (operand.kind === 'mem' && operand.size > 0 && (operand.base >= 0 || operand.index >= 0)) return false;
      // Without a size it is an address (`lea`), or hundreds of bytes.
      if (operand.kind === 'mem' && operand.size === 0 && x.mnemonic !== 'lea') return false;
    }
    if (BIT_TEST.test(x.mnemonic) && x.ops[0].kind === 'mem' && x.ops[1].kind === 'gpr') return false;
    this.raw(x.text, ...x.bytes);
    this.x87 ||= x.x87;
    return true;
  }

  draw(from: readonly Form[]): Form {
    for (;;) {
      const form = this.#source.pick(from);
      if (this.#add(form)) return form;
    }
  }

  #instruction(): void {
    const family = this.#source.pick(DRAW);
    const { row } = this.draw(this.#forms[family].filter((form) => !LEFT_OUT.test(form.row.mnemonic)));
    if (row.undefinedFlags !== undefined) this.#defineFlags();
  }

  #defineFlags(): void {
    this.draw(this.#forms.arith.filter((form) => /^(add|sub|cmp)$/.test(form.row.mnemonic)));
  }

  /** A conditional jump over some code. */
  #skip(depth: number): void {
    const condition = this.#source.below(16);
    const at = this.bytes.length;
    this.raw(`{ jcc ${condition.toString(16)}`, CONDITIONAL, 0x80 | condition, 0, 0, 0, 0);
    this.fill(1 + this.#source.below(4), depth + 1);
    this.#patch(at + 2, this.bytes.length - (at + 6));
    this.texts.push('}');
  }

  /** Some code two or three times, counted in memory. */
  #loop(depth: number): void {
    const counter = this.#place.data + COUNTERS + 8 * this.#loops++;
    this.raw(`loop { mov [${counter.toString(16)}],n`, 0xc7, 0x04, 0x25, ...int32(counter), ...int32(2 + this.#source.below(2)));
    const top = this.bytes.length;
    this.fill(1 + this.#source.below(5), depth + 1);
    this.raw('dec; jnz }', 0xff, 0x0c, 0x25, ...int32(counter), CONDITIONAL, 0x85, 0, 0, 0, 0);
    this.#patch(this.bytes.length - 4, top - this.bytes.length);
  }

  #string(): void {
    const middle = this.#place.data + DATA_BYTES / 2;
    const [from, to] = [middle + this.#source.below(128), middle + 0x800 + this.#source.below(128)];
    this.raw('mov esi; mov edi; mov ecx', 0xbe, ...int32(from), 0xbf, ...int32(to), 0xb9, ...int32(this.#source.below(40)));
    this.raw('rep string', this.#source.pick([0xf2, 0xf3]), this.#source.pick([0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf]));
  }

  /** rdx below the divisor: the quotient fits, and takes more than 64 bits to compute. */
  #divide(): void {
    this.raw('mov edx; mov rcx,-1; div rcx', 0xba, ...int32(this.#source.u32()), 0x48, 0xc7, 0xc1, 0xff, 0xff, 0xff, 0xff, 0x48, 0xf7, 0xf1);
    this.#defineFlags();
  }

  #patch(at: number, value: number): void {
    int32(value).forEach((byte, n) => {
      this.bytes[at + n] = byte;
    });
  }

  fill(count: number, depth: number): void {
    for (let n = 0; n < count && this.bytes.length < ENOUGH; n++) {
      const kind = this.#source.below(20);
      if (kind < 3 && depth < 3) this.#skip(depth);
      else if (kind === 3 && depth < 2) this.#loop(depth);
      else if (kind === 4) this.#string();
      else if (kind === 5) this.#divide();
      else this.#instruction();
    }
  }
}

function int32(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >> 24) & 0xff];
}

/** One program; most often it ends in a conditional jump to the target. */
export function makeSequence(forms: FormsByFamily, source: Source, place: Place): Case {
  const program = new Program(forms, source, place);
  program.fill(2 + source.below(14), 0);
  if (source.below(4) !== 0) program.draw(forms.control.filter(({ row, map }) => map === 1 && /^j[^mrc]/.test(row.mnemonic)));
  return {
    mnemonic: 'sequence',
    ops: [],
    bytes: Uint8Array.from(program.bytes),
    text: program.texts.join('; '),
    at: place.data + DATA_BYTES / 2,
    target: place.target,
    undefinedFlags: 0,
    x87: program.x87,
  };
}
