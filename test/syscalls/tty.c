/* pty(7), ioctl_tty(2), termios(3), credentials(7): pairs, line discipline, controlling terminals, job control */
#include "check.h"
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <poll.h>

static int master;
static char name[64];

static const char *next(void) {
  static char buffer[1024];
  struct pollfd p = { master, POLLIN, 0 };
  if (poll(&p, 1, 2000) != 1) return "nothing";
  int n = read(master, buffer, sizeof buffer - 1);
  buffer[n < 0 ? 0 : n] = 0;
  return n < 0 ? "error" : buffer;
}

static volatile sig_atomic_t got;
static void note(int signal) { got = signal; }

/* Runs in a child that leads a session. */
static int session(void) {
  if (setsid() != getpid()) return 1;
  if (open("/dev/tty", O_RDWR) >= 0 || errno != ENXIO) return 2;
  int slave = open(name, O_RDWR);
  if (slave < 0) return 3;
  int own = open("/dev/tty", O_RDWR);
  if (own < 0) return 4;
  if (tcgetsid(slave) != getpid()) return 5;
  if (tcgetpgrp(slave) != getpgrp()) return 6;
  signal(SIGINT, note);
  struct sigaction action = { .sa_handler = note };
  sigaction(SIGINT, &action, 0);
  write(slave, "ready\n", 6);
  char c;
  if (read(slave, &c, 1) != -1 || errno != EINTR || got != SIGINT) return 7;

  /* A background group that reads is stopped. */
  pid_t child = fork();
  if (child == 0) {
    setpgid(0, 0);
    signal(SIGTTIN, SIG_DFL);
    char line[16];
    int n = read(slave, line, sizeof line);
    _exit(n == 3 ? 0 : 1);
  }
  setpgid(child, child);
  int status;
  if (waitpid(child, &status, WUNTRACED) != child || !WIFSTOPPED(status) || WSTOPSIG(status) != SIGTTIN) return 8;
  if (tcsetpgrp(slave, child) != 0) return 9;
  if (kill(-child, SIGCONT) != 0) return 10;
  write(own, "type\n", 5);
  if (waitpid(child, &status, 0) != child || status != 0) return 11;
  signal(SIGTTOU, SIG_IGN);
  if (tcsetpgrp(slave, getpgrp()) != 0) return 12;
  return 0;
}

int main(void) {
  master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
  check(master >= 0);
  equal(grantpt(master), 0);
  equal(unlockpt(master), 0);
  check(ptsname_r(master, name, sizeof name) == 0);
  int slave = open(name, O_RDWR | O_NOCTTY);
  check(slave >= 0);
  check(isatty(slave));
  char told[64];
  check(ttyname_r(slave, told, sizeof told) == 0 && strcmp(told, name) == 0);

  equal(write(slave, "one\n", 4), 4);
  check(strcmp(next(), "one\r\n") == 0);
  equal(write(master, "ab\x7f" "c\n", 5), 5);
  check(strcmp(next(), "ab\b \bc\r\n") == 0);
  char line[64];
  equal(read(slave, line, sizeof line), 3);
  check(memcmp(line, "ac\n", 3) == 0);
  int count = -1;
  equal(write(master, "xyz\n", 4), 4);
  next();
  equal(ioctl(slave, FIONREAD, &count), 0);
  equal(count, 4);
  equal(tcflush(slave, TCIFLUSH), 0);
  equal(ioctl(slave, FIONREAD, &count), 0);
  equal(count, 0);

  struct winsize size = { .ws_row = 30, .ws_col = 100 }, seen;
  equal(ioctl(master, TIOCSWINSZ, &size), 0);
  equal(ioctl(slave, TIOCGWINSZ, &seen), 0);
  check(seen.ws_row == 30 && seen.ws_col == 100);

  struct termios t;
  equal(tcgetattr(slave, &t), 0);
  check((t.c_lflag & (ICANON | ECHO | ISIG)) == (ICANON | ECHO | ISIG) && (t.c_oflag & (OPOST | ONLCR)) == (OPOST | ONLCR) && t.c_cc[VINTR] == 3);
  cfmakeraw(&t);
  t.c_cc[VMIN] = 0;
  t.c_cc[VTIME] = 1;
  equal(tcsetattr(slave, TCSANOW, &t), 0);
  equal(read(slave, line, sizeof line), 0);
  equal(write(master, "\x03z", 2), 2);
  equal(read(slave, line, sizeof line), 2);
  equal(write(slave, "r\n", 2), 2);
  check(strcmp(next(), "r\n") == 0);
  t.c_lflag |= ICANON | ISIG;
  t.c_iflag |= ICRNL;
  equal(tcsetattr(slave, TCSANOW, &t), 0);
  fails(tcgetattr(0 + 900, &t), EBADF);
  int ends[2];
  pipe(ends);
  fails(tcgetattr(ends[0], &t), ENOTTY);
  pid_t leader = fork();
  if (leader == 0) {
    close(slave);
    _exit(session());
  }
  check(strcmp(next(), "ready\n") == 0);
  close(slave);
  usleep(50000);
  equal(write(master, "\x03", 1), 1);
  check(strcmp(next(), "type\n") == 0);
  equal(write(master, "ok\n", 3), 3);
  int status;
  equal(waitpid(leader, &status, 0), leader);
  equal(status, 0);
  fails(read(master, line, 1), EIO);

  /* The master goes: the session is hung up. */
  int m2 = posix_openpt(O_RDWR | O_NOCTTY);
  grantpt(m2);
  unlockpt(m2);
  ptsname_r(m2, name, sizeof name);
  pid_t hung = fork();
  if (hung == 0) {
    setsid();
    close(m2 == 0 ? -1 : m2);
    int own = open(name, O_RDWR);
    write(own, "x", 1);
    pause();
    _exit(0);
  }
  char x;
  equal(read(m2, &x, 1), 1);
  close(m2);
  equal(waitpid(hung, &status, 0), hung);
  check(WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP);

  /* A name goes with its master; its number is nobody else's while somebody has the slave open. */
  int first = posix_openpt(O_RDWR | O_NOCTTY), second;
  unlockpt(first);
  ptsname_r(first, name, sizeof name);
  slave = open(name, O_RDWR | O_NOCTTY);
  struct stat named, held, other;
  equal(stat(name, &named), 0);
  equal(fstat(slave, &held), 0);
  check(S_ISCHR(named.st_mode) && named.st_rdev == held.st_rdev && named.st_ino == held.st_ino && named.st_dev == held.st_dev);
  close(first);
  fails(stat(name, &named), ENOENT);
  char again[32];
  snprintf(again, sizeof again, "/proc/self/fd/%d", slave);
  fails(open(again, O_RDWR | O_NOCTTY), EIO);
  second = posix_openpt(O_RDWR | O_NOCTTY);
  unlockpt(second);
  ptsname_r(second, told, sizeof told);
  equal(stat(told, &other), 0);
  check(other.st_rdev != held.st_rdev);
  equal(fstat(slave, &held), 0);
  close(second);
  close(slave);
  return done();
}
