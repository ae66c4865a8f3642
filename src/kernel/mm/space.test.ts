import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type GuestMemory, PAGE_SIZE } from '../platform.ts';
import { MMAP_BASE } from './layout.ts';
import { AddressSpace } from './space.ts';

const nothing = (): void => {};
/** Pages that nobody touches. */
const memory = { mapAnonymous: nothing, mapBacking: nothing, protect: nothing, unmap: nothing } as unknown as GuestMemory;

function lowestHole(mm: AddressSpace, length: number): number {
  let at = MMAP_BASE;
  for (const { start, end } of mm.vmas) {
    if (end <= at) continue;
    if (start - at >= length) break;
    at = end;
  }
  return at;
}

test('mappings without an address get the lowest hole that holds them', () => {
  let seed = Number(process.env['SEED'] ?? Date.now() % 1e9) | 0;
  console.log(`seed ${seed}`);
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fff_ffff;
    return (seed >>> 8) % below;
  };
  const mm = new AddressSpace(memory, { committedBytes: 0, limitBytes: Number.POSITIVE_INFINITY });
  const used: { start: number; end: number }[] = [];
  for (let step = 0; step < 4000; step++) {
    const length = (1 + random(random(4) === 0 ? 40 : 4)) * PAGE_SIZE;
    switch (used.length > 60 ? 1 : random(4)) {
      case 0:
      case 2: {
        const expected = lowestHole(mm, length);
        const start = mm.map({ length, prot: random(4), sharing: 'private' });
        assert.equal(start, expected);
        used.push({ start, end: start + length });
        break;
      }
      case 1: {
        const [range] = used.splice(random(Math.max(used.length, 1)), 1);
        if (range === undefined) break;
        // Sometimes only a part, which stays known as two.
        const middle = range.start + PAGE_SIZE;
        if (random(3) === 0 && middle < range.end) {
          mm.unmap(middle, middle + PAGE_SIZE);
          used.push({ start: range.start, end: middle }, { start: middle + PAGE_SIZE, end: range.end });
        } else mm.unmap(range.start, range.end);
        break;
      }
      default:
        mm.map({ address: MMAP_BASE + random(200) * PAGE_SIZE, length, prot: 3, sharing: 'private' });
    }
  }
});
