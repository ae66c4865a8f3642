/** x87 helpers against results recorded from a processor: 80-bit values, status word, every rounding and precision. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fromHex, toHex } from '../../base/bytes.ts';
import { helperNamed } from '../helpers.ts';
import '../inst/x87.ts';
import { CPU, CPU_BYTES, CpuState } from '../state.ts';
import { X87 } from './state.ts';

/** A line: helper, stack index, control, status, tags, registers in physical order, memory operand; then the same after it. */
const vectors = readFileSync(new URL('x87.vectors.txt', import.meta.url), 'latin1')
  .trim()
  .split('\n');

interface State {
  readonly status: number;
  readonly tags: number;
  readonly registers: string;
}

function run(helper: string, index: number, control: number, status: number, tags: number, registers: Uint8Array, memory: Uint8Array): State {
  const cpu = new CpuState(new ArrayBuffer(CPU_BYTES));
  cpu.i32[CPU.x87Control / 4] = control;
  cpu.i32[CPU.x87Status / 4] = status;
  cpu.i32[CPU.x87Tag / 4] = tags;
  for (let at = 0; at < 8; at++) cpu.u8.set(registers.subarray(10 * at, 10 * at + 10), CPU.x87 + 16 * at);
  cpu.u8.set(memory, X87.value);
  cpu.i32[X87.index / 4] = index;
  helperNamed(helper).run?.(cpu);
  let after = '';
  for (let at = 0; at < 8; at++) after += toHex(cpu.u8.subarray(CPU.x87 + 16 * at, CPU.x87 + 16 * at + 10));
  return { status: cpu.i32[CPU.x87Status / 4], tags: cpu.i32[CPU.x87Tag / 4], registers: after };
}

test('helpers agree with the processor', () => {
  assert.ok(vectors.length > 500, 'the vectors are there');
  for (const line of vectors) {
    const [helper, index, control, status, tags, registers, memory, wantStatus, wantTags, wantRegisters] = line.split(' ');
    const hex = (text: string): number => Number.parseInt(text, 16);
    const got = run(helper, Number(index), hex(control), hex(status), hex(tags), fromHex(registers), fromHex(memory));
    assert.deepEqual(got, { status: hex(wantStatus), tags: hex(wantTags), registers: wantRegisters }, line);
  }
});
