/* Recursion, comparisons that cannot be predicted; then the C library's qsort with a function of ours. */
#include <stdio.h>
#include <stdlib.h>

enum { N = 2000000 };

static int numbers[N];

static void sort(int *from, int *to) {
  while (to - from > 12) {
    int pivot = from[(to - from) / 2], *i = from, *j = to - 1;
    while (i <= j) {
      while (*i < pivot) i++;
      while (*j > pivot) j--;
      if (i > j) break;
      int kept = *i;
      *i++ = *j;
      *j-- = kept;
    }
    if (j + 1 - from < to - i) sort(from, j + 1), from = i;
    else sort(i, to), to = j + 1;
  }
  for (int *i = from + 1; i < to; i++) {
    int value = *i, *at = i;
    for (; at > from && at[-1] > value; at--) *at = at[-1];
    *at = value;
  }
}

static int compare(const void *a, const void *b) { return (*(const int *)a < *(const int *)b) - (*(const int *)a > *(const int *)b); }

static void fill(unsigned state) {
  for (int i = 0; i < N; i++) numbers[i] = (int)(state = state * 1664525 + 1013904223);
}

int main(void) {
  unsigned sum = 0;
  for (int round = 0; round < 2; round++) {
    fill(round + 1);
    sort(numbers, numbers + N);
    for (int i = 1; i < N; i++) {
      if (numbers[i - 1] > numbers[i]) return 1;
      sum = sum * 31 + numbers[i];
    }
  }
  fill(3);
  qsort(numbers, N / 4, sizeof *numbers, compare);
  printf("%u %d %d\n", sum, numbers[0], numbers[N / 4 - 1]);
  return 0;
}
