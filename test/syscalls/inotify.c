/* inotify(7) memfd_create(2) xattr(7) */
#include "check.h"
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/xattr.h>

static char buffer[4096];
static int length, at;

static struct inotify_event *next(int fd) {
  if (at >= length) {
    length = read(fd, buffer, sizeof buffer);
    at = 0;
    if (length <= 0) return 0;
  }
  struct inotify_event *event = (void *)(buffer + at);
  at += sizeof *event + event->len;
  return event;
}

static int is(struct inotify_event *event, int wd, unsigned mask, const char *name) {
  if (!event) return 0;
  return event->wd == wd && event->mask == mask && !strcmp(event->len ? event->name : "", name);
}

int main(void) {
  char dir[] = "inotify-XXXXXX";
  check(mkdtemp(dir) != 0);
  int fd = inotify_init1(IN_NONBLOCK);
  fails(inotify_init1(1), EINVAL);
  fails(inotify_add_watch(fd, "no such file", IN_CREATE), ENOENT);
  fails(inotify_add_watch(fd, dir, 0), EINVAL);
  int wd = inotify_add_watch(fd, dir, IN_CREATE | IN_DELETE | IN_MOVE | IN_MODIFY | IN_CLOSE_WRITE | IN_DELETE_SELF);
  check(wd > 0);
  equal(inotify_add_watch(fd, dir, IN_MASK_ADD | IN_OPEN), wd);
  fails(read(fd, buffer, sizeof buffer), EAGAIN);
  chdir(dir);
  int file = open("one", O_CREAT | O_WRONLY, 0600);
  write(file, "abc", 3);
  fails(read(fd, buffer, 17), EINVAL);
  close(file);
  rename("one", "two");
  mkdir("sub", 0700);
  unlink("two");
  check(is(next(fd), wd, IN_CREATE, "one"));
  check(is(next(fd), wd, IN_OPEN, "one"));
  check(is(next(fd), wd, IN_MODIFY, "one"));
  check(is(next(fd), wd, IN_CLOSE_WRITE, "one"));
  struct inotify_event *from = next(fd);
  unsigned cookie = from->cookie;
  check(is(from, wd, IN_MOVED_FROM, "one") && cookie != 0);
  struct inotify_event *to = next(fd);
  check(is(to, wd, IN_MOVED_TO, "two") && to->cookie == cookie);
  check(is(next(fd), wd, IN_CREATE | IN_ISDIR, "sub"));
  check(is(next(fd), wd, IN_DELETE, "two"));
  fails(read(fd, buffer, sizeof buffer), EAGAIN);
  struct pollfd waiting = {fd, POLLIN, 0};
  equal(poll(&waiting, 1, 0), 0);
  rmdir("sub");
  equal(poll(&waiting, 1, 0), 1);
  check(is(next(fd), wd, IN_DELETE | IN_ISDIR, "sub"));
  fails(inotify_rm_watch(fd, wd + 5), EINVAL);
  equal(inotify_rm_watch(fd, wd), 0);
  check(is(next(fd), wd, IN_IGNORED, ""));
  close(creat("f", 0600));
  fails(inotify_add_watch(fd, "f", IN_ONLYDIR | IN_OPEN), ENOTDIR);
  wd = inotify_add_watch(fd, "f", IN_ATTRIB | IN_ONESHOT);
  chmod("f", 0644);
  check(is(next(fd), wd, IN_ATTRIB, ""));
  check(is(next(fd), wd, IN_IGNORED, ""));
  /* A name less is a change of st_nlink, also where it was the last. */
  close(creat("g", 0600));
  wd = inotify_add_watch(fd, "g", IN_ATTRIB | IN_DELETE_SELF);
  unlink("g");
  check(is(next(fd), wd, IN_ATTRIB, ""));
  check(is(next(fd), wd, IN_DELETE_SELF, ""));
  check(is(next(fd), wd, IN_IGNORED, ""));

  int memory = memfd_create("text", MFD_ALLOW_SEALING);
  check(memory >= 0);
  fails(memfd_create("text", 0x8000), EINVAL);
  struct stat st;
  fstat(memory, &st);
  check(S_ISREG(st.st_mode) && st.st_size == 0 && st.st_nlink == 0);
  equal(write(memory, "hello", 5), 5);
  char *map = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  check(map != MAP_FAILED && !memcmp(map, "hello", 5));
  map[0] = 'J';
  equal(pread(memory, buffer, 5, 0), 5);
  check(!memcmp(buffer, "Jello", 5));
  fails(fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
  munmap(map, 4096);
  char link[64];
  sprintf(buffer, "/proc/self/fd/%d", memory);
  equal(readlink(buffer, link, sizeof link), 21);
  check(!strncmp(link, "/memfd:text (deleted)", 21));
  equal(fcntl(memory, F_GET_SEALS), 0);
  equal(fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
  fails(write(memory, "x", 1), EPERM);
  fails(ftruncate(memory, 0), EPERM);
  check(mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0) == MAP_FAILED);
  fails(fcntl(memfd_create("closed", 0), F_ADD_SEALS, F_SEAL_WRITE), EPERM);

  fails(setxattr("f", "nonsense", "v", 1, 0), EOPNOTSUPP);
  if (setxattr("f", "user.colour", "green", 5, 0) == 0) {
    fails(setxattr("f", "user.colour", "red", 3, XATTR_CREATE), EEXIST);
    fails(setxattr("f", "user.size", "9", 1, XATTR_REPLACE), ENODATA);
    equal(getxattr("f", "user.colour", 0, 0), 5);
    fails(getxattr("f", "user.colour", buffer, 4), ERANGE);
    equal(getxattr("f", "user.colour", buffer, 10), 5);
    check(!memcmp(buffer, "green", 5));
    check(listxattr("f", buffer, sizeof buffer) >= 12);
    int f = open("f", O_RDONLY);
    equal(fgetxattr(f, "user.colour", buffer, 5), 5);
    equal(fremovexattr(f, "user.colour"), 0);
    fails(lgetxattr("f", "user.colour", buffer, 5), ENODATA);
    fails(removexattr("f", "user.colour"), ENODATA);
  }
  unlink("f");
  chdir("..");
  rmdir(dir);
  return done();
}
