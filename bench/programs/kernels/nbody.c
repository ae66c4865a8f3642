/* Scalar floating point with square roots and divisions: bodies that attract each other. */
#include <math.h>
#include <stdio.h>

enum { BODIES = 5, STEPS = 4000000 };

static struct body {
  double x[3], v[3], mass;
} bodies[BODIES] = {
  {{0, 0, 0}, {0, 0, 0}, 39.478},
  {{4.841, -1.160, -0.104}, {0.606, 2.812, -0.025}, 0.0377},
  {{8.343, 4.125, -0.404}, {-1.011, 1.826, 0.008}, 0.0113},
  {{12.894, -15.111, -0.223}, {1.083, 0.868, -0.011}, 0.0017},
  {{15.380, -25.919, 0.179}, {0.979, 0.595, -0.035}, 0.0020},
};

static void step(double dt) {
  for (int i = 0; i < BODIES; i++)
    for (int j = i + 1; j < BODIES; j++) {
      struct body *a = &bodies[i], *b = &bodies[j];
      double d[3], square = 0;
      for (int k = 0; k < 3; k++) d[k] = a->x[k] - b->x[k], square += d[k] * d[k];
      double force = dt / (square * sqrt(square));
      for (int k = 0; k < 3; k++) a->v[k] -= d[k] * b->mass * force, b->v[k] += d[k] * a->mass * force;
    }
  for (int i = 0; i < BODIES; i++)
    for (int k = 0; k < 3; k++) bodies[i].x[k] += dt * bodies[i].v[k];
}

int main(void) {
  for (int i = 0; i < STEPS; i++) step(0.001);
  double energy = 0;
  for (int i = 0; i < BODIES; i++) {
    for (int k = 0; k < 3; k++) energy += 0.5 * bodies[i].mass * bodies[i].v[k] * bodies[i].v[k];
    for (int j = 0; j < i; j++) {
      double square = 0;
      for (int k = 0; k < 3; k++) square += (bodies[i].x[k] - bodies[j].x[k]) * (bodies[i].x[k] - bodies[j].x[k]);
      energy -= bodies[i].mass * bodies[j].mass / sqrt(square);
    }
  }
  printf("%.9f\n", energy);
  return 0;
}
