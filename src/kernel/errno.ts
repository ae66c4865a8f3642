/**
 * Errors that a guest sees: one preallocated object for each error number, thrown by handlers and caught once, in
 * the dispatcher. They carry no stack, so throwing one costs little. A bug of ours is never one of these
 * (base/assert.ts).
 */

import { ERRNO, type ErrnoName } from '../abi/errno.ts';

export class Errno {
  readonly code: ErrnoName;
  readonly errno: number;
  readonly message: string;

  constructor(code: ErrnoName) {
    this.code = code;
    this.errno = ERRNO[code][0];
    this.message = ERRNO[code][1];
    Object.freeze(this);
  }

  toString(): string {
    return `${this.code}: ${this.message}`;
  }
}

export const EPERM = new Errno('EPERM');
export const ENOENT = new Errno('ENOENT');
export const ESRCH = new Errno('ESRCH');
export const EINTR = new Errno('EINTR');
export const EIO = new Errno('EIO');
export const ENXIO = new Errno('ENXIO');
export const E2BIG = new Errno('E2BIG');
export const ENOEXEC = new Errno('ENOEXEC');
export const EBADF = new Errno('EBADF');
export const ECHILD = new Errno('ECHILD');
export const EAGAIN = new Errno('EAGAIN');
export const ENOMEM = new Errno('ENOMEM');
export const EACCES = new Errno('EACCES');
export const EFAULT = new Errno('EFAULT');
export const ENOTBLK = new Errno('ENOTBLK');
export const EBUSY = new Errno('EBUSY');
export const EEXIST = new Errno('EEXIST');
export const EXDEV = new Errno('EXDEV');
export const ENODEV = new Errno('ENODEV');
export const ENOTDIR = new Errno('ENOTDIR');
export const EISDIR = new Errno('EISDIR');
export const EINVAL = new Errno('EINVAL');
export const ENFILE = new Errno('ENFILE');
export const EMFILE = new Errno('EMFILE');
export const ENOTTY = new Errno('ENOTTY');
export const ETXTBSY = new Errno('ETXTBSY');
export const EFBIG = new Errno('EFBIG');
export const ENOSPC = new Errno('ENOSPC');
export const ESPIPE = new Errno('ESPIPE');
export const EROFS = new Errno('EROFS');
export const EMLINK = new Errno('EMLINK');
export const EPIPE = new Errno('EPIPE');
export const EDOM = new Errno('EDOM');
export const ERANGE = new Errno('ERANGE');
export const EDEADLK = new Errno('EDEADLK');
export const ENAMETOOLONG = new Errno('ENAMETOOLONG');
export const ENOLCK = new Errno('ENOLCK');
export const ENOSYS = new Errno('ENOSYS');
export const ENOTEMPTY = new Errno('ENOTEMPTY');
export const ELOOP = new Errno('ELOOP');
export const ENOMSG = new Errno('ENOMSG');
export const EIDRM = new Errno('EIDRM');
export const ECHRNG = new Errno('ECHRNG');
export const EL2NSYNC = new Errno('EL2NSYNC');
export const EL3HLT = new Errno('EL3HLT');
export const EL3RST = new Errno('EL3RST');
export const ELNRNG = new Errno('ELNRNG');
export const EUNATCH = new Errno('EUNATCH');
export const ENOCSI = new Errno('ENOCSI');
export const EL2HLT = new Errno('EL2HLT');
export const EBADE = new Errno('EBADE');
export const EBADR = new Errno('EBADR');
export const EXFULL = new Errno('EXFULL');
export const ENOANO = new Errno('ENOANO');
export const EBADRQC = new Errno('EBADRQC');
export const EBADSLT = new Errno('EBADSLT');
export const EBFONT = new Errno('EBFONT');
export const ENOSTR = new Errno('ENOSTR');
export const ENODATA = new Errno('ENODATA');
export const ETIME = new Errno('ETIME');
export const ENOSR = new Errno('ENOSR');
export const ENONET = new Errno('ENONET');
export const ENOPKG = new Errno('ENOPKG');
export const EREMOTE = new Errno('EREMOTE');
export const ENOLINK = new Errno('ENOLINK');
export const EADV = new Errno('EADV');
export const ESRMNT = new Errno('ESRMNT');
export const ECOMM = new Errno('ECOMM');
export const EPROTO = new Errno('EPROTO');
export const EMULTIHOP = new Errno('EMULTIHOP');
export const EDOTDOT = new Errno('EDOTDOT');
export const EBADMSG = new Errno('EBADMSG');
export const EOVERFLOW = new Errno('EOVERFLOW');
export const ENOTUNIQ = new Errno('ENOTUNIQ');
export const EBADFD = new Errno('EBADFD');
export const EREMCHG = new Errno('EREMCHG');
export const ELIBACC = new Errno('ELIBACC');
export const ELIBBAD = new Errno('ELIBBAD');
export const ELIBSCN = new Errno('ELIBSCN');
export const ELIBMAX = new Errno('ELIBMAX');
export const ELIBEXEC = new Errno('ELIBEXEC');
export const EILSEQ = new Errno('EILSEQ');
export const ERESTART = new Errno('ERESTART');
export const ESTRPIPE = new Errno('ESTRPIPE');
export const EUSERS = new Errno('EUSERS');
export const ENOTSOCK = new Errno('ENOTSOCK');
export const EDESTADDRREQ = new Errno('EDESTADDRREQ');
export const EMSGSIZE = new Errno('EMSGSIZE');
export const EPROTOTYPE = new Errno('EPROTOTYPE');
export const ENOPROTOOPT = new Errno('ENOPROTOOPT');
export const EPROTONOSUPPORT = new Errno('EPROTONOSUPPORT');
export const ESOCKTNOSUPPORT = new Errno('ESOCKTNOSUPPORT');
export const EOPNOTSUPP = new Errno('EOPNOTSUPP');
export const EPFNOSUPPORT = new Errno('EPFNOSUPPORT');
export const EAFNOSUPPORT = new Errno('EAFNOSUPPORT');
export const EADDRINUSE = new Errno('EADDRINUSE');
export const EADDRNOTAVAIL = new Errno('EADDRNOTAVAIL');
export const ENETDOWN = new Errno('ENETDOWN');
export const ENETUNREACH = new Errno('ENETUNREACH');
export const ENETRESET = new Errno('ENETRESET');
export const ECONNABORTED = new Errno('ECONNABORTED');
export const ECONNRESET = new Errno('ECONNRESET');
export const ENOBUFS = new Errno('ENOBUFS');
export const EISCONN = new Errno('EISCONN');
export const ENOTCONN = new Errno('ENOTCONN');
export const ESHUTDOWN = new Errno('ESHUTDOWN');
export const ETOOMANYREFS = new Errno('ETOOMANYREFS');
export const ETIMEDOUT = new Errno('ETIMEDOUT');
export const ECONNREFUSED = new Errno('ECONNREFUSED');
export const EHOSTDOWN = new Errno('EHOSTDOWN');
export const EHOSTUNREACH = new Errno('EHOSTUNREACH');
export const EALREADY = new Errno('EALREADY');
export const EINPROGRESS = new Errno('EINPROGRESS');
export const ESTALE = new Errno('ESTALE');
export const EUCLEAN = new Errno('EUCLEAN');
export const ENOTNAM = new Errno('ENOTNAM');
export const ENAVAIL = new Errno('ENAVAIL');
export const EISNAM = new Errno('EISNAM');
export const EREMOTEIO = new Errno('EREMOTEIO');
export const EDQUOT = new Errno('EDQUOT');
export const ENOMEDIUM = new Errno('ENOMEDIUM');
export const EMEDIUMTYPE = new Errno('EMEDIUMTYPE');
export const ECANCELED = new Errno('ECANCELED');
export const ENOKEY = new Errno('ENOKEY');
export const EKEYEXPIRED = new Errno('EKEYEXPIRED');
export const EKEYREVOKED = new Errno('EKEYREVOKED');
export const EKEYREJECTED = new Errno('EKEYREJECTED');
export const EOWNERDEAD = new Errno('EOWNERDEAD');
export const ENOTRECOVERABLE = new Errno('ENOTRECOVERABLE');
export const ERFKILL = new Errno('ERFKILL');
export const EHWPOISON = new Errno('EHWPOISON');

const BY_NUMBER: readonly Errno[] = [
  EPERM, ENOENT, ESRCH, EINTR, EIO, ENXIO, E2BIG, ENOEXEC, EBADF, ECHILD, EAGAIN, ENOMEM, EACCES, EFAULT, ENOTBLK, EBUSY, EEXIST, EXDEV, ENODEV, ENOTDIR, EISDIR, EINVAL, ENFILE, EMFILE, ENOTTY, ETXTBSY, EFBIG, ENOSPC, ESPIPE, EROFS, EMLINK, EPIPE, EDOM, ERANGE, EDEADLK, ENAMETOOLONG, ENOLCK, ENOSYS, ENOTEMPTY, ELOOP, ENOMSG, EIDRM, ECHRNG, EL2NSYNC, EL3HLT, EL3RST, ELNRNG, EUNATCH, ENOCSI, EL2HLT, EBADE, EBADR, EXFULL, ENOANO, EBADRQC, EBADSLT, EBFONT, ENOSTR, ENODATA, ETIME, ENOSR, ENONET, ENOPKG, EREMOTE, ENOLINK, EADV, ESRMNT, ECOMM, EPROTO, EMULTIHOP, EDOTDOT, EBADMSG, EOVERFLOW, ENOTUNIQ, EBADFD, EREMCHG, ELIBACC, ELIBBAD, ELIBSCN, ELIBMAX, ELIBEXEC, EILSEQ, ERESTART, ESTRPIPE, EUSERS, ENOTSOCK, EDESTADDRREQ, EMSGSIZE, EPROTOTYPE, ENOPROTOOPT, EPROTONOSUPPORT, ESOCKTNOSUPPORT, EOPNOTSUPP, EPFNOSUPPORT, EAFNOSUPPORT, EADDRINUSE, EADDRNOTAVAIL, ENETDOWN, ENETUNREACH, ENETRESET, ECONNABORTED, ECONNRESET, ENOBUFS, EISCONN, ENOTCONN, ESHUTDOWN, ETOOMANYREFS, ETIMEDOUT, ECONNREFUSED, EHOSTDOWN, EHOSTUNREACH, EALREADY, EINPROGRESS, ESTALE, EUCLEAN, ENOTNAM, ENAVAIL, EISNAM, EREMOTEIO, EDQUOT, ENOMEDIUM, EMEDIUMTYPE, ECANCELED, ENOKEY, EKEYEXPIRED, EKEYREVOKED, EKEYREJECTED, EOWNERDEAD, ENOTRECOVERABLE, ERFKILL, EHWPOISON,
].reduce<Errno[]>((table, error) => ((table[error.errno] = error), table), []);

/** The singleton for an error number; a number of no error is our bug. */
export function errnoOf(number: number): Errno {
  const error = BY_NUMBER[number];
  if (error === undefined) throw new RangeError(`no error ${number}`);
  return error;
}
