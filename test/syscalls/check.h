/* What every guest test program shares: numbered results in TAP, counted; nothing else goes to stdout. */
#ifndef CHECK_H
#define CHECK_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int check_count, check_failed;

static void check_report(int ok, const char *what, int line) {
  check_count++;
  if (!ok) check_failed++;
  printf("%sok %d - %s (line %d)\n", ok ? "" : "not ", check_count, what, line);
  fflush(stdout);
}

static void check_errno_report(long got, int want, const char *what, int line) {
  int error = errno;
  check_report(got == -1 && error == want, what, line);
  if (got != -1) printf("# succeeded with %ld instead of errno %d\n", got, want);
  else if (error != want) printf("# errno %d (%s) instead of %d (%s)\n", error, strerror(error), want, strerror(want));
  fflush(stdout);
}

static void check_equal_report(long long got, long long want, const char *what, int line) {
  int error = errno;
  check_report(got == want, what, line);
  if (got != want) printf("# %lld instead of %lld (errno %d)\n", got, want, error);
  fflush(stdout);
}

/* `check` a condition, `equal` two integers, `fails` a call that must return -1 with an errno. */
#define check(condition) check_report(!!(condition), #condition, __LINE__)
#define equal(got, want) check_equal_report((long long)(got), (long long)(want), #got " == " #want, __LINE__)
#define fails(call, error) (errno = 0, check_errno_report((long)(call), error, #call " -> " #error, __LINE__))

/* An address that is never mapped, one above user space, and one in the null page. */
#define BAD ((void *)0x1000)
#define KERNEL ((void *)0xffff800000000000ul)

/* A page that may only be read / not be touched at all, followed by an unmapped one. */
static inline char *page_with(int prot) {
  /* A third page keeps other mappings of this kind out of the hole. */
  char *pages = mmap(0, 12288, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(pages + 4096, 4096);
  mprotect(pages, 4096, prot);
  return pages;
}

static char check_dir[64];
/* An empty working directory of this test's own; removed by `done`. */
static inline void own_directory(void) {
  strcpy(check_dir, "/tmp/check-XXXXXX");
  if (mkdtemp(check_dir) == 0 || chdir(check_dir) < 0) { perror("mkdtemp"); exit(2); }
}

static inline int done(void) {
  if (check_dir[0]) {
    if (chdir("/") == 0) {
      pid_t child = fork();
      if (child == 0) {
        execl("/bin/rm", "rm", "-rf", check_dir, (char *)0);
        _exit(127);
      }
      waitpid(child, 0, 0);
    }
  }
  printf("1..%d\n", check_count);
  return check_failed != 0;
}

static inline int wait_for(pid_t child) {
  int status = -1;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  return status;
}

/* Runs a block in a child; gives its wait status. */
#define in_child(block) ({ fflush(stdout); pid_t child_ = fork(); if (child_ == 0) { block; _exit(0); } wait_for(child_); })
#endif
