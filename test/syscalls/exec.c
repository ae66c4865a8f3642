/* execve(2) mmap(2): a process finds nothing of the one before it, neither memory nor code; exec of files that change */
#include "check.h"

extern char **environ;
#define PLACE ((char *)0x30000000)
#define DIRT 0x5a

__attribute__((noinline, aligned(4096))) static int seven(void) { return 7; }
__attribute__((noinline, aligned(4096))) static int nine(void) { return 9; }

static char zeros[40000];
static char values[20000] = {1, 2, 3};

/* Maps the page of this program that holds a function. */
static void *map_code(int (*code)(void), int prot) {
  FILE *maps = fopen("/proc/self/maps", "r");
  char line[512];
  unsigned long start, end, offset, at = (unsigned long)code;
  while (fgets(line, sizeof line, maps)) {
    if (sscanf(line, "%lx-%lx %*s %lx", &start, &end, &offset) != 3 || at < start || at >= end) continue;
    fclose(maps);
    int fd = open("/proc/self/exe", O_RDONLY);
    void *got = mmap(PLACE, 4096, prot, MAP_PRIVATE | MAP_FIXED, fd, offset + (at - start));
    close(fd);
    return got;
  }
  return MAP_FAILED;
}

static int call(void) { return ((int (*)(void))PLACE)(); }

/* Every byte of the immediate that `mov eax, imm32` loads. */
static void patch(int value) {
  for (int i = 0; i < 16; i++) if ((PLACE[i] & 0xff) == 0xb8) { memcpy(PLACE + i + 1, &value, 4); return; }
  _exit(99);
}

static __attribute__((noinline)) int dirty_stack(int write) {
  volatile char deep[20000];
  int found = 0;
  if (write) memset((char *)deep, DIRT, sizeof deep);
  else for (int i = 0; i < 20000 - 64; i++) found += deep[i] == DIRT && deep[i + 1] == DIRT && deep[i + 63] == DIRT;
  return found;
}

static int any_dirt(const char *from, size_t length) {
  for (size_t i = 0; i < length; i++) if (from[i] == DIRT) return 1;
  return 0;
}

/* What a second program of this file does. */
static int again(const char *what) {
  if (!strcmp(what, "map")) return map_code(seven, PROT_READ | PROT_EXEC) == PLACE ? call() : 90;
  if (!strcmp(what, "other")) return map_code(nine, PROT_READ | PROT_EXEC) == PLACE ? call() : 90;
  if (!strcmp(what, "jump")) return call();
  if (!strcmp(what, "data")) return map_code(seven, PROT_READ) == PLACE ? call() : 90;
  if (!strcmp(what, "patch")) {
    if (map_code(seven, PROT_READ | PROT_EXEC) != PLACE || call() != 7) return 91;
    mprotect(PLACE, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
    patch(8);
    mprotect(PLACE, 4096, PROT_READ | PROT_EXEC);
    return call();
  }
  if (!strcmp(what, "swap")) {
    if (map_code(seven, PROT_READ | PROT_EXEC) != PLACE || call() != 7) return 91;
    if (map_code(nine, PROT_READ | PROT_EXEC) != PLACE || call() != 9) return 92;
    munmap(PLACE, 4096);
    if (map_code(seven, PROT_READ | PROT_EXEC) != PLACE || call() != 7) return 93;
    pid_t child = fork();
    if (child == 0) {
      if (call() != 7) _exit(1);
      mprotect(PLACE, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
      patch(5);
      _exit(call());
    }
    int status = wait_for(child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 5 ? call() : 94;
  }
  if (!strcmp(what, "dirty")) {
    memset(zeros, DIRT, sizeof zeros);
    memset(values, DIRT, sizeof values);
    memset(mmap(0, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), DIRT, 1 << 16);
    memset(sbrk(30000), DIRT, 30000);
    dirty_stack(1);
    return 0;
  }
  if (!strcmp(what, "clean")) {
    char *fresh = mmap(0, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *heap = sbrk(30000);
    if (any_dirt(zeros, sizeof zeros)) return 1;
    if (any_dirt(values, sizeof values) || values[0] != 1 || values[2] != 3) return 2;
    if (any_dirt(fresh, 1 << 16)) return 3;
    if (any_dirt(heap, 30000)) return 4;
    return dirty_stack(0) ? 5 : 0;
  }
  return 98;
}

static int run(const char *path, const char *argument) {
  pid_t child = fork();
  if (child == 0) {
    char *args[] = {(char *)path, (char *)argument, 0};
    execve(path, args, environ);
    _exit(97);
  }
  int status = wait_for(child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* A program that ends with a status, 64-bit ELF by hand. */
static void write_program(const char *path, int status) {
  unsigned char elf[] = {
    0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 62, 0, 1, 0, 0, 0, 0x78, 0, 0x40, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 0, 0, 0, 0, 0, 0,
    1, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0x84, 0, 0, 0, 0, 0, 0, 0, 0x84, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0,
    0xbf, status, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05,
  };
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);
  if (write(fd, elf, sizeof elf) != sizeof elf) _exit(96);
  close(fd);
}

int main(int argc, char **argv) {
  if (argc > 1) return again(argv[1]);
  const char *self = "/proc/self/exe";
  /* Code of the file, where it is mapped and only there. */
  for (int i = 0; i < 2; i++) {
    equal(run(self, "jump"), -SIGSEGV);
    equal(run(self, "map"), 7);
    equal(run(self, "jump"), -SIGSEGV);
    equal(run(self, "data"), -SIGSEGV);
    equal(run(self, "other"), 9);
    equal(run(self, "patch"), 8);
    equal(run(self, "map"), 7);
    equal(run(self, "swap"), 7);
    equal(run(self, "patch"), 8);
    equal(run(self, "other"), 9);
  }
  for (int i = 0; i < 2; i++) {
    equal(run(self, "dirty"), 0);
    equal(run(self, "clean"), 0);
  }

  /* A program that is written anew is a new program. */
  own_directory();
  const char *path = "program";
  for (int i = 0; i < 4; i++) {
    write_program(path, 10 + i);
    equal(run(path, "x"), 10 + i);
    equal(run(path, "x"), 10 + i);
  }
  fails(execve("missing-program", argv, environ), ENOENT);
  return done();
}
