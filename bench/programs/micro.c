/* What the bench measures from within: `micro NAME [ARGS]` prints one number per repetition, in the unit of its row. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
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

static char buffer[1 << 17];
static char *no_env[] = {0};

/* ns per getppid */
static double getppid_cost(char **args) {
  enum { N = 200000 };
  double start = now_ns();
  for (int i = 0; i < N; i++) syscall(SYS_getppid);
  return (now_ns() - start) / N;
}

/* ns per clock_gettime: as a system call, and as the C library does it */
static double clock_call_cost(char **args) {
  enum { N = 200000 };
  struct timespec t;
  double start = now_ns();
  for (int i = 0; i < N; i++) syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
  return (now_ns() - start) / N;
}

static double clock_cost(char **args) {
  enum { N = 200000 };
  double start = now_ns();
  for (int i = 0; i < N; i++) now_ns();
  return (now_ns() - start) / N;
}

/* ns per pread of one byte */
static double pread_cost(char **args) {
  enum { N = 200000 };
  int fd = open(args[0], O_RDONLY);
  char c;
  double start = now_ns();
  for (int i = 0; i < N; i++) if (pread(fd, &c, 1, i) != 1) exit(1);
  double cost = (now_ns() - start) / N;
  close(fd);
  return cost;
}

/* ns per round trip of one byte between two processes, over descriptors that the parent writes, reads, and the child reads, writes */
static double round_trip(int to, int from, int child_from, int child_to) {
  enum { N = 5000 };
  char c = 0;
  pid_t child = fork();
  if (child == 0) {
    close(to);
    while (read(child_from, &c, 1) == 1) write(child_to, &c, 1);
    _exit(0);
  }
  close(child_from);
  double start = now_ns();
  for (int i = 0; i < N; i++) {
    write(to, &c, 1);
    read(from, &c, 1);
  }
  double cost = (now_ns() - start) / N;
  close(to);
  waitpid(child, 0, 0);
  if (from != to) close(from);
  if (child_to != child_from) close(child_to);
  return cost;
}

static double pipe_round_trip(char **args) {
  int to[2], from[2];
  if (pipe(to) < 0 || pipe(from) < 0) exit(1);
  return round_trip(to[1], from[0], to[0], from[1]);
}

static double unix_round_trip(char **args) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) exit(1);
  return round_trip(pair[0], pair[0], pair[1], pair[1]);
}

static int turn;

static void wait_turn(int *word, int value) {
  for (int seen; (seen = __atomic_load_n(word, __ATOMIC_ACQUIRE)) != value; ) syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, 0, 0, 0);
}

static void give_turn(int *word, int value) {
  __atomic_store_n(word, value, __ATOMIC_RELEASE);
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}

enum { TURNS = 5000 };

static void *answer_turns(void *unused) {
  for (int i = 0; i < TURNS; i++) {
    wait_turn(&turn, 2 * i + 1);
    give_turn(&turn, 2 * i + 2);
  }
  return 0;
}

/* ns per round trip between two threads over a futex */
static double futex_round_trip(char **args) {
  pthread_t thread;
  turn = 0;
  if (pthread_create(&thread, 0, answer_turns, 0) != 0) exit(1);
  double start = now_ns();
  for (int i = 0; i < TURNS; i++) {
    give_turn(&turn, 2 * i + 1);
    wait_turn(&turn, 2 * i + 2);
  }
  double cost = (now_ns() - start) / TURNS;
  pthread_join(thread, 0);
  return cost;
}

static int *tokens;

static void *pass_token(void *number) {
  long i = (long)number;
  wait_turn(&tokens[i], 1);
  give_turn(&tokens[i + 1], 1);
  return 0;
}

/* ns for so many threads to be made, to pass a token through all of them, and to end */
static double threads(char **args) {
  long count = atol(args[0]);
  pthread_t *made = malloc(count * sizeof *made);
  tokens = calloc(count + 1, sizeof *tokens);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN > 16384 ? PTHREAD_STACK_MIN : 16384);
  double start = now_ns();
  for (long i = 0; i < count; i++) if (pthread_create(&made[i], &attributes, pass_token, (void *)i) != 0) { perror("pthread_create"); exit(1); }
  give_turn(&tokens[0], 1);
  wait_turn(&tokens[count], 1);
  for (long i = 0; i < count; i++) pthread_join(made[i], 0);
  double cost = now_ns() - start;
  free(made);
  free(tokens);
  return cost;
}

/* ns per MiB through a pipe, in writes and reads of so many bytes */
static double pipe_throughput(char **args) {
  enum { MIB = 128 };
  int size = atoi(args[0]);
  int p[2];
  if (pipe(p) < 0) exit(1);
  pid_t child = fork();
  if (child == 0) {
    close(p[0]);
    for (long left = (long)MIB << 20; left > 0; left -= size) if (write(p[1], buffer, size) != size) _exit(1);
    _exit(0);
  }
  close(p[1]);
  double start = now_ns();
  while (read(p[0], buffer, size) > 0) {}
  double cost = (now_ns() - start) / MIB;
  close(p[0]);
  waitpid(child, 0, 0);
  return cost;
}

/* ns per posix_spawn and wait of a program */
static double spawn(char **args) {
  enum { N = 200 };
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
  enum { N = 200 };
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

/* ns per fork, exit and wait, with so many MiB written before the first of a few */
static double fork_only(char **args) {
  const int N = args[0] == 0 ? 100 : 10;
  if (args[0] != 0) {
    static char *resident;
    size_t bytes = (size_t)atoi(args[0]) << 20;
    if (resident == 0) resident = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(resident, 1, bytes);
  }
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

enum { FILE_BLOCK = 65536 };

/* ns to write, or read, 64 MiB of a file and have it kept */
static double file_write(char **args) {
  int fd = open(args[0], O_CREAT | O_TRUNC | O_WRONLY, 0600);
  double start = now_ns();
  for (int i = 0; i < 1024; i++) {
    memset(buffer, i, FILE_BLOCK);
    if (write(fd, buffer, FILE_BLOCK) != FILE_BLOCK) exit(1);
  }
  fsync(fd);
  close(fd);
  return now_ns() - start;
}

static double file_read(char **args) {
  int fd = open(args[0], O_RDONLY);
  double start = now_ns();
  while (read(fd, buffer, FILE_BLOCK) > 0) {}
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
  {"getppid", getppid_cost}, {"clock-call", clock_call_cost}, {"clock", clock_cost}, {"pread", pread_cost}, {"pipe-round-trip", pipe_round_trip}, {"unix-round-trip", unix_round_trip},
  {"futex-round-trip", futex_round_trip}, {"threads", threads}, {"pipe-throughput", pipe_throughput}, {"spawn", spawn}, {"fork-exec", fork_exec}, {"fork", fork_only}, {"fib", recursive_fib}, {"file-write", file_write}, {"file-read", file_read}, {"command", command},
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
