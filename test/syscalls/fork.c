/* fork(2) vfork(2) wait(2) waitid(2) _exit(2) execve(2) setpgid(2) setsid(2) pidfd_send_signal(2) */
#include "check.h"
#include <spawn.h>

extern char **environ;
static int global = 1;

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "again") == 0) {
    const char *value = getenv("KEY");
    return argc == 4 && strcmp(argv[2], "") == 0 && strcmp(argv[3], "two words") == 0 && value && strcmp(value, "value") == 0 && fcntl(50, F_GETFD) == -1 && fcntl(51, F_GETFD) == 0 ? 42 : 1;
  }
  int on_stack = 1;
  pid_t parent = getpid();
  pid_t child = fork();
  if (child == 0) {
    global = 2;
    on_stack = 2;
    _exit(getppid() == parent && getpid() != parent ? 3 : 4);
  }
  int status;
  equal(waitpid(child, &status, 0), child);
  check(WIFEXITED(status) && WEXITSTATUS(status) == 3);
  equal(global, 1);

  /* A descriptor of a process, and its directory in /proc, which does as well for sending signals only. */
  child = fork();
  if (child == 0) for (;;) pause();
  char name[32];
  snprintf(name, sizeof name, "/proc/%d", child);
  int directory = open(name, O_RDONLY | O_DIRECTORY), unusable = open(name, O_PATH), process = syscall(SYS_pidfd_open, child, 0);
  check(directory >= 0 && unusable >= 0 && process >= 0);
  equal(syscall(SYS_pidfd_send_signal, directory, 0, NULL, 0), 0);
  equal(syscall(SYS_pidfd_send_signal, process, 0, NULL, 0), 0);
  fails(syscall(SYS_pidfd_send_signal, unusable, 0, NULL, 0), EBADF);
  fails(syscall(SYS_pidfd_send_signal, STDIN_FILENO, 0, NULL, 0), EBADF);
  fails(syscall(SYS_pidfd_getfd, directory, 0, 0), EBADF);
  fails(waitid(P_PIDFD, directory, NULL, WEXITED), EBADF);
  equal(syscall(SYS_pidfd_send_signal, directory, SIGTERM, NULL, 0), 0);
  equal(waitpid(child, &status, 0), child);
  check(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
  fails(syscall(SYS_pidfd_send_signal, directory, 0, NULL, 0), ESRCH);
  fails(syscall(SYS_pidfd_send_signal, process, 0, NULL, 0), ESRCH);
  close(directory), close(unusable), close(process);
  equal(on_stack, 1);
  fails(waitpid(-1, &status, 0), ECHILD);
  fails(waitpid(child, &status, 0), ECHILD);
  fails(waitpid(-1, &status, 0x7000), EINVAL);

  status = in_child(kill(getpid(), SIGKILL));
  check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  status = in_child(abort());
  check(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);

  /* Many generations, each changing memory the others see not. */
  int depth = 0;
  fflush(stdout);
  child = fork();
  if (child == 0) {
    for (depth = 1; depth < 10; depth++) {
      global = depth;
      pid_t next = fork();
      if (next == 0) continue;
      status = wait_for(next);
      _exit(global == depth && WIFEXITED(status) ? WEXITSTATUS(status) + 1 : 100);
    }
    _exit(0);
  }
  status = wait_for(child);
  equal(WEXITSTATUS(status), 9);

  pid_t children[20];
  for (int i = 0; i < 20; i++) if ((children[i] = fork()) == 0) _exit(i);
  int sum = 0;
  for (int i = 0; i < 20; i++) {
    if (waitpid(-1, &status, 0) > 0) sum += WEXITSTATUS(status);
  }
  equal(sum, 190);
  child = fork();
  if (child == 0) { pause(); _exit(0); }
  equal(waitpid(child, &status, WNOHANG), 0);
  kill(child, SIGTERM);
  siginfo_t info = {0};
  equal(waitid(P_PID, child, &info, WEXITED | WNOWAIT), 0);
  equal(info.si_pid, child);
  equal(info.si_code, CLD_KILLED);
  equal(info.si_status, SIGTERM);
  equal(waitpid(child, &status, 0), child);
  fails(syscall(SYS_wait4, -1, BAD, 0, 0), ECHILD);

  child = fork();
  if (child == 0) { raise(SIGSTOP); _exit(5); }
  equal(waitpid(child, &status, WUNTRACED), child);
  check(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
  kill(child, SIGCONT);
  equal(waitpid(child, &status, WCONTINUED), child);
  check(WIFCONTINUED(status));
  equal(waitpid(child, &status, 0), child);
  equal(WEXITSTATUS(status), 5);

  child = vfork();
  if (child == 0) { global = 77; _exit(0); }
  wait_for(child);
  equal(global, 77);

  char *again[] = {argv[0], "again", "", "two words", 0};
  char *env[] = {"KEY=value", 0};
  dup2(1, 51);
  int keep = open("/dev/null", O_RDONLY);
  dup3(keep, 50, O_CLOEXEC);
  status = in_child(execve("/proc/self/exe", again, env));
  check(WIFEXITED(status) && WEXITSTATUS(status) == 42);
  child = vfork();
  if (child == 0) { execve("/proc/self/exe", again, env); _exit(1); }
  equal(WEXITSTATUS(wait_for(child)), 42);
  pid_t spawned;
  equal(posix_spawn(&spawned, "/proc/self/exe", 0, 0, again, env), 0);
  equal(WEXITSTATUS(wait_for(spawned)), 42);
  equal(posix_spawn(&spawned, "/no/such/program", 0, 0, again, env), ENOENT);
  fails(execve("/no/such", again, env), ENOENT);
  fails(execve("/tmp", again, env), EACCES);
  fails(execve(BAD, again, env), EFAULT);
  fails(syscall(SYS_execve, "/proc/self/exe", BAD, env), EFAULT);
  char *bad_argv[] = {BAD, 0};
  fails(execve("/proc/self/exe", bad_argv, env), EFAULT);
  own_directory();
  int script = open("script", O_CREAT | O_WRONLY, 0755);
  dprintf(script, "#!/bin/sh -e\nexit 13\n");
  close(script);
  status = in_child(execl("./script", "script", (char *)0));
  equal(WEXITSTATUS(status), 13);
  script = open("garbage", O_CREAT | O_WRONLY, 0755);
  dprintf(script, "not a program");
  close(script);
  fails(execve("./garbage", again, env), ENOEXEC);
  chmod("garbage", 0644);
  fails(execve("./garbage", again, env), EACCES);

  equal(getpgid(0), getpgrp());
  status = in_child({
    if (setpgid(0, 0) != 0 || getpgrp() != getpid()) _exit(1);
    if (setsid() != -1 || errno != EPERM) _exit(2);
    pid_t inner = fork();
    if (inner == 0) _exit(setsid() == getpid() && getsid(0) == getpid() ? 0 : 3);
    _exit(WEXITSTATUS(wait_for(inner)));
  });
  equal(WEXITSTATUS(status), 0);
  fails(setpgid(999999, 0), ESRCH);
  fails(getpgid(999999), ESRCH);
  fails(kill(999999, 0), ESRCH);
  return done();
}
