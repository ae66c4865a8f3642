/**
 * Arguments of system calls: how each is read from its register, and how strace prints it.
 *
 * An argument is a number in JavaScript whatever its width: 32-bit ones as C's `int` or `unsigned`, 64-bit ones exact
 * up to 2^53 (addresses, sizes and offsets that mean anything are smaller; larger ones stay larger than any limit).
 */

import type { Fd, GuestAddr, Pid } from '../../base/flavor.ts';

/** How to read the register. */
export const I32 = 0, U32 = 1, U64 = 2, I64 = 3;

/** How strace shows the value. Buffers name the argument that holds their length, by place after them. */
export type Show =
  | 'int' | 'uint' | 'hex' | 'octal' | 'fd' | 'dirfd' | 'pointer' | 'size' | 'offset'
  | 'string' | 'strings' | 'inBuffer' | 'outBuffer' | 'inIovec' | 'outIovec'
  | 'openFlags' | 'mode' | 'atFlags' | 'prot' | 'mapFlags' | 'signal' | 'sigset' | 'sigaction' | 'whence' | 'cloneFlags' | 'waitOptions' | 'waitStatus'
  | 'fcntlCommand' | 'ioctlCommand' | 'futexOp' | 'clock' | 'timespec' | 'timeval' | 'stat' | 'pipefd' | 'resource' | 'rlimit' | 'accessMode'
  | 'madvice' | 'prctlOption' | 'archPrctl' | 'family' | 'socketType' | 'sockaddr' | 'pollfds' | 'sigprocmaskHow' | 'randomFlags';

export interface Arg<T extends number> {
  readonly name: string;
  readonly read: 0 | 1 | 2 | 3;
  readonly show: Show;
  /** Written by the kernel: strace prints it after the call. */
  readonly out: boolean;
  /** Never there: carries the type. */
  readonly __type?: T;
}

export type Values<A extends readonly Arg<number>[]> = { [K in keyof A]: A[K] extends Arg<infer T> ? T : never };

const arg = <T extends number>(name: string, read: 0 | 1 | 2 | 3, show: Show, out = false): Arg<T> => ({ name, read, show, out });

// biome-ignore format: a table
export const
  int       = arg<number>('int', I32, 'int'),
  uint      = arg<number>('unsigned', U32, 'uint'),
  hex       = arg<number>('flags', U32, 'hex'),
  long      = arg<number>('long', I64, 'int'),
  ulong     = arg<number>('unsigned long', U64, 'uint'),
  size      = arg<number>('size', U64, 'size'),
  off       = arg<number>('offset', I64, 'offset'),
  fd        = arg<Fd>('fd', I32, 'fd'),
  dirfd     = arg<Fd>('dirfd', I32, 'dirfd'),
  pid       = arg<Pid>('pid', I32, 'int'),
  uid       = arg<number>('uid', U32, 'uint'),
  gid       = arg<number>('gid', U32, 'uint'),
  addr      = arg<GuestAddr>('addr', U64, 'pointer'),
  outAddr   = arg<GuestAddr>('addr', U64, 'pointer', true),
  str       = arg<GuestAddr>('string', U64, 'string'),
  path      = arg<GuestAddr>('path', U64, 'string'),
  strings   = arg<GuestAddr>('strings', U64, 'strings'),
  inBuf     = arg<GuestAddr>('buffer', U64, 'inBuffer'),
  outBuf    = arg<GuestAddr>('buffer', U64, 'outBuffer', true),
  inIovec   = arg<GuestAddr>('iovec', U64, 'inIovec'),
  outIovec  = arg<GuestAddr>('iovec', U64, 'outIovec', true),
  openFlags = arg<number>('flags', I32, 'openFlags'),
  mode      = arg<number>('mode', U32, 'mode'),
  atFlags   = arg<number>('flags', I32, 'atFlags'),
  prot      = arg<number>('prot', U32, 'prot'),
  mapFlags  = arg<number>('flags', U32, 'mapFlags'),
  signal    = arg<number>('signal', I32, 'signal'),
  sigset    = arg<GuestAddr>('sigset', U64, 'sigset'),
  outSigset = arg<GuestAddr>('sigset', U64, 'sigset', true),
  sigaction = arg<GuestAddr>('sigaction', U64, 'sigaction'),
  outSigaction = arg<GuestAddr>('sigaction', U64, 'sigaction', true),
  how       = arg<number>('how', I32, 'sigprocmaskHow'),
  whence    = arg<number>('whence', U32, 'whence'),
  cloneFlags = arg<number>('flags', U64, 'cloneFlags'),
  waitOptions = arg<number>('options', I32, 'waitOptions'),
  outStatus = arg<GuestAddr>('status', U64, 'waitStatus', true),
  fcntlCmd  = arg<number>('cmd', U32, 'fcntlCommand'),
  ioctlCmd  = arg<number>('cmd', U32, 'ioctlCommand'),
  futexOp   = arg<number>('op', I32, 'futexOp'),
  clock     = arg<number>('clock', I32, 'clock'),
  timespec  = arg<GuestAddr>('timespec', U64, 'timespec'),
  outTimespec = arg<GuestAddr>('timespec', U64, 'timespec', true),
  timeval   = arg<GuestAddr>('timeval', U64, 'timeval'),
  outTimeval = arg<GuestAddr>('timeval', U64, 'timeval', true),
  outStat   = arg<GuestAddr>('stat', U64, 'stat', true),
  outPipe   = arg<GuestAddr>('pipefd', U64, 'pipefd', true),
  resource  = arg<number>('resource', U32, 'resource'),
  rlimit    = arg<GuestAddr>('rlimit', U64, 'rlimit'),
  outRlimit = arg<GuestAddr>('rlimit', U64, 'rlimit', true),
  accessMode = arg<number>('mode', I32, 'accessMode'),
  madvice   = arg<number>('advice', I32, 'madvice'),
  prctlOption = arg<number>('option', I32, 'prctlOption'),
  archPrctl = arg<number>('code', I32, 'archPrctl'),
  family    = arg<number>('family', I32, 'family'),
  socketType = arg<number>('type', I32, 'socketType'),
  sockaddr  = arg<GuestAddr>('sockaddr', U64, 'sockaddr'),
  outSockaddr = arg<GuestAddr>('sockaddr', U64, 'sockaddr', true),
  pollfds   = arg<GuestAddr>('pollfds', U64, 'pollfds', true),
  randomFlags = arg<number>('flags', U32, 'randomFlags');
