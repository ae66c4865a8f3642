/** struct termios and its bits (termios(3), ioctl_tty(2)), in the kernel's layout. */

// biome-ignore format: a table
export const
  // c_iflag
  IGNBRK = 0o1, BRKINT = 0o2, IGNPAR = 0o4, ISTRIP = 0o40, INLCR = 0o100, IGNCR = 0o200, ICRNL = 0o400, IUCLC = 0o1000, IXON = 0o2000, IXANY = 0o4000, IXOFF = 0o10000, IMAXBEL = 0o20000, IUTF8 = 0o40000,
  // c_oflag
  OPOST = 0o1, OLCUC = 0o2, ONLCR = 0o4, OCRNL = 0o10, ONOCR = 0o20, ONLRET = 0o40, TABDLY = 0o14000, XTABS = 0o14000,
  // c_cflag
  B38400 = 0o17, CS8 = 0o60, CREAD = 0o200, HUPCL = 0o2000, CLOCAL = 0o4000,
  // c_lflag
  ISIG = 0o1, ICANON = 0o2, ECHO = 0o10, ECHOE = 0o20, ECHOK = 0o40, ECHONL = 0o100, NOFLSH = 0o200, TOSTOP = 0o400, ECHOCTL = 0o1000, ECHOPRT = 0o2000, ECHOKE = 0o4000, IEXTEN = 0o100000, EXTPROC = 0o200000;

/** Places in c_cc. */
// biome-ignore format: a table
export const
  VINTR = 0, VQUIT = 1, VERASE = 2, VKILL = 3, VEOF = 4, VTIME = 5, VMIN = 6, VSWTC = 7, VSTART = 8, VSTOP = 9, VSUSP = 10, VEOL = 11, VREPRINT = 12, VDISCARD = 13, VWERASE = 14, VLNEXT = 15, VEOL2 = 16;

export const NCCS = 19;
/** struct termios of TCGETS: four words, the line discipline, c_cc. */
export const TERMIOS_BYTES = 36;
/** struct termios2 adds the two speeds. */
export const TERMIOS2_BYTES = 44;
export const TCIFLUSH = 0, TCOFLUSH = 1, TCIOFLUSH = 2;
export const TCOOFF = 0, TCOON = 1;
