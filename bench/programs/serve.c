/*
 * `serve DIRECTORY [NAME=VALUE]… PROGRAM [ARGS…]`: starts the program there, once for each line of its input and answers with a line:
 * exit status, nanoseconds, a hash of the output and the output's last line. (`ready` comes before all of them.) So one enclave (or host process, or qemu)
 * serves all repetitions of a row, and the three can take turns.
 *
 * A line `read` has the output read and hashed, any other line sends it to /dev/null.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

/* FNV-1a over all bytes; `last` gets the last line that is not empty. */
static unsigned long long drain(int fd, char *last, size_t size) {
  static unsigned char bytes[1 << 16];
  unsigned long long hash = 14695981039346656037ull;
  size_t length = 0;
  int ended = 0;
  for (ssize_t n; (n = read(fd, bytes, sizeof bytes)) > 0;)
    for (ssize_t i = 0; i < n; i++) {
      hash = (hash ^ bytes[i]) * 1099511628211ull;
      if (bytes[i] == '\n') {
        ended = 1;
        continue;
      }
      if (ended) length = 0, ended = 0;
      if (length < size - 1) last[length++] = bytes[i] < ' ' || bytes[i] > '~' ? '?' : bytes[i];
    }
  last[length] = 0;
  return hash;
}

int main(int argc, char **argv) {
  char line[64], last[512];
  if (argc < 3 || chdir(argv[1]) < 0) return 2;
  char **command = argv + 2;
  for (; *command && strchr(*command, '=') && (*command)[0] != '/'; command++) putenv(*command);
  if (!*command) return 2;
  puts("ready");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin)) {
    int to_read = strncmp(line, "read", 4) == 0, ends[2] = {-1, -1}, status;
    unsigned long long hash = 0;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (to_read) {
      if (pipe2(ends, O_CLOEXEC) < 0) return 1;
      posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    } else {
      posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    }
    last[0] = 0;
    pid_t child;
    double start = now_ns();
    int error = posix_spawn(&child, command[0], &actions, 0, command, environ);
    if (to_read) {
      close(ends[1]);
      hash = drain(ends[0], last, sizeof last);
      close(ends[0]);
    }
    if (error == 0) waitpid(child, &status, 0);
    double took = now_ns() - start;
    posix_spawn_file_actions_destroy(&actions);
    printf("%d %.0f %016llx %s\n", error ? 127 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), took, hash, last);
    fflush(stdout);
  }
  return 0;
}
