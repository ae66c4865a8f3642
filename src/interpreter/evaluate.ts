/** Computes the nodes of one lifted instruction over a register file and guest memory. */

import { assert } from '../base/assert.ts';
import { type Builder, FLAG_IDS, Node, REG_DF, REG_FLAGS_A, REG_FLAGS_B, REG_FLAGS_CODE, REG_FS, REG_GS, REG_XMM } from '../ir/index.ts';
import { type Op, OPS } from '../ops/index.ts';
import { CPU, type CpuState, helperNamed, statusFlags, type TrapKind } from '../x86/index.ts';
import { loaded, stored } from './access.ts';
import { fromF64, F32 } from './float.ts';
import { type Datum, type Evaluate, scalarOperation } from './scalar.ts';
import { type GuestAccess, runString } from './strings.ts';
import { extractLane, replaceLane, shuffle, vectorOperation } from './vector.ts';

const operations = new Map<string, Evaluate>();

/** The function of a pure operation of `OPS`. */
export function operation(op: Op): Evaluate {
  let evaluate = operations.get(op);
  if (evaluate === undefined) {
    evaluate = scalarOperation(op) ?? vectorOperation(op);
    assert(evaluate !== undefined, `the interpreter lacks ${op}`);
    operations.set(op, evaluate);
  }
  return evaluate;
}

export class GuestTrap {
  readonly name: TrapKind;

  constructor(name: TrapKind) {
    this.name = name;
  }
}

/** RFLAGS bit of each flag in the order of `FLAG_IDS`. */
const FLAG_BITS = [0, 2, 4, 6, 7, 11] as const;

export function readRegister(cpu: CpuState, id: number): Datum {
  if (id < 16) return cpu.u64[id];
  if (id >= REG_XMM) return cpu.u8.slice(CPU.xmm + (id - REG_XMM) * 16, CPU.xmm + (id - REG_XMM + 1) * 16);
  switch (id) {
    case REG_FS:
      return cpu.u64[CPU.fsBase / 8];
    case REG_GS:
      return cpu.u64[CPU.gsBase / 8];
    case REG_DF:
      return cpu.i32[CPU.df / 4];
    case REG_FLAGS_CODE:
      return cpu.i32[CPU.flagsCode / 4];
    case REG_FLAGS_A:
      return cpu.u64[CPU.flagsA / 8];
    case REG_FLAGS_B:
      return cpu.u64[CPU.flagsB / 8];
  }
  const flags = statusFlags(cpu.i32[CPU.flagsCode / 4], cpu.u64[CPU.flagsA / 8], cpu.u64[CPU.flagsB / 8]);
  return (flags >> FLAG_BITS[FLAG_IDS.indexOf(id)]) & 1;
}

function writeRegister(cpu: CpuState, id: number, value: Datum): void {
  if (id < 16) cpu.u64[id] = value as bigint;
  else if (id >= REG_XMM) cpu.u8.set(value as Uint8Array, CPU.xmm + (id - REG_XMM) * 16);
  else if (id === REG_FS) cpu.u64[CPU.fsBase / 8] = value as bigint;
  else if (id === REG_GS) cpu.u64[CPU.gsBase / 8] = value as bigint;
  else if (id === REG_DF) cpu.i32[CPU.df / 4] = value as number;
  else if (id === REG_FLAGS_CODE) cpu.i32[CPU.flagsCode / 4] = value as number;
  else if (id === REG_FLAGS_A) cpu.u64[CPU.flagsA / 8] = value as bigint;
  else if (id === REG_FLAGS_B) cpu.u64[CPU.flagsB / 8] = value as bigint;
}

/** The registers that a block reads as they were at its start. */
export function registersRead(block: Builder): readonly Node[] {
  const seen = new Set<Node>();
  const gets: Node[] = [];
  const visit = (node: Node | undefined): void => {
    if (node === undefined || seen.has(node)) return;
    seen.add(node);
    if (node.op === 'reg.get') gets.push(node);
    visit(node.a);
    visit(node.b);
    visit(node.c);
    for (const [, argument] of node.args) visit(argument);
  };
  block.effects.forEach(visit);
  block.defs.forEach(visit);
  const { terminator } = block;
  if ('condition' in terminator) visit(terminator.condition);
  if ('target' in terminator && terminator.target instanceof Node) visit(terminator.target);
  return gets;
}

export class Evaluation {
  readonly #values = new Map<Node, Datum>();
  readonly #cpu: CpuState;
  readonly #guest: GuestAccess;

  constructor(cpu: CpuState, guest: GuestAccess, gets: readonly Node[]) {
    this.#cpu = cpu;
    this.#guest = guest;
    for (const get of gets) this.#values.set(get, readRegister(cpu, get.imm));
  }

  value(node: Node): Datum {
    let value = this.#values.get(node);
    if (value === undefined) {
      value = this.#compute(node);
      this.#values.set(node, value);
    }
    return value;
  }

  #compute(node: Node): Datum {
    assert(!node.isEffect && node.op !== 'reg.get', `${node.op} is used before its place`);
    const { a, b, c } = node;
    switch (node.op) {
      case 'const':
        return constant(node);
      // Both arms, as wasm does.
      case 'select': {
        const [ifTrue, ifFalse] = [this.value(a as Node), this.value(b as Node)];
        return this.value(c as Node) !== 0 ? ifTrue : ifFalse;
      }
      case 'shuffle':
        return shuffle(node.wide as Uint8Array, this.value(a as Node) as Uint8Array, this.value(b as Node) as Uint8Array);
    }
    const op = node.op as Op;
    const first = this.value(a as Node);
    if (OPS[op].kind === 'lane') {
      if (b === undefined) return extractLane(op, node.imm, first as Uint8Array);
      return replaceLane(op, node.imm, first as Uint8Array, this.value(b) as number | bigint);
    }
    const second = b === undefined ? 0 : this.value(b);
    const third = c === undefined ? 0 : this.value(c);
    return operation(op)(first as never, second as never, third as never);
  }

  /** Carries out an effect. */
  perform(node: Node): void {
    const { op } = node;
    if (op === 'helper') return this.#helper(node);
    if (op === 'trapIf') {
      if (this.value(node.a as Node) !== 0) throw new GuestTrap(node.wide as TrapKind);
      return;
    }
    if (op === 'reg.reload') {
      this.#values.set(node, readRegister(this.#cpu, node.imm));
      return;
    }
    const inFile = op.startsWith('cpu.');
    const access = (inFile ? op.slice(4) : op) as Op;
    const { width, kind } = OPS[access];
    if (inFile) {
      const bytes = this.#cpu.u8.subarray(node.imm, node.imm + width);
      if (kind === 'load') this.#values.set(node, loaded(access, bytes));
      else bytes.set(stored(width, this.value(node.a as Node)));
      return;
    }
    const address = (this.value(node.a as Node) as bigint) + BigInt(node.imm);
    if (kind === 'load') this.#values.set(node, loaded(access, this.#guest.read(address, width)));
    else this.#guest.write(address, stored(width, this.value(node.b as Node)));
  }

  #helper(node: Node): void {
    const helper = helperNamed(node.wide as string);
    for (const [id, value] of node.args) writeRegister(this.#cpu, id, this.value(value));
    if (helper.memory === 'string') {
      assert(runString(helper.name, this.#cpu, this.#guest), `the interpreter lacks ${helper.name}`);
      return;
    }
    assert(helper.run !== undefined, `${helper.name} has no body`);
    helper.run(this.#cpu);
  }

  /** Writes the registers as they are at the end. Single flags are in the descriptor. */
  commit(defs: ReadonlyMap<number, Node>): void {
    const values: [number, Datum][] = [];
    for (const [id, node] of defs) if (!FLAG_IDS.includes(id)) values.push([id, this.value(node)]);
    for (const [id, value] of values) writeRegister(this.#cpu, id, value);
  }

  /** The flags one by one against the descriptor that was committed: two ways to compute the same. */
  checkFlags(defs: ReadonlyMap<number, Node>): void {
    for (const [at, id] of FLAG_IDS.entries()) {
      const node = defs.get(id);
      if (node === undefined || !defs.has(REG_FLAGS_CODE)) continue;
      const flags = statusFlags(this.#cpu.i32[CPU.flagsCode / 4], this.#cpu.u64[CPU.flagsA / 8], this.#cpu.u64[CPU.flagsB / 8]);
      assert(this.value(node) === ((flags >> FLAG_BITS[at]) & 1), `flag ${['cf', 'pf', 'af', 'zf', 'sf', 'of'][at]}: thunk and descriptor differ`);
    }
  }
}

function constant(node: Node): Datum {
  switch (node.type) {
    case 'i32':
      return node.imm;
    case 'i64':
      return BigInt.asUintN(64, node.wide as bigint);
    case 'f32':
      return F32.bits(node.imm);
    case 'f64':
      return fromF64(node.imm);
    case 'v128':
      return node.wide as Uint8Array;
  }
}
