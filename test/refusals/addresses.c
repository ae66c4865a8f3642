/*
 * Addresses that nobody may touch, given to every system call in every place: EFAULT or another errno, or a signal for
 * this process, and nothing else. `addresses FIRST LAST SEED` tries the numbers from FIRST to LAST, each call in a child that
 * may take 60 ms. Whether a call ought to have failed is not asked here: `test/syscalls` does that.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static long call(long number, const unsigned long *a) {
  register long r10 __asm__("r10") = a[3], r8 __asm__("r8") = a[4], r9 __asm__("r9") = a[5];
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return result;
}

int main(int argc, char **argv) {
  if (argc != 4) return 5;
  long first = atol(argv[1]), last = atol(argv[2]);
  char *none = mmap(0, 3 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *edge = mmap(0, 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *text = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(edge + 4096, 4096);
  memset(edge, 'x', 4096);
  const unsigned long bad[] = {0, 8, (unsigned long)none + 64, (unsigned long)edge + 4096 - 3, (unsigned long)text + 4000, (unsigned long)main, 0x3fffff000, 0x400000000, 0x7fffffffe000, 0x8000000000000000, 0xffffffff80000000, ~0ul - 7, ~0ul};
  const unsigned long small[] = {0, 1, 2, 5, 100, 4096, 0x7fffffff, ~0ul};
  unsigned long seed = 88172645463325252ul + strtoul(argv[3], 0, 10);
  long done = 0, died = 0;
  int files[2];
  if (pipe(files) != 0) return 1;
  /* rt_sigqueueinfo, rt_tgsigqueueinfo and pidfd_send_signal reach this process too, with the small numbers. */
  sigset_t some, before;
  sigemptyset(&some);
  for (unsigned i = 0; i < sizeof small / sizeof *small; i++) sigaddset(&some, (int)small[i]);
  sigprocmask(SIG_BLOCK, &some, &before);
  for (long number = first; number <= last; number++) {
    /* pause, exit, exit_group, rt_sigreturn, rt_sigsuspend, vfork, and what stops or kills others. */
    if (number == 15 || number == 34 || number == 60 || number == 231 || number == 130 || number == 58 || number == 62 || number == 200 || number == 234) continue;
    for (int round = 0; round < 24; round++) {
      unsigned long a[6];
      for (int i = 0; i < 6; i++) {
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        /* The first rounds have a bad address in one place after the other, then in all, then anywhere. */
        int hostile = round < 6 ? i == round : round < 12 ? 1 : seed >> 8 & 1;
        a[i] = hostile ? bad[(seed >> 16) % (sizeof bad / sizeof *bad)] : small[(seed >> 16) % (sizeof small / sizeof *small)];
      }
      pid_t child = fork();
      if (child < 0) return 2;
      if (child == 0) {
        struct itimerval second = {.it_value = {0, 60000}};
        struct rlimit core = {0, 0};
        sigprocmask(SIG_SETMASK, &before, 0);
        setrlimit(RLIMIT_CORE, &core);
        setpgid(0, 0);
        setitimer(ITIMER_REAL, &second, 0);
        call(number, a);
        _exit(0);
      }
      int status;
      if (waitpid(child, &status, 0) != child) return 3;
      kill(-child, SIGKILL);
      done++;
      if (WIFSIGNALED(status)) died++;
    }
  }
  /* Whoever prints this has survived. */
  printf("%ld calls, %ld ended by a signal\n", done, died);
  return done > 0 && died < done / 2 ? 0 : 4;
}
