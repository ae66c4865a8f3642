/* idle processes N | threads N: has N more of them doing nothing, says so, and ends when its input does. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *sleeper(void *unused) {
  for (;;) pause();
  return unused;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  int count = atoi(argv[2]);
  int threads = strcmp(argv[1], "threads") == 0;
  pid_t *children = calloc(count, sizeof *children);
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 16384);
  for (int i = 0; i < count; i++) {
    pthread_t thread;
    if (threads) {
      if (pthread_create(&thread, &small, sleeper, NULL) != 0) return 3;
      continue;
    }
    children[i] = fork();
    if (children[i] == -1) return 3;
    if (children[i] == 0) sleeper(NULL);
  }
  char byte;
  if (write(1, "ready\n", 6) != 6) return 4;
  while (read(0, &byte, 1) > 0) {}
  for (int i = 0; i < count && !threads; i++) {
    kill(children[i], SIGKILL);
    waitpid(children[i], NULL, 0);
  }
  return 0;
}
