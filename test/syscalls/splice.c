/* sendfile(2) splice(2) tee(2) vmsplice(2) copy_file_range(2) fallocate(2) */
#include "check.h"
#include <sys/sendfile.h>

int main(void) {
  char name[] = "splice-XXXXXX", other[] = "splice-XXXXXX", buffer[200000];
  int in = mkstemp(name), out = mkstemp(other);
  for (unsigned i = 0; i < sizeof buffer; i++) buffer[i] = i * 7 + i / 256;
  equal(write(in, buffer, sizeof buffer), sizeof buffer);

  off_t offset = 100000;
  equal(sendfile(out, in, &offset, 1000000), 100000);
  equal(offset, 200000);
  equal(lseek(in, 0, SEEK_CUR), 200000);
  static char got[200000];
  equal(pread(out, got, sizeof got, 0), 100000);
  check(!memcmp(got, buffer + 100000, 100000));
  lseek(in, 10, SEEK_SET);
  equal(sendfile(out, in, 0, 5), 5);
  equal(lseek(in, 0, SEEK_CUR), 15);
  offset = -1;
  fails(sendfile(out, in, &offset, 5), EINVAL);
  fails(sendfile(999, in, 0, 5), EBADF);
  fails(sendfile(out, in, BAD, 5), EFAULT);

  int p[2], q[2];
  pipe(p);
  pipe(q);
  fails(sendfile(out, p[0], 0, 5), EINVAL);
  loff_t at = 50;
  equal(splice(in, &at, p[1], 0, 100, 0), 100);
  equal(at, 150);
  equal(tee(p[0], q[1], 40, 0), 40);
  equal(read(q[0], got, 100), 40);
  check(!memcmp(got, buffer + 50, 40));
  equal(splice(p[0], 0, q[1], 0, 60, 0), 60);
  equal(read(q[0], got, 100), 60);
  check(!memcmp(got, buffer + 50, 60));
  at = 7;
  ftruncate(out, 0);
  equal(splice(p[0], 0, out, &at, 1000, 0), 40);
  equal(at, 47);
  struct stat st;
  fstat(out, &st);
  equal(st.st_size, 47);
  equal(pread(out, got, 100, 7), 40);
  check(!memcmp(got, buffer + 110, 40));
  fails(splice(p[0], 0, q[1], 0, 10, SPLICE_F_NONBLOCK), EAGAIN);
  fails(splice(in, 0, out, 0, 10, 0), EINVAL);
  fails(splice(p[0], &at, out, 0, 10, 0), ESPIPE);
  fails(splice(p[0], 0, p[1], 0, 10, 0), EINVAL);
  fails(tee(in, p[1], 10, 0), EINVAL);
  fails(splice(p[0], 0, q[1], 0, 10, 0x100), EINVAL);
  struct iovec parts[2] = {{"hello ", 6}, {"world", 5}};
  equal(vmsplice(p[1], parts, 2, 0), 11);
  equal(read(p[0], got, 100), 11);
  check(!memcmp(got, "hello world", 11));

  /* A reader that comes later; end of file. */
  pid_t child = fork();
  if (child == 0) {
    close(q[0]);
    usleep(20000);
    write(p[1], "late", 4);
    _exit(0);
  }
  close(p[1]);
  equal(splice(p[0], 0, q[1], 0, 100, 0), 4);
  wait_for(child);
  equal(splice(p[0], 0, q[1], 0, 100, 0), 0);
  signal(SIGPIPE, SIG_IGN);
  close(q[0]);
  at = 0;
  fails(splice(in, &at, q[1], 0, 10, 0), EPIPE);

  ftruncate(out, 0);
  loff_t from = 1000, to = 2000;
  equal(copy_file_range(in, &from, out, &to, 5000, 0), 5000);
  check(from == 6000 && to == 7000);
  equal(pread(out, got, 10000, 0), 7000);
  check(got[0] == 0 && got[1999] == 0 && !memcmp(got + 2000, buffer + 1000, 5000));
  from = 199999;
  equal(copy_file_range(in, &from, out, &to, 5000, 0), 1);
  equal(copy_file_range(in, &from, out, &to, 5000, 0), 0);
  from = 0, to = 10;
  fails(copy_file_range(in, &from, in, &to, 100, 0), EINVAL);
  fails(copy_file_range(in, &from, out, &to, 100, 1), EINVAL);
  fails(copy_file_range(in, &from, q[1], 0, 100, 0), EINVAL);

  ftruncate(out, 0);
  equal(fallocate(out, 0, 100, 900), 0);
  fstat(out, &st);
  equal(st.st_size, 1000);
  equal(fallocate(out, FALLOC_FL_KEEP_SIZE, 0, 9000), 0);
  fstat(out, &st);
  equal(st.st_size, 1000);
  fails(fallocate(out, 0, 0, 0), EINVAL);
  fails(fallocate(out, 0, -1, 10), EINVAL);
  fails(fallocate(p[0], 0, 0, 10), EBADF);
  fails(fallocate(q[1], 0, 0, 10), ESPIPE);
  pwrite(out, "xxxxxxxxxx", 10, 500);
  equal(fallocate(out, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 503, 4), 0);
  pread(out, got, 10, 500);
  check(!memcmp(got, "xxx\0\0\0\0xxx", 10));
  equal(posix_fallocate(out, 0, 4000), 0);
  fstat(out, &st);
  equal(st.st_size, 4000);
  unlink(name);
  unlink(other);
  return done();
}
