/** The wasm locals of a unit. Local 0 is the depth, the parameters follow; the others are declared when they are first asked for. */

import { FLAG_IDS } from '../../ir/index.ts';
import type { FunctionBody } from '../../wasm/index.ts';
import { registerPlace } from '../registerfile.ts';

export class UnitLocals {
  readonly #body: FunctionBody;
  readonly #registers = new Int32Array(48).fill(-1);
  readonly #indices: number[] = [];
  #pc = -1;
  #slot = -1;
  #returned = -1;
  #route = -1;

  /** `parameters`: the registers that are passed, in order. */
  constructor(body: FunctionBody, parameters: readonly number[]) {
    this.#body = body;
    parameters.forEach((id, at) => {
      this.#registers[id] = 1 + at;
    });
  }

  register(id: number): number {
    if (this.#registers[id] < 0) this.#registers[id] = this.#body.local(FLAG_IDS.includes(id) ? 'i32' : registerPlace(id).type);
    return this.#registers[id];
  }

  /** Where an indirect jump or call goes. */
  pc(): number {
    if (this.#pc < 0) this.#pc = this.#body.local('i64');
    return this.#pc;
  }

  /** Its slot in the table of code entries. */
  slot(): number {
    if (this.#slot < 0) this.#slot = this.#body.local('i32');
    return this.#slot;
  }

  /** The first result of a call: rsp behind the popped return address, or `LEFT`. */
  returned(): number {
    if (this.#returned < 0) this.#returned = this.#body.local('i64');
    return this.#returned;
  }

  /** The route that a loop with several entries takes next, 0 for none. */
  route(): number {
    if (this.#route < 0) this.#route = this.#body.local('i32');
    return this.#route;
  }

  /** The index into a jump table, by the number of its dispatch. */
  index(number: number): number {
    this.#indices[number] ??= this.#body.local('i32');
    return this.#indices[number];
  }
}
