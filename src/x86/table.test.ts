import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ROWS } from './inst/index.ts';
import { compileRow, DecodeTable, placesOf } from './table.ts';

test('no two rows clash, at any opcode', () => {
  const table = new DecodeTable(ROWS);
  const decoded = new Set<unknown>();
  for (let map = 0; map < 4; map++)
    for (let opcode = 0; opcode < 256; opcode++)
      for (let prefix = 0; prefix < 4; prefix++)
        for (const w of [0, 1]) {
          const leaf = table.leaf(map, opcode, prefix, w);
          for (const form of Array.isArray(leaf) ? leaf : [leaf]) if (form !== null && form !== undefined) decoded.add(form.row);
        }
  assert.deepEqual(
    ROWS.filter((row) => !decoded.has(row)),
    [],
    'rows that nothing decodes to',
  );
});

test('a row lies where its encoding says', () => {
  for (const row of ROWS) {
    const { map, opcode, plusR } = compileRow(row);
    const place = (map << 8) | opcode;
    assert.deepEqual(placesOf(row), plusR ? [0, 1, 2, 3, 4, 5, 6, 7].map((register) => place + register) : [place], row.encoding);
  }
});

test('rows that say the same clash', () => {
  const [row] = ROWS;
  const [place] = placesOf(row);
  assert.throws(() => new DecodeTable([row, { ...row, mnemonic: 'other' }]).leaf(place >> 8, place & 0xff, 0, 0), /clashes with/);
});
