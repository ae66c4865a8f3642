/**
 * The host CPU as an oracle: runs one instruction on a chosen state, over `node:ffi`.
 *
 * Code, data and the state block are mapped below 2 GiB, so that they are reached by absolute addresses while
 * every register belongs to the instruction under test. `bsearch` of the C library is what calls an address.
 */

const MAP_PRIVATE = 2,
  MAP_ANONYMOUS = 0x20,
  MAP_FIXED_NOREPLACE = 0x10_0000;
const READ_WRITE_EXEC = 7;
/** Where a host has nothing mapped, as a rule. */
const BASES = [0x2000_0000, 0x3000_0000, 0x5000_0000, 0x6000_0000];

export const DATA_BYTES = 0x1_0000;
/** For programs of several functions, some way behind the data, after which accesses must fault. */
export const CODE_AREA = 2 * DATA_BYTES;
export const CODE_AREA_BYTES = 0x4000;
const CODE_BYTES = 0x1000;
/** Offset of the instruction under test in the code page, and of the target of its jumps after it. */
const INSN = 0x800;
export const TARGET_DISTANCE = 0x40;
/** The same for sequences of instructions, which are longer. */
const FAR_DISTANCE = 0x300;

/** Offsets in the state block. */
const S = { gpr: 0, flags: 128, exit: 136, hostRsp: 144, gprOut: 256, flagsOut: 384, fx: 512, fxOut: 1024, fxHost: 1536, stackTop: 4096 } as const;

/** A state: what is loaded before, or found after. `fx` is in the format of FXSAVE64. */
export interface NativeState {
  readonly gpr: BigUint64Array;
  readonly fx: Uint8Array;
}

export interface Native {
  readonly pc: number;
  readonly target: number;
  /** As `target`, behind a longer stretch of code. */
  readonly farTarget: number;
  /** Guest address of the data area, and its bytes. */
  readonly data: number;
  readonly bytes: Uint8Array;
  /** The state to load; fill it before `run`. */
  readonly before: NativeState;
  readonly after: NativeState;
  setFlags(rflags: number): void;
  flags(): number;
  /** Guest address of the code area. */
  readonly code: number;
  /** Puts the instruction in place, and what it needs in the code area. */
  place(insn: Uint8Array, code?: Uint8Array): void;
  /** Runs it; true where it went to a target rather than on. */
  run(): boolean;
}

class Assembly {
  readonly bytes: number[] = [];

  put(...bytes: number[]): this {
    this.bytes.push(...bytes);
    return this;
  }

  /** An opcode with an absolute memory operand (ModRM 00 reg 100, SIB 25). */
  at(prefix: readonly number[], reg: number, address: number): this {
    return this.put(...prefix, ((reg & 7) << 3) | 4, 0x25).int32(address);
  }

  int32(value: number): this {
    return this.put(value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >> 24) & 0xff);
  }

  jump(from: number, to: number): this {
    return this.put(0xe9).int32(to - (from + this.bytes.length + 4));
  }
}

/** `undefined` on hosts that are not x86-64 Linux, or without FFI. */
export function openNative(): Native | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  process.removeAllListeners('warning');
  const ffi = process.getBuiltinModule('node:ffi');
  if (ffi === undefined) return undefined;
  const { functions: c } = ffi.dlopen(null, {
    mmap: { return: 'uint64', arguments: ['uint64', 'uint64', 'int32', 'int32', 'int32', 'int64'] },
    bsearch: { return: 'uint64', arguments: ['uint64', 'uint64', 'uint64', 'uint64', 'uint64'] },
  });
  const total = CODE_BYTES + 0x1000 + CODE_AREA + CODE_AREA_BYTES;
  const base = BASES.find((address) => c.mmap(BigInt(address), BigInt(total), READ_WRITE_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0n) === BigInt(address));
  if (base === undefined) return undefined;
  const memory = new Uint8Array(ffi.toArrayBuffer(BigInt(base), total, false));
  const state = base + CODE_BYTES;
  const data = state + 0x1000;
  const pc = base + INSN;
  const target = pc + TARGET_DISTANCE;
  const block = memory.subarray(CODE_BYTES, CODE_BYTES + 0x1000);
  const view = new DataView(block.buffer, block.byteOffset, block.length);

  const move = (op: number, register: number, address: number, a: Assembly): Assembly => a.at([register >= 8 ? 0x4c : 0x48, op], register, address);
  const enter = new Assembly().put(0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57);
  move(0x89, 4, state + S.hostRsp, enter);
  enter.at([0x48, 0x0f, 0xae], 0, state + S.fxHost);
  enter.at([0x48, 0x0f, 0xae], 1, state + S.fx);
  enter.put(0x48, 0xc7, 0xc4).int32(state + S.stackTop);
  enter.at([0xff], 6, state + S.flags).put(0x9d);
  for (let register = 0; register < 16; register++) move(0x8b, register, state + S.gpr + register * 8, enter);
  enter.jump(base, pc);
  memory.set(enter.bytes);

  const leaveAt = base + 0x400;
  const leave = new Assembly();
  for (let register = 0; register < 16; register++) move(0x89, register, state + S.gprOut + register * 8, leave);
  leave
    .put(0x48, 0xc7, 0xc4)
    .int32(state + S.stackTop)
    .put(0x9c);
  leave.at([0x8f], 0, state + S.flagsOut).put(0xfc);
  leave.at([0x48, 0x0f, 0xae], 0, state + S.fxOut);
  leave.at([0x48, 0x0f, 0xae], 1, state + S.fxHost);
  move(0x8b, 4, state + S.hostRsp, leave);
  // Flags go back to the usual ones as well: an instruction may have set AC.
  leave.put(0x68, 0x02, 0x02, 0, 0, 0x9d);
  leave.put(0x31, 0xc0, 0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b, 0xc3);
  memory.set(leave.bytes, 0x400);

  /** Notes which way it came, and leaves; touches no register and no flag. */
  const exit = (at: number, way: number): number[] => {
    const a = new Assembly().at([0xc7], 0, state + S.exit).int32(way);
    return a.jump(at, leaveAt).bytes;
  };
  memory.set(exit(target + FAR_DISTANCE - TARGET_DISTANCE, 1), INSN + FAR_DISTANCE);

  const entry = BigInt(base);
  const one = BigInt(state);
  return {
    pc,
    target,
    farTarget: pc + FAR_DISTANCE,
    data,
    bytes: memory.subarray(CODE_BYTES + 0x1000, CODE_BYTES + 0x1000 + DATA_BYTES),
    code: data + CODE_AREA,
    before: { gpr: new BigUint64Array(block.buffer, block.byteOffset + S.gpr, 16), fx: block.subarray(S.fx, S.fx + 512) },
    after: { gpr: new BigUint64Array(block.buffer, block.byteOffset + S.gprOut, 16), fx: block.subarray(S.fxOut, S.fxOut + 512) },
    setFlags: (rflags) => view.setBigUint64(S.flags, BigInt(rflags | 0x202), true),
    flags: () => view.getUint32(S.flagsOut, true),
    place: (insn, code) => {
      memory.set(insn, INSN);
      if (code !== undefined) memory.set(code, CODE_BYTES + 0x1000 + CODE_AREA);
      if (insn.length < TARGET_DISTANCE - 16) memory.set(exit(target, 1), INSN + TARGET_DISTANCE);
      memory.set(exit(pc + insn.length, 0), INSN + insn.length);
    },
    run: () => {
      c.bsearch(one, one, 1n, 8n, entry);
      return view.getInt32(S.exit, true) === 1;
    },
  };
}
