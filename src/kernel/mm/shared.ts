/** Shared anonymous memory: an object without a name that fork's children keep sharing. */

import type { Kernel } from '../kernel.ts';
import type { Backing } from '../platform.ts';
import { orNoMemory } from './space.ts';
import type { Mappable } from './vma.ts';

let nextIno = 1;

class AnonymousShared implements Mappable {
  readonly dev = 1;
  readonly ino = nextIno++;
  readonly size: number;
  readonly #backing: Backing;
  #users = 0;

  constructor(backing: Backing, size: number) {
    this.#backing = backing;
    this.size = size;
  }

  backing(): Backing {
    return this.#backing;
  }

  retain(): void {
    this.#users++;
  }

  release(): void {
    this.#users--;
    if (this.#users === 0) this.#backing.release();
  }
}

/** Zero pages that several address spaces may map. They go with their last mapping. */
export function anonymousShared(kernel: Kernel, size: number): Mappable {
  return new AnonymousShared(orNoMemory(() => kernel.platform.memory.createBacking(size)), size);
}
