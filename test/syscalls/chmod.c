/* chmod(2) chown(2) access(2) utimensat(2) umask(2) truncate(2): attributes, and who may change them */
#include "check.h"
#include <sys/wait.h>

static struct stat st;
static const struct stat *of(const char *path) {
  memset(&st, 0, sizeof st);
  lstat(path, &st);
  return &st;
}

static void another_user(void) {
  struct timespec times[2] = { { 1, 0 }, { 2, 0 } };
  setgid(1234);
  setuid(1234);
  fails(chmod("file", 0600), EPERM);
  fails(chown("file", 1234, -1), EPERM);
  fails(access("file", W_OK), EACCES);
  equal(access("file", R_OK), 0);
  fails(open("file", O_WRONLY), EACCES);
  fails(truncate("file", 0), EACCES);
  fails(utimensat(AT_FDCWD, "file", times, 0), EPERM);
  fails(utimensat(AT_FDCWD, "file", 0, 0), EACCES);
  fails(open("closed/x", O_RDONLY), EACCES);
  fails(mkdir("new", 0700), EACCES);
  fails(unlink("file"), EACCES);
  int fd = open("open/mine", O_CREAT | O_WRONLY, 0666);
  check(fd >= 0);
  equal(of("open/mine")->st_uid, 1234);
  fails(unlink("open/theirs"), EPERM);
  fails(rename("open/mine", "open/theirs"), EPERM);
  fails(chown("open/mine", 0, -1), EPERM);
  equal(chmod("open/mine", 02755), 0);
  equal(unlink("open/mine"), 0);
  exit(check_failed);
}

int main(void) {
  char dir[] = "chmod-XXXXXX";
  check(mkdtemp(dir) != 0);
  chmod(dir, 0755);
  chdir(dir);

  equal(umask(027), 022);
  close(open("file", O_CREAT | O_WRONLY, 0666));
  equal(of("file")->st_mode, S_IFREG | 0640);
  mkdir("d", 0777);
  equal(of("d")->st_mode, S_IFDIR | 0750);
  equal(umask(0), 027);
  close(open("wide", O_CREAT | O_WRONLY, 04777));
  equal(of("wide")->st_mode, S_IFREG | 04777);
  umask(022);

  equal(chmod("file", 0604), 0);
  equal(of("file")->st_mode, S_IFREG | 0604);
  equal(chmod("file", 07777), 0);
  equal(of("file")->st_mode, S_IFREG | 07777);
  int fd = open("file", O_RDWR);
  equal(fchmod(fd, 0644), 0);
  equal(of("file")->st_mode, S_IFREG | 0644);
  symlink("file", "link");
  equal(fchmodat(AT_FDCWD, "link", 0640, 0), 0);
  equal(of("file")->st_mode, S_IFREG | 0640);
  fails(chmod("none", 0), ENOENT);
  fails(chmod("file/x", 0), ENOTDIR);
  fails(chmod(BAD, 0), EFAULT);
  fails(fchmod(999, 0), EBADF);
  int path = open("file", O_PATH);
  fails(fchmod(path, 0), EBADF);
  close(path);

  if (geteuid() == 0) {
    equal(chmod("file", 06755), 0);
    equal(chown("file", 7, -1), 0);
    equal(of("file")->st_uid, 7);
    equal(of("file")->st_mode, S_IFREG | 0755);
    equal(fchown(fd, -1, 8), 0);
    equal(of("file")->st_gid, 8);
    equal(lchown("link", 9, 9), 0);
    equal(of("link")->st_uid, 9);
    equal(of("file")->st_uid, 7);
    equal(fchownat(fd, "", 0, 0, AT_EMPTY_PATH), 0);
    equal(of("file")->st_uid, 0);
    fails(fchownat(AT_FDCWD, "file", 0, 0, 0x8000000), EINVAL);
    /* A set-group-ID directory hands its group down. */
    mkdir("group", 0755);
    equal(chown("group", -1, 55), 0);
    equal(chmod("group", 02755), 0);
    close(open("group/f", O_CREAT | O_WRONLY, 0644));
    equal(of("group/f")->st_gid, 55);
    mkdir("group/d", 0755);
    equal(of("group/d")->st_mode & 07777, 02755);
    rmdir("group/d");
    unlink("group/f");
    rmdir("group");
  }

  struct timespec times[2] = { { 1000000000, 123456789 }, { -5, 999999999 } };
  equal(utimensat(AT_FDCWD, "file", times, 0), 0);
  equal(of("file")->st_atim.tv_sec, 1000000000);
  equal(st.st_atim.tv_nsec, 123456789);
  equal(st.st_mtim.tv_sec, -5);
  equal(st.st_mtim.tv_nsec, 999999999);
  times[0].tv_nsec = UTIME_OMIT;
  times[1].tv_nsec = UTIME_NOW;
  equal(futimens(fd, times), 0);
  equal(of("file")->st_atim.tv_sec, 1000000000);
  check(st.st_mtim.tv_sec > 1600000000);
  times[0].tv_nsec = 1000000000;
  fails(utimensat(AT_FDCWD, "file", times, 0), EINVAL);
  fails(utimensat(AT_FDCWD, "none", 0, 0), ENOENT);

  equal(access("file", F_OK), 0);
  fails(access("none", F_OK), ENOENT);
  fails(access("file", 8), EINVAL);
  chmod("file", 0644);
  fails(access("file", X_OK), EACCES);

  equal(truncate("file", 10), 0);
  equal(of("file")->st_size, 10);
  fails(truncate("file", -1), EINVAL);
  fails(truncate("d", 0), EISDIR);
  equal(ftruncate(fd, 3), 0);
  equal(of("file")->st_size, 3);
  int reading = open("file", O_RDONLY);
  fails(ftruncate(reading, 0), EINVAL);

  if (geteuid() == 0) {
    mkdir("closed", 0700);
    close(open("closed/x", O_CREAT | O_WRONLY, 0644));
    mkdir("open", 0777);
    chmod("open", 01777);
    close(open("open/theirs", O_CREAT | O_WRONLY, 0666));
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) another_user();
    int status;
    waitpid(pid, &status, 0);
    check_count += 19;
    equal(status, 0);
    unlink("closed/x");
    unlink("open/theirs");
    rmdir("closed");
    rmdir("open");
  }
  unlink("file");
  unlink("link");
  unlink("wide");
  rmdir("d");
  chdir("..");
  equal(rmdir(dir), 0);
  return done();
}
