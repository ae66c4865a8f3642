import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PAGE_SIZE } from '../platform.ts';
import { type Vma, VmaList } from './vma.ts';

const PAGES = 64;
const vma = (start: number, end: number, prot: number): Vma => ({
  start: start * PAGE_SIZE,
  end: end * PAGE_SIZE,
  prot,
  sharing: 'private',
  flags: 0,
  file: undefined,
  offset: 0,
  name: '',
  mayWrite: true,
  accessible: end * PAGE_SIZE,
});

test('maps, unmaps and splits like a table of pages', () => {
  let seed = Number(process.env['SEED'] ?? Date.now() % 1e9) | 0;
  console.log(`seed ${seed}`);
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fff_ffff;
    return (seed >>> 8) % below;
  };
  const list = new VmaList();
  const pages = new Array<number>(PAGES).fill(-1);
  for (let step = 0; step < 5000; step++) {
    const start = random(PAGES - 1);
    const end = start + 1 + random(Math.min(8, PAGES - start));
    const prot = [-1, 0, 1, 3, 5][random(5)];
    list.remove(start * PAGE_SIZE, end * PAGE_SIZE);
    if (prot >= 0) {
      list.insert(vma(start, end, prot));
      list.merge(start * PAGE_SIZE, end * PAGE_SIZE);
    }
    pages.fill(prot, start, end);
    let at = -1;
    let total = 0;
    let last: Vma | undefined;
    for (const one of list) {
      assert.ok(one.start >= at && one.end > one.start);
      assert.ok(last === undefined || last.end < one.start || last.prot !== one.prot, 'neighbours are joined');
      at = one.end;
      total += one.end - one.start;
      last = one;
    }
    assert.equal(list.totalBytes, total);
    const probe = random(PAGES);
    assert.equal(list.find(probe * PAGE_SIZE + random(PAGE_SIZE))?.prot ?? -1, pages[probe]);
    const from = random(PAGES);
    let readable = from;
    while (readable < PAGES && (pages[readable] & 1) === 1 && pages[readable] >= 0) readable++;
    assert.equal(list.allowedPrefix(from * PAGE_SIZE, (PAGES - from) * PAGE_SIZE, 1), (readable - from) * PAGE_SIZE);
    assert.equal(list.allows(from * PAGE_SIZE + 5, PAGE_SIZE, 1), pages[from] > 0 && (pages[from] & 1) === 1 && (pages[from + 1] ?? -1) > 0 && (pages[from + 1] & 1) === 1);
  }
});

test('write permission implies reading, and a file that ends inside a mapping ends access', () => {
  const list = new VmaList();
  list.insert({ ...vma(1, 4, 2), accessible: 2 * PAGE_SIZE });
  assert.ok(list.allows(PAGE_SIZE, PAGE_SIZE, 1));
  assert.ok(!list.allows(PAGE_SIZE, PAGE_SIZE + 1, 1));
  assert.equal(list.allowedPrefix(PAGE_SIZE, 4 * PAGE_SIZE, 2), PAGE_SIZE);
});
