/**
 * Emits the nodes of one block: every node once, as deep in an expression as its uses allow.
 *
 * A node with several uses, and every effect with a result, gets a temporary local; temporaries are reused by
 * the next block. Nodes that nothing uses are never emitted.
 */

import type { Node } from '../ir/index.ts';
import { OPS, type Type } from '../ops/index.ts';
import type { FunctionBody } from '../wasm/index.ts';

export class Temporaries {
  readonly #body: FunctionBody;
  readonly #locals: Record<Type, number[]> = { i32: [], i64: [], f32: [], f64: [], v128: [] };
  readonly #used: Record<Type, number> = { i32: 0, i64: 0, f32: 0, f64: 0, v128: 0 };

  constructor(body: FunctionBody) {
    this.#body = body;
  }

  take(type: Type): number {
    const locals = this.#locals[type];
    const at = this.#used[type]++;
    if (at === locals.length) locals.push(this.#body.local(type));
    return locals[at];
  }

  /** All temporaries are free again. */
  reset(): void {
    const used = this.#used;
    used.i32 = used.i64 = used.f32 = used.f64 = used.v128 = 0;
  }
}

export class ValueEmitter {
  readonly #b: FunctionBody;
  readonly #temporaries: Temporaries;
  readonly #registerLocal: (id: number) => number;

  constructor(b: FunctionBody, temporaries: Temporaries, registerLocal: (id: number) => number) {
    this.#b = b;
    this.#temporaries = temporaries;
    this.#registerLocal = registerLocal;
  }

  /** Counts the uses of a tree below a root; call once per use of the root. */
  count(node: Node): void {
    if (node.uses++ > 0 || node.isEffect) return;
    if (node.a !== undefined) this.count(node.a);
    if (node.b !== undefined) this.count(node.b);
    if (node.c !== undefined) this.count(node.c);
  }

  /** Leaves the value of a node on the stack. */
  emit(node: Node): void {
    const b = this.#b;
    switch (node.op) {
      case 'const':
        return this.#constant(node);
      case 'reg.get':
        return b.localGet(this.#registerLocal(node.imm));
    }
    if (node.local >= 0) return b.localGet(node.local);
    this.#compute(node);
    if (node.uses > 1) {
      node.local = this.#temporaries.take(node.type as Type);
      b.localTee(node.local);
    }
  }

  /** Evaluates now what is used more than once or later, so that conditional code may use it. */
  materialize(node: Node): void {
    if (node.op === 'const' || node.op === 'reg.get' || node.local >= 0) return;
    this.#compute(node);
    node.local = this.#temporaries.take(node.type as Type);
    this.#b.localSet(node.local);
  }

  /** Keeps the value on the stack as the result of an effect. */
  keep(node: Node): void {
    if (node.uses === 0) return this.#b.drop();
    node.local = this.#temporaries.take(node.type as Type);
    this.#b.localSet(node.local);
  }

  #constant(node: Node): void {
    const b = this.#b;
    switch (node.type) {
      case 'i32':
        return b.i32(node.imm);
      case 'i64':
        return b.i64(node.wide as bigint);
      case 'f32':
        return b.f32(node.imm);
      case 'f64':
        return b.f64(node.imm);
      case 'v128':
        return b.v128(node.wide as Uint8Array);
    }
  }

  #compute(node: Node): void {
    const b = this.#b;
    const { a, b: second, c } = node;
    if (a !== undefined) this.emit(a);
    if (second !== undefined) this.emit(second);
    if (c !== undefined) this.emit(c);
    switch (node.op) {
      case 'select':
        if (node.type === 'v128') b.selectTyped('v128');
        else b.select();
        return;
      case 'shuffle':
        return b.shuffle(node.wide as Uint8Array);
      default: {
        const info = OPS[node.op as keyof typeof OPS];
        if (info.kind === 'lane') b.lane(node.op as keyof typeof OPS, node.imm);
        else b.op(node.op as keyof typeof OPS);
      }
    }
  }
}
