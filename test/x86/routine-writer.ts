/** Writes the code of `routines.ts`: bytes, instructions, frames; which registers have a role, and what executing it all costs at most. */

import type { Mem } from '../../src/x86/index.ts';
import { BIT_TEST, makeCase, type Place } from './cases.ts';
import { DATA_BYTES } from './native.ts';
import type { Source } from './random.ts';
import type { FormsByFamily } from './sequences.ts';

/** How often a family is drawn. */
// biome-ignore format: a table
const WEIGHTS: Readonly<Record<string, number>> = { arith: 12, mov: 7, shift: 3, bit: 1, muldiv: 1, flags: 1, misc: 5, mmx: 1, sse: 1, sse2: 2, sse3: 1, ssse3: 1, sse41: 1, x87: 2 };
const DRAW = Object.entries(WEIGHTS).flatMap(([family, weight]) => new Array<string>(weight).fill(family));
/** They fault on what memory happens to hold, move the stack, or need prepared registers. */
const LEFT_OUT = /^(i?div|ldmxcsr|stmxcsr|xlatb?|maskmov.*|popf|pushf|push|pop|enter|leave|fldcw|fldenv|frstor|fbld|f?xrstor.*)$/;

export const ENOUGH_COST = 3000;
const ENOUGH_STACK = 0x1800;
const TABLE_BYTES = 0x200;
export const RAX = 0,
  RCX = 1,
  RDX = 2,
  RBP = 5;
const RSP = 4;
/** Where `mark` keeps the stack pointer and the address to resume at, and loops their counters. */
export const MARK = 0x80;
const COUNTERS = 0x100;
/** Roles are dealt from these: no instruction uses them implicitly, but for `xlat` and the like, which are left out. */
const ROLES = [3, 5, 8, 9, 10, 11, 12, 13, 14, 15];

export interface Routine {
  readonly address: number;
  readonly cost: number;
  readonly stack: number;
  /** Bytes of arguments that it takes from the stack. */
  readonly takes: number;
  /** Before it reads any. */
  readonly setsFlags: boolean;
}

/** An access that faults, where one was asked for: its instruction. */
export interface Poison {
  readonly address: number;
  readonly next: number;
}

export class Writer {
  readonly bytes: number[] = new Array<number>(TABLE_BYTES).fill(0xcc);
  readonly texts: string[] = [];
  readonly forms: FormsByFamily;
  readonly source: Source;
  readonly place: Place;
  readonly base: number;
  /** Registers that hold pointers into the data, a small index, and what recursion counts with. */
  readonly pointers: readonly number[];
  readonly index: number;
  readonly counter: number;
  x87 = false;
  cost = 0;
  /** How often what is written now is executed. */
  times = 1;
  stack = 0;
  poison: Poison | undefined;
  #poisonAt: number;
  readonly #flagsAfterCalls: boolean;
  #flagsOfCallee = false;
  #tables = 0;
  #counters = 0;
  /** Bytes pushed since the frame was made; -1: no frame. */
  #pushed = 0;
  #frame = 0;
  #hasFramePointer = false;
  /** rbp is for frames, where it has no role: callees keep it. */
  readonly #taken = new Set<number>([RSP, RBP]);
  readonly #framePointer: boolean;

  /** `poisonAfter`: instructions before an access faults. `flagsAfterCalls`: whether flags that a callee left are read. */
  constructor(forms: FormsByFamily, source: Source, place: Place, base: number, poisonAfter: number, flagsAfterCalls: boolean) {
    this.#flagsAfterCalls = flagsAfterCalls;
    this.forms = forms;
    this.source = source;
    this.place = place;
    this.base = base;
    this.#poisonAt = poisonAfter;
    const roles = [...ROLES];
    const deal = (): number => roles.splice(source.below(roles.length), 1)[0];
    this.pointers = [deal(), deal(), deal()].slice(source.below(2));
    this.index = deal();
    this.counter = deal();
    this.#framePointer = roles.includes(RBP);
    for (const register of [...this.pointers, this.index, this.counter]) this.#taken.add(register);
  }

  get here(): number {
    return this.base + this.bytes.length;
  }

  below = (limit: number): number => this.source.below(limit);

  raw(text: string, ...bytes: readonly number[]): void {
    this.bytes.push(...bytes);
    this.texts.push(`${(this.here - bytes.length).toString(16)} ${text}`);
    this.cost += this.times;
  }

  patch(at: number, target: number): void {
    int32(target - (this.base + at + 4)).forEach((byte, n) => {
      this.bytes[at + n] = byte;
    });
  }

  /** A relative jump or call; what `patch` needs. */
  jump(text: string, opcode: readonly number[], target = 0): number {
    this.raw(`${text}${target === 0 ? '' : ` ${target.toString(16)}`}`, ...opcode, 0, 0, 0, 0);
    const at = this.bytes.length - 4;
    if (target !== 0) this.patch(at, target);
    return at;
  }

  jcc(condition: number, target = 0): number {
    return this.jump(`j${condition.toString(16)}`, [0x0f, 0x80 | condition], target);
  }

  /** Absolute addresses of `targets`, read by an indirect jump or call. */
  table(targets: readonly number[]): number {
    const at = this.#tables;
    this.#tables += targets.length * 8;
    targets.forEach((target, n) => this.entry(at + n * 8, target));
    return this.base + at;
  }

  hasTables(count: number): boolean {
    return this.#tables + count * 8 <= TABLE_BYTES;
  }

  entry(at: number, target: number): void {
    [...int32(target), 0, 0, 0, 0].forEach((byte, n) => {
      this.bytes[at + n] = byte;
    });
  }

  move(register: number, value: number): void {
    this.raw(`mov r${register},${value.toString(16)}`, ...rex(0, register), 0xb8 | (register & 7), ...int32(value));
  }

  push(register: number): void {
    this.raw(`push r${register}`, ...rex(0, register), 0x50 | (register & 7));
    this.#pushed += 8;
  }

  pop(register: number): void {
    this.raw(`pop r${register}`, ...rex(0, register), 0x58 | (register & 7));
    this.#pushed -= 8;
  }

  isTaken(register: number): boolean {
    return this.#taken.has(register);
  }

  /** A register for what is left of this routine, or of a loop; `free` gives it back. */
  take(): number | undefined {
    const register = this.source.pick([3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    if (this.#taken.has(register)) return undefined;
    this.#taken.add(register);
    return register;
  }

  free(register: number): void {
    this.#taken.delete(register);
  }

  pointer(): number {
    return this.place.data + DATA_BYTES / 2 + 16 * this.below(16);
  }

  counterAddress(): number {
    return this.place.data + COUNTERS + 8 * this.#counters++;
  }

  /** rsp (and rbp) of a new frame of `size` bytes. */
  enterFrame(size: number): void {
    this.#pushed = 0;
    this.#frame = size;
    if (size > 0 && this.#framePointer && this.below(2) === 0) {
      this.#hasFramePointer = true;
      this.raw('push rbp; mov rbp,rsp', 0x55, 0x48, 0x89, 0xe5);
    }
    if (size > 0) this.raw(`sub rsp,${size}`, 0x48, 0x81, 0xec, ...int32(size));
  }

  leaveFrame(): void {
    if (this.#hasFramePointer) {
      if (this.below(2) === 0) this.raw('leave', 0xc9);
      else this.raw('mov rsp,rbp; pop rbp', 0x48, 0x89, 0xec, 0x5d);
    } else if (this.#frame > 0) {
      // Without the flags, or with new ones.
      if (this.below(2) === 0) this.raw(`lea rsp,[rsp+${this.#frame}]`, 0x48, 0x8d, 0xa4, 0x24, ...int32(this.#frame));
      else this.raw(`add rsp,${this.#frame}`, 0x48, 0x81, 0xc4, ...int32(this.#frame));
    }
    this.#hasFramePointer = false;
    this.#frame = 0;
  }

  #memory = (random: (limit: number) => number, size: number): Mem => {
    const common = { kind: 'mem', segment: undefined, size, index: -1, scale: 1, ripRelative: false, addressSize: 8 } as const;
    const aligned = size === 16 ? 16 : 1;
    const small = (random(256) - 128) & -aligned;
    if (this.cost > this.#poisonAt && this.poison === undefined && size > 0) return { ...common, base: this.source.pick(this.pointers), disp: 0x5000_0000 };
    const kind = random(8);
    if (kind < 2 && this.#frame >= 32 && size <= 8) {
      const at = random(this.#frame - 7);
      return this.#hasFramePointer && random(2) === 0 ? { ...common, base: RBP, disp: at - this.#frame } : { ...common, base: RSP, disp: this.#pushed + at };
    }
    if (kind < 5) return { ...common, base: this.source.pick(this.pointers), disp: small };
    if (kind === 5 && aligned === 1) return { ...common, base: this.source.pick(this.pointers), index: this.index, scale: this.source.pick([1, 2, 4, 8] as const), disp: small };
    const at = (this.place.data + DATA_BYTES / 2 + random(256)) & -aligned;
    return { ...common, base: -1, disp: at, ripRelative: random(3) === 0 };
  };

  /** One instruction of a form; false where the draw was no good. */
  add(form: FormsByFamily[string][number]): boolean {
    const x = makeCase(form, this.source, { ...this.place, pc: this.here }, this.#memory);
    if (x === undefined) return false;
    for (const operand of x.ops) {
      if (operand.kind === 'gpr' && this.#taken.has(operand.index)) return false;
      // Without a size it is an address (`lea`), or hundreds of bytes.
      if (operand.kind === 'mem' && operand.size === 0 && x.mnemonic !== 'lea') return false;
      if (operand.kind === 'mem' && BIT_TEST.test(x.mnemonic) && x.ops[1].kind === 'gpr') return false;
    }
    const address = this.here;
    this.raw(x.text, ...x.bytes);
    this.x87 ||= x.x87;
    if (x.mnemonic !== 'lea' && x.ops.some((operand) => operand.kind === 'mem' && operand.disp === 0x5000_0000)) this.poison = { address, next: this.here };
    return true;
  }

  draw(from: FormsByFamily[string]): FormsByFamily[string][number] {
    for (;;) {
      const form = this.source.pick(from);
      if (this.add(form)) return form;
    }
  }

  /**
   * Before control leaves a function by other ways than `call` and `ret`: flags that a callee has left are not kept over
   * those (docs/divergences.md).
   */
  settleFlags(): void {
    if (this.#flagsOfCallee) this.defineFlags();
  }

  /** A loop may be entered from code that was made apart, which keeps flags of a callee only where all code does. */
  beforeLoop(): void {
    if (!this.#flagsAfterCalls) this.settleFlags();
  }

  defineFlags(): void {
    this.#flagsOfCallee = false;
    this.draw(this.forms.arith.filter((form) => /^(add|sub|cmp)$/.test(form.row.mnemonic)));
  }

  instruction(): void {
    const family = this.source.pick(DRAW);
    const { row } = this.draw(this.forms[family].filter((form) => !LEFT_OUT.test(form.row.mnemonic)));
    if (row.undefinedFlags !== undefined) this.defineFlags();
  }

  /** Reads a register that has a role into one that has none. */
  readRole(): void {
    const from = this.source.pick([...this.pointers, this.index, this.counter]);
    const to = this.source.pick([RAX, RCX, RDX]);
    this.raw(`add r${to},r${from}`, 0x48 | (from >= 8 ? 4 : 0), 0x01, 0xc0 | ((from & 7) << 3) | to);
  }

  /** eax < count, and defined flags. */
  boundedIndex(count: number): void {
    this.raw(`and eax,${count - 1}; cmp eax,${count}`, 0x83, 0xe0, count - 1, 0x83, 0xf8, count);
  }

  fits(routine: Routine): boolean {
    return this.cost + routine.cost * this.times < ENOUGH_COST && routine.stack < ENOUGH_STACK;
  }

  /** From here on the flags are those that a callee left. */
  returned(): void {
    this.#flagsOfCallee = true;
  }

  /** What a call of the routine costs besides the call itself. */
  spend(routine: Routine): void {
    this.returned();
    this.cost += routine.cost * this.times;
    this.stack = Math.max(this.stack, routine.stack);
    if (!this.#flagsAfterCalls) this.settleFlags();
  }
}

const rex = (reg: number, rm: number): number[] => (reg >= 8 || rm >= 8 ? [0x40 | (reg >= 8 ? 4 : 0) | (rm >= 8 ? 1 : 0)] : []);

export function int32(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >> 24) & 0xff];
}
