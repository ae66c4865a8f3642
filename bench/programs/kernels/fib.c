/* Recursive calls. */
#include <stdio.h>

static __attribute__((noinline, optimize("no-optimize-sibling-calls,no-inline,no-ipa-cp"))) unsigned fib(unsigned n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

int main(void) {
  printf("%u\n", fib(39));
  return 0;
}
