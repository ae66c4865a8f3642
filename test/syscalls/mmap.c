/* mmap(2) munmap(2) mprotect(2) mremap(2) madvise(2) msync(2) mincore(2) brk(2) */
#include "check.h"

static int touches(char *p, int write_it) {
  int status = in_child({ if (write_it) *(volatile char *)p = 1; else (void)*(volatile char *)p; });
  return WIFEXITED(status) ? 1 : WIFSIGNALED(status) ? -WTERMSIG(status) : 0;
}

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define map_fails(call, error) (errno = 0, check_errno_report((long)(call), error, #call " -> " #error, __LINE__))

int main(void) {
  own_directory();
  fails((long)mmap(0, 0, PROT_READ, MAP_SHARED, -1, 0), EBADF);
  fails((long)mmap(0, 0, PROT_READ, ANON, -1, 0), EINVAL);
  char *a = mmap(0, 5 * 4096, RW, ANON, -1, 0);
  check(a != MAP_FAILED && ((uintptr_t)a & 4095) == 0);
  check(a[0] == 0 && a[5 * 4096 - 1] == 0);
  memset(a, 7, 5 * 4096);
  equal(mprotect(a + 4096, 4096, PROT_READ), 0);
  equal(touches(a + 4096, 0), 1);
  equal(touches(a + 4096, 1), -SIGSEGV);
  equal(mprotect(a + 8192, 4096, PROT_NONE), 0);
  equal(touches(a + 8192, 0), -SIGSEGV);
  equal(mprotect(a, 5 * 4096, RW), 0);
  check(a[4096] == 7 && a[8192] == 7);
  equal(munmap(a + 4096, 4096), 0);
  equal(touches(a + 4096, 0), -SIGSEGV);
  equal(touches(a, 1), 1);
  fails(mprotect(a, 8192, PROT_READ), ENOMEM);
  equal(munmap(a, 5 * 4096), 0);
  equal(munmap(a, 5 * 4096), 0);
  fails(munmap(a + 1, 4096), EINVAL);
  fails(munmap(a, 0), EINVAL);
  fails(mprotect(a + 1, 4096, PROT_READ), EINVAL);
  map_fails(mmap(0, 0, RW, ANON, -1, 0), EINVAL);
  map_fails(mmap(0, 4096, RW, MAP_PRIVATE, 999, 0), EBADF);
  map_fails(mmap(0, 4096, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
  map_fails(mmap((void *)1, 4096, RW, ANON | MAP_FIXED, -1, 0), EINVAL);
  map_fails(mmap(0, 1ul << 60, RW, ANON, -1, 0), ENOMEM);
  map_fails(mmap((void *)0xffff800000000000ul, 4096, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);

  char *b = mmap(0, 3 * 4096, RW, ANON, -1, 0);
  memset(b, 1, 3 * 4096);
  check(mmap(b + 4096, 4096, RW, ANON | MAP_FIXED, -1, 0) == b + 4096);
  check(b[0] == 1 && b[4096] == 0 && b[8192] == 1);
  map_fails(mmap(b, 4096, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
  equal(madvise(b, 4096, MADV_DONTNEED), 0);
  equal(b[0], 0);
  equal(b[8192], 1);
  unsigned char resident[3];
  equal(mincore(b, 3 * 4096, resident), 0);
  fails(mincore(b, 3 * 4096, BAD), EFAULT);

  int fd = open("file", O_RDWR | O_CREAT, 0600);
  char text[10000];
  for (int i = 0; i < 10000; i++) text[i] = 'a' + i % 26;
  write(fd, text, 10000);
  char *private = mmap(0, 10000, RW, MAP_PRIVATE, fd, 0);
  char *shared = mmap(0, 10000, RW, MAP_SHARED, fd, 0);
  char *second = mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 4096);
  check(memcmp(private, text, 10000) == 0 && memcmp(shared, text, 10000) == 0);
  check(memcmp(second, text + 4096, 4096) == 0);
  check(shared[10000] == 0 && shared[12287] == 0);
  private[0] = 'P';
  equal(shared[0], 'a');
  shared[4096] = 'S';
  equal(second[0], 'S');
  char c;
  pread(fd, &c, 1, 4096);
  equal(c, 'S');
  pwrite(fd, "W", 1, 1);
  equal(shared[1], 'W');
  equal(msync(shared, 10000, MS_SYNC), 0);
  fails(msync(shared + 1, 100, MS_SYNC), EINVAL);
  map_fails(mmap(0, 4096, RW, MAP_SHARED, fd, 1), EINVAL);
  int readonly = open("file", O_RDONLY);
  map_fails(mmap(0, 4096, RW, MAP_SHARED, readonly, 0), EACCES);
  char *cow = mmap(0, 4096, RW, MAP_PRIVATE, readonly, 0);
  check(cow != MAP_FAILED);
  cow[0] = 'x';
  char *ro_shared = mmap(0, 4096, PROT_READ, MAP_SHARED, readonly, 0);
  fails(mprotect(ro_shared, 4096, RW), EACCES);
  close(readonly);
  close(fd);
  equal(shared[1], 'W');
  char *beyond = mmap(0, 5 * 4096, RW, MAP_SHARED, open("file", O_RDWR), 0);
  equal(touches(beyond + 2 * 4096, 0), 1);
  equal(touches(beyond + 4 * 4096, 0), -SIGBUS);

  /* Shared and private memory over fork. */
  int *common = mmap(0, 4096, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int *own = mmap(0, 4096, RW, ANON, -1, 0);
  *common = *own = 1;
  in_child({ *common = 2; *own = 2; });
  equal(*common, 2);
  equal(*own, 1);
  in_child({ shared[2] = 'F'; });
  equal(shared[2], 'F');

  char *grown = mmap(0, 4096, RW, ANON, -1, 0);
  strcpy(grown, "moves along");
  char *moved = mremap(grown, 4096, 20 * 4096, MREMAP_MAYMOVE);
  check(moved != MAP_FAILED && strcmp(moved, "moves along") == 0);
  moved[20 * 4096 - 1] = 1;
  check(mremap(moved, 20 * 4096, 4096, 0) == moved);
  equal(touches(moved + 4096, 0), -SIGSEGV);
  map_fails(mremap(moved + 1, 4096, 8192, MREMAP_MAYMOVE), EINVAL);
  char *target = mmap(0, 4096, PROT_NONE, ANON, -1, 0);
  check(mremap(moved, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, target) == target);
  check(strcmp(target, "moves along") == 0);

  char *start = sbrk(0);
  check(sbrk(100000) == start);
  memset(start, 3, 100000);
  check(sbrk(-100000) != (void *)-1);
  check(sbrk(0) == start);
  check(sbrk(100000) == start);
  equal(start[50000], 0);

  /* Code that is written, run, changed and run again. */
  unsigned char *code = mmap(0, 4096, RW | PROT_EXEC, ANON, -1, 0);
  memcpy(code, "\xb8\x2a\x00\x00\x00\xc3", 6);
  equal(((int (*)(void))code)(), 42);
  code[1] = 43;
  equal(((int (*)(void))code)(), 43);
  mprotect(code, 4096, RW);
  code[1] = 44;
  mprotect(code, 4096, PROT_READ | PROT_EXEC);
  equal(((int (*)(void))code)(), 44);
  for (int i = 0; i < 100; i++) {
    unsigned char *page = mmap(0, 1 << 20, RW, ANON, -1, 0);
    page[12345] = i;
    munmap(page, 1 << 20);
  }
  int big = in_child({
    char *p = mmap(0, 256 << 20, RW, ANON | MAP_NORESERVE, -1, 0);
    for (long i = 0; i < 256 << 20; i += 1 << 20) p[i] = 1;
    _exit(p[255 << 20] == 1 ? 9 : 1);
  });
  equal(WEXITSTATUS(big), 9);
  return done();
}
