/** Transcendental instructions against the mathematical library: 53 bits of their 64. Processors differ in the last bits. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { helperNamed } from '../helpers.ts';
import '../inst/x87.ts';
import { CPU, CPU_BYTES, CpuState } from '../state.ts';
import { X87 } from './state.ts';

/** Runs a helper on ST(1), ST(0) and gives ST(`result`) as a double. */
function run(name: string, result: number, ...operands: readonly number[]): number {
  const cpu = new CpuState(new ArrayBuffer(CPU_BYTES));
  cpu.i32[CPU.x87Control / 4] = 0x37f;
  for (const operand of operands) {
    cpu.f64[X87.value / 8] = operand;
    helperNamed('x87.fld.m64').run?.(cpu);
  }
  helperNamed(`x87.${name}`).run?.(cpu);
  for (let at = 0; at < result; at++) helperNamed('x87.fincstp').run?.(cpu);
  helperNamed('x87.fst.m64.0').run?.(cpu);
  return cpu.f64[X87.value / 8];
}

function near(got: number, want: number, what: string): void {
  assert.ok(Object.is(got, want) || Math.abs(got - want) <= Math.abs(want) * 2 ** -51, `${what}: ${got}, not ${want}`);
}

const ANGLES = [0, -0, 1e-30, -1e-9, 0.1, -0.5, 0.75, 1, 1.5, -2, 3, 4.5, 6, -7, 20];
const POSITIVE = [1e-300, 1e-9, 0.1, 0.5, 0.7, 0.99999, 1, 1.00001, 1.4, 1.5, 2, 3, 10, 1e9, 1e300];

test('sine, cosine, tangent', () => {
  for (const x of ANGLES) {
    near(run('fsin', 0, x), Math.sin(x), `sin ${x}`);
    near(run('fcos', 0, x), Math.cos(x), `cos ${x}`);
    near(run('fptan', 1, x), Math.tan(x), `tan ${x}`);
    near(run('fsincos', 0, x), Math.cos(x), `sincos ${x}`);
    near(run('fsincos', 1, x), Math.sin(x), `sincos ${x}`);
  }
});

test('arc tangent in all quadrants', () => {
  for (const y of [...ANGLES, ...POSITIVE, Infinity, -Infinity]) {
    for (const x of [...ANGLES, ...POSITIVE, Infinity, -Infinity]) {
      const want = Math.atan2(y, x);
      if (Math.abs(want) < 1e-300) continue;
      near(run('fpatan', 0, y, x), want, `atan2 ${y}, ${x}`);
    }
  }
});

test('exponential and logarithms', () => {
  for (const x of [0, -0, 1e-30, 1e-9, -1e-9, 0.3, -0.3, 0.9, -0.99, 1, -1]) near(run('f2xm1', 0, x), Math.expm1(x * Math.LN2), `2^${x} − 1`);
  for (const x of POSITIVE) near(run('fyl2x', 0, 3, x), 3 * Math.log2(x), `3 log2 ${x}`);
  for (const x of [1e-30, -1e-30, 1e-9, -1e-9, 0.1, -0.1, 0.29, -0.29]) near(run('fyl2xp1', 0, 3, x), (3 * Math.log1p(x)) / Math.LN2, `3 log2 1 + ${x}`);
});
