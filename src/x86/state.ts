/**
 * The register file of a guest thread, as it lies in an engine's CPU memory.
 *
 * Translated code addresses it with constant offsets (a 32-bit WebAssembly memory apart from the guest's
 * own, so that a wild guest pointer cannot reach it); the kernel reads and writes it through `CpuState`.
 * One register file serves all tasks of an address space: it is saved and loaded at a task switch.
 * Numbering of registers: SDM vol. 2, table 3-1 (rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 … r15).
 */

export const RAX = 0,
  RCX = 1,
  RDX = 2,
  RBX = 3,
  RSP = 4,
  RBP = 5,
  RSI = 6,
  RDI = 7;
export const R8 = 8,
  R9 = 9,
  R10 = 10,
  R11 = 11,
  R12 = 12,
  R13 = 13,
  R14 = 14,
  R15 = 15;

/** Byte offsets in the register file. */
export const CPU = {
  gpr: 0,
  rip: 128,
  fsBase: 136,
  gsBase: 144,
  /** Lazy status flags: how to compute them (`FlagsCode`), and two operands. */
  flagsCode: 152,
  flagsA: 160,
  flagsB: 168,
  /** Direction flag, 0 or 1 (i32). */
  df: 176,
  /** RFLAGS bits that nothing computes: AC (18), ID (21), TF (8), as they stand in RFLAGS (i32). */
  rflagsOther: 180,
  mxcsr: 184,
  /** Loop back-edges left before the engine calls `tick` (i32). */
  fuel: 192,
  xmm: 256,
  /** Eight physical x87 registers, 16 bytes each: 64-bit significand, then sign and exponent (16 bits). */
  x87: 512,
  x87Control: 640,
  /** Status word; TOP is its bits 11–13. */
  x87Status: 644,
  /** Abridged tag word as FXSAVE stores it: bit i set = physical register i is not empty. */
  x87Tag: 648,
  x87Fip: 656,
  x87Fdp: 664,
  x87Fop: 672,
  /** Everything below this offset belongs to the task and is saved at a switch. */
  contextBytes: 704,
  /** Operands and results of helpers (64 bytes); dead between instructions. */
  scratch: 704,
  /** FXSAVE image being built or read (512 bytes). */
  fxsave: 768,
  /** From here on the engine's own tables. */
  engine: 4096,
} as const;

/** Bytes of CPU memory: two wasm pages. */
export const CPU_BYTES = 131072;

/**
 * How `flagsA`/`flagsB` give the status flags. The code is `kind * 4 + log2(size in bytes)`.
 * - `explicit`: `flagsA` is the RFLAGS word (CF 0, PF 2, AF 4, ZF 6, SF 7, OF 11).
 * - `add`: A = first operand, B = second operand; result is A + B.
 * - `sub`: A = first operand, B = second operand; result is A − B (also `cmp`, `neg` with A = 0).
 * - `logic`: A = result; CF = OF = AF = 0.
 */
export const FlagsKind = { explicit: 0, add: 1, sub: 2, logic: 3 } as const;
export type FlagsKind = keyof typeof FlagsKind;

export const CF = 1 << 0,
  PF = 1 << 2,
  AF = 1 << 4,
  ZF = 1 << 6,
  SF = 1 << 7,
  TF = 1 << 8,
  DF = 1 << 10,
  OF = 1 << 11,
  AC = 1 << 18,
  ID = 1 << 21;
export const STATUS_FLAGS = CF | PF | AF | ZF | SF | OF;

const MASK = [0xffn, 0xffffn, 0xffff_ffffn, 0xffff_ffff_ffff_ffffn] as const;
const SIGN = [0x80n, 0x8000n, 0x8000_0000n, 0x8000_0000_0000_0000n] as const;

/** The status flags (RFLAGS bits) that a lazy descriptor stands for. */
export function statusFlags(code: number, a: bigint, b: bigint): number {
  const size = code & 3;
  const kind = code >> 2;
  if (kind === FlagsKind.explicit) return Number(a) & STATUS_FLAGS;
  const mask = MASK[size];
  const sign = SIGN[size];
  const x = a & mask;
  const y = b & mask;
  const r = (kind === FlagsKind.add ? x + y : kind === FlagsKind.sub ? x - y : x) & mask;
  let flags = 0;
  let parity = Number(r & 0xffn);
  parity ^= parity >> 4;
  if (((0x6996 >> (parity & 15)) & 1) === 0) flags |= PF;
  if (r === 0n) flags |= ZF;
  if (r & sign) flags |= SF;
  if (kind === FlagsKind.logic) return flags;
  if ((x ^ y ^ r) & 16n) flags |= AF;
  if (kind === FlagsKind.add ? r < x : x < y) flags |= CF;
  if ((kind === FlagsKind.add ? ~(x ^ y) & (x ^ r) : (x ^ y) & (x ^ r)) & sign) flags |= OF;
  return flags;
}

/** Typed access to a register file. Numbers are used where addresses and counts fit in 53 bits. */
export class CpuState {
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly i32: Int32Array;
  readonly u32: Uint32Array;
  readonly i64: BigInt64Array;
  readonly u64: BigUint64Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  readonly #context: Uint8Array;

  constructor(buffer: ArrayBufferLike) {
    this.u8 = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.i64 = new BigInt64Array(buffer);
    this.u64 = new BigUint64Array(buffer);
    this.f32 = new Float32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.#context = this.u8.subarray(0, CPU.contextBytes);
  }

  /** A 64-bit register as an unsigned number; exact below 2^53, rounded above (still out of range of any mapping). */
  reg(index: number): number {
    return this.u32[index * 2] + this.u32[index * 2 + 1] * 0x1_0000_0000;
  }

  /** A 64-bit register as a signed number; exact within ±2^53. */
  regSigned(index: number): number {
    return this.u32[index * 2] + this.i32[index * 2 + 1] * 0x1_0000_0000;
  }

  /** The low 32 bits of a register, signed. */
  reg32(index: number): number {
    return this.i32[index * 2];
  }

  /** Stores an integer of at most 53 bits (negative ones are sign-extended). */
  setReg(index: number, value: number): void {
    // Stores take the low 32 bits; a remainder of 2^32 would be a division of floating-point numbers at every system call.
    this.i32[index * 2] = value;
    this.i32[index * 2 + 1] = value === (value | 0) ? value >> 31 : Math.floor(value / 0x1_0000_0000);
  }

  regBig(index: number): bigint {
    return this.u64[index];
  }

  setRegBig(index: number, value: bigint): void {
    this.u64[index] = value;
  }

  get rip(): number {
    return this.reg(CPU.rip / 8);
  }

  set rip(value: number) {
    this.setReg(CPU.rip / 8, value);
  }

  get fsBase(): number {
    return this.reg(CPU.fsBase / 8);
  }

  set fsBase(value: number) {
    this.setReg(CPU.fsBase / 8, value);
  }

  /** The whole RFLAGS register (IF and the reserved bit 1 read as set). */
  get rflags(): number {
    const status = statusFlags(this.i32[CPU.flagsCode / 4], this.u64[CPU.flagsA / 8], this.u64[CPU.flagsB / 8]);
    return status | (this.i32[CPU.df / 4] ? DF : 0) | this.i32[CPU.rflagsOther / 4] | 0x202;
  }

  set rflags(value: number) {
    this.i32[CPU.flagsCode / 4] = FlagsKind.explicit;
    this.u64[CPU.flagsA / 8] = BigInt(value & STATUS_FLAGS);
    this.i32[CPU.df / 4] = value & DF ? 1 : 0;
    this.i32[CPU.rflagsOther / 4] = value & (AC | ID | TF);
  }

  /** Copies the task's part of the register file out (`CPU.contextBytes` bytes). */
  save(to: Uint8Array): void {
    to.set(this.#context);
  }

  load(from: Uint8Array): void {
    this.#context.set(from);
  }
}

/** The state in which Linux starts a program: all zero, x87 and MXCSR at their reset values. */
export function initialContext(): Uint8Array {
  const cpu = new CpuState(new ArrayBuffer(CPU_BYTES));
  cpu.i32[CPU.mxcsr / 4] = 0x1f80;
  cpu.i32[CPU.x87Control / 4] = 0x37f;
  return cpu.u8.slice(0, CPU.contextBytes);
}
