/** Shared anonymous memory: an object without a name that fork's children keep sharing. */

import type { Kernel } from '../kernel.ts';
import type { Backing } from '../platform.ts';
import { committedBacking } from './space.ts';
import type { Mappable } from './vma.ts';

let nextIno = 1;

class AnonymousShared implements Mappable {
  readonly dev = 1;
  readonly ino = nextIno++;
  readonly size: number;
  readonly #pages: ReturnType<typeof committedBacking>;
  #users = 0;

  constructor(kernel: Kernel, size: number) {
    this.#pages = committedBacking(kernel.account, kernel.platform.memory, size);
    this.size = size;
  }

  backing(): Backing {
    return this.#pages.backing;
  }

  retain(): void {
    this.#users++;
  }

  release(): void {
    this.#users--;
    if (this.#users === 0) this.#pages.release();
  }
}

/** Zero pages that several address spaces may map. They go with their last mapping. */
export function anonymousShared(kernel: Kernel, size: number): Mappable {
  return new AnonymousShared(kernel, size);
}
