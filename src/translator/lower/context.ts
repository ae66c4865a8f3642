/** What the parts of a unit's writer share: the unit as it has been analysed, and the function that is being written. */

import { FunctionBody } from '../../wasm/index.ts';
import type { AccessEmitter } from '../access.ts';
import type { Flow } from '../flow.ts';
import type { Faults, TerminatorOf, UnitBlock } from '../lift.ts';
import type { BlockEffects, RegisterFlow } from '../registers.ts';
import type { Signature } from '../signature.ts';
import { Temporaries, ValueEmitter } from '../values.ts';
import { UnitLocals } from './locals.ts';

/** Function and type indices of the module that the unit goes into. */
export interface UnitImports {
  readonly unitType: number;
  readonly dispatch: number;
  readonly reenter: number;
  readonly syscall: number;
  readonly tick: number;
  readonly stale: number;
  readonly keepFlags: number;
  helper(name: string): number;
  /** The function of a unit in the same module that takes parameters, if it is there. */
  direct(pc: number): { readonly index: number; readonly signature: Signature } | undefined;
  /** The unit being written, without parameters. */
  readonly self: number;
}

/** Source bytes that the guest can write to. */
export interface WritableRange {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/** All that is decided about a unit before its code is written. */
export interface UnitPlan {
  readonly entry: number;
  readonly blocks: readonly UnitBlock[];
  readonly flow: Flow;
  readonly registers: RegisterFlow;
  /** By block; those of the block itself, and what others add. */
  readonly effects: readonly BlockEffects[];
  /** Calls after which flags are read that the callee left and may not have kept, as block numbers. */
  readonly flagCalls: ReadonlySet<number>;
  readonly imports: UnitImports;
  readonly access: AccessEmitter;
  readonly faults: Faults;
  readonly signature: Signature;
  /** The unit looks at each entry whether these bytes are still the same. */
  readonly mayChange: readonly WritableRange[];
}

export interface FaultSite {
  /** Offset in the function's instructions. */
  readonly offset: number;
  readonly pc: number;
}

export class UnitContext {
  readonly unit: UnitPlan;
  readonly body: FunctionBody;
  readonly locals: UnitLocals;
  readonly temporaries: Temporaries;
  readonly values: ValueEmitter;
  readonly faultSites: FaultSite[] = [];
  /** Where the unit can be entered in the middle. */
  readonly places: TerminatorOf<'enter'>['places'];

  constructor(unit: UnitPlan) {
    const parameters = unit.signature.registers;
    this.unit = unit;
    this.body = new FunctionBody(1 + parameters.length, 8192);
    this.locals = new UnitLocals(this.body, parameters);
    this.temporaries = new Temporaries(this.body);
    this.values = new ValueEmitter(this.body, this.temporaries, (id) => this.locals.register(id));
    const [{ terminator }] = unit.blocks;
    this.places = terminator.kind === 'enter' ? terminator.places : [];
  }

  /** The next instruction to be written is one that may fault, on behalf of the guest's at `pc`. */
  markFault(pc: number): void {
    this.faultSites.push({ offset: this.body.length, pc });
  }
}
