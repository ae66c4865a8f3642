"""Floating point and attribute look-ups: the orbits of the outer planets."""
import math

SOLAR_MASS = 4 * math.pi ** 2
DAYS = 365.24


class Body:
    def __init__(self, x, y, z, vx, vy, vz, mass):
        self.x, self.y, self.z = x, y, z
        self.vx, self.vy, self.vz = vx * DAYS, vy * DAYS, vz * DAYS
        self.mass = mass * SOLAR_MASS


BODIES = [
    Body(0, 0, 0, 0, 0, 0, 1),
    Body(4.841431442, -1.160320044, -0.103622044, 0.001660076, 0.007699011, -0.000069046, 0.000954792),
    Body(8.343366718, 4.124798564, -0.403523417, -0.002767425, 0.004998528, 0.000023042, 0.000285886),
    Body(12.894369562, -15.111151401, -0.223307579, 0.002964601, 0.002378472, -0.000029659, 0.000043662),
    Body(15.379697115, -25.919314610, 0.179258773, 0.002680678, 0.001628242, -0.000095159, 0.000051514),
]
PAIRS = [(a, b) for i, a in enumerate(BODIES) for b in BODIES[i + 1:]]


def advance(dt, steps):
    for _ in range(steps):
        for a, b in PAIRS:
            dx, dy, dz = a.x - b.x, a.y - b.y, a.z - b.z
            magnitude = dt * (dx * dx + dy * dy + dz * dz) ** -1.5
            on_a, on_b = a.mass * magnitude, b.mass * magnitude
            a.vx -= dx * on_b
            a.vy -= dy * on_b
            a.vz -= dz * on_b
            b.vx += dx * on_a
            b.vy += dy * on_a
            b.vz += dz * on_a
        for body in BODIES:
            body.x += dt * body.vx
            body.y += dt * body.vy
            body.z += dt * body.vz


def energy():
    kinetic = sum(0.5 * b.mass * (b.vx ** 2 + b.vy ** 2 + b.vz ** 2) for b in BODIES)
    return kinetic - sum(a.mass * b.mass / math.dist((a.x, a.y, a.z), (b.x, b.y, b.z)) for a, b in PAIRS)


advance(0.01, 60000)
print(f"{energy():.9f}")
