/** What the bench prints and keeps. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';

export interface Result {
  readonly name: string;
  readonly group: 'kernel' | 'compute' | 'files';
  readonly nativeNs?: number | undefined;
  readonly enclaveNs?: number | undefined;
  readonly qemuNs?: number | undefined;
  /** The first time in a new enclave, and natively: what warming up costs. */
  readonly firstNs?: number | undefined;
  readonly goal?: number | undefined;
  readonly problem?: string | undefined;
}

/** What mostly has no native counterpart: a limit instead of a ratio. */
export interface Start {
  readonly name: string;
  readonly unit: 'ns' | 'bytes';
  readonly value?: number | undefined;
  readonly native?: number | undefined;
  readonly limit?: number | undefined;
  readonly problem?: string | undefined;
}

export function median(numbers: readonly number[]): number | undefined {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
}

export function geomean(numbers: readonly number[]): number {
  return Math.exp(numbers.reduce((sum, each) => sum + Math.log(each), 0) / numbers.length);
}

export function time(ns: number | undefined): string {
  if (ns === undefined) return '–';
  if (ns < 1e3) return `${ns.toFixed(0)} ns`;
  if (ns < 1e6) return `${(ns / 1e3).toFixed(1)} µs`;
  if (ns < 1e9) return `${(ns / 1e6).toFixed(1)} ms`;
  return `${(ns / 1e9).toFixed(2)} s`;
}

/** Small ones in kilobytes. */
function bytes(count: number | undefined): string {
  if (count === undefined) return '–';
  return count < 1e6 ? `${(count / 1e3).toFixed(1)} KB` : `${(count / 1e6).toFixed(1)} MB`;
}

export const megabytes = (bytes: number | undefined): string => (bytes === undefined ? '–' : `${(bytes / 1e6).toFixed(0)} MB`);

/** How many times as fast as `ns` the other is. */
export function speed(otherNs: number | undefined, ns: number | undefined): number | undefined {
  return otherNs === undefined || ns === undefined ? undefined : otherNs / ns;
}

const times = (ratio: number | undefined, digits = 2): string => (ratio === undefined ? '–' : `${ratio.toFixed(digits)}×`);

function line(cells: readonly string[]): string {
  const widths = [27, 10, 10, 8, 10, 10, 8, 9, 8];
  return cells
    .map((cell, at) => (at === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[at] ?? 8)))
    .join(' ')
    .trimEnd();
}

export function printHeader(): void {
  console.log(line(['', 'native', 'enclave', 'speed', 'first', 'qemu', 'of qemu', 'goal', '']));
}

/** `speed`: native time by the enclave's. `of qemu`: qemu's time by the enclave's. */
export function printRow({ name, nativeNs, enclaveNs, qemuNs, firstNs, goal, problem }: Result): void {
  const ratio = speed(nativeNs, enclaveNs);
  const verdict = ratio === undefined || goal === undefined ? '' : ratio >= goal ? 'reached' : 'missed';
  console.log(line([name, time(nativeNs), time(enclaveNs), times(ratio), firstNs === undefined ? '' : time(firstNs), time(qemuNs), times(speed(qemuNs, enclaveNs), 1), goal === undefined ? '' : `${goal}×`, verdict]));
  if (problem !== undefined) console.log(`    ${problem}`);
}

export function printStart({ name, unit, native, value, limit, problem }: Start): void {
  const shown = unit === 'ns' ? time : bytes;
  const verdict = value === undefined || limit === undefined ? '' : value <= limit ? 'reached' : 'missed';
  console.log(line([name, native === undefined ? '' : shown(native), shown(value), '', '', '', '', limit === undefined ? '' : `≤ ${shown(limit).replace('.0', '')}`, verdict]));
  if (problem !== undefined) console.log(`    ${problem}`);
}

export interface Summary {
  readonly rows: number;
  /** Geometric means of native ÷ enclave, of native ÷ first time in the enclave, and of qemu ÷ enclave. */
  readonly speed: number;
  readonly firstSpeed: number | undefined;
  readonly ofQemu: number | undefined;
  readonly slowest: string;
}

export function summarize(results: readonly Result[]): Summary | undefined {
  const compute = results.filter((each) => each.group === 'compute' && speed(each.nativeNs, each.enclaveNs) !== undefined);
  if (compute.length === 0) return undefined;
  const mean = (ratio: (each: Result) => number | undefined): number | undefined => {
    const ratios = compute.map(ratio).filter((each) => each !== undefined);
    return ratios.length === 0 ? undefined : geomean(ratios);
  };
  const slowest = compute.reduce((a, b) => (speed(a.nativeNs, a.enclaveNs)! < speed(b.nativeNs, b.enclaveNs)! ? a : b));
  return {
    rows: compute.length,
    speed: mean((each) => speed(each.nativeNs, each.enclaveNs))!,
    firstSpeed: mean((each) => speed(each.nativeNs, each.firstNs)),
    ofQemu: mean((each) => speed(each.qemuNs, each.enclaveNs)),
    slowest: `${slowest.name} ${times(speed(slowest.nativeNs, slowest.enclaveNs))}`,
  };
}

export function printSummary({ rows, speed: mean, firstSpeed, ofQemu, slowest }: Summary): void {
  console.log(
    `\ncompute, geometric means of ${rows} rows: ${mean.toFixed(3)} of native speed${firstSpeed === undefined ? '' : ` (${firstSpeed.toFixed(3)} the first time)`}${ofQemu === undefined ? '' : `, ${ofQemu.toFixed(2)} times qemu's`}; slowest: ${slowest}`,
  );
}

/** Appends to the history; the name of the file. */
export function keep(directory: string, at: Date, run: Readonly<Record<string, unknown>>): string {
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `${at.toISOString().slice(0, 19).replaceAll(':', '-')}.json`);
  writeFileSync(file, `${JSON.stringify({ at: at.toISOString(), cpu: cpus()[0]?.model, cores: cpus().length, kernel: release(), node: process.version, ...run }, undefined, 1)}\n`);
  return file;
}
