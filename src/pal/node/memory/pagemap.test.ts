import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PAGE_SIZE } from '../../../kernel/platform.ts';
import { type Libc, openLibc, PROT } from './libc.ts';
import { PageMap } from './pagemap.ts';

const PAGES = 3000;

test('both ways of asking find the pages that were written', { skip: openLibc() === undefined ? 'no node:ffi here' : false }, () => {
  const libc = openLibc() as Libc;
  const fd = libc.createFile('pagemap-test');
  libc.setSize(fd, PAGES * PAGE_SIZE);
  const address = libc.mapView(fd, PAGES * PAGE_SIZE);
  libc.mapPrivate(address, PAGES * PAGE_SIZE, PROT.READ | PROT.WRITE, fd, 0);
  const bytes = new Uint8Array(libc.view(address, PAGES * PAGE_SIZE));
  for (let page = 0; page < PAGES; page += 7) assert.equal(bytes[page * PAGE_SIZE], 0, 'read only: not its own');
  // More runs than one answer of the host holds.
  const written = Array.from({ length: PAGES }, (_, page) => page).filter((page) => page % 3 === 0 && (page < 2800 || page > 2900));
  for (const page of written) bytes[page * PAGE_SIZE + 5] = 1;
  const expected = written.map((page) => ({ from: page, to: page + 1 }));
  for (const map of [new PageMap(libc), new PageMap(libc, false)]) {
    assert.deepEqual(map.owned(address, PAGES, 0), expected);
    assert.deepEqual(map.owned(address, PAGES, 2), [
      { from: 0, to: 2800 },
      { from: 2901, to: PAGES - 2 },
    ]);
    assert.deepEqual(map.owned(address + BigInt(PAGE_SIZE), 3, 0), [{ from: 2, to: 3 }]);
    assert.deepEqual(map.owned(address + BigInt(2810 * PAGE_SIZE), 20, 0), []);
  }
  libc.unmapView(address, PAGES * PAGE_SIZE);
  libc.close(fd);
});
