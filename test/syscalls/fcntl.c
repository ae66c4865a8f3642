/* fcntl(2) flock(2) dup(2) close_range(2): flags, descriptors, locks, sizes */
#include "check.h"
#include <sys/file.h>
#include <sys/wait.h>
#include <sys/syscall.h>

static int result_of(int (*work)(int), int argument) {
  pid_t pid = fork();
  if (pid == 0) _exit(work(argument));
  int status;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int lock(int fd, int command, int type, long start, long length) {
  struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length };
  return fcntl(fd, command, &l);
}

static int try_write_lock(int fd) { return lock(fd, F_SETLK, F_WRLCK, 5, 1) == 0 ? 0 : errno; }
static int try_read_lock(int fd) { return lock(fd, F_SETLK, F_RDLCK, 5, 1) == 0 ? 0 : errno; }
static int who_locks(int fd) {
  struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0 };
  return fcntl(fd, F_GETLK, &l) == 0 && l.l_type == F_WRLCK && l.l_pid == getppid() && l.l_start == 0 && l.l_len == 10 ? 0 : 1;
}
static int wait_for_lock(int fd) { return lock(fd, F_SETLKW, F_WRLCK, 0, 10) == 0 ? 0 : errno; }
static int try_flock(int fd) {
  (void)fd;
  int own = open("file", O_RDWR);
  return flock(own, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
}

int main(void) {
  char dir[] = "fcntl-XXXXXX";
  check(mkdtemp(dir) != 0);
  chdir(dir);
  int fd = open("file", O_RDWR | O_CREAT, 0600);
  equal(write(fd, "0123456789", 10), 10);

  equal(fcntl(fd, F_GETFD), 0);
  equal(fcntl(fd, F_SETFD, FD_CLOEXEC), 0);
  equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
  equal(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK), O_RDWR);
  equal(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK | O_CREAT), 0);
  equal(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK | O_CREAT), O_RDWR | O_APPEND | O_NONBLOCK);
  equal(fcntl(fd, F_SETFL, 0), 0);
  fails(fcntl(fd, 9999), EINVAL);
  fails(fcntl(999, F_GETFD), EBADF);

  int copy = fcntl(fd, F_DUPFD, 50);
  equal(copy, 50);
  equal(fcntl(copy, F_GETFD), 0);
  equal(fcntl(fd, F_DUPFD_CLOEXEC, 50), 51);
  equal(fcntl(51, F_GETFD), FD_CLOEXEC);
  fails(fcntl(fd, F_DUPFD, -1), EINVAL);
  equal(lseek(copy, 3, SEEK_SET), 3);
  equal(lseek(fd, 0, SEEK_CUR), 3);
  equal(dup2(fd, 52), 52);
  equal(dup2(fd, fd), fd);
  fails(dup3(fd, fd, 0), EINVAL);
  fails(dup3(fd, 53, O_APPEND), EINVAL);
  fails(dup2(fd, -1), EBADF);
  equal(syscall(SYS_close_range, 51, 60, 4 /* CLOEXEC */), 0);
  equal(fcntl(52, F_GETFD), FD_CLOEXEC);
  equal(syscall(SYS_close_range, 51, ~0u, 0), 0);
  fails(fcntl(52, F_GETFD), EBADF);
  fails(syscall(SYS_close_range, 5, 4, 0), EINVAL);

  /* Record locks. */
  equal(lock(fd, F_SETLK, F_WRLCK, 0, 10), 0);
  equal(result_of(try_write_lock, fd), EAGAIN);
  equal(result_of(try_read_lock, fd), EAGAIN);
  equal(result_of(who_locks, fd), 0);
  equal(lock(fd, F_SETLK, F_RDLCK, 0, 10), 0);
  equal(result_of(try_read_lock, fd), 0);
  equal(result_of(try_write_lock, fd), EAGAIN);
  equal(lock(fd, F_SETLK, F_UNLCK, 4, 3), 0);
  equal(result_of(try_write_lock, fd), 0);
  fails(lock(fd, F_SETLK, 77, 0, 1), EINVAL);
  fails(lock(fd, F_SETLK, F_WRLCK, -1, 1), EINVAL);
  equal(lock(fd, F_SETLK, F_WRLCK, 0, 10), 0);
  close(open("file", O_RDONLY)); /* Closing any descriptor drops them all. */
  equal(result_of(try_write_lock, fd), 0);
  int readonly = open("file", O_RDONLY);
  fails(lock(readonly, F_SETLK, F_WRLCK, 0, 1), EBADF);
  close(readonly);

  equal(lock(fd, F_SETLK, F_WRLCK, 0, 10), 0);
  pid_t waiter = fork();
  if (waiter == 0) _exit(wait_for_lock(fd));
  usleep(50000);
  int status;
  equal(waitpid(waiter, &status, WNOHANG), 0);
  equal(lock(fd, F_SETLK, F_UNLCK, 0, 0), 0);
  equal(waitpid(waiter, &status, 0), waiter);
  equal(status, 0);

  /* Locks of open descriptions. */
  int other = open("file", O_RDWR);
  equal(lock(fd, F_OFD_SETLK, F_WRLCK, 0, 10), 0);
  fails(lock(other, F_OFD_SETLK, F_RDLCK, 9, 1), EAGAIN);
  equal(lock(other, F_OFD_SETLK, F_RDLCK, 10, 1), 0);
  close(other);
  equal(lock(fd, F_OFD_SETLK, F_UNLCK, 0, 0), 0);

  /* flock(2). */
  equal(flock(fd, LOCK_SH), 0);
  equal(result_of(try_flock, 0), EAGAIN);
  equal(flock(fd, LOCK_UN), 0);
  equal(result_of(try_flock, 0), 0);
  fails(flock(fd, 0), EINVAL);
  fails(flock(999, LOCK_SH), EBADF);

  /* Sizes of pipes. */
  int ends[2];
  equal(pipe(ends), 0);
  equal(fcntl(ends[0], F_GETPIPE_SZ), 65536);
  equal(fcntl(ends[1], F_SETPIPE_SZ, 5000), 8192);
  fails(fcntl(fd, F_GETPIPE_SZ), EBADF);

  unlink("file");
  chdir("..");
  rmdir(dir);
  return done();
}
