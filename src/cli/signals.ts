/** Signals that this process gets are meant for the program in the enclave. */

import type { Session } from '../pal/node/enclave-thread.ts';

// biome-ignore format: a table
const FORWARDED = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGUSR2: 12, SIGTERM: 15, SIGCONT: 18 } as const;
const SIGTSTP = 20;

export function forwardSignals(session: Pick<Session, 'signal'>): void {
  for (const [name, signal] of Object.entries(FORWARDED)) process.on(name, () => session.signal(signal));
  process.on('SIGTSTP', () => {
    session.signal(SIGTSTP);
    // The shell that started us must see us stopped too; the enclave goes on after SIGCONT.
    setTimeout(() => process.kill(process.pid, 'SIGSTOP'), 20);
  });
}
