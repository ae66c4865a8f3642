/* Bytes set with growing strides. */
#include <stdio.h>
#include <string.h>

enum { LIMIT = 4000000, ROUNDS = 36 };

static unsigned char composite[LIMIT];

int main(void) {
  long sum = 0;
  for (int round = 0; round < ROUNDS; round++) {
    memset(composite, 0, sizeof composite);
    for (int n = 2; n < LIMIT - round; n++) {
      if (composite[n]) continue;
      sum += n;
      for (long multiple = (long)n * n; multiple < LIMIT; multiple += n) composite[multiple] = 1;
    }
  }
  printf("%ld\n", sum);
  return 0;
}
