/** What every memory back end must do (kernel/platform.ts `MemoryBackend`): `describeMemoryBackend(make)`. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type GuestMemory, type MemoryBackend, PAGE_SIZE, PROT_EXEC, PROT_NONE, PROT_READ, PROT_WRITE } from '../../../kernel/platform.ts';

const RW = PROT_READ | PROT_WRITE;
const AT = 0x40_0000;

function fill(memory: GuestMemory, address: number, length: number, value: number): void {
  memory.bytes.fill(value, address, address + length);
}

function all(memory: GuestMemory, address: number, length: number, value: number): boolean {
  return memory.bytes.subarray(address, address + length).every((byte) => byte === value);
}

/** A run of something else in between, as the scheduler does it. */
function switchTo(from: GuestMemory, to: GuestMemory): void {
  from.leave();
  to.enter();
}

/** `absent` says why there is no such back end here. */
export function describeMemoryBackend(name: string, make: () => MemoryBackend, absent?: string): void {
  describe(`memory back end: ${name}`, { skip: absent ?? false }, () => {
    const backend = make();
    const fresh = (): GuestMemory => {
      const memory = backend.create('conformance');
      memory.enter();
      return memory;
    };

    it('maps zero pages and says what is mapped', () => {
      const memory = fresh();
      memory.mapAnonymous(AT, 4 * PAGE_SIZE, RW);
      assert.ok(all(memory, AT, 4 * PAGE_SIZE, 0));
      assert.equal(memory.permissionsAt(AT + 4 * PAGE_SIZE - 1) & RW, RW);
      assert.equal(memory.permissionsAt(AT + 4 * PAGE_SIZE), -1);
      assert.equal(memory.permissionsAt(AT - 1), -1);
      assert.equal(memory.permissionsAt(0), -1);
      fill(memory, AT, 4 * PAGE_SIZE, 7);
      memory.mapAnonymous(AT + PAGE_SIZE, PAGE_SIZE, RW);
      assert.ok(all(memory, AT, PAGE_SIZE, 7));
      assert.ok(all(memory, AT + PAGE_SIZE, PAGE_SIZE, 0), 'a new mapping replaces the old one');
      assert.ok(all(memory, AT + 2 * PAGE_SIZE, 2 * PAGE_SIZE, 7));
      memory.dispose();
    });

    it('keeps content over protect, and loses it over unmap', () => {
      const memory = fresh();
      memory.mapAnonymous(AT, 3 * PAGE_SIZE, RW);
      fill(memory, AT, 3 * PAGE_SIZE, 9);
      memory.protect(AT + PAGE_SIZE, PAGE_SIZE, PROT_NONE);
      assert.equal(memory.permissionsAt(AT + PAGE_SIZE), PROT_NONE);
      memory.protect(AT + PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_EXEC);
      assert.ok(all(memory, AT, 3 * PAGE_SIZE, 9));
      memory.unmap(AT + PAGE_SIZE, PAGE_SIZE);
      assert.equal(memory.permissionsAt(AT + PAGE_SIZE), -1);
      memory.mapAnonymous(AT + PAGE_SIZE, PAGE_SIZE, RW);
      assert.ok(all(memory, AT + PAGE_SIZE, PAGE_SIZE, 0));
      assert.ok(all(memory, AT + 2 * PAGE_SIZE, PAGE_SIZE, 9));
      memory.discard(AT + 2 * PAGE_SIZE, PAGE_SIZE);
      assert.ok(all(memory, AT + 2 * PAGE_SIZE, PAGE_SIZE, 0));
      memory.dispose();
    });

    it('shows nothing of small regions that come and go', () => {
      const memory = fresh();
      for (let round = 0; round < 200; round++) {
        const [from, pages] = [AT + (round % 7) * PAGE_SIZE, 1 + (round % 5)];
        memory.mapAnonymous(from, pages * PAGE_SIZE, RW);
        assert.ok(all(memory, from, pages * PAGE_SIZE, 0), `round ${round}`);
        fill(memory, from, pages * PAGE_SIZE, 1 + (round % 255));
        if (round % 3 === 0) memory.mapAnonymous(from + PAGE_SIZE, PAGE_SIZE, RW);
        const child = round % 10 === 0 ? memory.fork() : undefined;
        memory.unmap(from, pages * PAGE_SIZE);
        for (let page = 0; page < pages; page++) assert.equal(memory.permissionsAt(from + page * PAGE_SIZE), -1);
        memory.unmap(AT, 16 * PAGE_SIZE);
        child?.dispose();
      }
      memory.dispose();
    });

    it('gives a pooled memory back empty', () => {
      for (let round = 0; round < 4; round++) {
        const memory = backend.create('pooled');
        assert.equal(memory.permissionsAt(AT), -1);
        memory.mapAnonymous(AT, 2 * PAGE_SIZE, RW);
        memory.enter();
        assert.ok(all(memory, AT, 2 * PAGE_SIZE, 0));
        fill(memory, AT, 2 * PAGE_SIZE, round + 1);
        memory.mapAnonymous(AT + 0x10_0000, PAGE_SIZE, RW);
        fill(memory, AT + 0x10_0000, PAGE_SIZE, 5);
        memory.leave();
        memory.dispose();
      }
      const other = backend.create('pooled');
      other.mapAnonymous(AT + PAGE_SIZE, 2 * PAGE_SIZE, RW);
      other.enter();
      assert.equal(other.permissionsAt(AT), -1);
      assert.ok(all(other, AT + PAGE_SIZE, 2 * PAGE_SIZE, 0));
      assert.equal(other.permissionsAt(AT + 0x10_0000), -1);
      other.dispose();
    });

    it('maps private pages of a backing copy-on-write', () => {
      const backing = backend.createBacking(2 * PAGE_SIZE);
      backing.bytes.fill(3);
      const memory = fresh();
      memory.mapBacking(AT, 2 * PAGE_SIZE, RW, backing, 0, 'private');
      memory.mapBacking(AT + 0x1_0000, PAGE_SIZE, PROT_READ, backing, PAGE_SIZE, 'private');
      assert.ok(all(memory, AT, 2 * PAGE_SIZE, 3));
      assert.ok(all(memory, AT + 0x1_0000, PAGE_SIZE, 3));
      fill(memory, AT, PAGE_SIZE, 4);
      assert.ok(backing.bytes.every((byte) => byte === 3));
      backing.release();
      assert.ok(all(memory, AT + PAGE_SIZE, PAGE_SIZE, 3), 'pages outlive the last other reference');
      memory.dispose();
    });

    it('takes pooled file pages over with their original content', () => {
      const backing = backend.createBacking(3 * PAGE_SIZE);
      backing.bytes.fill(3);
      for (let round = 0; round < 3; round++) {
        const memory = backend.create('program');
        memory.mapBacking(AT, 2 * PAGE_SIZE, RW, backing, PAGE_SIZE, 'private');
        memory.enter();
        assert.ok(all(memory, AT, 2 * PAGE_SIZE, 3));
        fill(memory, AT, 2 * PAGE_SIZE, 4);
        memory.protect(AT, PAGE_SIZE, PROT_READ);
        memory.dispose();
      }
      backing.release();
    });

    it('says which constant file code is, as long as nobody could write to it', () => {
      const one = backend.createBacking(2 * PAGE_SIZE);
      const two = backend.createBacking(2 * PAGE_SIZE);
      const RX = PROT_READ | PROT_EXEC;
      one.constant = true;
      const memory = fresh();
      memory.mapBacking(AT, PAGE_SIZE, RX, one, PAGE_SIZE, 'private');
      assert.deepEqual(memory.origin(AT, AT + PAGE_SIZE), { backing: one, shift: PAGE_SIZE - AT });
      assert.equal(memory.origin(AT, AT + PAGE_SIZE + 1), undefined, 'beyond its end');
      memory.mapBacking(AT + PAGE_SIZE, PAGE_SIZE, RX, one, PAGE_SIZE, 'private');
      assert.equal(memory.origin(AT + PAGE_SIZE - 1, AT + PAGE_SIZE + 1), undefined, 'two mappings that do not continue each other');
      memory.mapBacking(AT, 2 * PAGE_SIZE, RX, one, 0, 'private');
      assert.equal(memory.origin(AT, AT + 2 * PAGE_SIZE)?.backing, one);
      memory.protect(AT, PAGE_SIZE, PROT_READ);
      assert.equal(memory.origin(AT, AT + 1), undefined, 'no code');
      memory.protect(AT, PAGE_SIZE, RX);
      assert.equal(memory.origin(AT, AT + 1)?.backing, one);
      const child = memory.fork();
      assert.equal(child.origin(AT, AT + 2 * PAGE_SIZE)?.backing, one, 'in a child');
      child.dispose();
      memory.enter();
      memory.protect(AT, PAGE_SIZE, RW | PROT_EXEC);
      memory.protect(AT, PAGE_SIZE, RX);
      assert.equal(memory.origin(AT, AT + 1), undefined, 'it may have been written');
      assert.equal(memory.origin(AT + PAGE_SIZE, AT + 2 * PAGE_SIZE)?.backing, one);
      memory.mapBacking(AT, 2 * PAGE_SIZE, RX, two, 0, 'private');
      assert.equal(memory.origin(AT, AT + 1), undefined, 'a file that may change');
      memory.mapAnonymous(AT, PAGE_SIZE, RX);
      assert.equal(memory.origin(AT, AT + 1), undefined, 'no file');
      memory.mapBacking(AT, PAGE_SIZE, RX, one, 0, 'private');
      memory.dispose();
      const next = fresh();
      assert.equal(next.origin(AT, AT + 1), undefined, 'a pooled memory has nothing mapped');
      next.dispose();
      one.release();
      two.release();
    });

    it('keeps what the engine made', () => {
      if (!backend.protects) return;
      const memory = backend.create('engine');
      memory.engineSlot = backend;
      memory.dispose();
      assert.equal(backend.create('engine').engineSlot, backend);
    });

    it('maps again over what is there: nothing that was written shows', () => {
      const file = backend.createBacking(8 * PAGE_SIZE);
      for (let page = 0; page < 8; page++) file.bytes.fill(page + 1, page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
      for (let life = 0; life < 3; life++) {
        const memory = backend.create('again');
        memory.mapBacking(AT, 8 * PAGE_SIZE, PROT_READ, file, 0, 'private');
        memory.enter();
        memory.mapBacking(AT, 4 * PAGE_SIZE, RW, file, 0, 'private');
        fill(memory, AT + PAGE_SIZE, PAGE_SIZE, 99);
        memory.protect(AT + PAGE_SIZE, PAGE_SIZE, PROT_READ);
        memory.mapBacking(AT, 8 * PAGE_SIZE, PROT_READ, file, 0, 'private');
        for (let page = 0; page < 8; page++) assert.ok(all(memory, AT + page * PAGE_SIZE, PAGE_SIZE, page + 1), `page ${page}`);
        memory.mapBacking(AT, 2 * PAGE_SIZE, RW, file, PAGE_SIZE, 'private');
        assert.ok(all(memory, AT, PAGE_SIZE, 2), 'another part of the file');
        memory.mapAnonymous(AT + 2 * PAGE_SIZE, 2 * PAGE_SIZE, RW);
        assert.ok(all(memory, AT + 2 * PAGE_SIZE, 2 * PAGE_SIZE, 0));
        fill(memory, AT, 4 * PAGE_SIZE, 77);
        memory.mapAnonymous(AT, 8 * PAGE_SIZE, PROT_READ);
        assert.ok(all(memory, AT, 8 * PAGE_SIZE, 0));
        memory.dispose();
      }
      file.release();
    });

    it('shares pages between address spaces and with the kernel', () => {
      const backing = backend.createBacking(2 * PAGE_SIZE);
      const one = fresh();
      one.mapBacking(AT, 2 * PAGE_SIZE, RW, backing, 0, 'shared');
      one.leave();
      const two = fresh();
      two.mapBacking(AT + 0x1_0000, PAGE_SIZE, RW, backing, PAGE_SIZE, 'shared');
      switchTo(two, one);
      one.bytes[AT + PAGE_SIZE] = 77;
      switchTo(one, two);
      assert.equal(two.bytes[AT + 0x1_0000], 77);
      assert.equal(backing.bytes[PAGE_SIZE], 77);
      backing.bytes[PAGE_SIZE + 1] = 78;
      switchTo(two, one);
      assert.equal(one.bytes[AT + PAGE_SIZE + 1], 78);
      one.dispose();
      two.dispose();
      backing.release();
    });

    it('shares pages with the kernel while their tasks run', () => {
      const backing = backend.createBacking(2 * PAGE_SIZE);
      const memory = fresh();
      const SECOND = AT + 0x1_0000;
      memory.mapBacking(AT, 2 * PAGE_SIZE, RW, backing, 0, 'shared');
      memory.mapBacking(SECOND, PAGE_SIZE, RW, backing, PAGE_SIZE, 'shared');
      memory.bytes[AT + PAGE_SIZE] = 77;
      assert.equal(backing.bytes[PAGE_SIZE], 77, 'a task wrote, the kernel reads');
      assert.equal(memory.bytes[SECOND], 77, 'the other mapping');
      backing.bytes.set([1, 2], PAGE_SIZE - 1);
      backing.changed(PAGE_SIZE - 1, 2);
      assert.deepEqual([...memory.bytes.subarray(AT + PAGE_SIZE - 1, AT + PAGE_SIZE + 1)], [1, 2], 'the kernel wrote');
      assert.equal(memory.bytes[SECOND], 2);
      memory.bytes[SECOND + 1] = 5;
      backing.bytes[0] = 4;
      backing.changed(0, 1);
      assert.deepEqual([backing.bytes[PAGE_SIZE], backing.bytes[PAGE_SIZE + 1], memory.bytes[AT]], [2, 5, 4], 'nothing older comes back');
      memory.bytes[AT + 9] = 9;
      backing.resize(10);
      assert.equal(backing.bytes[9], 9);
      assert.equal(backing.bytes[10], 0);
      memory.leave();
      memory.enter();
      assert.equal(memory.bytes[AT + 9], 9);
      memory.dispose();
      backing.release();
    });

    it('shows what was shared to whoever comes next, at every switch', () => {
      const backing = backend.createBacking(PAGE_SIZE);
      const spaces = Array.from({ length: 3 }, (_, index) => {
        const memory = backend.create('conformance');
        memory.mapBacking(AT + index * PAGE_SIZE, PAGE_SIZE, RW, backing, 0, 'shared');
        return memory;
      });
      for (let turn = 0; turn < 60; turn++) {
        const index = (turn * 7 + (turn >> 2)) % spaces.length;
        const memory = spaces[index];
        memory.enter();
        const counter = AT + index * PAGE_SIZE + 8;
        assert.equal(memory.bytes[counter], turn);
        memory.bytes[counter]++;
        memory.leave();
      }
      for (const memory of spaces) memory.dispose();
      backing.release();
    });

    it('resizes a backing, zero-filled', () => {
      const backing = backend.createBacking(100);
      assert.equal(backing.size, 100);
      assert.equal(backing.bytes.length, PAGE_SIZE);
      backing.bytes.fill(1, 0, 100);
      backing.resize(50);
      backing.resize(5 * PAGE_SIZE + 1);
      assert.equal(backing.bytes.length, 6 * PAGE_SIZE);
      assert.ok(backing.bytes.subarray(0, 50).every((byte) => byte === 1));
      assert.ok(backing.bytes.subarray(50).every((byte) => byte === 0));
      backing.release();
    });

    it('forks: private pages part, shared pages stay shared, over generations', () => {
      const backing = backend.createBacking(PAGE_SIZE);
      const file = backend.createBacking(2 * PAGE_SIZE);
      file.bytes.fill(8);
      const parent = fresh();
      const pages = 700;
      parent.mapAnonymous(AT, pages * PAGE_SIZE, RW);
      for (let page = 0; page < pages; page += 3) parent.bytes[AT + page * PAGE_SIZE] = 1 + (page % 200);
      parent.mapBacking(AT + 0x100_0000, PAGE_SIZE, RW, backing, 0, 'shared');
      parent.mapBacking(AT + 0x200_0000, 2 * PAGE_SIZE, RW, file, 0, 'private');
      fill(parent, AT + 0x200_0000, 1, 9);
      parent.mapAnonymous(AT + 0x300_0000, PAGE_SIZE, RW);
      fill(parent, AT + 0x300_0000, PAGE_SIZE, 6);
      parent.protect(AT + 0x300_0000, PAGE_SIZE, PROT_NONE);
      let current: GuestMemory = parent;
      const family = [parent];
      for (let generation = 1; generation <= 5; generation++) {
        const child = current.fork();
        family.push(child);
        switchTo(current, child);
        for (let page = 0; page < pages; page += 3) assert.equal(child.bytes[AT + page * PAGE_SIZE], 1 + (page % 200), `generation ${generation}, page ${page}`);
        assert.equal(child.bytes[AT + PAGE_SIZE], 0);
        child.bytes[AT + 2 * PAGE_SIZE] = generation;
        assert.equal(child.bytes[AT + 0x200_0000], 9);
        assert.equal(child.bytes[AT + 0x200_0000 + PAGE_SIZE], 8);
        child.bytes[AT + 0x100_0000] = generation;
        assert.equal(child.permissionsAt(AT + 0x300_0000), PROT_NONE);
        child.protect(AT + 0x300_0000, PAGE_SIZE, PROT_READ);
        assert.ok(all(child, AT + 0x300_0000, PAGE_SIZE, 6));
        child.protect(AT + 0x300_0000, PAGE_SIZE, PROT_NONE);
        current = child;
      }
      current.leave();
      parent.enter();
      assert.equal(parent.bytes[AT + 2 * PAGE_SIZE], 0);
      assert.equal(parent.bytes[AT + 0x100_0000], 5);
      parent.leave();
      family[3].enter();
      assert.equal(family[3].bytes[AT + 2 * PAGE_SIZE], 3);
      family[3].leave();
      for (const memory of family) memory.dispose();
      backing.release();
      file.release();
    });

    it('forks while the parent keeps writing', () => {
      const parent = fresh();
      parent.mapAnonymous(AT, 1024 * PAGE_SIZE, RW);
      const children: GuestMemory[] = [];
      for (let round = 0; round < 6; round++) {
        for (let page = 0; page < 1024; page += 1 + round * 5) parent.bytes[AT + page * PAGE_SIZE + round] = 100 + round;
        children.push(parent.fork());
      }
      children.forEach((child, round) => {
        child.enter();
        for (let r = 0; r < 6; r++) {
          for (let page = 0; page < 1024; page += 1 + r * 5) assert.equal(child.bytes[AT + page * PAGE_SIZE + r], r <= round ? 100 + r : 0);
        }
        child.leave();
        child.dispose();
      });
      parent.dispose();
    });

    it('reaches the top of the address space and refuses more with RangeError', () => {
      const memory = fresh();
      const top = 0x4_0000_0000 - 0x2_0000;
      if (backend.protects) {
        memory.mapAnonymous(top, PAGE_SIZE, RW);
        memory.bytes[top] = 1;
        assert.equal(memory.bytes[top], 1);
      }
      assert.throws(() => memory.mapAnonymous(0x4_0000_0000, PAGE_SIZE, RW), RangeError);
      memory.dispose();
    });

    it('behaves as a simple model does, over random operations', () => {
      const seed = (Date.now() ^ process.pid) >>> 0;
      let state = seed || 1;
      const random = (limit: number): number => {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        return (state >>> 0) % limit;
      };
      const PAGES = 48;
      interface Space {
        memory: GuestMemory;
        prot: Int8Array;
        value: Uint8Array;
      }
      const backing = backend.createBacking(PAGES * PAGE_SIZE);
      for (let page = 0; page < PAGES; page++) backing.bytes.fill(page + 100, page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
      const start = (): Space => ({ memory: backend.create('random'), prot: new Int8Array(PAGES).fill(-1), value: new Uint8Array(PAGES) });
      let spaces: Space[] = [start()];
      for (let step = 0; step < 1500; step++) {
        const which = random(spaces.length);
        const space = spaces[which];
        const first = random(PAGES);
        const count = 1 + random(Math.min(8, PAGES - first));
        const address = AT + first * PAGE_SIZE;
        const length = count * PAGE_SIZE;
        const range = Array.from({ length: count }, (_, i) => first + i);
        const prot = [RW, RW, PROT_READ, PROT_NONE][random(4)];
        space.memory.enter();
        switch (random(9)) {
          case 0:
          case 1:
            space.memory.mapAnonymous(address, length, prot);
            for (const page of range) {
              space.prot[page] = prot;
              space.value[page] = 0;
            }
            break;
          case 2:
            space.memory.mapBacking(address, length, prot, backing, first * PAGE_SIZE, 'private');
            for (const page of range) {
              space.prot[page] = prot;
              space.value[page] = page + 100;
            }
            break;
          case 3:
            space.memory.unmap(address, length);
            for (const page of range) space.prot[page] = -1;
            break;
          case 4:
            if (range.every((page) => space.prot[page] >= 0)) {
              space.memory.protect(address, length, prot);
              for (const page of range) space.prot[page] = prot;
            }
            break;
          case 5:
          case 6:
            for (const page of range) {
              if (space.prot[page] !== RW) continue;
              space.value[page] = random(256);
              space.memory.bytes.fill(space.value[page], AT + page * PAGE_SIZE, AT + (page + 1) * PAGE_SIZE);
            }
            break;
          case 7:
            if (spaces.length < 6) spaces.push({ memory: space.memory.fork(), prot: space.prot.slice(), value: space.value.slice() });
            break;
          case 8:
            if (spaces.length > 3 && random(3) === 0) {
              space.memory.dispose();
              spaces = spaces.filter((each) => each !== space);
              if (spaces.length < 5) spaces.push(start());
              continue;
            }
            break;
        }
        for (let page = 0; page < PAGES; page++) {
          const permissions = space.memory.permissionsAt(AT + page * PAGE_SIZE);
          assert.equal(permissions < 0, space.prot[page] < 0, `seed ${seed} step ${step} page ${page}`);
          if (!(space.prot[page] & PROT_READ) || space.prot[page] < 0) continue;
          const at = AT + page * PAGE_SIZE;
          assert.ok(space.memory.bytes[at] === space.value[page] && space.memory.bytes[at + PAGE_SIZE - 1] === space.value[page], `seed ${seed} step ${step} page ${page}: ${space.memory.bytes[at]} instead of ${space.value[page]}`);
        }
        space.memory.leave();
      }
      for (const { memory } of spaces) memory.dispose();
      backing.release();
    });
  });
}
