/* Matrices of doubles, rows by columns. */
#include <stdio.h>

enum { N = 384, ROUNDS = 6 };

static double a[N][N], b[N][N], c[N][N];

int main(void) {
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) a[i][j] = (i * 3 + j) % 17 / 4.0, b[i][j] = (i - j * 5) % 13 / 8.0;
  for (int round = 0; round < ROUNDS; round++) {
    for (int i = 0; i < N; i++)
      for (int j = 0; j < N; j++) {
        double sum = 0;
        for (int k = 0; k < N; k++) sum += a[i][k] * b[k][j];
        c[i][j] = sum;
      }
    for (int i = 0; i < N; i++)
      for (int j = 0; j < N; j++) a[i][j] = c[i][j] * 1e-3 + a[j][i] * 0.5;
  }
  double trace = 0;
  for (int i = 0; i < N; i++) trace += c[i][i];
  printf("%.12g\n", trace);
  return 0;
}
