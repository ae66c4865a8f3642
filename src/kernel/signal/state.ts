/** Signal state: what is pending, and what the process wants done. Owned by tasks and processes; changed by `send` and `deliver`. */

import { NSIG, type SigInfo, SIGRTMIN, SIG_DFL, SIG_IGN } from '../../abi/signal.ts';

export interface SignalAction {
  readonly handler: number;
  readonly flags: number;
  readonly restorer: number;
  readonly mask: bigint;
}

export const DEFAULT: SignalAction = Object.freeze({ handler: SIG_DFL, flags: 0, restorer: 0, mask: 0n });
const IGNORED: SignalAction = Object.freeze({ ...DEFAULT, handler: SIG_IGN });

const BITS = Array.from({ length: NSIG + 1 }, (_, signal) => (signal === 0 ? 0n : 1n << BigInt(signal - 1)));

/** Bit of a signal in a set. */
export const bit = (signal: number): bigint => BITS[signal];

/** Shared by all threads of a process, and after clone(CLONE_SIGHAND). */
export class SignalHandlers {
  readonly actions: SignalAction[];
  users = 1;

  constructor(actions?: readonly SignalAction[]) {
    this.actions = actions === undefined ? new Array<SignalAction>(NSIG + 1).fill(DEFAULT) : [...actions];
  }

  /** execve: handlers go, ignored signals stay ignored. */
  reset(): void {
    const { actions } = this;
    for (let signal = 1; signal <= NSIG; signal++) {
      const action = actions[signal];
      if (action !== DEFAULT) actions[signal] = action.handler === SIG_IGN ? IGNORED : DEFAULT;
    }
  }

  /** SA_RESETHAND: only the handler goes; what else sigaction(2) says of it stays. */
  forget(signal: number): void {
    this.actions[signal] = { ...this.actions[signal], handler: SIG_DFL };
  }

  resetOne(signal: number): void {
    this.actions[signal] = DEFAULT;
  }
}

/** Signals that wait for delivery: standard ones once each, real-time ones in order. */
export class PendingSignals {
  mask = 0n;
  readonly #queue: SigInfo[] = [];

  get count(): number {
    return this.#queue.length;
  }

  has(signal: number): boolean {
    return (this.mask & bit(signal)) !== 0n;
  }

  /** False when a standard signal was pending already. */
  add(info: SigInfo): boolean {
    if (info.signo < SIGRTMIN && this.has(info.signo)) return false;
    this.mask |= bit(info.signo);
    this.#queue.push(info);
    return true;
  }

  /** Takes the most urgent signal of `allowed`: synchronous ones first, then by number. */
  take(allowed: bigint): SigInfo | undefined {
    const candidates = this.mask & allowed;
    if (candidates === 0n) return undefined;
    const urgent = candidates & SYNCHRONOUS;
    const from = urgent === 0n ? candidates : urgent;
    let best = -1;
    for (let index = 0; index < this.#queue.length; index++) {
      const { signo } = this.#queue[index];
      if ((from & bit(signo)) !== 0n && (best < 0 || signo < this.#queue[best].signo)) best = index;
    }
    const [info] = this.#queue.splice(best, 1);
    if (!this.#queue.some((other) => other.signo === info.signo)) this.mask &= ~bit(info.signo);
    return info;
  }

  remove(set: bigint): void {
    if ((this.mask & set) === 0n) return;
    this.mask &= ~set;
    for (let index = this.#queue.length - 1; index >= 0; index--) if ((set & bit(this.#queue[index].signo)) !== 0n) this.#queue.splice(index, 1);
  }
}

/** SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGSYS. */
const SYNCHRONOUS = bit(4) | bit(5) | bit(7) | bit(8) | bit(11) | bit(31);
