/* What faulty programs do: `memory` asks for more than there is in every way, `forks` starts more than may be, `limits` tells what may be, `illegal` runs an unknown instruction, `each DIR` starts every file. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (1ul << 20)
#define FAR 4096

static long fill_pages(int flags) {
  long n = 0;
  for (; n < FAR; n++) {
    char *p = mmap(0, MIB, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) break;
    memset(p, 1, MIB);
  }
  return n;
}

static long fill_file(int fd) {
  static char block[1 << 20];
  ssize_t got = 0;
  unsigned long bytes = 0;
  while (bytes < FAR * MIB && (got = write(fd, block, MIB)) > 0) bytes += got;
  return bytes / MIB;
}

static long fill_segments(void) {
  static int ids[FAR];
  long n = 0;
  for (; n < FAR; n++) {
    ids[n] = shmget(IPC_PRIVATE, MIB, 0600);
    if (ids[n] < 0) break;
    char *p = shmat(ids[n], 0, 0);
    if (p == (char *)-1) break;
    memset(p, 1, MIB);
  }
  int error = errno;
  for (long i = 0; i < n; i++) shmctl(ids[i], IPC_RMID, 0);
  errno = error;
  return n;
}

static long fill_heap(void) {
  long n = 0;
  for (; n < FAR; n++) {
    char *p = sbrk(MIB);
    if (p == (void *)-1) break;
    memset(p, 1, MIB);
  }
  return n;
}

/* In a child, so that each way finds everything given back. */
#define TRY(name, fill) do { \
    fflush(stdout); \
    pid_t child = fork(); \
    if (child == 0) { \
      errno = 0; \
      long n = fill; \
      printf("%s: %s after %s\n", name, n == FAR ? "nothing" : strerrorname_np(errno), n == 0 ? "nothing" : n < 200 ? "less than 200 MiB" : "too much"); \
      fflush(stdout); \
      _exit(0); \
    } \
    int status; \
    if (waitpid(child, &status, 0) != child || status != 0) printf("%s: ended with status %x\n", name, status); \
  } while (0)

static int memory(void) {
  TRY("private", fill_pages(MAP_PRIVATE));
  TRY("unreserved", fill_pages(MAP_PRIVATE | MAP_NORESERVE));
  TRY("shared", fill_pages(MAP_SHARED));
  TRY("heap", fill_heap());
  TRY("segments", fill_segments());
  TRY("memfd", fill_file(memfd_create("big", 0)));
  TRY("file", fill_file(open("/dev/shm/big", O_CREAT | O_WRONLY, 0600)));
  unlink("/dev/shm/big");
  TRY("private again", fill_pages(MAP_PRIVATE));
  return 0;
}

static int each(const char *directory) {
  DIR *all = opendir(directory);
  long started = 0;
  for (struct dirent *entry; all != 0 && (entry = readdir(all));) {
    if (entry->d_name[0] == '.') continue;
    char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
    pid_t child = fork();
    if (child == 0) {
      alarm(1);
      execl(path, path, "none", (char *)0);
      _exit(126);
    }
    int status;
    if (waitpid(child, &status, 0) == child) started++;
  }
  printf("%ld started\n", started);
  return 0;
}

/* Children that wait, until there may be no more. */
static void fork_on(const char *name) {
  static pid_t children[FAR];
  long n = 0;
  while (n < FAR && (children[n] = fork()) > 0) n++;
  if (n < FAR && children[n] == 0) {
    pause();
    _exit(0);
  }
  int error = errno;
  for (long i = 0; i < n; i++) kill(children[i], SIGKILL);
  for (long i = 0; i < n; i++) waitpid(children[i], 0, 0);
  printf("%s: %s after %s\n", name, n == FAR ? "nothing" : strerrorname_np(error), n == 0 ? "nothing" : n < 30 ? "less than 30" : n < 60 ? "less than 60" : "too many");
  fflush(stdout);
}

static int forks(void) {
  struct rlimit wish = {1000, 1000};
  setrlimit(RLIMIT_NPROC, &wish);
  fork_on("children");
  char *held = mmap(0, 100 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  printf("held: %s\n", held == MAP_FAILED ? "no" : "yes");
  fork_on("with 100 MiB");
  munmap(held, 100 * MIB);
  fork_on("again");
  return 0;
}

static int limits(void) {
  const int which[] = {RLIMIT_STACK, RLIMIT_NOFILE, RLIMIT_NPROC};
  for (int i = 0; i < 3; i++) {
    struct rlimit limit;
    getrlimit(which[i], &limit);
    printf("%lu\n", (unsigned long)limit.rlim_cur);
  }
  int files = 0;
  while (dup(1) >= 0) files++;
  printf("%d %s\n", files + 3, strerrorname_np(errno));
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 2 && !strcmp(argv[1], "forks")) return forks();
  if (argc == 2 && !strcmp(argv[1], "limits")) return limits();
  if (argc == 2 && !strcmp(argv[1], "memory")) return memory();
  if (argc == 3 && !strcmp(argv[1], "each")) return each(argv[2]);
  if (argc == 2 && !strcmp(argv[1], "illegal")) __asm__ volatile(".byte 0x62, 0xf1, 0x7d, 0x48, 0xef, 0xc0");
  return 0;
}
