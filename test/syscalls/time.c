/* clock_gettime(2) nanosleep(2) timer_create(2) gettimeofday(2) times(2) getrusage(2) uname(2) getrandom(2) sysinfo(2) getrlimit(2) prctl(2) umask(2) */
#include "check.h"
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/utsname.h>

static volatile int expirations;
static void on_timer(int signal, siginfo_t *info, void *context) { (void)signal; (void)context; expirations += info->si_value.sival_int; }

int main(void) {
  /* SIGEV_THREAD is the C library's business: to the kernel it is a signal. */
  struct sigevent by_thread = {.sigev_notify = SIGEV_THREAD, .sigev_signo = SIGALRM};
  fails(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &(struct timespec){0, 1}, 0), EOPNOTSUPP);
  int made;
  equal(syscall(SYS_timer_create, CLOCK_MONOTONIC, &by_thread, &made), 0);
  equal(syscall(SYS_timer_delete, made), 0);
  struct timespec a, b, resolution;
  equal(clock_gettime(CLOCK_MONOTONIC, &a), 0);
  struct timespec t = {0, 15000000};
  equal(nanosleep(&t, 0), 0);
  clock_gettime(CLOCK_MONOTONIC, &b);
  long ns = (b.tv_sec - a.tv_sec) * 1000000000L + b.tv_nsec - a.tv_nsec;
  check(ns >= 15000000);
  int clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME};
  for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; i++) equal(clock_gettime(clocks[i], &a), 0);
  fails(clock_gettime(99, &a), EINVAL);
  fails(syscall(SYS_clock_gettime, CLOCK_REALTIME, BAD), EFAULT);
  equal(clock_getres(CLOCK_MONOTONIC, &resolution), 0);
  t.tv_nsec = 1000000000;
  fails(nanosleep(&t, 0), EINVAL);
  fails(syscall(SYS_nanosleep, BAD, 0), EFAULT);
  struct timeval tv;
  equal(gettimeofday(&tv, 0), 0);
  check(labs(tv.tv_sec - time(0)) <= 1);
  clock_gettime(CLOCK_MONOTONIC, &a);
  a.tv_nsec += 10000000;
  if (a.tv_nsec >= 1000000000) { a.tv_nsec -= 1000000000; a.tv_sec++; }
  equal(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &a, 0), 0);
  clock_gettime(CLOCK_MONOTONIC, &b);
  check(b.tv_sec > a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec >= a.tv_nsec));

  struct sigaction action = {.sa_sigaction = on_timer, .sa_flags = SA_SIGINFO};
  sigaction(SIGRTMIN, &action, 0);
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 10};
  timer_t timer;
  equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
  struct itimerspec spec = {.it_value = {0, 5000000}};
  equal(timer_settime(timer, 0, &spec, 0), 0);
  while (!expirations) pause();
  equal(expirations, 10);
  equal(timer_delete(timer), 0);
  fails(timer_delete(timer), EINVAL);

  struct tms cpu;
  check(times(&cpu) != -1);
  struct rusage usage;
  equal(getrusage(RUSAGE_SELF, &usage), 0);
  fails(getrusage(99, &usage), EINVAL);
  fails(syscall(SYS_getrusage, RUSAGE_SELF, BAD), EFAULT);
  struct utsname name;
  equal(uname(&name), 0);
  check(strcmp(name.sysname, "Linux") == 0 && strcmp(name.machine, "x86_64") == 0);
  fails(uname(BAD), EFAULT);
  unsigned char random[64] = {0}, zero[64] = {0};
  equal(getrandom(random, 64, 0), 64);
  check(memcmp(random, zero, 64) != 0);
  fails(getrandom(BAD, 64, 0), EFAULT);
  fails(getrandom(random, 64, 0x1000), EINVAL);
  struct sysinfo info;
  equal(sysinfo(&info), 0);
  check(info.totalram > 0 && info.mem_unit > 0);
  struct rlimit limit;
  equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
  rlim_t before = limit.rlim_cur;
  limit.rlim_cur = 20;
  equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
  int fd = -1, last = -1;
  while ((fd = dup(1)) >= 0) last = fd;
  equal(errno, EMFILE);
  equal(last, 19);
  for (int i = 3; i < 20; i++) close(i);
  limit.rlim_cur = before;
  equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
  fails(getrlimit(99, &limit), EINVAL);
  limit.rlim_cur = limit.rlim_max + 1;
  if (limit.rlim_max != RLIM_INFINITY) fails(setrlimit(RLIMIT_NOFILE, &limit), EINVAL);
  char comm[16];
  equal(prctl(PR_SET_NAME, "renamed-program-long"), 0);
  equal(prctl(PR_GET_NAME, comm), 0);
  check(strcmp(comm, "renamed-program") == 0);
  fails(prctl(12345), EINVAL);
  mode_t mask = umask(027);
  equal(umask(mask), 027);
  fails(syscall(9999), ENOSYS);
  fails(syscall(-1), ENOSYS);
  check(sysconf(_SC_NPROCESSORS_ONLN) >= 1);
  return done();
}
