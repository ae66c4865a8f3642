/**
 * Random programs of several functions: direct and indirect calls, calls through tables, recursion, tail jumps, switches,
 * registers kept over calls, flags that pass through calls and returns, frames, aliases between pointers, frame and
 * absolute addresses, loops with two entries, returns by other means than `ret`, stacks that are abandoned.
 *
 * Callees come first, so that the most instructions that a function executes and the stack that it needs are known when it is
 * called, and a program ends after `ENOUGH_COST` instructions at the latest.
 */

import type { Case, Place } from './cases.ts';
import { CODE_AREA_BYTES, DATA_BYTES } from './native.ts';
import type { Source } from './random.ts';
import { ENOUGH_COST, int32, MARK, type Poison, RAX, RBP, RCX, RDX, type Routine, Writer } from './routine-writer.ts';
import type { FormsByFamily } from './sequences.ts';

type Piece = (w: Writer, callees: readonly Routine[], depth: number) => void;

const skip: Piece = (w, callees, depth) => {
  const at = w.jcc(w.below(16));
  block(w, callees, depth + 1, 3);
  w.patch(at, w.here);
};

const either: Piece = (w, callees, depth) => {
  const toElse = w.jcc(w.below(16));
  block(w, callees, depth + 1, 3);
  const toEnd = w.jump('jmp', [0xe9]);
  w.patch(toElse, w.here);
  block(w, callees, depth + 1, 3);
  w.patch(toEnd, w.here);
};

/** A counter in memory, which calls may share: it only ever ends a loop earlier. May be entered in its middle. */
const loopInMemory: Piece = (w, callees, depth) => {
  const rounds = 2 + w.below(3);
  const address = w.counterAddress();
  w.raw(`mov [${address.toString(16)}],${rounds}`, 0xc7, 0x04, 0x25, ...int32(address), ...int32(rounds));
  w.times *= rounds + 1;
  w.beforeLoop();
  const toMiddle = w.below(4) === 0 ? w.jcc(w.below(16)) : undefined;
  const top = w.here;
  block(w, callees, depth + 1, 3);
  if (toMiddle !== undefined) w.patch(toMiddle, w.here);
  block(w, callees, depth + 1, 2);
  w.raw('dec', 0xff, 0x0c, 0x25, ...int32(address));
  w.jcc(0xf, top);
  w.times /= rounds + 1;
};

/** A counter in a register that nothing inside touches; so no calls inside, but for those around which it is pushed. */
const loopInRegister: Piece = (w, callees, depth) => {
  const register = w.take();
  if (register === undefined) return w.instruction();
  const rounds = 2 + w.below(6);
  w.move(register, rounds);
  w.times *= rounds;
  w.beforeLoop();
  const top = w.here;
  block(w, [], depth + 1, 4);
  if (w.below(3) === 0 && callees.length > 0) {
    w.push(register);
    directCall(w, callees, depth);
    w.pop(register);
  }
  w.raw(`sub r${register},1`, 0x48 | (register >= 8 ? 1 : 0), 0x83, 0xe8 | (register & 7), 1);
  w.jcc(5, top);
  w.times /= rounds;
  w.free(register);
};

const pushed: Piece = (w, callees, depth) => {
  const register = w.source.pick([0, 1, 2, 3, 5, 6, 7, 8, 12, 15]);
  w.push(register);
  block(w, callees, depth + 1, 3);
  // Where it goes to: a register without a role, or its own.
  const to = w.below(2) === 0 ? w.source.pick([RAX, RCX, RDX]) : register;
  w.pop(to === register || ![...w.pointers, w.index, w.counter, RBP].includes(register) ? to : register);
};

/** Flags from before the call, and from within it, are what the next instructions see. */
const directCall: Piece = (w, callees) => {
  const routine = callees.length === 0 ? undefined : w.source.pick(callees);
  if (routine === undefined || !w.fits(routine)) return w.instruction();
  // The callee may look at the caller's flags; not at those that an earlier callee left (docs/divergences.md).
  w.settleFlags();
  for (let at = 0; at < routine.takes; at += 8) w.raw('push imm', 0x6a, w.below(128));
  w.jump('call', [0xe8], routine.address);
  w.spend(routine);
};

const registerCall: Piece = (w, callees) => {
  const routine = callees.length === 0 ? undefined : w.source.pick(callees);
  if (routine === undefined || !w.fits(routine) || routine.takes > 0) return w.instruction();
  w.settleFlags();
  w.move(RDX, routine.address);
  w.raw('call rdx', 0xff, 0xd2);
  w.spend(routine);
};

/** `call [table+rax*8]` over two or four functions. */
const tableCall: Piece = (w, callees) => {
  const plain = callees.filter((routine) => routine.takes === 0 && w.fits(routine));
  const count = w.source.pick([2, 4]);
  if (plain.length === 0 || !w.hasTables(count)) return w.instruction();
  const targets = Array.from({ length: count }, () => w.source.pick(plain));
  w.boundedIndex(count);
  w.raw('call [table+rax*8]', 0xff, 0x14, 0xc5, ...int32(w.table(targets.map(({ address }) => address))));
  w.spend(targets.reduce((a, b) => (a.cost > b.cost ? a : b)));
};

/** A jump through a table of addresses, or of offsets that lies behind the jump, to one of four pieces of code. */
const choice: Piece = (w, callees, depth) => {
  if (!w.hasTables(4)) return w.instruction();
  w.boundedIndex(4);
  const tail = w.jcc(3);
  const byOffset = w.below(2) === 0;
  let table: number;
  if (byOffset) {
    // lea rdx,[rip+11]; movsxd rax,[rdx+rax*4]; add rax,rdx; jmp rax; table
    w.raw('lea rdx,table; movsxd; add; jmp rax', 0x48, 0x8d, 0x15, ...int32(9), 0x48, 0x63, 0x04, 0x82, 0x48, 0x01, 0xd0, 0xff, 0xe0);
    table = w.bytes.length;
    w.bytes.push(...new Array<number>(16).fill(0));
  } else {
    const address = w.table([0, 0, 0, 0]);
    table = address - w.base;
    w.raw('jmp [table+rax*8]', 0xff, 0x24, 0xc5, ...int32(address));
  }
  const ends: number[] = [];
  for (let n = 0; n < 4; n++) {
    if (byOffset) int32(w.here - (w.base + table)).forEach((byte, at) => (w.bytes[table + n * 4 + at] = byte));
    else w.entry(table + n * 8, w.here);
    block(w, callees, depth + 1, 2);
    // The last and sometimes another falls through.
    if (n < 3 && w.below(4) !== 0) ends.push(w.jump('jmp', [0xe9]));
  }
  for (const at of [tail, ...ends]) w.patch(at, w.here);
};

const stringOperation: Piece = (w) => {
  const middle = w.place.data + DATA_BYTES / 2;
  if ([6, 7].some((register) => w.isTaken(register))) return w.instruction();
  w.move(6, middle + w.below(256));
  w.move(7, w.below(2) === 0 ? middle + w.below(256) : middle + 0x800 + w.below(128));
  w.move(RCX, w.below(40));
  w.raw('rep string', w.source.pick([0xf2, 0xf3]), w.source.pick([0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf]));
};

/** rdx below the divisor: the quotient fits, and takes more than 64 bits to compute. */
const division: Piece = (w) => {
  w.raw('mov edx; mov rcx,-1; div rcx', 0xba, ...int32(w.source.u32()), 0x48, 0xc7, 0xc1, 0xff, 0xff, 0xff, 0xff, 0x48, 0xf7, 0xf1);
  w.defineFlags();
};

/** `call` of the next instruction, and a `ret` to an address that was pushed. */
const oddControl: Piece = (w) => {
  if (w.below(2) === 0) {
    // What is called may be known as a function, which sees no flags that an earlier callee left (docs/divergences.md).
    w.settleFlags();
    w.raw('call next; pop rcx', 0xe8, 0, 0, 0, 0, 0x59);
    return;
  }
  // Flags pass to where a `ret` goes only from callee to caller (docs/divergences.md).
  w.raw('push next; ret', 0x68, ...int32(w.here + 6), 0xc3);
  w.defineFlags();
};

const repoint: Piece = (w) => {
  w.move(w.source.pick(w.pointers), w.pointer());
};

// biome-ignore format: a table
const PIECES: readonly (readonly [number, Piece])[] = [
  [3, skip], [2, either], [2, loopInMemory], [2, loopInRegister], [2, pushed], [4, directCall], [1, registerCall], [2, tableCall], [2, choice],
  [1, stringOperation], [1, division], [1, oddControl], [1, repoint], [2, (w) => w.readRole()], [24, (w) => w.instruction()],
];
const DRAW_PIECE = PIECES.flatMap(([weight, piece]) => new Array<Piece>(weight).fill(piece));

function block(w: Writer, callees: readonly Routine[], depth: number, most: number): void {
  const count = 1 + w.below(most);
  for (let n = 0; n < count; n++) {
    const piece = w.source.pick(DRAW_PIECE);
    if (depth > 2 || w.cost > ENOUGH_COST || w.bytes.length > CODE_AREA_BYTES - 0x800) w.instruction();
    else piece(w, callees, depth);
  }
}

/** Saves some registers with roles, gives them other values, and makes a frame; the opposite. */
function prologue(w: Writer): () => void {
  const saved = [...w.pointers, w.index].filter(() => w.below(3) === 0);
  for (const register of saved) w.push(register);
  for (const register of saved) if (w.below(2) === 0) w.move(register, register === w.index ? w.below(4) : w.pointer());
  const size = w.below(3) === 0 ? 0 : 32 + 8 * w.below(8);
  w.enterFrame(size);
  return () => {
    w.leaveFrame();
    for (const register of [...saved].reverse()) w.pop(register);
  };
}

/** How a function ends. */
function finish(w: Writer, callees: readonly Routine[], takes: number): void {
  const kind = w.below(12);
  const plain = callees.filter((routine) => routine.takes === 0 && w.fits(routine));
  if (takes > 0) return w.raw(`ret ${takes}`, 0xc2, takes, 0);
  if (kind < 5) w.settleFlags();
  if (kind === 0) return w.raw('pop rcx; jmp rcx', 0x59, 0xff, 0xe1);
  if (kind === 1) return w.raw('lea rsp,[rsp+8]; jmp [rsp-8]', 0x48, 0x8d, 0x64, 0x24, 8, 0xff, 0x64, 0x24, 0xf8);
  if (kind < 5 && plain.length > 0) {
    const routine = w.source.pick(plain);
    if (kind === 2) w.jump('jmp', [0xe9], routine.address);
    else if (kind === 3 && routine.setsFlags) w.raw('push; ret', 0x68, ...int32(routine.address), 0xc3);
    else w.raw('mov edx; jmp rdx', 0xba, ...int32(routine.address), 0xff, 0xe2);
    w.spend(routine);
    return;
  }
  w.raw('ret', 0xc3);
}

/** Calls itself once or twice per level, the counter saved between. */
function recursive(w: Writer, callees: readonly Routine[]): Routine {
  const twice = w.below(3) === 0;
  const levels = twice ? 2 + w.below(3) : 2 + w.below(24);
  const address = w.here;
  const before = w.cost;
  w.cost = 0;
  w.times = twice ? 2 ** levels : levels;
  w.stack = 0;
  const c = w.counter;
  w.raw(`sub r${c},1`, 0x48 | (c >= 8 ? 1 : 0), 0x83, 0xe8 | (c & 7), 1);
  const out = w.jcc(0xe);
  const restore = prologue(w);
  block(
    w,
    callees.filter((routine) => routine.cost * w.times < 300),
    1,
    5,
  );
  if (twice) {
    w.push(c);
    w.jump('call', [0xe8], address);
    w.pop(c);
    w.defineFlags();
  }
  w.jump('call', [0xe8], address);
  w.returned();
  block(w, [], 1, 3);
  restore();
  w.patch(out, w.here);
  w.raw('ret', 0xc3);
  w.times = 1;
  const made = { address, cost: w.cost, stack: w.stack + levels * 200, takes: 0, setsFlags: true };
  w.cost = before;
  // The entry sets the counter: only it is called by others.
  const entry = w.here;
  w.move(c, levels);
  w.jump('jmp', [0xe9], address);
  w.cost = before;
  return { ...made, address: entry };
}

function routineOf(w: Writer, callees: readonly Routine[], most: number): Routine {
  if (w.below(4) === 0) return recursive(w, callees);
  const address = w.here;
  const takes = w.below(6) === 0 ? 16 : 0;
  w.cost = 0;
  w.stack = 0;
  const restore = prologue(w);
  block(w, callees, 0, most);
  if (w.below(6) === 0) {
    // Leaves all frames behind, up to the last mark.
    const at = w.jcc(w.below(16));
    w.settleFlags();
    w.raw('mov rsp,[mark]; jmp [mark+8]', 0x48, 0x8b, 0x24, 0x25, ...int32(w.place.data + MARK), 0xff, 0x24, 0x25, ...int32(w.place.data + MARK + 8));
    w.patch(at, w.here);
  }
  restore();
  finish(w, callees, takes);
  return { address, cost: w.cost, stack: w.stack + 300, takes, setsFlags: false };
}

export interface RoutinesCase extends Case {
  /** Where functions start; that of the program is the last. */
  readonly functions: readonly number[];
  readonly poison: Poison | undefined;
}

/** How a program differs from any: see `Writer`. */
export type Kind = 'any' | 'faulting' | 'flags as compilers leave them';

/** `undefined` where the program became too long. */
export function makeRoutines(forms: FormsByFamily, source: Source, place: Place, code: number, kind: Kind = 'any'): RoutinesCase | undefined {
  const w = new Writer(forms, source, place, code, kind === 'faulting' ? source.below(60) : Infinity, kind !== 'flags as compilers leave them');
  const callees: Routine[] = [];
  for (let n = 2 + source.below(6); n > 0; n--) callees.push(routineOf(w, callees, 3 + source.below(12)));
  const main = w.here;
  w.cost = 0;
  for (const register of w.pointers) w.move(register, w.pointer());
  w.move(w.index, source.below(4));
  w.move(w.counter, source.below(6));
  for (let n = 1 + source.below(4); n > 0; n--) {
    w.raw('mov [mark],rsp', 0x48, 0x89, 0x24, 0x25, ...int32(place.data + MARK));
    w.raw('mov [mark+8],resume', 0x48, 0xc7, 0x04, 0x25, ...int32(place.data + MARK + 8), 0, 0, 0, 0);
    const resume = w.bytes.length - 4;
    block(w, callees, 0, 4);
    directCall(w, callees, 0);
    int32(w.here).forEach((byte, at) => (w.bytes[resume + at] = byte));
  }
  const entry = [0xe9, ...int32(main - (place.pc + 5))];
  w.settleFlags();
  w.jump('jmp end', [0xe9], place.pc + entry.length);
  if (w.bytes.length > CODE_AREA_BYTES) return undefined;
  return {
    mnemonic: 'routines',
    ops: [],
    bytes: Uint8Array.from(entry),
    code: Uint8Array.from(w.bytes),
    text: `main ${main.toString(16)}: ${w.texts.join('; ')}`,
    at: place.data + DATA_BYTES / 2,
    target: place.target,
    undefinedFlags: 0,
    x87: w.x87,
    poison: w.poison,
    functions: [...callees.map(({ address }) => address), main],
  };
}
