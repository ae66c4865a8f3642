/** The x87 and SSE registers as FXSAVE lays them out (SDM vol. 1, 10.5.1): what a signal frame carries. */

import { CPU, type CpuState } from '../../x86/state.ts';

export const FXSAVE_BYTES = 512;
const MXCSR_MASK = 0xffff;

export function saveFpState(cpu: CpuState, to: Uint8Array): void {
  const data = new DataView(to.buffer, to.byteOffset, FXSAVE_BYTES);
  const status = cpu.u16[CPU.x87Status / 2];
  const top = (status >> 11) & 7;
  data.setUint16(0, cpu.u16[CPU.x87Control / 2], true);
  data.setUint16(2, status, true);
  data.setUint8(4, cpu.u8[CPU.x87Tag]);
  data.setUint16(6, cpu.u16[CPU.x87Fop / 2], true);
  data.setBigUint64(8, cpu.u64[CPU.x87Fip / 8], true);
  data.setBigUint64(16, cpu.u64[CPU.x87Fdp / 8], true);
  data.setUint32(24, cpu.u32[CPU.mxcsr / 4], true);
  data.setUint32(28, MXCSR_MASK, true);
  for (let i = 0; i < 8; i++) {
    const from = CPU.x87 + ((top + i) & 7) * 16;
    to.set(cpu.u8.subarray(from, from + 10), 32 + i * 16);
  }
  to.set(cpu.u8.subarray(CPU.xmm, CPU.xmm + 256), 160);
}

export function loadFpState(cpu: CpuState, from: Uint8Array): void {
  const data = new DataView(from.buffer, from.byteOffset, FXSAVE_BYTES);
  const status = data.getUint16(2, true);
  const top = (status >> 11) & 7;
  cpu.i32[CPU.x87Control / 4] = data.getUint16(0, true);
  cpu.i32[CPU.x87Status / 4] = status;
  cpu.i32[CPU.x87Tag / 4] = data.getUint8(4);
  cpu.i32[CPU.x87Fop / 4] = data.getUint16(6, true);
  cpu.u64[CPU.x87Fip / 8] = data.getBigUint64(8, true);
  cpu.u64[CPU.x87Fdp / 8] = data.getBigUint64(16, true);
  cpu.u32[CPU.mxcsr / 4] = data.getUint32(24, true) & MXCSR_MASK;
  for (let i = 0; i < 8; i++) {
    const to = CPU.x87 + ((top + i) & 7) * 16;
    cpu.u8.set(from.subarray(32 + i * 16, 32 + i * 16 + 10), to);
  }
  cpu.u8.set(from.subarray(160, 416), CPU.xmm);
}
