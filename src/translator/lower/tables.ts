/** Jumps through tables, and the routes of loops with several entries, which are dispatched alike (see `reduce.ts`). */

import { SWITCH_INDEX } from '../layout.ts';
import type { TerminatorOf } from '../lift.ts';
import { storeField, storeRipFrom } from '../registerfile.ts';
import type { UnitContext } from './context.ts';
import type { Exits } from './exits.ts';
import type { RegisterLocals } from './registers.ts';
import type { Structure } from './structure.ts';
import type { Transfers } from './transfers.ts';

export class Tables {
  readonly #context: UnitContext;
  readonly #registers: RegisterLocals;
  readonly #exits: Exits;
  readonly #transfers: Transfers;
  readonly #structure: Structure;

  constructor(context: UnitContext, registers: RegisterLocals, exits: Exits, transfers: Transfers, structure: Structure) {
    this.#context = context;
    this.#registers = registers;
    this.#exits = exits;
    this.#transfers = transfers;
    this.#structure = structure;
  }

  /** A jump through a table, as far as its dispatch. */
  jump(block: number, { target, index, number, dispatch }: TerminatorOf<'tableJump'>): void {
    const { body: b, locals, values } = this.#context;
    values.emit(target);
    b.localSet(locals.pc());
    values.emit(index);
    b.op('i32.wrap_i64');
    b.localSet(locals.index(number));
    this.#registers.set(block);
    if (this.#registers.storeClean(block)) storeRipFrom(b, locals.pc());
    this.#structure.goto(block, dispatch);
  }

  /** A jump through a table that another unit dispatches: goes on in the middle of that unit, if it is there. */
  resume(block: number, { target, index, resume }: TerminatorOf<'tableResume'>): void {
    const { body: b, locals, temporaries, values } = this.#context;
    const pc = locals.pc();
    values.emit(target);
    b.localSet(pc);
    values.emit(index);
    b.op('i32.wrap_i64');
    const at = temporaries.take('i32');
    b.localSet(at);
    this.#registers.storeDirty(block);
    storeRipFrom(b, pc);
    this.#exits.mayStop(1);
    storeField(b, 'i32', SWITCH_INDEX, () => b.localGet(at));
    this.#transfers.toPlace(resume);
    this.#transfers.toPcIn(pc, 'tail');
  }

  /** Sets the route that the header of a loop with several entries takes, and goes there. */
  route(block: number, { index, through, to }: TerminatorOf<'route'>): void {
    const { body: b, locals, unit } = this.#context;
    const { number } = unit.blocks[through].terminator as TerminatorOf<'switch'>;
    if (number > 0) {
      // Beyond every table.
      b.i32(-1);
      b.localSet(locals.index(number));
    }
    b.i32(index);
    b.localSet(locals.route());
    if (this.#registers.storeClean(block)) this.#registers.storeRipOf(to);
    this.#structure.goto(block, through);
  }

  dispatch(block: number, terminator: TerminatorOf<'switch'>): void {
    const { body: b, locals } = this.#context;
    if (terminator.number > 0) this.#byIndex(block, terminator);
    if (terminator.routes.length > 0) this.#byRoute(block, terminator);
    if (terminator.number === 0) {
      // A route is always one of those there are.
      b.unreachable();
      return;
    }
    this.#registers.storeDirtyLocals(block);
    this.#transfers.toPcIn(locals.pc(), 'tail');
  }

  /** Goes where the table's entry leads if the pc agrees; falls through where it does not. */
  #byIndex(block: number, { number, pcs, blocks }: TerminatorOf<'switch'>): void {
    const { body: b, locals } = this.#context;
    const cases = [...new Set(pcs.filter((_, at) => blocks[at] >= 0))];
    const other = b.block();
    const labels = new Map<number, number>();
    for (const pc of [...cases].reverse()) labels.set(pc, b.block());
    b.localGet(locals.index(number));
    b.brTable(
      pcs.map((pc) => labels.get(pc) ?? other),
      other,
    );
    for (const pc of cases) {
      b.end();
      b.localGet(locals.pc());
      b.i64n(pc);
      b.op('i64.ne');
      b.unlikely();
      b.brIf(other);
      this.#structure.goto(block, blocks[pcs.indexOf(pc)], 'inside');
    }
    b.end();
  }

  /** Goes where a route has been set, which is reset; falls through where none is. */
  #byRoute(block: number, { routes }: TerminatorOf<'switch'>): void {
    const { body: b, locals, temporaries } = this.#context;
    const route = temporaries.take('i32');
    const none = b.block();
    const labels = routes.map(() => b.block());
    b.localGet(locals.route());
    b.localSet(route);
    b.i32(0);
    b.localSet(locals.route());
    b.localGet(route);
    b.brTable([none, ...labels.reverse()], none);
    for (const to of routes) {
      b.end();
      this.#structure.goto(block, to, 'inside');
    }
    b.end();
  }
}
