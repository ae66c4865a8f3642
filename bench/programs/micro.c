/* What the bench measures from within: `micro NAME [ARGS]` prints one number per repetition, in the unit of its row. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REPETITIONS 7
/* A row that takes longer than this stops after its third repetition. */
#define ENOUGH_NS 4e9

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static char buffer[1 << 16];
static char *no_env[] = {0};

/* ns per getppid */
static double getppid_cost(char **args) {
  enum { N = 200000 };
  double start = now_ns();
  for (int i = 0; i < N; i++) syscall(SYS_getppid);
  return (now_ns() - start) / N;
}

/* ns per round trip of one byte between two processes */
static double pipe_round_trip(char **args) {
  enum { N = 5000 };
  int to[2], from[2];
  char c = 0;
  if (pipe(to) < 0 || pipe(from) < 0) exit(1);
  pid_t child = fork();
  if (child == 0) {
    close(to[1]);
    while (read(to[0], &c, 1) == 1) write(from[1], &c, 1);
    _exit(0);
  }
  double start = now_ns();
  for (int i = 0; i < N; i++) {
    write(to[1], &c, 1);
    read(from[0], &c, 1);
  }
  double cost = (now_ns() - start) / N;
  close(to[0]); close(to[1]); close(from[0]); close(from[1]);
  waitpid(child, 0, 0);
  return cost;
}

/* ns per MiB through a pipe */
static double pipe_throughput(char **args) {
  enum { MIB = 128 };
  int p[2];
  if (pipe(p) < 0) exit(1);
  pid_t child = fork();
  if (child == 0) {
    close(p[0]);
    for (int i = 0; i < MIB * 16; i++) if (write(p[1], buffer, 65536) != 65536) _exit(1);
    _exit(0);
  }
  close(p[1]);
  double start = now_ns();
  while (read(p[0], buffer, 65536) > 0) {}
  double cost = (now_ns() - start) / MIB;
  close(p[0]);
  waitpid(child, 0, 0);
  return cost;
}

/* ns per posix_spawn and wait of a program */
static double spawn(char **args) {
  enum { N = 60 };
  double start = now_ns();
  for (int i = 0; i < N; i++) {
    pid_t child;
    if (posix_spawn(&child, args[0], 0, 0, args, no_env) != 0) exit(1);
    waitpid(child, 0, 0);
  }
  return (now_ns() - start) / N;
}

/* ns per fork, exec and wait */
static double fork_exec(char **args) {
  enum { N = 60 };
  double start = now_ns();
  for (int i = 0; i < N; i++) {
    pid_t child = fork();
    if (child == 0) {
      execve(args[0], args, no_env);
      _exit(127);
    }
    waitpid(child, 0, 0);
  }
  return (now_ns() - start) / N;
}

/* ns per fork, exit and wait */
static double fork_only(char **args) {
  enum { N = 100 };
  double start = now_ns();
  for (int i = 0; i < N; i++) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    waitpid(child, 0, 0);
  }
  return (now_ns() - start) / N;
}

static __attribute__((noinline, optimize("O1"))) int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

static double recursive_fib(char **args) {
  double start = now_ns();
  if (fib(35) != 9227465) exit(1);
  return now_ns() - start;
}

/* ns to write, or read, 64 MiB of a file and have it kept */
static double file_write(char **args) {
  int fd = open(args[0], O_CREAT | O_TRUNC | O_WRONLY, 0600);
  double start = now_ns();
  for (int i = 0; i < 1024; i++) {
    memset(buffer, i, sizeof buffer);
    if (write(fd, buffer, sizeof buffer) != sizeof buffer) exit(1);
  }
  fsync(fd);
  close(fd);
  return now_ns() - start;
}

static double file_read(char **args) {
  int fd = open(args[0], O_RDONLY);
  double start = now_ns();
  while (read(fd, buffer, sizeof buffer) > 0) {}
  close(fd);
  return now_ns() - start;
}

/* ns of a whole command, its output to /dev/null */
static double command(char **args) {
  double start = now_ns();
  pid_t child = fork();
  if (child == 0) {
    int null = open("/dev/null", O_WRONLY);
    dup2(null, 1);
    execvp(args[0], args);
    _exit(127);
  }
  int status;
  waitpid(child, &status, 0);
  if (status != 0) { fprintf(stderr, "%s: wait status 0x%x\n", args[0], status); exit(1); }
  return now_ns() - start;
}

static const struct { const char *name; double (*run)(char **); } rows[] = {
  {"getppid", getppid_cost}, {"pipe-round-trip", pipe_round_trip}, {"pipe-throughput", pipe_throughput}, {"spawn", spawn}, {"fork-exec", fork_exec},
  {"fork", fork_only}, {"fib", recursive_fib}, {"file-write", file_write}, {"file-read", file_read}, {"command", command},
};

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "nothing") == 0) return 0;
  for (unsigned i = 0; argc > 1 && i < sizeof rows / sizeof *rows; i++) {
    if (strcmp(argv[1], rows[i].name) != 0) continue;
    double start = now_ns();
    for (int repetition = 0; repetition < REPETITIONS && (repetition < 3 || now_ns() - start < ENOUGH_NS); repetition++) {
      printf("%.1f\n", rows[i].run(argv + 2));
      fflush(stdout);
    }
    return 0;
  }
  return 2;
}
