/**
 * Lifts one basic block: rows write their meaning here, and it becomes nodes.
 *
 * Registers are values while the block is lifted: the first read makes a `reg.get`, later reads give the node
 * that was last written. `effects` holds what must happen in order (guest memory, register file, helpers,
 * traps); `defs` the registers' values at the end. Everything else hangs below those.
 *
 * Status flags are thunks, forced where somebody reads the flag. The last instruction that set all of them by an
 * addition, subtraction or logical operation is the *record*: conditions fuse with it, and at the end of the
 * block it gives the lazy descriptor of the register file.
 *
 * Use: `lift` each instruction, then `finish`; with the set of registers that are needed at the end, `define`
 * adds the flags to `defs`.
 */

import { assert } from '../base/assert.ts';
import type { LoadOp, Op, StoreOp, Type } from '../ops/index.ts';
import { CPU, type Condition, type Flag, FlagsKind, helperNamed, type Insn, type Lifter, type Mem, type Operand, type TrapKind, type Value } from '../x86/index.ts';
import { constI32, constI64, knownBits, makeOp, plainOp } from './fold.ts';
import { FLAG_IDS, Node, REG_DF, REG_FLAGS_A, REG_FLAGS_B, REG_FLAGS_CODE, REG_FS, REG_GS, REG_XMM, registerType, type Terminator } from './values.ts';

type Width = 1 | 2 | 4 | 8;

/** One flag: its value, or how to get it. */
class LazyFlag {
  #thunk: (() => Node) | undefined;
  #node: Node | undefined;

  constructor(thunk: () => Node) {
    this.#thunk = thunk;
  }

  force(): Node {
    if (this.#node === undefined) {
      this.#node = (this.#thunk as () => Node)();
      this.#thunk = undefined;
    }
    return this.#node;
  }
}

interface FlagsRecord {
  readonly kind: 'add' | 'sub' | 'logic';
  readonly size: Width;
  readonly a: Node;
  readonly b: Node;
  readonly result: Node;
}

const FLAGS: readonly Flag[] = ['cf', 'pf', 'af', 'zf', 'sf', 'of'];
/** Place of each flag in RFLAGS. */
const FLAG_SHIFT = [0, 2, 4, 6, 7, 11] as const;
const LOG2: Record<Width, number> = { 1: 0, 2: 1, 4: 2, 8: 3 };
const SIGNED: Partial<Record<Condition, 'lt' | 'ge' | 'le' | 'gt'>> = { l: 'lt', ge: 'ge', le: 'le', g: 'gt' };
const UNSIGNED: Partial<Record<Condition, 'lt' | 'ge' | 'le' | 'gt'>> = { b: 'lt', ae: 'ge', be: 'le', a: 'gt' };
/** Displacements that may be folded: nothing is mapped below 64 KiB, so an address that wraps faults either way. */
const FOLDABLE = 65536n;

/** Traps in the manual's sense: `rip` is after the instruction (SDM vol. 3 §6.5). */
const AFTER: ReadonlySet<TrapKind> = new Set(['bp', 'db', 'of']);

export class Builder implements Lifter {
  readonly effects: Node[] = [];
  /** Register id to value at the end of the block. */
  readonly defs = new Map<number, Node>();
  /** Every register write in order: for the state before an instruction. */
  readonly #log: (readonly [insn: number, id: number, value: Node])[] = [];
  readonly #current: (Node | undefined)[] = new Array(48).fill(undefined);
  readonly #flags: (LazyFlag | undefined)[] = new Array(6).fill(undefined);
  #record: FlagsRecord | undefined;
  #flagsWritten = 0;
  #insn = 0;
  #pc = 0;
  #next = 0;
  terminator: Terminator = { kind: 'fallthrough' };
  /** Registers read before they are written, as bits: ids 0–31, and 32–47. */
  readsLow = 0;
  /** Further registers (flags) that are read only if flags are needed at the end of the block. */
  flagReads = 0;
  readsHigh = 0;
  writesLow = 0;
  writesHigh = 0;
  readonly #folds: boolean;

  /** `plain`: every operation is a node as it stands, for tests of folding. */
  constructor(style: 'folded' | 'plain' = 'folded') {
    this.#folds = style === 'folded';
  }

  lift(insn: Insn): void {
    // Nothing behind a trap is reached.
    if (this.terminator.kind === 'trap') return;
    this.#insn++;
    this.#pc = insn.pc;
    this.#next = insn.pc + insn.length;
    insn.row.lift(this, insn);
  }

  /** To be called once, after the last instruction: settles what the end of the block reads and writes. */
  finish(): void {
    if (this.#flagsWritten === 0) return;
    if (this.#record === undefined) {
      const before = this.readsLow;
      for (const flag of FLAGS) this.flag(flag);
      this.flagReads = this.readsLow & ~before;
      this.readsLow = before;
    }
    for (let at = 0; at < 6; at++) if ((this.#flagsWritten >> at) & 1) this.writesLow |= 1 << FLAG_IDS[at];
    this.writesLow |= (1 << REG_FLAGS_CODE) | (1 << REG_FLAGS_A) | (1 << REG_FLAGS_B);
  }

  /** Adds the flags among the registers needed at the end (ids 0–31 as bits) to `defs`. */
  define(neededLow: number): void {
    for (let at = 0; at < 6; at++) {
      if ((this.#flagsWritten >> at) & 1 && (neededLow >>> FLAG_IDS[at]) & 1) this.defs.set(FLAG_IDS[at], this.#flag(at));
    }
    if (this.#flagsWritten === 0 || !((neededLow >>> REG_FLAGS_CODE) & 1)) return;
    const record = this.#record;
    if (record === undefined) {
      let word: Node | undefined;
      for (let at = 0; at < 6; at++) {
        const bit = makeOp('i32.shl', this.#flag(at), constI32(FLAG_SHIFT[at]), undefined);
        word = word === undefined ? bit : makeOp('i32.or', word, bit, undefined);
      }
      this.defs.set(REG_FLAGS_CODE, constI32(0));
      this.defs.set(REG_FLAGS_A, this.#wide(word as Node));
      this.defs.set(REG_FLAGS_B, constI64(0n));
      return;
    }
    this.defs.set(REG_FLAGS_CODE, constI32(FlagsKind[record.kind] * 4 + LOG2[record.size]));
    this.defs.set(REG_FLAGS_A, this.#wide(record.kind === 'logic' ? record.result : record.a));
    this.defs.set(REG_FLAGS_B, record.kind === 'logic' ? constI64(0n) : this.#wide(record.b));
  }

  #wide(node: Node): Node {
    return node.type === 'i64' ? node : makeOp('i64.extend_i32_u', node, undefined, undefined);
  }

  /** Registers written by instructions before that of an effect. */
  definedBefore(effect: Node): Map<number, Node> {
    const defined = new Map<number, Node>();
    for (const [insn, id, value] of this.#log) {
      if (insn >= effect.insn) break;
      defined.set(id, value);
    }
    return defined;
  }

  // Values

  i32(value: number): Node {
    return constI32(value);
  }

  i64(value: bigint | number): Node {
    return constI64(BigInt(value));
  }

  f32(value: number): Node {
    return new Node('const', 'f32', undefined, undefined, undefined, value, undefined);
  }

  f64(value: number): Node {
    return new Node('const', 'f64', undefined, undefined, undefined, value, undefined);
  }

  v128(bytes: readonly number[]): Node {
    return new Node('const', 'v128', undefined, undefined, undefined, 0, Uint8Array.from(bytes));
  }

  op(op: Op, a: Value, b?: Value, c?: Value): Node {
    return this.#folds ? makeOp(op, a as Node, b as Node | undefined, c as Node | undefined) : plainOp(op, a as Node, b as Node | undefined, c as Node | undefined);
  }

  lane(op: Op, lane: number, a: Value, b?: Value): Node {
    const type: Type = /replace/.test(op) ? 'v128' : (LANE_RESULT[op.slice(0, 5)] ?? 'i32');
    return new Node(op, type, a as Node, b as Node | undefined, undefined, lane, undefined);
  }

  shuffle(indices: readonly number[], a: Value, b: Value): Node {
    return new Node('shuffle', 'v128', a as Node, b as Node, undefined, 0, Uint8Array.from(indices));
  }

  select(condition: Value, ifTrue: Value, ifFalse: Value): Node {
    const test = condition as Node;
    if (test.op === 'const') return (test.imm !== 0 ? ifTrue : ifFalse) as Node;
    if (ifTrue === ifFalse) return ifTrue as Node;
    // Operands in wasm's order: the condition comes last.
    return new Node('select', ifTrue.type, ifTrue as Node, ifFalse as Node, test, 0, undefined);
  }

  // Effects

  #effect(node: Node): Node {
    node.isEffect = true;
    node.pc = this.#pc;
    node.insn = this.#insn;
    this.effects.push(node);
    return node;
  }

  load(op: LoadOp, address: Value): Node {
    const { base, offset } = foldAddress(address as Node);
    return this.#effect(new Node(op, LOAD_TYPE(op), base, undefined, undefined, offset, undefined));
  }

  store(op: StoreOp, address: Value, value: Value): void {
    const { base, offset } = foldAddress(address as Node);
    this.#effect(new Node(op, undefined as unknown as Type, base, value as Node, undefined, offset, undefined));
  }

  cpuLoad(op: LoadOp, offset: number): Node {
    return this.#effect(new Node(`cpu.${op}`, LOAD_TYPE(op), undefined, undefined, undefined, offset, undefined));
  }

  cpuStore(op: StoreOp, offset: number, value: Value): void {
    this.#effect(new Node(`cpu.${op}`, undefined as unknown as Type, value as Node, undefined, undefined, offset, undefined));
  }

  helper(name: string): void {
    const { reads, writes } = helperNamed(name);
    const node = new Node('helper', undefined as unknown as Type, undefined, undefined, undefined, 0, name);
    const args: [number, Node][] = [];
    for (let id = 0; id < 16; id++) if ((reads >> id) & 1) args.push([id, this.#get(id)]);
    // String instructions look at the direction flag.
    if (helperNamed(name).memory === 'string') args.push([REG_DF, this.#get(REG_DF)]);
    node.args = args;
    this.#effect(node);
    for (let id = 0; id < 16; id++) {
      if ((writes >> id) & 1) this.#set(id, this.#effect(new Node('reg.reload', 'i64', undefined, undefined, undefined, id, undefined)));
    }
  }

  // Registers

  #get(id: number): Node {
    let node = this.#current[id];
    if (node === undefined) {
      node = new Node('reg.get', registerType(id), undefined, undefined, undefined, id, undefined);
      this.#current[id] = node;
      if (id < 32) this.readsLow |= 1 << id;
      else this.readsHigh |= 1 << (id - 32);
    }
    return node;
  }

  #set(id: number, value: Node): void {
    assert(value.type === registerType(id), `register ${id} takes ${registerType(id)}, not ${value.type}`);
    this.#current[id] = value;
    this.defs.set(id, value);
    this.#log.push([this.#insn, id, value]);
    if (id < 32) this.writesLow |= 1 << id;
    else this.writesHigh |= 1 << (id - 32);
  }

  readGpr(index: number): Node {
    return this.#get(index);
  }

  writeGpr(index: number, value: Value): void {
    this.#set(index, value as Node);
  }

  readXmm(index: number): Node {
    return this.#get(REG_XMM + index);
  }

  writeXmm(index: number, value: Value): void {
    this.#set(REG_XMM + index, value as Node);
  }

  readDf(): Node {
    return this.#get(REG_DF);
  }

  writeDf(value: Value): void {
    this.#set(REG_DF, value as Node);
  }

  readSegmentBase(segment: 'fs' | 'gs'): Node {
    return this.#get(segment === 'fs' ? REG_FS : REG_GS);
  }

  writeSegmentBase(segment: 'fs' | 'gs', value: Value): void {
    this.#set(segment === 'fs' ? REG_FS : REG_GS, value as Node);
  }

  // Operands

  address(mem: Mem): Node {
    let address: Node | undefined = mem.base >= 0 ? this.#get(mem.base) : undefined;
    if (mem.index >= 0) {
      const scaled = makeOp('i64.shl', this.#get(mem.index), constI64(BigInt(LOG2[mem.scale])), undefined);
      address = address === undefined ? scaled : makeOp('i64.add', address, scaled, undefined);
    }
    const disp = constI64(BigInt(mem.disp));
    address = address === undefined ? disp : makeOp('i64.add', address, disp, undefined);
    if (mem.addressSize === 4) address = this.#wide(makeOp('i32.wrap_i64', address, undefined, undefined));
    if (mem.segment !== undefined) address = makeOp('i64.add', this.readSegmentBase(mem.segment), address, undefined);
    return address;
  }

  read(operand: Operand): Node {
    switch (operand.kind) {
      case 'gpr': {
        const whole = this.#get(operand.index);
        if (operand.size === 8) return whole;
        if (operand.high) {
          const shifted = makeOp('i32.shr_u', makeOp('i32.wrap_i64', whole, undefined, undefined), constI32(8), undefined);
          return makeOp('i32.and', shifted, constI32(0xff), undefined);
        }
        const low = makeOp('i32.wrap_i64', whole, undefined, undefined);
        return operand.size === 4 ? low : makeOp('i32.and', low, constI32(operand.size === 2 ? 0xffff : 0xff), undefined);
      }
      case 'mem': {
        const op = READ[operand.size];
        assert(op !== undefined, `no plain read of ${operand.size} bytes`);
        return this.load(op, this.address(operand));
      }
      case 'imm': {
        if (operand.size === 8) return constI64(operand.value);
        const value = Number(BigInt.asUintN(operand.size * 8, operand.value));
        return constI32(value);
      }
      case 'xmm':
        return this.readXmm(operand.index);
      case 'mmx':
        return this.cpuLoad('i64.load', CPU.x87 + operand.index * 16);
      default:
        throw new Error(`operand ${operand.kind} has no plain value`);
    }
  }

  write(operand: Operand, value: Value): void {
    const node = value as Node;
    switch (operand.kind) {
      case 'gpr': {
        if (operand.size === 8) return this.#set(operand.index, node);
        if (operand.size === 4) return this.#set(operand.index, this.#wide(node));
        const shift = operand.high ? 8 : 0;
        const mask = operand.size === 2 ? 0xffffn : 0xffn;
        const kept = makeOp('i64.and', this.#get(operand.index), constI64(~(mask << BigInt(shift))), undefined);
        const clean = knownBits(node) <= operand.size * 8 ? node : makeOp('i32.and', node, constI32(Number(mask)), undefined);
        const placed = makeOp('i64.shl', this.#wide(clean), constI64(BigInt(shift)), undefined);
        return this.#set(operand.index, makeOp('i64.or', kept, placed, undefined));
      }
      case 'mem': {
        const address = this.address(operand);
        if (node.type === 'v128' && operand.size < 16) {
          if (operand.size === 8) return this.store('i64.store', address, this.lane('i64x2.extract_lane', 0, node));
          return this.store('i32.store', address, this.lane('i32x4.extract_lane', 0, node));
        }
        const op = (node.type === 'i32' || node.type === 'i64' ? WRITE[operand.size] : `${node.type}.store`) as StoreOp;
        return this.store(op, address, node);
      }
      case 'xmm':
        return this.writeXmm(operand.index, node);
      case 'mmx':
        return this.cpuStore('i64.store', CPU.x87 + operand.index * 16, node);
      default:
        throw new Error(`operand ${operand.kind} cannot be written plainly`);
    }
  }

  // Flags

  #flag(at: number): Node {
    const lazy = this.#flags[at];
    return lazy === undefined ? this.#get(FLAG_IDS[at]) : lazy.force();
  }

  flag(flag: Flag): Node {
    return this.#flag(FLAGS.indexOf(flag));
  }

  flagLater(flag: Flag): () => Node {
    const at = FLAGS.indexOf(flag);
    const lazy = this.#flags[at];
    return lazy === undefined ? () => this.#get(FLAG_IDS[at]) : () => lazy.force();
  }

  setFlag(flag: Flag, value: () => Value): void {
    const at = FLAGS.indexOf(flag);
    this.#flags[at] = new LazyFlag(value as () => Node);
    this.#flagsWritten |= 1 << at;
    this.#record = undefined;
  }

  flagsAdd(size: Width, a: Value, b: Value, result: Value): void {
    this.#setRecord({ kind: 'add', size, a: a as Node, b: b as Node, result: result as Node });
  }

  flagsSub(size: Width, a: Value, b: Value, result: Value): void {
    this.#setRecord({ kind: 'sub', size, a: a as Node, b: b as Node, result: result as Node });
  }

  flagsLogic(size: Width, result: Value): void {
    this.#setRecord({ kind: 'logic', size, a: result as Node, b: result as Node, result: result as Node });
  }

  #setRecord(record: FlagsRecord): void {
    const { kind, size, a, b, result } = record;
    const zero = (): Node => constI32(0);
    this.setFlag('zf', () => this.#isZero(result));
    this.setFlag('sf', () => this.#sign(size, result));
    this.setFlag('pf', () => this.#parity(result));
    if (kind === 'logic') {
      this.setFlag('cf', zero);
      this.setFlag('of', zero);
      this.setFlag('af', zero);
    } else {
      const t = result.type === 'i64' ? 'i64' : 'i32';
      this.setFlag('cf', () => (kind === 'add' ? makeOp(`${t}.lt_u`, result, a, undefined) : makeOp(`${t}.lt_u`, a, b, undefined)));
      this.setFlag('af', () => {
        const mixed = this.#low(makeOp(`${t}.xor`, makeOp(`${t}.xor`, a, b, undefined), result, undefined));
        return makeOp('i32.and', makeOp('i32.shr_u', mixed, constI32(4), undefined), constI32(1), undefined);
      });
      this.setFlag('of', () => {
        const changed = makeOp(`${t}.xor`, a, result, undefined);
        const other = kind === 'add' ? makeOp(`${t}.xor`, b, result, undefined) : makeOp(`${t}.xor`, a, b, undefined);
        return this.#sign(size, makeOp(`${t}.and`, changed, other, undefined));
      });
    }
    this.#record = record;
  }

  #low(node: Node): Node {
    return node.type === 'i64' ? makeOp('i32.wrap_i64', node, undefined, undefined) : node;
  }

  #isZero(node: Node): Node {
    return makeOp(node.type === 'i64' ? 'i64.eqz' : 'i32.eqz', node, undefined, undefined);
  }

  #sign(size: Width, node: Node): Node {
    if (size === 8) return makeOp('i64.lt_s', node, constI64(0n), undefined);
    if (size === 4) return makeOp('i32.shr_u', node, constI32(31), undefined);
    return makeOp('i32.and', makeOp('i32.shr_u', node, constI32(size * 8 - 1), undefined), constI32(1), undefined);
  }

  #parity(node: Node): Node {
    const low = makeOp('i32.and', this.#low(node), constI32(0xff), undefined);
    const odd = makeOp('i32.and', makeOp('i32.popcnt', low, undefined, undefined), constI32(1), undefined);
    return makeOp('i32.xor', odd, constI32(1), undefined);
  }

  condition(code: Condition): Node {
    const fused = this.#record === undefined ? undefined : this.#fused(this.#record, code);
    if (fused !== undefined) return fused;
    const not = (node: Node): Node => makeOp('i32.eqz', node, undefined, undefined);
    const xor = (): Node => makeOp('i32.xor', this.flag('sf'), this.flag('of'), undefined);
    switch (code) {
      case 'o':
        return this.flag('of');
      case 'no':
        return not(this.flag('of'));
      case 'b':
        return this.flag('cf');
      case 'ae':
        return not(this.flag('cf'));
      case 'e':
        return this.flag('zf');
      case 'ne':
        return not(this.flag('zf'));
      case 'be':
        return makeOp('i32.or', this.flag('cf'), this.flag('zf'), undefined);
      case 'a':
        return not(makeOp('i32.or', this.flag('cf'), this.flag('zf'), undefined));
      case 's':
        return this.flag('sf');
      case 'ns':
        return not(this.flag('sf'));
      case 'p':
        return this.flag('pf');
      case 'np':
        return not(this.flag('pf'));
      case 'l':
        return xor();
      case 'ge':
        return not(xor());
      case 'le':
        return makeOp('i32.or', this.flag('zf'), xor(), undefined);
      case 'g':
        return not(makeOp('i32.or', this.flag('zf'), xor(), undefined));
    }
  }

  /** The condition as one comparison of the operands that set the flags, where there is one. */
  #fused({ kind, size, a, b, result }: FlagsRecord, code: Condition): Node | undefined {
    const t = size === 8 ? 'i64' : 'i32';
    const zero = size === 8 ? constI64(0n) : constI32(0);
    if (code === 'e' || code === 'ne') {
      if (kind === 'sub') return makeOp(`${t}.${code === 'e' ? 'eq' : 'ne'}`, a, b, undefined);
      return code === 'e' ? this.#isZero(result) : makeOp(`${t}.ne`, result, zero, undefined);
    }
    if (code === 's' || code === 'ns') return makeOp(`${t}.${code === 's' ? 'lt' : 'ge'}_s`, this.#signed(size, result), zero, undefined);
    const signed = SIGNED[code];
    if (signed !== undefined) {
      if (kind === 'sub') return makeOp(`${t}.${signed}_s`, this.#signed(size, a), this.#signed(size, b), undefined);
      if (kind === 'logic') return makeOp(`${t}.${signed}_s`, this.#signed(size, result), zero, undefined);
      return undefined;
    }
    const unsigned = UNSIGNED[code];
    if (unsigned !== undefined && kind === 'sub') return makeOp(`${t}.${unsigned}_u`, a, b, undefined);
    return undefined;
  }

  #signed(size: Width, node: Node): Node {
    if (size === 1) return makeOp('i32.extend8_s', node, undefined, undefined);
    return size === 2 ? makeOp('i32.extend16_s', node, undefined, undefined) : node;
  }

  // Control

  jump(target: number | Value): void {
    this.terminator = typeof target === 'number' ? { kind: 'jump', target } : { kind: 'jumpIndirect', target: target as Node };
  }

  branch(condition: Value, target: number): void {
    this.terminator = { kind: 'branch', condition: condition as Node, target };
  }

  call(target: number | Value): void {
    const top = makeOp('i64.add', this.#get(4), constI64(-8n), undefined);
    this.store('i64.store', top, constI64(BigInt(this.#next)));
    this.#set(4, top);
    this.terminator = { kind: 'call', target: target as number | Node };
  }

  ret(extraBytes: number): void {
    const top = this.#get(4);
    const target = this.load('i64.load', top);
    this.#set(4, makeOp('i64.add', top, constI64(BigInt(8 + extraBytes)), undefined));
    this.terminator = { kind: 'return', target, extraBytes };
  }

  syscall(): void {
    this.terminator = { kind: 'syscall' };
  }

  trap(kind: TrapKind): void {
    this.terminator = { kind: 'trap', trap: kind, pc: AFTER.has(kind) ? this.#next : this.#pc };
  }

  trapIf(condition: Value, kind: TrapKind): void {
    const test = condition as Node;
    if (test.op === 'const' && test.imm === 0) return;
    this.#effect(new Node('trapIf', undefined as unknown as Type, test, undefined, undefined, 0, kind));
  }
}

const READ: Record<number, LoadOp> = { 1: 'i32.load8_u', 2: 'i32.load16_u', 4: 'i32.load', 8: 'i64.load', 16: 'v128.load' };
const WRITE: Record<number, StoreOp> = { 1: 'i32.store8', 2: 'i32.store16', 4: 'i32.store', 8: 'i64.store' };
const LANE_RESULT: Record<string, Type> = { i8x16: 'i32', i16x8: 'i32', i32x4: 'i32', i64x2: 'i64', f32x4: 'f32', f64x2: 'f64' };

function LOAD_TYPE(op: LoadOp): Type {
  return op.slice(0, op.indexOf('.')) as Type;
}

function foldAddress(address: Node): { base: Node; offset: number } {
  if (address.op === 'i64.add' && (address.b as Node).op === 'const') {
    const value = (address.b as Node).wide as bigint;
    if (value >= 0n && value < FOLDABLE) return { base: address.a as Node, offset: Number(value) };
  }
  return { base: address, offset: 0 };
}
