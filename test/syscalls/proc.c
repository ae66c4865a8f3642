/* proc(5) and pts(4): what programs read there */
#include "check.h"
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <termios.h>

static int contains(const char *path, const char *what) {
  char text[20000];
  int fd = open(path, O_RDONLY), length = 0, got;
  if (fd < 0) return 0;
  while ((got = read(fd, text + length, sizeof text - 1 - length)) > 0) length += got;
  close(fd);
  text[length] = 0;
  return what[0] ? memmem(text, length, what, strlen(what)) != 0 : length > 0;
}

int main(int argc, char **argv) {
  char buffer[1000], path[100];
  check(contains("/proc/self/cmdline", argv[0]));
  struct utsname names;
  uname(&names);
  check(contains("/proc/sys/kernel/osrelease", names.release));
  check(contains("/proc/sys/kernel/version", names.version));
  check(contains("/proc/version", names.release));
  check(access("/proc/sys/kernel/tainted", R_OK) == 0);
  check(access("/proc/sys/kernel/msgmax", R_OK) == 0 && access("/proc/sys/kernel/msgmnb", R_OK) == 0 && access("/proc/sys/kernel/msgmni", R_OK) == 0);
  check(contains("/proc/self/status", "Pid:"));
  check(contains("/proc/self/status", "VmRSS:"));
  check(contains("/proc/self/maps", "[stack]"));
  check(contains("/proc/self/maps", "[heap]") || sbrk(0) == 0 || contains("/proc/self/maps", "r-xp"));
  check(contains("/proc/self/stat", "(proc)"));
  check(contains("/proc/self/comm", "proc"));
  check(contains("/proc/self/statm", " "));
  check(contains("/proc/self/mountinfo", " / "));
  check(contains("/proc/self/mounts", " / "));
  check(contains("/proc/meminfo", "MemTotal:"));
  check(contains("/proc/cpuinfo", "processor"));
  check(contains("/proc/stat", "cpu"));
  check(contains("/proc/uptime", "."));
  check(contains("/proc/loadavg", "."));
  check(contains("/proc/version", "Linux"));
  check(contains("/proc/filesystems", "tmpfs"));
  check(contains("/proc/sys/kernel/osrelease", "."));
  check(contains("/proc/sys/kernel/random/uuid", "-"));
  /* lscpu(1) ends in an assertion without these. */
  check(access("/sys/devices/system/node/node0/cpumap", R_OK) == 0);
  check(access("/sys/devices/system/cpu/cpu0/topology/thread_siblings", R_OK) == 0);
  check(readlink("/proc/self/exe", buffer, sizeof buffer) > 0);
  check(readlink("/proc/self/cwd", buffer, sizeof buffer) > 0);
  int length = readlink("/proc/self", buffer, sizeof buffer);
  buffer[length > 0 ? length : 0] = 0;
  equal(atoi(buffer), getpid());
  int fd = open("/dev/null", O_RDONLY);
  sprintf(path, "/proc/self/fd/%d", fd);
  length = readlink(path, buffer, sizeof buffer);
  check(length == 9 && memcmp(buffer, "/dev/null", 9) == 0);
  check(open(path, O_RDONLY) >= 0);
  check(access("/dev/fd/1", F_OK) == 0);
  pid_t child = fork();
  if (child == 0) { pause(); _exit(0); }
  sprintf(path, "/proc/%d/status", child);
  sprintf(buffer, "PPid:\t%d\n", getpid());
  check(contains(path, buffer));
  kill(child, SIGKILL);
  wait_for(child);
  check(access(path, F_OK) == -1);

  int master, slave;
  check(openpty(&master, &slave, path, 0, 0) == 0);
  check(isatty(slave) && isatty(master));
  check(strncmp(path, "/dev/pts/", 9) == 0);
  equal(write(slave, "out\n", 4), 4);
  equal(read(master, buffer, 100), 5);
  check(memcmp(buffer, "out\r\n", 5) == 0);
  equal(write(master, "line\n", 5), 5);
  equal(read(slave, buffer, 100), 5);
  struct winsize size = {24, 80, 0, 0}, got;
  equal(ioctl(master, TIOCSWINSZ, &size), 0);
  equal(ioctl(slave, TIOCGWINSZ, &got), 0);
  check(got.ws_row == 24 && got.ws_col == 80);
  struct termios mode;
  equal(tcgetattr(slave, &mode), 0);
  check(mode.c_lflag & ICANON);
  cfmakeraw(&mode);
  equal(tcsetattr(slave, TCSANOW, &mode), 0);
  write(master, "a", 1);
  equal(read(slave, buffer, 10), 1);
  fails(ioctl(slave, 0x9999, 0), ENOTTY);
  fails(tcgetattr(fd, &mode), ENOTTY);
  child = forkpty(&master, 0, 0, 0);
  if (child == 0) { pause(); _exit(0); }
  struct timespec little = {0, 30000000};
  nanosleep(&little, 0);
  write(master, "\003", 1);
  int status = wait_for(child);
  check(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
  return done();
}
