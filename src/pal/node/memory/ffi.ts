/** The memory back end over real host pages (see `ffi-memory.ts`). */

import type { Backing, GuestMemory, MemoryBackend } from '../../../kernel/platform.ts';
import { FfiBacking } from './ffi-backing.ts';
import { FfiMemory } from './ffi-memory.ts';
import type { Libc } from './libc.ts';
import { PageMap } from './pagemap.ts';
import { Pool } from './pool.ts';
import { Snapshots } from './snapshots.ts';

export class FfiBackend implements MemoryBackend {
  readonly name = 'ffi';
  readonly protects = true;
  readonly libc: Libc;
  readonly snapshots: Snapshots;
  readonly pageMap: PageMap;
  /** Of the memories in the pool. */
  keptPages = 0;
  readonly pool = new Pool<FfiMemory>((memory) => memory.destroy());

  constructor(libc: Libc) {
    this.libc = libc;
    this.pageMap = new PageMap(libc);
    this.snapshots = new Snapshots(libc);
  }

  create(pool: string): GuestMemory {
    return this.pool.take(pool)?.taken() ?? new FfiMemory(this, pool);
  }

  trim(): void {
    this.snapshots.trim();
  }

  createBacking(size: number): Backing {
    return new FfiBacking(this.libc, size);
  }
}
