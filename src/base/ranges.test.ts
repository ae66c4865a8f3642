import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ranges } from './ranges.ts';

test('agrees with a plain array over random changes', () => {
  const seed = (Date.now() ^ process.pid) >>> 0;
  let state = seed || 1;
  const random = (limit: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
  const ranges = new Ranges<{ start: number; end: number }>();
  let model: { start: number; end: number }[] = [];
  for (let step = 0; step < 5000; step++) {
    const start = random(2000) * 10;
    const at = model.findIndex(({ end }) => end > start);
    const index = at < 0 ? model.length : at;
    assert.equal(ranges.indexAt(start), index, `seed ${seed}`);
    if (random(5) < 3) {
      if (model[index]?.start === start) continue;
      const item = { start, end: start + 10 };
      ranges.insert(index, item);
      model = model.toSpliced(index, 0, item);
    } else {
      const to = Math.min(model.length, index + random(4));
      assert.deepEqual(ranges.remove(index, to), model.slice(index, to), `seed ${seed}`);
      model = model.toSpliced(index, Math.max(to - index, 0));
    }
    assert.equal(ranges.length, model.length);
    assert.equal(ranges.at(index), model[index], `seed ${seed}`);
    if (step % 50 === 0) assert.deepEqual([...ranges], model, `seed ${seed}`);
  }
  ranges.clear();
  assert.deepEqual([...ranges], []);
  assert.equal(ranges.at(0), undefined);
});
