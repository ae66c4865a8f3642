/**
 * The frame that a handler finds on its stack and that rt_sigreturn(2) takes down: struct rt_sigframe of x86-64
 * (arch/x86/include/asm/sigframe.h, asm/sigcontext.h).
 */

import { encodeSigInfo, SA_ONSTACK, SA_RESTORER, type SigInfo, SIGINFO_BYTES, SS_AUTODISARM, SS_DISABLE, SS_ONSTACK } from '../../abi/signal.ts';
import { type CpuState, DF, R10, R11, R12, R13, R14, R15, R8, R9, RAX, RBP, RBX, RCX, RDI, RDX, RSI, RSP, TF } from '../../x86/state.ts';
import { EFAULT } from '../errno.ts';
import { readBytes, view } from '../mm/guest.ts';
import type { Task } from '../task/task.ts';
import { FXSAVE_BYTES, loadFpState, saveFpState } from './fpstate.ts';
import type { SignalAction } from './state.ts';

const RED_ZONE = 128;
const USER_CS = 0x33,
  USER_SS = 0x2b;
const UC_SIGCONTEXT_SS = 2,
  UC_STRICT_RESTORE_SS = 4;
const FIX_EFLAGS = 0x50dd5; // AC, OF, DF, TF, SF, ZF, AF, PF, CF, RF: what a handler may change

/** Offsets in struct rt_sigframe. */
const FRAME = { pretcode: 0, uc: 8, info: 8 + 304, bytes: 8 + 304 + SIGINFO_BYTES } as const;
/** Offsets in struct ucontext. */
const UC = { flags: 0, link: 8, stack: 16, mcontext: 40, sigmask: 296, bytes: 304 } as const;
/** Registers in the order of struct sigcontext. */
const ORDER = [R8, R9, R10, R11, R12, R13, R14, R15, RDI, RSI, RBP, RBX, RDX, RAX, RCX, RSP] as const;
const MC = { rip: 128, eflags: 136, segments: 144, err: 152, trapno: 160, oldmask: 168, cr2: 176, fpstate: 184, reserved: 192 } as const;

/** What the CPU would report of a fault. */
export interface FaultContext {
  readonly trapno: number;
  readonly err: number;
  readonly cr2: number;
}

const onStack = (task: Task, sp: number): boolean => (task.altStack.flags & SS_AUTODISARM) === 0 && task.altStack.size > 0 && sp > task.altStack.base && sp - task.altStack.base <= task.altStack.size;

/** SS_ONSTACK, SS_DISABLE or 0, as sigaltstack(2) reports. */
export const altStackFlags = (task: Task, sp: number): number => (task.altStack.size === 0 ? SS_DISABLE : onStack(task, sp) ? SS_ONSTACK : 0);

/** Pushes a frame and points the registers at the handler. EFAULT when the stack cannot take it. */
export function pushFrame(task: Task, cpu: CpuState, action: SignalAction, info: SigInfo, mask: bigint, fault: FaultContext | undefined): void {
  const alt = task.altStack;
  const oldSp = cpu.reg(RSP);
  let sp = oldSp - RED_ZONE;
  if (action.flags & SA_ONSTACK && altStackFlags(task, oldSp) === 0) sp = alt.base + alt.size;
  else if (onStack(task, oldSp) && !onStack(task, sp - FXSAVE_BYTES - FRAME.bytes)) throw EFAULT;
  const fp = sp - FXSAVE_BYTES - ((sp - FXSAVE_BYTES) % 64);
  const frame = fp - FRAME.bytes - ((fp - FRAME.bytes) % 16) - 8;
  if (frame < 0 || (action.flags & SA_RESTORER) === 0) throw EFAULT;

  const image = view(task.mm, frame, fp + FXSAVE_BYTES - frame, 'write');
  image.fill(0);
  saveFpState(cpu, image.subarray(fp - frame));
  const data = new DataView(image.buffer, image.byteOffset, image.length);
  data.setBigUint64(FRAME.pretcode, BigInt(action.restorer), true);
  data.setBigUint64(FRAME.uc + UC.flags, BigInt(UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS), true);
  data.setBigUint64(FRAME.uc + UC.stack, BigInt(alt.base), true);
  data.setInt32(FRAME.uc + UC.stack + 8, alt.size === 0 ? SS_DISABLE : (alt.flags & SS_AUTODISARM) | (onStack(task, oldSp) ? SS_ONSTACK : 0), true);
  data.setBigUint64(FRAME.uc + UC.stack + 16, BigInt(alt.size), true);
  const mc = FRAME.uc + UC.mcontext;
  for (let index = 0; index < ORDER.length; index++) data.setBigUint64(mc + index * 8, cpu.regBig(ORDER[index]), true);
  data.setBigUint64(mc + MC.rip, BigInt(cpu.rip), true);
  data.setBigUint64(mc + MC.eflags, BigInt(cpu.rflags), true);
  data.setUint16(mc + MC.segments, USER_CS, true);
  data.setUint16(mc + MC.segments + 6, USER_SS, true);
  data.setBigUint64(mc + MC.err, BigInt(fault?.err ?? 0), true);
  data.setBigUint64(mc + MC.trapno, BigInt(fault?.trapno ?? 0), true);
  data.setBigUint64(mc + MC.oldmask, mask, true);
  data.setBigUint64(mc + MC.cr2, BigInt(fault?.cr2 ?? 0), true);
  data.setBigUint64(mc + MC.fpstate, BigInt(fp), true);
  data.setBigUint64(FRAME.uc + UC.sigmask, mask, true);
  image.set(encodeSigInfo(info), FRAME.info);
  if (alt.flags & SS_AUTODISARM) task.altStack = { base: 0, size: 0, flags: SS_DISABLE };

  cpu.setReg(RDI, info.signo);
  cpu.setReg(RSI, frame + FRAME.info);
  cpu.setReg(RDX, frame + FRAME.uc);
  cpu.setReg(RAX, 0);
  cpu.setReg(RSP, frame);
  cpu.rip = action.handler;
  cpu.rflags = cpu.rflags & ~(DF | TF);
}

/** Restores what `pushFrame` saved (or what the handler made of it). Returns the mask; EFAULT for a frame that is not there. */
export function popFrame(task: Task, cpu: CpuState): bigint {
  const frame = cpu.reg(RSP) - 8;
  const image = readBytes(task.mm, frame, FRAME.bytes);
  const data = new DataView(image.buffer);
  const mc = FRAME.uc + UC.mcontext;
  const fp = Number(data.getBigUint64(mc + MC.fpstate, true));
  const fpImage = fp === 0 ? undefined : readBytes(task.mm, fp, FXSAVE_BYTES);
  for (let index = 0; index < ORDER.length; index++) cpu.setRegBig(ORDER[index], data.getBigUint64(mc + index * 8, true));
  cpu.rip = Number(data.getBigUint64(mc + MC.rip, true));
  cpu.rflags = Number(data.getBigUint64(mc + MC.eflags, true)) & FIX_EFLAGS;
  if (fpImage !== undefined) loadFpState(cpu, fpImage);
  const base = Number(data.getBigUint64(FRAME.uc + UC.stack, true));
  const flags = data.getUint32(FRAME.uc + UC.stack + 8, true);
  const size = Number(data.getBigUint64(FRAME.uc + UC.stack + 16, true));
  task.altStack = flags & SS_DISABLE ? { base: 0, size: 0, flags: SS_DISABLE } : { base, size, flags: flags & SS_AUTODISARM };
  return data.getBigUint64(FRAME.uc + UC.sigmask, true);
}
