/**
 * Terminals: the line discipline N_TTY (termios(3)), controlling terminals and job control (credentials(7),
 * tty_ioctl(4)). What lies behind a terminal, a pty's master or the host, is its `driver`.
 */

import { POLLHUP, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from '../../abi/poll.ts';
import { SIG, SIG_IGN } from '../../abi/signal.ts';
import { S_IFCHR } from '../../abi/stat.ts';
import {
  B38400,
  CREAD,
  CS8,
  ECHO,
  ECHOCTL,
  ECHOE,
  ECHOK,
  ECHOKE,
  ECHONL,
  HUPCL,
  ICANON,
  ICRNL,
  IEXTEN,
  IGNCR,
  INLCR,
  ISIG,
  ISTRIP,
  IXON,
  NCCS,
  NOFLSH,
  OCRNL,
  ONLCR,
  ONLRET,
  ONOCR,
  OPOST,
  TOSTOP,
  VEOF,
  VEOL,
  VEOL2,
  VERASE,
  VINTR,
  VKILL,
  VLNEXT,
  VMIN,
  VQUIT,
  VREPRINT,
  VSTART,
  VSTOP,
  VSUSP,
  VTIME,
  VWERASE,
  XTABS,
} from '../../abi/termios.ts';
import type { Pid } from '../../base/flavor.ts';
import { EIO } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import { kernelSignal, sendToGroup } from '../signal/send.ts';
import type { ControllingTerminal, Session, Task } from '../task/task.ts';
import type { Timer } from '../time/timers.ts';
import type { Inode } from '../vfs/inode.ts';
import { OpenFile } from '../vfs/file.ts';
import type { Path } from '../vfs/mount.ts';
import { WaitQueue } from '../wait.ts';
import { AnonymousInode, ANONFS } from './anon.ts';
import { ttyIoctl } from './ttyioctl.ts';

export interface Termios {
  iflag: number;
  oflag: number;
  cflag: number;
  lflag: number;
  line: number;
  readonly cc: Uint8Array;
}

const control = (letter: string): number => letter.charCodeAt(0) & 0x1f;

export function defaultTermios(): Termios {
  const cc = new Uint8Array(NCCS);
  cc[VINTR] = control('C');
  cc[VQUIT] = 0x1c;
  cc[VERASE] = 0x7f;
  cc[VKILL] = control('U');
  cc[VEOF] = control('D');
  cc[VMIN] = 1;
  cc[VSTART] = control('Q');
  cc[VSTOP] = control('S');
  cc[VSUSP] = control('Z');
  cc[VREPRINT] = control('R');
  cc[VWERASE] = control('W');
  cc[VLNEXT] = control('V');
  return { iflag: ICRNL | IXON, oflag: OPOST | ONLCR, cflag: B38400 | CS8 | CREAD | HUPCL, lflag: ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN, line: 0, cc };
}

/** Where output goes; takes what it has room for. */
export interface TtyDriver {
  /** Bytes that `send` would take now. */
  room(): number;
  send(bytes: Uint8Array): void;
  /** There may be room for input again. */
  refill?(): void;
  /** The last descriptor of the terminal is gone. */
  closed?(): void;
}

const MAX_INPUT = 4096;
const NEWLINE = 10,
  RETURN = 13,
  TAB = 9,
  BACKSPACE = 8;

export class Tty implements ControllingTerminal {
  readonly kernel: Kernel;
  readonly driver: TtyDriver;
  readonly rdev: number;
  /** As /dev/pts shows it. */
  readonly name: string;
  readonly termios = defaultTermios();
  rows: number;
  columns: number;
  foregroundPgid: Pid = 0;
  session: Session | undefined;
  readonly readQueue = new WaitQueue();
  readonly writeQueue = new WaitQueue();
  /** The other side is gone: reads end, writes fail. */
  hungUp = false;
  stopped = false;
  /** Open descriptions of the terminal itself. */
  users = 0;
  /** Complete input: in canonical mode up to and including line ends. */
  #ready: number[] = [];
  /** Lengths of the lines in it; 0 = end of file. */
  #lines: number[] = [];
  #edit: number[] = [];
  #literal = false;
  #column = 0;
  #timer: Timer | undefined;
  #timedOut = false;

  constructor(kernel: Kernel, driver: TtyDriver, rdev: number, name: string, rows: number, columns: number) {
    this.kernel = kernel;
    this.driver = driver;
    this.rdev = rdev;
    this.name = name;
    this.rows = rows;
    this.columns = columns;
  }

  get canonical(): boolean {
    return (this.termios.lflag & ICANON) !== 0;
  }

  /** Bytes that a read would give now. */
  get readable(): number {
    return this.canonical ? (this.#lines.length > 0 ? Math.max(this.#lines[0], 0) : 0) : this.#ready.length;
  }

  get inputReady(): boolean {
    if (this.canonical) return this.#lines.length > 0;
    const need = this.termios.cc[VTIME] === 0 ? Math.max(this.termios.cc[VMIN], 1) : 1;
    return this.#ready.length >= need;
  }

  get outputQueued(): number {
    return 0;
  }

  // --- input: from the driver ---

  /** Room for typed bytes. */
  get inputRoom(): number {
    return this.hungUp ? 0 : Math.max(MAX_INPUT - this.#ready.length - this.#edit.length, this.canonical && this.#lines.length === 0 ? 1 : 0);
  }

  receive(bytes: Uint8Array): void {
    for (const byte of bytes) this.#character(byte);
    if (this.#timer !== undefined && this.termios.cc[VMIN] > 0) this.#stopTimer();
    this.readQueue.wake();
  }

  #character(byte: number): void {
    const { iflag, lflag, cc } = this.termios;
    if (iflag & ISTRIP) byte &= 0x7f;
    if (this.#literal) {
      this.#literal = false;
      this.#accept(byte);
      return;
    }
    if (byte === RETURN) {
      if (iflag & IGNCR) return;
      if (iflag & ICRNL) byte = NEWLINE;
    } else if (byte === NEWLINE && iflag & INLCR) byte = RETURN;
    if (byte !== 0) {
      if (iflag & IXON) {
        if (byte === cc[VSTART]) {
          this.flow('start');
          return;
        }
        if (byte === cc[VSTOP]) {
          this.flow('stop');
          return;
        }
      }
      if (lflag & ISIG) {
        const signal = byte === cc[VINTR] ? SIG.SIGINT : byte === cc[VQUIT] ? SIG.SIGQUIT : byte === cc[VSUSP] ? SIG.SIGTSTP : 0;
        if (signal !== 0) {
          if ((lflag & NOFLSH) === 0) this.flushInput();
          this.#echo(byte);
          this.signal(signal);
          return;
        }
      }
      if (lflag & ICANON && this.#edited(byte)) return;
    }
    this.#accept(byte);
  }

  /** Line editing; true when the byte was a command. */
  #edited(byte: number): boolean {
    const { lflag, cc } = this.termios;
    const edit = this.#edit;
    if (byte === cc[VERASE]) {
      this.#erase();
      return true;
    }
    if (byte === cc[VKILL]) {
      if (lflag & ECHOKE) while (edit.length > 0) this.#erase();
      else {
        edit.length = 0;
        this.#echo(byte);
        if (lflag & ECHOK) this.#echoRaw(NEWLINE);
      }
      return true;
    }
    if (lflag & IEXTEN) {
      if (byte === cc[VWERASE]) {
        while (edit.length > 0 && (edit.at(-1) === 32 || edit.at(-1) === TAB)) this.#erase();
        while (edit.length > 0 && edit.at(-1) !== 32 && edit.at(-1) !== TAB) this.#erase();
        return true;
      }
      if (byte === cc[VLNEXT]) {
        this.#literal = true;
        return true;
      }
      if (byte === cc[VREPRINT]) {
        this.#echo(byte);
        this.#echoRaw(NEWLINE);
        for (const one of edit) this.#echo(one);
        return true;
      }
    }
    if (byte === cc[VEOF]) {
      this.#line(edit.length);
      return true;
    }
    if (byte === NEWLINE || byte === cc[VEOL] || (byte === cc[VEOL2] && lflag & IEXTEN)) {
      edit.push(byte);
      if (lflag & ECHO || (lflag & ECHONL && byte === NEWLINE)) byte === NEWLINE ? this.#echoRaw(NEWLINE) : this.#echo(byte);
      this.#line(edit.length);
      return true;
    }
    return false;
  }

  #line(length: number): void {
    this.#lines.push(length);
    for (const byte of this.#edit) this.#ready.push(byte);
    this.#edit.length = 0;
  }

  #accept(byte: number): void {
    if (this.#ready.length + this.#edit.length >= MAX_INPUT - 1) return;
    (this.canonical ? this.#edit : this.#ready).push(byte);
    this.#echo(byte);
  }

  #erase(): void {
    const edit = this.#edit;
    let byte = edit.pop();
    if (byte === undefined) return;
    // The bytes of one UTF-8 character go together.
    while (byte !== undefined && (byte & 0xc0) === 0x80 && edit.length > 0) byte = edit.pop();
    const { lflag } = this.termios;
    if ((lflag & ECHO) === 0) return;
    if ((lflag & ECHOE) === 0) {
      this.#echo(this.termios.cc[VERASE]);
      return;
    }
    const width = byte !== undefined && byte < 32 && byte !== TAB && lflag & ECHOCTL ? 2 : 1;
    for (let count = 0; count < width; count++) this.#emit(new Uint8Array([BACKSPACE, 32, BACKSPACE]));
  }

  #echo(byte: number): void {
    const { lflag } = this.termios;
    if ((lflag & ECHO) === 0) return;
    if (lflag & ECHOCTL && (byte < 32 || byte === 127) && byte !== TAB && byte !== NEWLINE && byte !== this.termios.cc[VSTART] && byte !== this.termios.cc[VSTOP]) {
      this.#emit(new Uint8Array([94, byte ^ 0x40]));
    } else this.#echoRaw(byte);
  }

  #echoRaw(byte: number): void {
    this.#emit(this.#processed(new Uint8Array([byte])));
  }

  /** Echo that finds no room is lost, as on a slow line. */
  #emit(bytes: Uint8Array): void {
    if (this.driver.room() >= bytes.length) this.driver.send(bytes);
  }

  /** To the foreground process group. */
  signal(signal: number): void {
    const group = this.kernel.groups.get(this.foregroundPgid);
    if (group !== undefined) sendToGroup(group, kernelSignal(signal));
  }

  flow(how: 'start' | 'stop'): void {
    this.stopped = how === 'stop';
    if (!this.stopped) this.writeQueue.wake();
  }

  flushInput(): void {
    this.#ready = [];
    this.#lines = [];
    this.#edit = [];
  }

  /** By a program's wish (tcflush(3)). */
  discardInput(): void {
    this.flushInput();
    this.driver.refill?.();
  }

  /** Turning ICANON off makes what was being edited readable, and the other way round. */
  modeChanged(wasCanonical: boolean): void {
    if (wasCanonical && !this.canonical) {
      for (const byte of this.#edit) this.#ready.push(byte);
      this.#edit.length = 0;
      this.#lines.length = 0;
    } else if (!wasCanonical && this.canonical && this.#ready.length > 0) this.#lines.push(this.#ready.length);
    this.readQueue.wake();
  }

  // --- reading and writing ---

  read(into: Uint8Array): SysResult {
    if (into.length === 0) return 0;
    if (this.canonical) {
      if (this.#lines.length === 0) return this.hungUp ? 0 : WOULD_BLOCK;
      const line = this.#lines[0];
      const count = Math.min(line, into.length);
      into.set(this.#ready.splice(0, count));
      if (count === line) this.#lines.shift();
      else this.#lines[0] = line - count;
      return count;
    }
    const { cc } = this.termios;
    const have = this.#ready.length;
    const timed = cc[VTIME] > 0;
    const enough = Math.min(Math.max(cc[VMIN], 1), into.length);
    if (have >= enough) return this.#take(into);
    if (this.hungUp || (cc[VMIN] === 0 && !timed)) return this.#take(into);
    if (timed && (cc[VMIN] === 0 || have > 0)) {
      if (this.#timedOut) return this.#take(into);
      this.#startTimer(cc[VTIME] * 1e8);
    }
    return WOULD_BLOCK;
  }

  /** VTIME: the next read takes what there is. Every byte that comes starts it anew (VMIN > 0). */
  #startTimer(ns: number): void {
    if (this.#timer !== undefined) return;
    const { kernel } = this;
    this.#timer = kernel.timers.add(kernel.host.monotonicNs() + ns, () => {
      this.#timer = undefined;
      this.#timedOut = true;
      this.readQueue.wake();
    });
  }

  #stopTimer(): void {
    this.#timedOut = false;
    if (this.#timer === undefined) return;
    this.kernel.timers.cancel(this.#timer);
    this.#timer = undefined;
  }

  #take(into: Uint8Array): number {
    const count = Math.min(this.#ready.length, into.length);
    into.set(this.#ready.splice(0, count));
    this.#stopTimer();
    return count;
  }

  write(from: Uint8Array): SysResult {
    if (this.hungUp) throw EIO;
    if (from.length === 0) return 0;
    if (this.stopped) return WOULD_BLOCK;
    const room = this.driver.room();
    if (room <= 0) return WOULD_BLOCK;
    if ((this.termios.oflag & OPOST) === 0) {
      const count = Math.min(room, from.length);
      this.driver.send(from.slice(0, count));
      return count;
    }
    // The worst that processing does is a tab of eight columns.
    const count = Math.min(from.length, Math.max(Math.floor(room / ((this.termios.oflag & XTABS) === XTABS ? 8 : 2)), 1));
    const out = this.#processed(from.slice(0, count));
    if (out.length > room) return WOULD_BLOCK;
    this.driver.send(out);
    return count;
  }

  /** OPOST. */
  #processed(bytes: Uint8Array): Uint8Array {
    const { oflag } = this.termios;
    if ((oflag & OPOST) === 0) return bytes;
    if ((oflag & ~(OPOST | ONLCR)) === 0 && bytes.indexOf(NEWLINE) < 0) {
      this.#column += bytes.length;
      return bytes;
    }
    const out: number[] = [];
    for (let byte of bytes) {
      switch (byte) {
        case NEWLINE:
          if (oflag & ONLCR) {
            out.push(RETURN);
            this.#column = 0;
          }
          if (oflag & ONLRET) this.#column = 0;
          break;
        case RETURN:
          if (oflag & ONOCR && this.#column === 0) continue;
          if (oflag & OCRNL) byte = NEWLINE;
          this.#column = 0;
          break;
        case TAB:
          if ((oflag & XTABS) === XTABS) {
            const spaces = 8 - (this.#column % 8);
            for (let count = 0; count < spaces; count++) out.push(32);
            this.#column += spaces;
            continue;
          }
          this.#column += 8 - (this.#column % 8);
          break;
        case BACKSPACE:
          if (this.#column > 0) this.#column--;
          break;
        default:
          if (byte >= 32) this.#column++;
      }
      out.push(byte);
    }
    return Uint8Array.from(out);
  }

  // --- sessions ---

  /** Becomes the controlling terminal of a session. */
  adopt(session: Session, pgid: Pid): void {
    this.session = session;
    session.tty = this;
    this.foregroundPgid = pgid;
  }

  disowned(_session: Session): void {
    this.session = undefined;
    this.foregroundPgid = 0;
  }

  resize(rows: number, columns: number): void {
    if (rows === this.rows && columns === this.columns) return;
    this.rows = rows;
    this.columns = columns;
    this.signal(SIG.SIGWINCH);
  }

  /** The other side has gone: SIGHUP to the session leader, end of file for readers. */
  hangup(): void {
    if (this.hungUp) return;
    this.hungUp = true;
    const { session } = this;
    if (session !== undefined) {
      this.signal(SIG.SIGHUP);
      this.signal(SIG.SIGCONT);
      if (session.leader.group.pgid !== this.foregroundPgid) sendToGroup(session.leader.group, kernelSignal(SIG.SIGHUP));
      session.tty = undefined;
      this.disowned(session);
    }
    this.readQueue.wake();
    this.writeQueue.wake();
  }

  /** A background process reads, writes or changes settings (tcsetpgrp(3), TOSTOP): true when it must wait for the signal. */
  background(task: Task, signal: number): boolean {
    const { process } = task;
    if (process.session.tty !== this || this.foregroundPgid === 0 || process.group.pgid === this.foregroundPgid) return false;
    const ignores = process.handlers.actions[signal].handler === SIG_IGN || (task.blocked & (1n << BigInt(signal - 1))) !== 0n;
    if (ignores) {
      if (signal === SIG.SIGTTIN) throw EIO;
      return false;
    }
    if (this.kernel.orphaned(process.group)) throw EIO;
    sendToGroup(process.group, kernelSignal(signal));
    return true;
  }
}

export class TtyFile extends OpenFile {
  readonly tty: Tty;

  constructor(tty: Tty, path: Path | undefined, flags: number, inode: Inode = path?.inode ?? ttyInode(tty)) {
    super(inode, path, flags, tty.readQueue, tty.writeQueue);
    this.tty = tty;
    tty.users++;
    inode.retain();
  }

  protected override closed(): void {
    this.inode.release();
    this.tty.users--;
    if (this.tty.users === 0) this.tty.driver.closed?.();
  }

  override read(task: Task, into: Uint8Array): SysResult {
    if (this.tty.background(task, SIG.SIGTTIN)) return WOULD_BLOCK;
    const count = this.tty.read(into);
    if (count > 0) this.tty.driver.refill?.();
    return count;
  }

  override write(task: Task, from: Uint8Array): SysResult {
    if (this.tty.termios.lflag & TOSTOP && this.tty.background(task, SIG.SIGTTOU)) return WOULD_BLOCK;
    return this.tty.write(from);
  }

  override poll(): number {
    const { tty } = this;
    if (tty.hungUp) return POLLIN | POLLHUP | POLLRDNORM | POLLOUT | POLLWRNORM;
    let events = 0;
    if (tty.inputReady) events |= POLLIN | POLLRDNORM;
    if (!tty.stopped && tty.driver.room() > 1) events |= POLLOUT | POLLWRNORM;
    return events;
  }

  override ioctl(task: Task, command: number, argument: number): SysResult {
    return ttyIoctl(task, this.tty, command, argument);
  }
}

/** For terminals without a name in the tree, where /dev/pts is mounted nowhere; /proc/<pid>/fd leads here. */
class TtyInode extends AnonymousInode {
  readonly #tty: Tty;

  constructor(tty: Tty) {
    super(ANONFS, S_IFCHR | 0o620, tty.name, tty.rdev);
    this.#tty = tty;
  }

  override open(_task: Task, path: Path, flags: number): OpenFile {
    return new TtyFile(this.#tty, path, flags, this);
  }
}

const ttyInode = (tty: Tty): Inode => new TtyInode(tty);
