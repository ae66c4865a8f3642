/** Signals (signal(7), sigaction(2)): numbers, default actions, flags, codes, and struct siginfo. */

// biome-ignore format: a table
export const SIG = {
  SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGILL: 4, SIGTRAP: 5, SIGABRT: 6, SIGBUS: 7, SIGFPE: 8, SIGKILL: 9, SIGUSR1: 10, SIGSEGV: 11, SIGUSR2: 12, SIGPIPE: 13, SIGALRM: 14, SIGTERM: 15, SIGSTKFLT: 16,
  SIGCHLD: 17, SIGCONT: 18, SIGSTOP: 19, SIGTSTP: 20, SIGTTIN: 21, SIGTTOU: 22, SIGURG: 23, SIGXCPU: 24, SIGXFSZ: 25, SIGVTALRM: 26, SIGPROF: 27, SIGWINCH: 28, SIGIO: 29, SIGPWR: 30, SIGSYS: 31,
} as const;

// biome-ignore format: a table
export const
  SIGHUP = 1, SIGINT = 2, SIGQUIT = 3, SIGILL = 4, SIGTRAP = 5, SIGABRT = 6, SIGBUS = 7, SIGFPE = 8, SIGKILL = 9, SIGUSR1 = 10, SIGSEGV = 11, SIGUSR2 = 12, SIGPIPE = 13, SIGALRM = 14, SIGTERM = 15,
  SIGCHLD = 17, SIGCONT = 18, SIGSTOP = 19, SIGTSTP = 20, SIGTTIN = 21, SIGTTOU = 22, SIGURG = 23, SIGXCPU = 24, SIGXFSZ = 25, SIGVTALRM = 26, SIGPROF = 27, SIGWINCH = 28, SIGIO = 29, SIGSYS = 31;

export const NSIG = 64;
export const SIGRTMIN = 32;

const NAMES = new Map<number, string>(Object.entries(SIG).map(([name, number]) => [number, name]));
export const signalName = (signal: number): string => NAMES.get(signal) ?? (signal >= SIGRTMIN && signal <= NSIG ? `SIGRT_${signal - SIGRTMIN}` : String(signal));

/** What happens without a handler. Signals not listed end the process. */
// biome-ignore format: a table
export const DEFAULT_ACTION: Readonly<Record<number, 'ignore' | 'stop' | 'continue'>> = {
  [SIGCHLD]: 'ignore', [SIGURG]: 'ignore', [SIGWINCH]: 'ignore', [SIGCONT]: 'continue',
  [SIGSTOP]: 'stop', [SIGTSTP]: 'stop', [SIGTTIN]: 'stop', [SIGTTOU]: 'stop',
};

export const SIG_DFL = 0, SIG_IGN = 1;
export const SIG_BLOCK = 0, SIG_UNBLOCK = 1, SIG_SETMASK = 2;

// biome-ignore format: a table
export const
  SA_NOCLDSTOP = 0x1, SA_NOCLDWAIT = 0x2, SA_SIGINFO = 0x4, SA_UNSUPPORTED = 0x400, SA_EXPOSE_TAGBITS = 0x800,
  SA_RESTORER = 0x0400_0000, SA_ONSTACK = 0x0800_0000, SA_RESTART = 0x1000_0000, SA_NODEFER = 0x4000_0000, SA_RESETHAND = 0x8000_0000;

export const SS_ONSTACK = 1, SS_DISABLE = 2, SS_AUTODISARM = 0x8000_0000;
export const MINSIGSTKSZ = 2048;

// biome-ignore format: a table
export const
  SI_USER = 0, SI_KERNEL = 0x80, SI_QUEUE = -1, SI_TIMER = -2, SI_TKILL = -6,
  ILL_ILLOPN = 2, FPE_INTDIV = 1, FPE_FLTDIV = 3, FPE_FLTOVF = 4, FPE_FLTUND = 5, FPE_FLTRES = 6, FPE_FLTINV = 7,
  SEGV_MAPERR = 1, SEGV_ACCERR = 2, BUS_ADRALN = 1, BUS_ADRERR = 2, TRAP_BRKPT = 1, TRAP_TRACE = 2,
  CLD_EXITED = 1, CLD_KILLED = 2, CLD_DUMPED = 3, CLD_STOPPED = 5, CLD_CONTINUED = 6;

export const SIGINFO_BYTES = 128;

/** One occurrence of a signal. Which fields count is up to `signo` and `code` (sigaction(2)). */
export interface SigInfo {
  readonly signo: number;
  readonly code: number;
  readonly pid?: number;
  readonly uid?: number;
  readonly status?: number;
  /** Clock ticks. */
  readonly utime?: number;
  readonly stime?: number;
  readonly addr?: number;
  readonly value?: bigint;
  readonly timerId?: number;
  overrun?: number;
  /** As sent by rt_sigqueueinfo: passed through as it is. */
  readonly raw?: Uint8Array;
}

/** struct siginfo, as the guest sees it. */
export function encodeSigInfo(info: SigInfo): Uint8Array {
  const out = new Uint8Array(SIGINFO_BYTES);
  const data = new DataView(out.buffer);
  if (info.raw !== undefined) {
    out.set(info.raw);
    data.setInt32(0, info.signo, true);
    return out;
  }
  data.setInt32(0, info.signo, true);
  data.setInt32(8, info.code, true);
  if (info.addr !== undefined) data.setBigUint64(16, BigInt(info.addr), true);
  else if (info.code === SI_TIMER) {
    data.setInt32(16, info.timerId ?? 0, true);
    data.setInt32(20, info.overrun ?? 0, true);
    data.setBigUint64(24, BigInt.asUintN(64, info.value ?? 0n), true);
  } else {
    data.setInt32(16, info.pid ?? 0, true);
    data.setUint32(20, info.uid ?? 0, true);
    if (info.signo === SIGCHLD && info.code > 0) {
      data.setInt32(24, info.status ?? 0, true);
      data.setBigInt64(32, BigInt(info.utime ?? 0), true);
      data.setBigInt64(40, BigInt(info.stime ?? 0), true);
    } else data.setBigUint64(24, BigInt.asUintN(64, info.value ?? 0n), true);
  }
  return out;
}
