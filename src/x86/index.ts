/** x86-64: registers, instructions, decoding, meaning. */

export * from './state.ts';
export * from './insn.ts';
export * from './lift.ts';
export * from './row.ts';
export * from './helpers.ts';
export { decode, TRUNCATED } from './decode.ts';
export { FORMS } from './forms.ts';
export { FAMILIES, ROWS } from './inst/index.ts';
export type { Form } from './table.ts';
export { cpuidLeaf } from './cpuid.ts';
export { setTscClock, TSC_HZ } from './tsc.ts';
export { assemble } from './assemble.ts';
export { disassemble } from './disassemble.ts';
export { randomInstance } from './instances.ts';
export type { Instance, InstanceLimits, Random } from './instances.ts';
