/* sched(7) sched_setscheduler(2) sched_setattr(2) sched_setaffinity(2) setpriority(2) prctl(2): whose scheduling one may change, and what a child has of it */
#include "check.h"
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#ifndef SCHED_RESET_ON_FORK
#define SCHED_RESET_ON_FORK 0x40000000
#endif

static struct sched_param priority(int value) { return (struct sched_param){.sched_priority = value}; }

static void others(void) {
  pid_t mine = getpid();
  int before = getpriority(PRIO_PROCESS, mine);
  struct sched_param none = priority(0);
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(0, &set);
  int status = in_child({
    int failed = check_failed;
    setresgid(65534, 65534, 65534);
    setresuid(65534, 65534, 65534);
    fails(setpriority(PRIO_PROCESS, mine, 10), EPERM);
    fails(sched_setscheduler(mine, SCHED_BATCH, &none), EPERM);
    fails(sched_setparam(mine, &none), EPERM);
    fails(sched_setaffinity(mine, sizeof set, &set), EPERM);
    equal(setpriority(PRIO_PROCESS, 0, 5), 0);
    fails(setpriority(PRIO_PROCESS, 0, 1), EACCES);
    struct sched_param one = priority(1);
    fails(sched_setscheduler(0, SCHED_FIFO, &one), EPERM);
    equal(sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &none), 0);
    fails(sched_setscheduler(0, SCHED_OTHER, &none), EPERM);
    _exit(check_failed > failed);
  });
  equal(status, 0);
  equal(getpriority(PRIO_PROCESS, mine), before);
  equal(sched_getscheduler(0), SCHED_OTHER);
}

static void forked(void) {
  struct sched_param one = priority(1), none = priority(0);
  equal(sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &one), 0);
  equal(sched_getscheduler(0), SCHED_FIFO | SCHED_RESET_ON_FORK);
  equal(in_child(_exit(sched_getscheduler(0))), 0);
  struct timespec slice = {9, 9};
  equal(sched_rr_get_interval(0, &slice), 0);
  check(slice.tv_sec == 0 && slice.tv_nsec == 0);
  equal(sched_setscheduler(0, SCHED_RR, &one), 0);
  equal(sched_rr_get_interval(0, &slice), 0);
  FILE *file = fopen("/proc/sys/kernel/sched_rr_timeslice_ms", "r");
  int ms = 0;
  equal(fscanf(file, "%d", &ms), 1);
  fclose(file);
  equal(slice.tv_sec * 1000 + slice.tv_nsec / 1000000, ms);
  equal(in_child(_exit(sched_getscheduler(0))), SCHED_RR << 8);
  equal(sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &none), 0);
  equal(setpriority(PRIO_PROCESS, 0, -3), 0);
  equal(in_child(_exit(sched_getscheduler(0) + 10 + getpriority(PRIO_PROCESS, 0))), 10 << 8);
  equal(sched_setscheduler(0, SCHED_OTHER, &none), 0);
  equal(in_child(_exit(10 + getpriority(PRIO_PROCESS, 0))), 7 << 8);
  equal(setpriority(PRIO_PROCESS, 0, 0), 0);
}

int main(void) {
  others();
  forked();
  fails(syscall(SYS_sched_getattr, 0, 0, 48, 0), EINVAL);
  int slack = prctl(PR_GET_TIMERSLACK);
  equal(prctl(PR_SET_TIMERSLACK, 70000), 0);
  equal(prctl(PR_GET_TIMERSLACK), 70000);
  equal(in_child({ prctl(PR_SET_TIMERSLACK, 1); prctl(PR_SET_TIMERSLACK, 0); _exit(prctl(PR_GET_TIMERSLACK) != 70000); }), 0);
  equal(prctl(PR_SET_TIMERSLACK, 0), 0);
  equal(prctl(PR_GET_TIMERSLACK), slack);
  fails(prctl(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0), EINVAL);
  fails(prctl(PR_SET_THP_DISABLE, 0, 1, 0, 0), EINVAL);
  fails(prctl(PR_GET_THP_DISABLE, 1, 0, 0, 0), EINVAL);
  return done();
}
