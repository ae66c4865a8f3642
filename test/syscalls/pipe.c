/* pipe(2) pipe(7) dup(2) fcntl(2) */
#include "check.h"

static volatile sig_atomic_t broken;
static void on_pipe(int signal) { (void)signal; broken++; }

int main(void) {
  int p[2];
  char buffer[70000];
  equal(pipe(p), 0);
  equal(write(p[1], "abc", 3), 3);
  equal(read(p[0], buffer, 10), 3);
  fails(pipe(BAD), EFAULT);
  fails(pipe2(p, 0x7fffffff), EINVAL);
  fails(write(p[0], "a", 1), EBADF);
  fails(read(p[1], buffer, 1), EBADF);
  equal(fcntl(p[0], F_GETPIPE_SZ), 65536);

  int n[2];
  equal(pipe2(n, O_NONBLOCK | O_CLOEXEC), 0);
  fails(read(n[0], buffer, 1), EAGAIN);
  equal(write(n[1], buffer, 70000), 65536);
  fails(write(n[1], buffer, 1), EAGAIN);
  equal(read(n[0], buffer, 4096), 4096);
  equal(write(n[1], buffer, 4096), 4096);
  fails(write(n[1], buffer, 4097), EAGAIN);
  equal(fcntl(n[0], F_GETFD), FD_CLOEXEC);
  check(fcntl(n[0], F_GETFL) & O_NONBLOCK);

  /* More than fits, to a reader in another process. */
  pid_t child = fork();
  if (child == 0) {
    close(p[1]);
    long sum = 0, got;
    while ((got = read(p[0], buffer, 1000)) > 0) sum += got;
    _exit(sum == 210000 ? 7 : 1);
  }
  close(p[0]);
  for (int i = 0; i < 3; i++) equal(write(p[1], buffer, 70000), 70000);
  close(p[1]);
  int status = wait_for(child);
  check(WIFEXITED(status) && WEXITSTATUS(status) == 7);

  pipe(p);
  close(p[0]);
  signal(SIGPIPE, on_pipe);
  fails(write(p[1], "x", 1), EPIPE);
  equal(broken, 1);
  signal(SIGPIPE, SIG_DFL);
  status = in_child(write(p[1], "x", 1));
  check(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
  close(p[1]);

  /* A buffer that ends in the middle: whole pages of it are taken, and nothing of a part of one. */
  char *pages = mmap(0, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *end = pages + 4 * 4096;
  mprotect(end, 4 * 4096, PROT_NONE);
  pipe2(p, O_NONBLOCK);
  fcntl(p[1], F_SETFL, 0);
  fails(write(p[1], end - 6, 10), EFAULT);
  fails(write(p[1], end, 10), EFAULT);
  equal(write(p[1], "abc", 3), 3);
  fails(write(p[1], end - 6, 10), EFAULT);
  equal(read(p[0], buffer, 100), 3);
  equal(write(p[1], end - 8192, 9000), 8192);
  equal(read(p[0], buffer, 70000), 8192);
  equal(write(p[1], end - 5000, 9000), 4096);
  equal(read(p[0], buffer, 70000), 4096);
  struct iovec torn[2] = {{pages, 4096}, {end - 3, 6}}, none[2] = {{"hello", 5}, {end - 3, 6}};
  equal(writev(p[1], torn, 2), 4096);
  equal(read(p[0], buffer, 70000), 4096);
  fails(writev(p[1], none, 2), EFAULT);
  fails(read(p[0], buffer, 100), EAGAIN);
  close(p[0]);
  close(p[1]);

  pipe(p);
  int copy = dup(p[1]);
  equal(dup2(copy, 100), 100);
  equal(dup2(copy, copy), copy);
  fails(dup2(999, 5), EBADF);
  fails(dup2(999, 999), EBADF);
  fails(dup3(copy, copy, 0), EINVAL);
  equal(dup3(copy, 101, O_CLOEXEC), 101);
  equal(fcntl(101, F_GETFD), FD_CLOEXEC);
  equal(fcntl(100, F_GETFD), 0);
  equal(fcntl(copy, F_DUPFD, 200), 200);
  equal(fcntl(copy, F_DUPFD_CLOEXEC, 200), 201);
  equal(fcntl(201, F_GETFD), FD_CLOEXEC);
  fails(fcntl(copy, F_DUPFD, -1), EINVAL);
  fails(fcntl(999, F_GETFD), EBADF);
  equal(fcntl(copy, F_SETFL, O_NONBLOCK), 0);
  check(fcntl(p[1], F_GETFL) & O_NONBLOCK);
  close(p[1]); close(copy); close(100); close(101); close(200);
  struct pollfd poll_read = {p[0], POLLIN, 0};
  equal(poll(&poll_read, 1, 0), 0);
  close(201);
  equal(poll(&poll_read, 1, 0), 1);
  equal(poll_read.revents, POLLHUP);
  equal(read(p[0], buffer, 1), 0);
  return done();
}
