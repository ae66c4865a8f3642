// Small programs without a libc, for engines: each prints what it computed. Built by the test with the host's compiler.
static long call3(long n, long a, long b, long c) {
  long r;
  __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return r;
}
static void text(const char *s) {
  int n = 0;
  while (s[n]) n++;
  call3(1, 1, (long)s, n);
}
static void number(unsigned long v) {
  char b[24];
  int i = 23;
  b[i] = 0;
  b[--i] = '\n';
  do b[--i] = '0' + v % 10; while (v /= 10);
  text(b + i);
}

__attribute__((noinline)) static long fib(long n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

// Deeper than an engine may nest calls of its own.
__attribute__((noinline)) static long depth(long n) {
  volatile long keep = n;
  return n == 0 ? 0 : depth(n - 1) + (keep & 1);
}

__attribute__((noinline)) static int chosen(int op, int x) {
  switch (op) {
    case 0: return x + 1;
    case 1: return x * 3;
    case 2: return x ^ 0x55;
    case 3: return x - 7;
    case 4: return x << 1;
    case 5: return ~x;
    case 6: return x >> 2;
    case 7: return x + 100;
    default: return 0;
  }
}

// A byte-code interpreter with computed goto, long enough to be left and entered again.
__attribute__((noinline)) static long interpret(const unsigned char *pc, long n) {
  static void *const table[] = {&&add, &&sub, &&mul, &&loop, &&halt, &&mix, &&half, &&neg};
  long acc = 1, count = n;
  goto *table[*pc++];
add: acc += *pc++; goto *table[*pc++];
sub: acc -= *pc++; goto *table[*pc++];
mul: acc *= 3; goto *table[*pc++];
mix: acc ^= count; goto *table[*pc++];
half: acc += acc >> 3; goto *table[*pc++];
neg: acc = -acc; goto *table[*pc++];
loop: if (--count > 0) pc -= *pc; else pc++; goto *table[*pc++];
halt: return acc;
}

__attribute__((used)) long jump_buffer[3];
// setjmp and longjmp with rbx, rbp and rsp only: what unwinds frames of an engine from below.
__attribute__((noinline, returns_twice)) long mark(void);
__attribute__((noinline, noreturn)) void back(long);
__asm__("mark: mov %rbp,jump_buffer\n lea 8(%rsp),%rax\n mov %rax,jump_buffer+8\n mov (%rsp),%rax\n mov %rax,jump_buffer+16\n xor %eax,%eax\n ret\n"
        "back: mov %rdi,%rax\n mov jump_buffer,%rbp\n mov jump_buffer+8,%rsp\n jmp *jump_buffer+16\n");
__attribute__((noinline)) static void dive(volatile long n) {
  if (n == 0) back(77);
  dive(n - 1);
  n = 0;
}

// The carry flag as a function's result, which no compiler makes.
__attribute__((noinline)) long carry_of(unsigned long a, unsigned long b);
__asm__("sum_with_carry: add %rsi,%rdi\n ret\n"
        "carry_of: call sum_with_carry\n setc %al\n movzbl %al,%eax\n ret\n");

static unsigned char code[64] __attribute__((aligned(64), section(".wxdata,\"awx\",@progbits#")));

__attribute__((force_align_arg_pointer, used)) void _start(void) {
  text("fib "), number(fib(20));
  text("depth "), number(depth(30000));
  int x = 1;
  for (int i = 0; i < 50000; i++) x = chosen((x ^ i) & 7, x);
  text("switch "), number((unsigned)x);
  static const unsigned char bytes[] = {0, 5, 1, 2, 2, 5, 6, 7, 3, 9, 4};
  text("interpret "), number(interpret(bytes, 45000));
  volatile long rounds = 0;
  long came = mark();
  rounds++;
  if (rounds < 4) dive(50);
  text("longjmp "), number(came + rounds);
  text("carry "), number(carry_of(~0ul, 1) * 10 + carry_of(1, 1));
  unsigned long generated = 0;
  for (int i = 0; i < 5; i++) {
    code[0] = 0xb8, code[1] = i * 3, code[2] = code[3] = code[4] = 0, code[5] = 0xc3;
    generated = generated * 16 + ((int (*)(void))code)();
  }
  text("generated "), number(generated);
  call3(60, 3, 0, 0);
}
