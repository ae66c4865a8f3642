/**
 * The runtime module: the code that every address space has beside its units — the outer loop, the slow path
 * of a dispatch, loop re-entry, and the string instructions. It is the same bytes for all, so V8 compiles it
 * once.
 */

import type { Op } from '../ops/index.ts';
import { FunctionBody, ModuleBuilder } from '../wasm/index.ts';
import { allHelpers, CPU, FlagsKind, RAX, RCX, RDI, RSI, RSP } from '../x86/index.ts';
import { type AccessEmitter, accessEmitter } from './access.ts';
import { CPU_MEMORY, CPU_PAGES, GO_ON, HASH_FACTOR, LEFT, LOOP_FUEL, MAX_DEPTH, SLOT_BITS, SLOTS, TAGS, TO_EXECUTOR } from './layout.ts';

const LOAD: Record<number, Op> = { 1: 'i64.load8_u', 2: 'i64.load16_u', 4: 'i64.load32_u', 8: 'i64.load' };
const STORE: Record<number, Op> = { 1: 'i64.store8', 2: 'i64.store16', 4: 'i64.store32', 8: 'i64.store' };
const SIZES = [1, 2, 4, 8] as const;

/** Imports the memories and the code table, in the order of `layout.ts`. */
export function importSpace(m: ModuleBuilder, checked: boolean): void {
  // No initial pages: a constant address within them would be compiled without a trap, and kill the host where it is protected.
  m.importMemory('e', 'guest', { initial: 0, maximum: 262144, wide: true });
  m.importMemory('e', 'cpu', { initial: CPU_PAGES, maximum: CPU_PAGES });
  if (checked) m.importMemory('e', 'permissions', { initial: 64 });
  m.importTable('e', 'code', { initial: SLOTS });
}

export function runtimeModule(checked: boolean): { bytes: Uint8Array; names: string[] } {
  const m = new ModuleBuilder();
  const unit = m.type(['i32'], ['i64', 'i64']);
  const toI32 = m.type([], ['i32']);
  const toVoid = m.type([], []);
  const resolve = m.importFunction('e', 'resolve', toI32);
  const tick = m.importFunction('e', 'tick', toI32);
  importSpace(m, checked);
  const access = accessEmitter(checked);

  m.exportFunction('enter', m.function(toI32, enter(access, unit, resolve)));
  m.exportFunction('dispatch', m.function(unit, dispatch(unit, resolve)));
  m.exportFunction('reenter', m.function(unit, reenter(unit, resolve, tick)));
  const names: string[] = [];
  const helper = (name: string, body: FunctionBody): void => {
    m.exportFunction(name, m.function(toVoid, body));
    names.push(name);
  };
  for (const size of SIZES) {
    helper(`rep_movs${size}`, repMovs(access, size));
    helper(`rep_stos${size}`, repStos(access, size));
    helper(`rep_lods${size}`, repLods(access, size));
    for (const repeatWhile of ['repe', 'repne'] as const) {
      helper(`${repeatWhile}_cmps${size}`, repCompare(access, size, repeatWhile, 'cmps'));
      helper(`${repeatWhile}_scas${size}`, repCompare(access, size, repeatWhile, 'scas'));
    }
  }
  helper('materialize_flags', materializeFlags());
  return { bytes: m.finish().bytes, names };
}

/** Every function that units may import beside the fixed ones. Sorted, for deterministic modules. */
export function allHelperNames(checked: boolean): string[] {
  return [...new Set([...runtimeModule(checked).names, ...[...allHelpers()].filter(({ run }) => run !== undefined).map(({ name }) => name)])].sort();
}

/** Leaves the slot of the pc in a local on the stack. */
export function hash(b: FunctionBody, pc: number): void {
  b.localGet(pc);
  b.op('i32.wrap_i64');
  b.i32(HASH_FACTOR);
  b.op('i32.mul');
  b.i32(32 - SLOT_BITS);
  b.op('i32.shr_u');
}

/** i32 on the stack: does the tag of `slot` say `pc`? */
function tagMatches(b: FunctionBody, slot: number, pc: number): void {
  b.localGet(slot);
  b.i32(3);
  b.op('i32.shl');
  b.memory('i64.load', TAGS, CPU_MEMORY);
  b.localGet(pc);
  b.op('i64.eq');
}

/** Runs units until one leaves for the executor: returns 0, or 1 where there is no unit for `rip`. */
function enter(access: AccessEmitter, unit: number, resolve: number): FunctionBody {
  const b = new FunctionBody(0);
  const pc = b.local('i64');
  const slot = b.local('i32');
  const rsp = b.local('i64');
  const rax = b.local('i64');
  const again = b.loop();
  b.i32(0);
  b.memory('i64.load', CPU.rip, CPU_MEMORY);
  b.localSet(pc);
  hash(b, pc);
  b.localSet(slot);
  tagMatches(b, slot, pc);
  b.op('i32.eqz');
  b.if();
  b.call(resolve);
  b.localTee(slot);
  b.i32(0);
  b.op('i32.lt_s');
  b.if();
  b.i32(1);
  b.return();
  b.end();
  b.end();
  b.i32(MAX_DEPTH);
  b.localGet(slot);
  b.callIndirect(unit);
  b.localSet(rax);
  b.localTee(rsp);
  b.i64(LEFT);
  b.op('i64.eq');
  b.if();
  b.localGet(rax);
  b.i64(GO_ON);
  b.op('i64.eq');
  b.brIf(again);
  b.i32(0);
  b.return();
  b.end();
  for (const [offset, local] of [
    [RSP * 8, rsp],
    [RAX * 8, rax],
  ] as const) {
    b.i32(0);
    b.localGet(local);
    b.memory('i64.store', offset, CPU_MEMORY);
  }
  // The return address has been popped.
  access.load(b, 'i64.load', 0, () => {
    b.localGet(rsp);
    b.i64(-8n);
    b.op('i64.add');
  });
  b.localSet(pc);
  b.i32(0);
  b.localGet(pc);
  b.memory('i64.store', CPU.rip, CPU_MEMORY);
  b.br(again);
  b.end();
  b.unreachable();
  return b;
}

/** Goes on at `rip` by way of the executor, which may have to translate. */
function dispatch(unit: number, resolve: number): FunctionBody {
  const b = new FunctionBody(1);
  tailResolve(b, unit, resolve);
  return b;
}

function tailResolve(b: FunctionBody, unit: number, resolve: number): void {
  const slot = b.local('i32');
  b.call(resolve);
  b.localTee(slot);
  b.i32(0);
  b.op('i32.lt_s');
  b.if();
  leave(b);
  b.end();
  b.localGet(0);
  b.localGet(slot);
  b.returnCallIndirect(unit);
}

function leave(b: FunctionBody): void {
  b.i64(LEFT);
  b.i64(TO_EXECUTOR);
  b.return();
}

/** A loop used up its budget: goes on at `rip` in a fresh activation (and lets other tasks run). */
function reenter(unit: number, resolve: number, tick: number): FunctionBody {
  const b = new FunctionBody(1);
  const pc = b.local('i64');
  const slot = b.local('i32');
  spendFuel(b, LOOP_FUEL);
  b.if();
  b.call(tick);
  b.if();
  leave(b);
  b.end();
  b.end();
  b.i32(0);
  b.memory('i64.load', CPU.rip, CPU_MEMORY);
  b.localSet(pc);
  hash(b, pc);
  b.localSet(slot);
  tagMatches(b, slot, pc);
  b.if();
  b.localGet(0);
  b.localGet(slot);
  b.returnCallIndirect(unit);
  b.end();
  tailResolve(b, unit, resolve);
  return b;
}

/** Takes fuel; leaves on the stack whether there is none left. */
export function spendFuel(b: FunctionBody, amount: number): void {
  const fuel = b.local('i32');
  b.i32(0);
  b.i32(0);
  b.memory('i32.load', CPU.fuel, CPU_MEMORY);
  b.i32(amount);
  b.op('i32.sub');
  b.localTee(fuel);
  b.memory('i32.store', CPU.fuel, CPU_MEMORY);
  b.localGet(fuel);
  b.i32(0);
  b.op('i32.lt_s');
}

/**
 * Makes the lazy descriptor of the flags explicit (`statusFlags` in `x86/state.ts`, in wasm). Operands are moved to
 * the top of 64 bits, so that one comparison serves all sizes; a logical result is an addition of 0.
 */
function materializeFlags(): FunctionBody {
  const b = new FunctionBody(0);
  const code = b.local('i32');
  const up = b.local('i64');
  const [first, second, result] = [b.local('i64'), b.local('i64'), b.local('i64')];
  const word = b.local('i32');
  const load = (offset: number, local: number): void => {
    b.i32(0);
    b.memory('i64.load', offset, CPU_MEMORY);
    b.localGet(up);
    b.op('i64.shl');
    b.localSet(local);
  };
  /** word |= (i32 on the stack) << bit */
  const flag = (bit: number): void => {
    b.i32(bit);
    b.op('i32.shl');
    b.localGet(word);
    b.op('i32.or');
    b.localSet(word);
  };
  const isSub = (): void => {
    b.localGet(code);
    b.i32(2);
    b.op('i32.shr_u');
    b.i32(FlagsKind.sub);
    b.op('i32.eq');
  };
  b.i32(0);
  b.memory('i32.load', CPU.flagsCode, CPU_MEMORY);
  b.localTee(code);
  b.i32(4);
  b.op('i32.lt_u');
  b.if();
  b.return();
  b.end();
  b.i32(64);
  b.i32(8);
  b.localGet(code);
  b.i32(3);
  b.op('i32.and');
  b.op('i32.shl');
  b.op('i32.sub');
  b.op('i64.extend_i32_u');
  b.localSet(up);
  load(CPU.flagsA, first);
  load(CPU.flagsB, second);
  b.localGet(first);
  b.localGet(second);
  b.op('i64.sub');
  b.localGet(first);
  b.localGet(second);
  b.op('i64.add');
  isSub();
  b.select();
  b.localSet(result);
  // CF: a < b, or the sum is below a term. OF: signs that agree (differ) beforehand and change.
  b.localGet(first);
  b.localGet(second);
  b.op('i64.lt_u');
  b.localGet(result);
  b.localGet(first);
  b.op('i64.lt_u');
  isSub();
  b.select();
  flag(0);
  b.localGet(first);
  b.localGet(second);
  b.op('i64.xor');
  b.localGet(second);
  b.localGet(result);
  b.op('i64.xor');
  isSub();
  b.select();
  b.localGet(first);
  b.localGet(result);
  b.op('i64.xor');
  b.op('i64.and');
  b.i64(0n);
  b.op('i64.lt_s');
  flag(11);
  b.localGet(first);
  b.localGet(second);
  b.op('i64.xor');
  b.localGet(result);
  b.op('i64.xor');
  b.localGet(up);
  b.op('i64.shr_u');
  b.op('i32.wrap_i64');
  b.i32(4);
  b.op('i32.shr_u');
  b.i32(1);
  b.op('i32.and');
  flag(4);
  b.localGet(result);
  b.op('i64.eqz');
  flag(6);
  b.localGet(result);
  b.i64(0n);
  b.op('i64.lt_s');
  flag(7);
  b.localGet(result);
  b.localGet(up);
  b.op('i64.shr_u');
  b.op('i32.wrap_i64');
  b.i32(0xff);
  b.op('i32.and');
  b.op('i32.popcnt');
  b.i32(1);
  b.op('i32.and');
  b.op('i32.eqz');
  flag(2);
  b.i32(0);
  b.i32(0);
  b.memory('i32.store', CPU.flagsCode, CPU_MEMORY);
  b.i32(0);
  b.localGet(word);
  b.op('i64.extend_i32_u');
  b.memory('i64.store', CPU.flagsA, CPU_MEMORY);
  return b;
}

/** String instructions work on the register file; after each element (or run) it is up to date, so a fault is precise. */
class StringLoop {
  readonly b = new FunctionBody(0);
  readonly count: number;
  readonly step: number;
  readonly size: number;

  constructor(size: number) {
    this.size = size;
    const { b } = this;
    this.count = b.local('i64');
    this.step = b.local('i64');
    this.load(RCX, this.count);
    b.i64n(size);
    b.i64n(-size);
    b.i32(0);
    b.memory('i32.load', CPU.df, CPU_MEMORY);
    b.op('i32.eqz');
    b.select();
    b.localSet(this.step);
  }

  load(register: number, local: number): void {
    this.b.i32(0);
    this.b.memory('i64.load', register * 8, CPU_MEMORY);
    this.b.localSet(local);
  }

  /** register file[register] = (local += step local or constant). */
  advance(register: number, local: number, by: number | { local: number }): void {
    const { b } = this;
    b.i32(0);
    b.localGet(local);
    if (typeof by === 'number') b.i64n(by);
    else b.localGet(by.local);
    b.op('i64.add');
    b.localTee(local);
    b.memory('i64.store', register * 8, CPU_MEMORY);
  }

  /** Runs `body` while the count is at least `least`. */
  whileCount(least: number, body: () => void): void {
    const { b } = this;
    const out = b.block();
    const again = b.loop();
    b.localGet(this.count);
    b.i64n(least);
    b.op('i64.lt_u');
    b.brIf(out);
    body();
    b.br(again);
    b.end();
    b.end();
  }
}

function sourceBase(s: StringLoop): number {
  const base = s.b.local('i64');
  s.b.i32(0);
  s.b.memory('i64.load', CPU.scratch + 24, CPU_MEMORY);
  s.b.localSet(base);
  return base;
}

function repMovs(access: AccessEmitter, size: number): FunctionBody {
  const s = new StringLoop(size);
  const { b } = s;
  const from = b.local('i64');
  const to = b.local('i64');
  const base = sourceBase(s);
  s.load(RSI, from);
  s.load(RDI, to);
  // Upwards, and the destination not within the 16 bytes after the source: whole vectors give the same result.
  b.localGet(s.step);
  b.i64n(0);
  b.op('i64.gt_s');
  b.localGet(to);
  b.localGet(from);
  b.localGet(base);
  b.op('i64.add');
  b.op('i64.sub');
  b.i64n(16);
  b.op('i64.ge_u');
  b.op('i32.and');
  b.if();
  s.whileCount(16 / size, () => {
    access.load(b, 'v128.load', 0, () => {
      b.localGet(from);
      b.localGet(base);
      b.op('i64.add');
    });
    const value = b.local('v128');
    b.localSet(value);
    access.store(
      b,
      'v128.store',
      0,
      () => b.localGet(to),
      () => b.localGet(value),
    );
    s.advance(RSI, from, 16);
    s.advance(RDI, to, 16);
    s.advance(RCX, s.count, -16 / size);
  });
  b.end();
  s.whileCount(1, () => {
    const value = b.local('i64');
    access.load(b, LOAD[size], 0, () => {
      b.localGet(from);
      b.localGet(base);
      b.op('i64.add');
    });
    b.localSet(value);
    access.store(
      b,
      STORE[size],
      0,
      () => b.localGet(to),
      () => b.localGet(value),
    );
    s.advance(RSI, from, { local: s.step });
    s.advance(RDI, to, { local: s.step });
    s.advance(RCX, s.count, -1);
  });
  return b;
}

const SPLAT: Record<number, Op> = { 1: 'i8x16.splat', 2: 'i16x8.splat', 4: 'i32x4.splat', 8: 'i64x2.splat' };

function repStos(access: AccessEmitter, size: number): FunctionBody {
  const s = new StringLoop(size);
  const { b } = s;
  const to = b.local('i64');
  const value = b.local('i64');
  const wide = b.local('v128');
  s.load(RDI, to);
  s.load(RAX, value);
  b.localGet(value);
  if (size < 8) b.op('i32.wrap_i64');
  b.op(SPLAT[size]);
  b.localSet(wide);
  b.localGet(s.step);
  b.i64n(0);
  b.op('i64.gt_s');
  b.if();
  s.whileCount(16 / size, () => {
    access.store(
      b,
      'v128.store',
      0,
      () => b.localGet(to),
      () => b.localGet(wide),
    );
    s.advance(RDI, to, 16);
    s.advance(RCX, s.count, -16 / size);
  });
  b.end();
  s.whileCount(1, () => {
    access.store(
      b,
      STORE[size],
      0,
      () => b.localGet(to),
      () => b.localGet(value),
    );
    s.advance(RDI, to, { local: s.step });
    s.advance(RCX, s.count, -1);
  });
  return b;
}

function repLods(access: AccessEmitter, size: number): FunctionBody {
  const s = new StringLoop(size);
  const { b } = s;
  const from = b.local('i64');
  const value = b.local('i64');
  const base = sourceBase(s);
  s.load(RSI, from);
  s.whileCount(1, () => {
    access.load(b, LOAD[size], 0, () => {
      b.localGet(from);
      b.localGet(base);
      b.op('i64.add');
    });
    b.localSet(value);
    // 8- and 16-bit results merge into rax, 32-bit ones zero-extend.
    b.i32(0);
    b.localGet(value);
    b.memory(size === 4 ? 'i64.store' : STORE[size], RAX * 8, CPU_MEMORY);
    s.advance(RSI, from, { local: s.step });
    s.advance(RCX, s.count, -1);
  });
  return b;
}

/** cmps compares [rsi] with [rdi], scas rax with [rdi]; goes on while equal (`repe`) or while not (`repne`). */
function repCompare(access: AccessEmitter, size: number, repeatWhile: 'repe' | 'repne', kind: 'cmps' | 'scas'): FunctionBody {
  const s = new StringLoop(size);
  const { b } = s;
  const from = b.local('i64');
  const to = b.local('i64');
  const first = b.local('i64');
  const second = b.local('i64');
  s.load(RDI, to);
  const base = kind === 'cmps' ? sourceBase(s) : -1;
  if (kind === 'cmps') {
    s.load(RSI, from);
  } else {
    b.i32(0);
    b.memory(LOAD[size], RAX * 8, CPU_MEMORY);
    b.localSet(first);
  }
  b.i32(0);
  b.i32(0);
  b.memory('i32.store', CPU.scratch + 16, CPU_MEMORY);
  const out = b.block();
  s.whileCount(1, () => {
    if (kind === 'cmps') {
      access.load(b, LOAD[size], 0, () => {
        b.localGet(from);
        b.localGet(base);
        b.op('i64.add');
      });
      b.localSet(first);
    }
    access.load(b, LOAD[size], 0, () => b.localGet(to));
    b.localSet(second);
    for (const [at, local] of [
      [0, first],
      [8, second],
    ] as const) {
      b.i32(0);
      b.localGet(local);
      b.memory('i64.store', CPU.scratch + at, CPU_MEMORY);
    }
    b.i32(0);
    b.i32(1);
    b.memory('i32.store', CPU.scratch + 16, CPU_MEMORY);
    if (kind === 'cmps') s.advance(RSI, from, { local: s.step });
    s.advance(RDI, to, { local: s.step });
    s.advance(RCX, s.count, -1);
    b.localGet(first);
    b.localGet(second);
    b.op(repeatWhile === 'repe' ? 'i64.ne' : 'i64.eq');
    b.brIf(out);
  });
  b.end();
  return b;
}
