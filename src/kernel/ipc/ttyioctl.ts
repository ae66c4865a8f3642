/** Requests to terminals (ioctl_tty(2)): one row for each. */

import {
  FIONREAD,
  TCFLSH,
  TCGETS,
  TCGETS2,
  TCSBRK,
  TCSBRKP,
  TCSETS,
  TCSETS2,
  TCSETSF,
  TCSETSF2,
  TCSETSW,
  TCSETSW2,
  TCXONC,
  TIOCEXCL,
  TIOCGETD,
  TIOCGPGRP,
  TIOCGSID,
  TIOCGWINSZ,
  TIOCNOTTY,
  TIOCNXCL,
  TIOCOUTQ,
  TIOCSCTTY,
  TIOCSPGRP,
  TIOCSTI,
  TIOCSWINSZ,
} from '../../abi/ioctl.ts';
import { SIG } from '../../abi/signal.ts';
import { NCCS, TCIFLUSH, TCIOFLUSH, TCOFLUSH, TCOOFF, TCOON, TERMIOS2_BYTES, TERMIOS_BYTES } from '../../abi/termios.ts';
import { EINVAL, EIO, ENOTTY, EPERM, ESRCH } from '../errno.ts';
import { getI32, getU16, getU8, putU32, view } from '../mm/guest.ts';
import type { SysResult } from '../result.ts';
import type { Task } from '../task/task.ts';
import type { Tty } from './tty.ts';

type Request = (task: Task, tty: Tty, argument: number) => SysResult;

function getTermios(task: Task, tty: Tty, address: number, bytes: number): SysResult {
  const { iflag, oflag, cflag, lflag, line, cc } = tty.termios;
  const raw = new Uint8Array(bytes);
  const data = new DataView(raw.buffer);
  [iflag, oflag, cflag, lflag].forEach((word, index) => data.setUint32(index * 4, word, true));
  raw[16] = line;
  raw.set(cc, 17);
  if (bytes === TERMIOS2_BYTES) {
    data.setUint32(36, 38400, true);
    data.setUint32(40, 38400, true);
  }
  view(task.mm, address, bytes, 'write').set(raw);
  return 0;
}

function setTermios(task: Task, tty: Tty, address: number, bytes: number, flush: boolean): SysResult {
  stopBackground(task, tty);
  const raw = view(task.mm, address, bytes, 'read').slice();
  const data = new DataView(raw.buffer);
  const wasCanonical = tty.canonical;
  const { termios } = tty;
  termios.iflag = data.getUint32(0, true);
  termios.oflag = data.getUint32(4, true);
  termios.cflag = data.getUint32(8, true);
  termios.lflag = data.getUint32(12, true);
  termios.line = raw[16];
  termios.cc.set(raw.subarray(17, 17 + NCCS));
  if (flush) tty.discardInput();
  tty.modeChanged(wasCanonical);
  return 0;
}

/** Background processes that change settings get SIGTTOU. */
function stopBackground(task: Task, tty: Tty): void {
  if (tty.background(task, SIG.SIGTTOU)) throw EIO;
}

function setControlling(task: Task, tty: Tty, steal: number): SysResult {
  const { process } = task;
  const { session } = process;
  if (session.tty === tty) return 0;
  if (session.leader !== process || session.tty !== undefined) throw EPERM;
  if (tty.session !== undefined && tty.session !== session) {
    if (steal !== 1 || task.creds.euid !== 0) throw EPERM;
    tty.session.tty = undefined;
  }
  tty.adopt(session, process.group.pgid);
  return 0;
}

function giveUp(task: Task, tty: Tty): SysResult {
  const { session } = task.process;
  if (session.tty !== tty) throw ENOTTY;
  if (session.leader !== task.process) return 0;
  tty.signal(SIG.SIGHUP);
  tty.signal(SIG.SIGCONT);
  session.tty = undefined;
  tty.disowned(session);
  return 0;
}

function setForeground(task: Task, tty: Tty, address: number): SysResult {
  const pgid = getI32(task.mm, address);
  if (pgid < 0) throw EINVAL;
  const { session } = task.process;
  if (session.tty !== tty) throw ENOTTY;
  const group = task.kernel.groups.get(pgid);
  if (group === undefined) throw ESRCH;
  if (group.session !== session) throw EPERM;
  stopBackground(task, tty);
  tty.foregroundPgid = pgid;
  tty.readQueue.wake();
  tty.writeQueue.wake();
  return 0;
}

const put = (task: Task, address: number, value: number): SysResult => {
  putU32(task.mm, address, value);
  return 0;
};

function windowSize(task: Task, tty: Tty, address: number): SysResult {
  const raw = new DataView(new ArrayBuffer(8));
  raw.setUint16(0, tty.rows, true);
  raw.setUint16(2, tty.columns, true);
  view(task.mm, address, 8, 'write').set(new Uint8Array(raw.buffer));
  return 0;
}

function flush(tty: Tty, which: number): SysResult {
  if (which !== TCIFLUSH && which !== TCOFLUSH && which !== TCIOFLUSH) throw EINVAL;
  if (which !== TCOFLUSH) tty.discardInput();
  return 0;
}

function flow(tty: Tty, how: number): SysResult {
  if (how === TCOOFF) tty.flow('stop');
  else if (how === TCOON) tty.flow('start');
  else if (how !== 2 && how !== 3) throw EINVAL;
  return 0;
}

const nothing: Request = () => 0;

// biome-ignore format: a table
const REQUESTS = new Map<number, Request>([
  [TCGETS,     (task, tty, arg) => getTermios(task, tty, arg, TERMIOS_BYTES)],
  [TCSETS,     (task, tty, arg) => setTermios(task, tty, arg, TERMIOS_BYTES, false)],
  [TCSETSW,    (task, tty, arg) => setTermios(task, tty, arg, TERMIOS_BYTES, false)],
  [TCSETSF,    (task, tty, arg) => setTermios(task, tty, arg, TERMIOS_BYTES, true)],
  [TCGETS2,    (task, tty, arg) => getTermios(task, tty, arg, TERMIOS2_BYTES)],
  [TCSETS2,    (task, tty, arg) => setTermios(task, tty, arg, TERMIOS2_BYTES, false)],
  [TCSETSW2,   (task, tty, arg) => setTermios(task, tty, arg, TERMIOS2_BYTES, false)],
  [TCSETSF2,   (task, tty, arg) => setTermios(task, tty, arg, TERMIOS2_BYTES, true)],
  [TCSBRK,     nothing],
  [TCSBRKP,    nothing],
  [TCXONC,     (_task, tty, arg) => flow(tty, arg)],
  [TCFLSH,     (_task, tty, arg) => flush(tty, arg)],
  [TIOCEXCL,   nothing],
  [TIOCNXCL,   nothing],
  [TIOCSCTTY,  setControlling],
  [TIOCNOTTY,  giveUp],
  [TIOCGPGRP,  (task, tty, arg) => put(task, arg, ownTerminal(task, tty).foregroundPgid)],
  [TIOCSPGRP,  setForeground],
  [TIOCGSID,   (task, tty, arg) => put(task, arg, ownTerminal(task, tty).session?.sid ?? 0)],
  [TIOCOUTQ,   (task, tty, arg) => put(task, arg, tty.outputQueued)],
  [FIONREAD,   (task, tty, arg) => put(task, arg, tty.readable)],
  [TIOCSTI,    (task, tty, arg) => { tty.receive(new Uint8Array([getU8(task.mm, arg)])); return 0; }],
  [TIOCGWINSZ, windowSize],
  [TIOCSWINSZ, (task, tty, arg) => { tty.resize(getU16(task.mm, arg), getU16(task.mm, arg + 2)); return 0; }],
  [TIOCGETD,   (task, _tty, arg) => put(task, arg, 0)],
]);

function ownTerminal(task: Task, tty: Tty): Tty {
  if (task.process.session.tty !== tty) throw ENOTTY;
  return tty;
}

export function ttyIoctl(task: Task, tty: Tty, command: number, argument: number): SysResult {
  const request = REQUESTS.get(command);
  if (request === undefined) throw ENOTTY;
  if (tty.hungUp) throw EIO;
  return request(task, tty, argument);
}
