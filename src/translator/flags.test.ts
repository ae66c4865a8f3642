import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CPU, CPU_BYTES, CpuState, statusFlags } from '../x86/index.ts';
import { CPU_PAGES, SLOTS } from './layout.ts';
import { runtimeModule } from './runtime.ts';

test('flags in wasm are those of the descriptor', () => {
  const cpuMemory = new WebAssembly.Memory({ initial: CPU_PAGES, maximum: CPU_PAGES });
  const guest = new WebAssembly.Memory({ initial: 1n, maximum: 262144n, address: 'i64' } as unknown as WebAssembly.MemoryDescriptor);
  const code = new WebAssembly.Table({ initial: SLOTS, element: 'anyfunc' });
  const none = (): number => 0;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(runtimeModule(false).bytes as BufferSource), { e: { guest, cpu: cpuMemory, code, resolve: none, tick: none } });
  const materialize = exports.materialize_flags as () => void;
  const cpu = new CpuState(cpuMemory.buffer);
  assert.ok(cpuMemory.buffer.byteLength >= CPU_BYTES);
  const edges = [0n, 1n, 0x7fn, 0x80n, 0xffn, 0x100n, 0x7fffn, 0x8000n, 0xffffn, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn, 0x7fff_ffff_ffff_ffffn, 0x8000_0000_0000_0000n, 0xffff_ffff_ffff_ffffn];
  for (const kind of [1, 2, 3]) {
    for (const size of [0, 1, 2, 3]) {
      for (const a of edges) {
        for (const b of kind === 3 ? [0n] : edges) {
          cpu.i32[CPU.flagsCode >> 2] = kind * 4 + size;
          cpu.u64[CPU.flagsA >> 3] = a;
          cpu.u64[CPU.flagsB >> 3] = b;
          const expected = statusFlags(kind * 4 + size, a, b);
          materialize();
          assert.equal(cpu.i32[CPU.flagsCode >> 2], 0);
          assert.equal(Number(cpu.u64[CPU.flagsA >> 3]), expected, `kind ${kind} size ${size} ${a} ${b}`);
        }
      }
    }
  }
});
