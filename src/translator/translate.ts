/** From guest bytes to a wasm module: discover, lift, analyse, write. */

import { assert } from '../base/assert.ts';
import { FLAG_IDS } from '../ir/index.ts';
import { FunctionBody, ModuleBuilder } from '../wasm/index.ts';
import { accessEmitter } from './access.ts';
import { withCheckpoints } from './checkpoints.ts';
import { AHEAD_LIMITS, type BasicBlock, type CodeReader, discover, type JumpTable, type Limits, RESUME_AHEAD_LIMITS, RESUME_LIMITS, RUN_TIME_LIMITS, TABLE_LIMITS } from './discover.ts';
import { dispatchEffects, withJoins } from './dispatching.ts';
import { analyzeFlow, type Flow, isBackEdge, isReducible } from './flow.ts';
import { findTable } from './jumptable.ts';
import { type Faults, FLAGS_DESCRIPTOR, type InnerPlace, liftBlock, type LiftOptions, syntheticBlock, type UnitBlock, withTargets } from './lift.ts';
import { type FaultSite, lowerUnit, type UnitImports, type WritableRange } from './lower.ts';
import { depthAtPlace } from './lower/transfers.ts';
import type { Without } from './optimizations.ts';
import { makeReducible, outerLoops, reachable } from './reduce.ts';
import { storeRip } from './registerfile.ts';
import { analyzeRegisters, type BlockEffects, type RegisterFlow } from './registers.ts';
import { allHelperNames, importSpace } from './runtime.ts';
import { elsewhere, parameterTypes, type Signature, signatureAt, signatureOf, wrapper } from './signature.ts';
import { GETTER_UNITS, getterName } from './store.ts';
import { type FaultMap, unitName } from './unit.ts';

export interface TranslateOptions {
  readonly faults: Faults;
  /** Optimisations that are left out. */
  readonly without: Without;
  /** The host does not protect pages: look permissions up. */
  readonly checked: boolean;
  /** Every `ret` of every unit leaves the flags in the register file. */
  readonly flagsAcrossReturns: boolean;
  /** All functions of the file are known. */
  readonly ahead: boolean;
  /** The `ret`s of this unit leave the flags in the register file. */
  readonly keepsFlags?: boolean;
  /** The root lies inside a function that has a unit: where it was left for a while. */
  readonly resumed: boolean;
  /** Whether another unit can be entered at a loop there. */
  readonly isLoop: (pc: number) => boolean;
  /** Where another unit can be entered in the middle: where it dispatches the table at an address. */
  readonly innerPlaceAt: (address: number) => InnerPlace | undefined;
  /** The bytes of a range that may change, undefined for others: the unit looks whether they have. */
  readonly writable: (start: number, end: number) => Uint8Array | undefined;
  /** Addresses known to start other units. */
  readonly isEntry: (pc: number) => boolean;
}

export interface Translation {
  /** Guest pcs of the units, the root first. */
  readonly units: readonly number[];
  readonly bytes: Uint8Array;
  readonly faults: FaultMap;
  /** See `TranslateOptions.writable`. */
  readonly looks: boolean;
  /** Where its units can be entered in the middle: addresses of jump tables that they dispatch, and of loops. */
  readonly innerPlaces: readonly (InnerPlace & { readonly at: number })[];
  /** See `CompiledModule`. */
  readonly resumesOthers: boolean;
  /** Guest bytes that the translation depends on: start and end, disjoint and ascending. */
  readonly ranges: readonly (readonly [number, number])[];
}

interface AnalyzedUnit {
  readonly pc: number;
  readonly blocks: readonly UnitBlock[];
  readonly flow: Flow;
  /** Calls after which flags are read that the callee left, as block numbers. */
  readonly flagCalls: Set<number>;
  /** Units that are called there, and, if the unit keeps flags itself, those whose flags it may return. */
  readonly flagCallees: ReadonlySet<number>;
  readonly innerPlaces: readonly (InnerPlace & { readonly at: number })[];
}

/** A unit of so many blocks is entered again at its loops; of a smaller one, a loop makes a unit of its own. */
const ENTER_LOOPS = 12;
/** Numbers of places share a word with the depth. */
const MAX_PLACES = 1000;

const NO_PARAMETERS = signatureOf([]);
const ALL_FLAGS = FLAG_IDS.reduce((mask, id) => mask | (1 << id), 0);

/** A module for the unit at `root` and what `more` adds to it; undefined where there is no instruction at `root`. */
export function translateModule(root: number, code: CodeReader, options: TranslateOptions, more: readonly number[] = []): Translation | undefined {
  const touched: [number, number][] = [];
  const inside = new Set([root, ...more].filter((pc) => code.decode(pc) !== undefined));
  if (!inside.has(root)) return undefined;
  const signatures = new Map<number, Signature>();
  const signatureIn = (pc: number): Signature | undefined => {
    if (inside.has(pc) && !signatures.has(pc) && !options.without.has('parameters')) signatures.set(pc, signatureAt(pc, code, options.isEntry));
    return signatures.get(pc);
  };
  const units = [...inside].map((pc) => analyzeUnit(pc, code, options, touched, signatureIn));

  const m = new ModuleBuilder();
  const imports = importRuntime(m, helperNames(units), options.checked);
  const functions = new UnitFunctions(m, root, imports.unitType, options.faults);
  // Those that something calls directly have a signature now.
  for (const { pc } of units) functions.declare(pc, signatures.get(pc));
  const ranges = mergeRanges(touched);
  const mayChange = ranges.flatMap(([start, end]) => {
    const bytes = options.writable(start, end);
    return bytes === undefined ? [] : [{ start, bytes }];
  });
  for (const unit of units) {
    functions.define(unit, imports, options, mayChange);
  }
  const pcs = [...units.map(({ pc }) => pc), ...functions.loops()];
  for (const pc of pcs) m.exportFunction(unitName(root, pc, options.faults === 'kept' ? 'k' : 'u'), functions.entry(pc));
  const { bytes, codeOffsets } = m.finish();
  return {
    units: pcs,
    looks: mayChange.length > 0,
    innerPlaces: units.flatMap((unit) => unit.innerPlaces),
    resumesOthers: units.some(({ blocks }) => blocks.some(({ terminator }) => terminator.kind === 'tableResume')),
    bytes,
    faults: functions.faultMap(codeOffsets),
    ranges,
  };
}

/** A module for all units of a file. */
export interface FileTranslation {
  readonly units: readonly number[];
  readonly wasm: Uint8Array;
  readonly faults: FaultMap;
  readonly innerPlaces: Translation['innerPlaces'];
}

export interface FileEntries {
  readonly functions: readonly number[];
  /** Where functions are come back to by their address. */
  readonly resumptions: readonly number[];
}

/**
 * One module for many units; `isCalled` says which functions others call. Units that cannot be translated are left to run time:
 * those of more than `limit` bytes.
 */
export function translateFile({ functions: entries, resumptions }: FileEntries, isCalled: (pc: number) => boolean, code: CodeReader, options: TranslateOptions, limit: number, progress: (done: number, of: number) => void): FileTranslation {
  const m = new ModuleBuilder();
  const imports = importRuntime(m, allHelperNames(options.checked), options.checked);
  const root = entries[0];
  const functions = new UnitFunctions(m, root, imports.unitType, options.faults);
  for (const pc of entries) functions.declare(pc, isCalled(pc) && !options.without.has('parameters') ? signatureAt(pc, code, options.isEntry) : undefined);
  const places = new Map<number, Translation['innerPlaces']>();
  /** Units after which some caller reads flags: their `ret`s leave them in the register file. */
  const keepFlags = new Set<number>();
  const isDirect = ({ terminator }: UnitBlock): boolean => terminator.kind === 'call' && typeof terminator.target === 'number' && functions.signatureOf(terminator.target) !== undefined;
  const write = (pc: number, how: TranslateOptions = { ...options, keepsFlags: keepFlags.has(pc) }): void => {
    const unit = code.decode(pc) === undefined ? undefined : analyzeUnit(pc, code, how, [], (target) => functions.signatureOf(target));
    // What is called directly keeps its flags: see below.
    for (const block of unit?.flagCalls ?? []) if (isDirect((unit as AnalyzedUnit).blocks[block])) unit?.flagCalls.delete(block);
    if (unit === undefined || !functions.define(unit, imports, how, [], limit)) {
      functions.leaveOut(pc, imports.dispatch);
      return;
    }
    places.set(pc, unit.innerPlaces);
    for (const callee of unit.flagCallees) {
      if (keepFlags.has(callee) || functions.signatureOf(callee) === undefined) continue;
      keepFlags.add(callee);
      if (written.has(callee)) again.add(callee);
    }
  };
  const written = new Set<number>();
  const again = new Set<number>();
  entries.forEach((pc, index) => {
    progress(index, entries.length);
    // Before: it may call itself and read its own flags.
    written.add(pc);
    write(pc);
  });
  const writeAgain = (): void => {
    for (const pc of again) {
      again.delete(pc);
      write(pc);
    }
  };
  writeAgain();
  const loops = new Set(functions.loops());
  const comesBack = new Set(resumptions);
  // From one to the next: what lies behind that is in its unit.
  const resumed: TranslateOptions = { ...options, resumed: true, keepsFlags: true, isEntry: (pc) => options.isEntry(pc) || comesBack.has(pc), isLoop: (pc) => loops.has(pc) };
  for (const pc of resumptions) {
    if (loops.has(pc)) continue;
    functions.declare(pc, undefined);
    write(pc, resumed);
  }
  writeAgain();
  const units = [...places.keys(), ...loops].sort((a, b) => a - b);
  functions.exportGetters(units);
  const { bytes, codeOffsets } = m.finish();
  return { units, wasm: bytes, faults: functions.faultMap(codeOffsets), innerPlaces: units.flatMap((pc) => places.get(pc) ?? []) };
}

interface RuntimeImports extends Pick<UnitImports, 'unitType' | 'dispatch' | 'reenter' | 'syscall' | 'tick' | 'stale' | 'keepFlags' | 'helper'> {}

/** What every module of units imports. */
function importRuntime(m: ModuleBuilder, helpers: readonly string[], checked: boolean): RuntimeImports {
  const unitType = m.type(['i32'], ['i64', 'i64']);
  const toI32 = m.type([], ['i32']);
  const toVoid = m.type([], []);
  const dispatch = m.importFunction('e', 'dispatch', unitType);
  const reenter = m.importFunction('e', 'reenter', unitType);
  const syscall = m.importFunction('e', 'syscall', toI32);
  const tick = m.importFunction('e', 'tick', toI32);
  const stale = m.importFunction('e', 'stale', toVoid);
  const keepFlags = m.importFunction('e', 'keep_flags', toVoid);
  const indices = new Map(helpers.map((name) => [name, m.importFunction('e', name, toVoid)]));
  importSpace(m, checked);
  return {
    unitType,
    dispatch,
    reenter,
    syscall,
    tick,
    stale,
    keepFlags,
    helper: (name) => {
      const index = indices.get(name);
      assert(index !== undefined, `helper ${name} is imported`);
      return index;
    },
  };
}

function getter(functions: readonly number[]): FunctionBody {
  const b = new FunctionBody(1, functions.length * 8);
  const none = b.block();
  const labels = functions.map(() => b.block()).reverse();
  b.localGet(0);
  b.brTable(labels, none);
  for (const index of functions) {
    b.end();
    b.refFunc(index);
    b.return();
  }
  b.end();
  b.unreachable();
  return b;
}

/** `number`: of the place in the unit, which is at `pc`. */
function innerEntry(unit: number, number: number, pc: number): FunctionBody {
  const b = new FunctionBody(1, 32);
  storeRip(b, pc);
  depthAtPlace(b, number);
  b.returnCall(unit);
  return b;
}

/** The functions of a module's units: one for each, and one that takes parameters where others call it directly. */
class UnitFunctions {
  readonly #m: ModuleBuilder;
  readonly #name: (pc: number) => string;
  readonly #unitType: number;
  readonly #entries = new Map<number, number>();
  /** Functions that enter a unit at one of its loops, by the loop's pc. */
  readonly #loops = new Map<number, number>();
  readonly #direct = new Map<number, { readonly index: number; readonly signature: Signature }>();
  /** By function, in case that it is written again. */
  readonly #faults = new Map<number, readonly FaultSite[]>();
  #first = -1;

  constructor(m: ModuleBuilder, root: number, unitType: number, faults: Faults) {
    this.#m = m;
    this.#name = (pc) => unitName(root, pc, faults === 'kept' ? 'k' : 'u');
    this.#unitType = unitType;
  }

  /** In the order of the functions' names. */
  declare(pc: number, signature: Signature | undefined): void {
    const m = this.#m;
    const entry = m.function(this.#unitType);
    if (this.#first < 0) this.#first = entry;
    this.#entries.set(pc, entry);
    if (signature === undefined) {
      m.nameFunction(entry, this.#name(pc));
      return;
    }
    const index = m.function(m.type(parameterTypes(signature), ['i64', 'i64']));
    this.#direct.set(pc, { index, signature });
    m.nameFunction(index, this.#name(pc));
  }

  entry(pc: number): number {
    return (this.#entries.get(pc) ?? this.#loops.get(pc)) as number;
  }

  signatureOf(pc: number): Signature | undefined {
    return this.#direct.get(pc)?.signature;
  }

  define({ pc, blocks, flow, flagCalls }: AnalyzedUnit, runtime: RuntimeImports, options: TranslateOptions, mayChange: readonly WritableRange[], limit = Number.POSITIVE_INFINITY): boolean {
    const self = this.entry(pc);
    const direct = this.#direct.get(pc);
    const { faults } = options;
    const signature = direct?.signature ?? NO_PARAMETERS;
    const { registers, effects } = allocate(blocks, flow, signature, options);
    const imports = { ...runtime, self, direct: (target: number) => this.#direct.get(target) };
    const { body, faultSites } = lowerUnit({ entry: pc, blocks, flow, registers, effects, flagCalls, imports, access: accessEmitter(options.checked), faults, signature, mayChange });
    if (body.length > limit) return false;
    this.#m.define(direct?.index ?? self, body);
    if (direct !== undefined) this.#m.define(self, wrapper(signature, direct.index));
    this.#faults.set(direct?.index ?? self, faultSites);
    this.#enterAtLoops(blocks[0], self);
    return true;
  }

  #enterAtLoops({ terminator }: UnitBlock, self: number): void {
    if (terminator.kind !== 'enter') return;
    for (const { pc, number } of terminator.places) {
      if (pc === 0 || this.#entries.has(pc)) continue;
      const index = this.#loops.get(pc);
      if (index === undefined) this.#loops.set(pc, this.#m.function(this.#unitType, innerEntry(self, number, pc)));
      else this.#m.define(index, innerEntry(self, number, pc));
    }
  }

  /** Pcs of the loops that units can be entered at: units of the module like others. */
  loops(): Iterable<number> {
    return this.#loops.keys();
  }

  /** A unit that is not in the module after all: the executor finds another. */
  leaveOut(pc: number, dispatch: number): void {
    const direct = this.#direct.get(pc);
    const signature = direct?.signature ?? NO_PARAMETERS;
    this.#m.define(direct?.index ?? this.entry(pc), elsewhere(pc, signature, dispatch));
    if (direct !== undefined) this.#m.define(this.entry(pc), wrapper(signature, direct.index));
  }

  /** Functions that return the units' functions by index: see `getterName`. */
  exportGetters(units: readonly number[]): void {
    const m = this.#m;
    m.declareElements(units.map((pc) => this.entry(pc)));
    const type = m.type(['i32'], ['funcref']);
    for (let from = 0; from < units.length; from += GETTER_UNITS) {
      m.exportFunction(getterName(from), m.function(type, getter(units.slice(from, from + GETTER_UNITS).map((pc) => this.entry(pc)))));
    }
  }

  /** `codeOffsets`: of all functions of the module. */
  faultMap(codeOffsets: readonly number[]): FaultMap {
    const byIndex = [...this.#faults].sort(([a], [b]) => a - b);
    const count = byIndex.reduce((sum, [, sites]) => sum + sites.length, 0);
    const map = { offsets: new Uint32Array(count), pcs: new Float64Array(count) };
    let at = 0;
    for (const [index, sites] of byIndex) {
      for (const { offset, pc } of sites) {
        map.offsets[at] = codeOffsets[index - this.#first] + offset;
        map.pcs[at++] = pc;
      }
    }
    return map;
  }
}

function analyzeUnit(pc: number, code: CodeReader, options: TranslateOptions, touched: [number, number][], directSignature: LiftOptions['signatureOf']): AnalyzedUnit {
  const tables = new Map<number, JumpTable>();
  const whole = discoverWithTables(pc, code, options, tables);
  const found = options.faults === 'recovered' ? withCheckpoints(whole) : whole;
  for (const block of whole) touched.push([block.pc, block.end]);
  const lift = {
    faults: options.faults,
    without: options.without,
    flagsAcrossReturns: options.flagsAcrossReturns || options.keepsFlags === true,
    signatureOf: directSignature,
    touched: (start: number, end: number): void => void touched.push([start, end]),
  };

  const dispatches = new Map<number, { readonly block: number; readonly number: number; targets: readonly number[] }>();
  for (const { address, targets } of tables.values()) {
    if (targets.length === 0) continue;
    const known = dispatches.get(address);
    if (known === undefined) dispatches.set(address, { block: found.length + dispatches.size, number: dispatches.size + 1, targets });
    else if (known.targets.length < targets.length) known.targets = targets;
  }
  const number = new Map(whole.map((block, index) => [block.pc, index]));
  let blocks = found.map((block) => {
    const table = block.control === 'indirect' ? tables.get(block.insns[block.insns.length - 1].pc) : undefined;
    if (table === undefined) return liftBlock(block, code, lift);
    return liftBlock(block, code, lift, dispatches.get(table.address) ?? options.innerPlaceAt(table.address));
  });
  for (const { targets, number: which } of dispatches.values()) {
    const to = targets.map((target) => number.get(target) ?? -1);
    blocks.push(
      syntheticBlock(
        { kind: 'switch', blocks: to, pcs: targets, number: which, routes: [] },
        [...new Set(to)].filter((block) => block >= 0),
        pc,
      ),
    );
  }
  blocks = options.without.has('dispatches') ? reachable(blocks) : withJoins(reachable(blocks));
  const asFound = analyze(blocks);
  const places: { number: number; block: number; pc: number }[] = [];
  const enters = !options.without.has('places');
  blocks.forEach(({ terminator }, block) => {
    if (enters && terminator.kind === 'switch' && asFound.loopHeader[block]) places.push({ number: terminator.number, block, pc: 0 });
  });
  if (enters && blocks.length >= ENTER_LOOPS && !options.resumed) {
    for (const block of outerLoops(blocks)) {
      const { terminator, pc: at } = blocks[block];
      if (terminator.kind !== 'switch' && block > 0 && dispatches.size + places.length < MAX_PLACES) places.push({ number: dispatches.size + places.length + 1, block, pc: at });
    }
  }
  // The entry of a loop with several entries cannot also be that of the unit.
  if (places.length > 0 || (asFound.loopHeader[0] && !isReducible(asFound))) {
    const enter = places.map((place) => ({ ...place, block: place.block + 1 }));
    const shifted = blocks.map((block) => withTargets(block, (to) => to + 1));
    blocks = [{ ...syntheticBlock({ kind: 'enter', places: enter }, [...new Set([1, ...enter.map(({ block }) => block)])], pc), next: 1 }, ...shifted];
  }
  blocks = makeReducible(blocks);
  const flow = analyze(blocks);
  assert(isReducible(flow), 'loops with several entries have routes');
  const flagCallees = new Set<number>();
  const direct = (block: number): void => {
    const { terminator } = blocks[block];
    if (terminator.kind === 'call' && typeof terminator.target === 'number') flagCallees.add(terminator.target);
  };
  if (options.keepsFlags) {
    callsWhoseFlagsAreRead(flow, blocks, ALL_FLAGS).forEach(direct);
    for (const block of blocks) for (const target of leavesFor(block)) flagCallees.add(target);
  }
  const flagCalls = options.flagsAcrossReturns ? new Set<number>() : callsWhoseFlagsAreRead(flow, blocks, 0);
  flagCalls.forEach(direct);
  const tableOf = new Map([...dispatches].map(([table, dispatch]) => [dispatch.number, table]));
  return { pc, blocks, flow, flagCalls, flagCallees, innerPlaces: places.map(({ number: which, pc: at }) => ({ root: pc, number: which, at: at === 0 ? (tableOf.get(which) as number) : at })) };
}

/** Decides which registers are in locals where, and has the flags that are needed computed. */
function allocate(blocks: readonly UnitBlock[], flow: Flow, signature: Signature, { faults, without }: TranslateOptions): { readonly registers: RegisterFlow; readonly effects: readonly BlockEffects[] } {
  let effects = dispatchEffects(blocks, without).map((each, index) => {
    const back = blocks[index].successors.some((to) => isBackEdge(flow, index, to));
    return back ? { ...each, mayStoreAtEnd: true } : each;
  });
  if (faults === 'recovered') effects = checkpointEffects(blocks, flow, effects);
  // A checkpoint at the entry stores the parameters.
  const { low, high } = faults === 'recovered' ? NO_PARAMETERS : signature;
  const registers = analyzeRegisters(flow, effects, low, high);
  blocks.forEach((block, index) => block.builder.define(registers.neededLow[index]));
  return { registers, effects };
}

/** At checkpoints, and wherever some registers are stored, all are; flags only where some instruction may read them. */
function checkpointEffects(blocks: readonly UnitBlock[], flow: Flow, effects: readonly BlockEffects[]): BlockEffects[] {
  const { last: read } = flagsRead(flow, blocks, 0, ({ flowEffects }) => (flowEffects.storedLow & FLAGS_DESCRIPTOR) !== 0);
  return effects.map((each, block) => {
    if (!blocks[block].checkpoint && each.cleanLow === 0 && each.cleanHigh === 0) return each;
    return { ...each, cleanLow: read[block] === 0 ? ~FLAGS_DESCRIPTOR : -1, cleanHigh: -1 };
  });
}

/** Where a block goes on outside of its unit by a jump to an address. */
function leavesFor({ terminator, next, taken, end }: UnitBlock): number[] {
  switch (terminator.kind) {
    case 'jump':
      return next < 0 ? [terminator.target] : [];
    case 'branch':
      return [...(taken < 0 ? [terminator.target] : []), ...(next < 0 ? [end] : [])];
    case 'fallthrough':
    case 'call':
      return next < 0 ? [end] : [];
    default:
      return [];
  }
}

/**
 * Calls after which some instruction reads a flag that the callee left. What only flows into the stored descriptor (a shift
 * by a variable count keeps the flags when the count is 0) does not count: nobody looks at it. `readAtRet`: what whoever is
 * returned to may read.
 *
 * Compilers make no such code, but for what stands behind calls that never return.
 */
function callsWhoseFlagsAreRead(flow: Flow, blocks: readonly UnitBlock[], readAtRet: number): Set<number> {
  const calls = blocks.flatMap(({ terminator, next }, block) => (terminator.kind === 'call' && next >= 0 ? [block] : []));
  if (calls.length === 0) return new Set();
  const { first } = flagsRead(flow, blocks, readAtRet, () => false);
  return new Set(calls.filter((block) => first[blocks[block].next] !== 0));
}

/**
 * Flags that some instruction reads from the beginning and from the end of each block on, before they are set. `isReadBehind`: by code
 * that a block which stores all registers goes on to.
 */
function flagsRead(flow: Flow, blocks: readonly UnitBlock[], readAtRet: number, isReadBehind: (block: UnitBlock) => boolean): { readonly first: Int32Array; readonly last: Int32Array } {
  const first = new Int32Array(blocks.length);
  const last = new Int32Array(blocks.length);
  for (let changed = true; changed; ) {
    changed = false;
    for (let at = flow.order.length - 1; at >= 0; at--) {
      const block = flow.order[at];
      const { flowEffects, successors, terminator } = blocks[block];
      let flags = terminator.kind === 'return' ? readAtRet : 0;
      if (!flowEffects.storesAtEnd) for (const next of successors) flags |= first[next];
      if ((flowEffects.storesAtEnd || flowEffects.mayStoreAtEnd) && isReadBehind(blocks[block])) flags = ALL_FLAGS;
      last[block] = flags;
      flags = ((flags & ~flowEffects.writesLow) | flowEffects.readsLow) & ALL_FLAGS;
      if (flags === first[block]) continue;
      first[block] = flags;
      changed = true;
    }
  }
  return { first, last };
}

function analyze(blocks: readonly UnitBlock[]): Flow {
  return analyzeFlow(
    blocks.map((block) => block.successors),
    (block) => blocks[block].terminator.kind === 'switch',
  );
}

function limitsFor({ ahead, resumed }: TranslateOptions, tables: ReadonlyMap<number, JumpTable>): Limits {
  if (resumed) return ahead ? RESUME_AHEAD_LIMITS : RESUME_LIMITS;
  if (ahead) return AHEAD_LIMITS;
  return [...tables.values()].some(({ targets }) => targets.length > 0) ? TABLE_LIMITS : RUN_TIME_LIMITS;
}

/** Targets of tables are code to discover, which may jump through further tables. */
function discoverWithTables(pc: number, code: CodeReader, options: TranslateOptions, tables: Map<number, JumpTable>): BasicBlock[] {
  const tried = new Set<number>();
  // A piece of a function that is there goes back to it where it can.
  const boundary = !options.resumed ? options.isEntry : (at: number): boolean => options.isEntry(at) || options.isLoop(at);
  for (;;) {
    const found = discover(pc, code, boundary, tables, limitsFor(options, tables));
    if (options.without.has('tables')) return found;
    let more = false;
    for (const block of found) {
      if (block.control !== 'indirect') continue;
      const at = block.insns[block.insns.length - 1].pc;
      if (tried.has(at)) continue;
      tried.add(at);
      const table = findTable(block, found, code);
      if (table === undefined) continue;
      // What another unit dispatches is not copied: the jump goes on there.
      const owner = options.innerPlaceAt(table.address);
      const foreign = options.resumed || (owner !== undefined && owner.root !== pc);
      tables.set(at, foreign ? { ...table, targets: [] } : table);
      more ||= !foreign;
    }
    if (!more) return found;
  }
}

/** Sorted, for deterministic modules; the flags helper is there for units that read flags at an entry. */
function helperNames(units: readonly AnalyzedUnit[]): string[] {
  const names = new Set<string>(['materialize_flags']);
  for (const { blocks } of units) {
    for (const block of blocks) for (const effect of block.effects) if (effect.op === 'helper') names.add(effect.wide as string);
  }
  return [...names].sort();
}

function mergeRanges(ranges: [number, number][]): [number, number][] {
  ranges.sort((a, b) => a[0] - b[0]);
  const merged: [number, number][] = [];
  for (const [start, end] of ranges) {
    if (start === end) continue;
    const last = merged[merged.length - 1];
    if (last !== undefined && start <= last[1]) last[1] = Math.max(last[1], end);
    else merged.push([start, end]);
  }
  return merged;
}
