/** Ways out of a unit to the executor and the outer loop (see `layout.ts`). All registers and `rip` are stored before. */

import { GO_ON, LEFT, STOP_REASON, STOP_TRAP, TO_EXECUTOR, TRAP_KINDS } from '../layout.ts';
import { storeField, storeRip } from '../registerfile.ts';
import { spendFuel } from '../runtime.ts';
import type { UnitContext } from './context.ts';

type Exit = typeof TO_EXECUTOR | typeof GO_ON;

export class Exits {
  readonly #context: UnitContext;

  constructor(context: UnitContext) {
    this.#context = context;
  }

  leave(how: Exit): void {
    const b = this.#context.body;
    b.i64(LEFT);
    b.i64(how);
    b.return();
  }

  /** If the condition on the stack holds, which is rare; `store` stores what is not yet stored. */
  leaveIf(how: Exit, store: () => void = () => {}): void {
    const b = this.#context.body;
    b.unlikely();
    b.if();
    store();
    this.leave(how);
    b.end();
  }

  /** Takes fuel; when it is out, the kernel may stop the task. `store` stores what is not yet stored. */
  mayStop(fuel: number, store: () => void = () => {}): void {
    const { body: b, unit } = this.#context;
    spendFuel(b, fuel);
    b.unlikely();
    b.if();
    store();
    b.call(unit.imports.tick);
    this.leaveIf(TO_EXECUTOR);
    b.end();
  }

  /** An exception of the guest's instruction at `pc`. */
  trap(kind: (typeof TRAP_KINDS)[number], pc: number): void {
    const b = this.#context.body;
    storeField(b, 'i32', STOP_REASON, () => b.i32(STOP_TRAP + TRAP_KINDS.indexOf(kind)));
    storeRip(b, pc);
    this.leave(TO_EXECUTOR);
  }
}
