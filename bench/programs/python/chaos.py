"""Small immutable objects with operators, splines, a random walk that paints: what numeric code without numpy looks like."""
import random


class Vector:
    __slots__ = ("x", "y")

    def __init__(self, x, y):
        self.x = x
        self.y = y

    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)

    def __sub__(self, other):
        return Vector(self.x - other.x, self.y - other.y)

    def __mul__(self, factor):
        return Vector(self.x * factor, self.y * factor)

    def length(self):
        return (self.x * self.x + self.y * self.y) ** 0.5


class Spline:
    def __init__(self, points):
        self.points = points

    def __call__(self, t):
        points = self.points
        while len(points) > 1:
            points = [a + (b - a) * t for a, b in zip(points, points[1:])]
        return points[0]


class Walk:
    def __init__(self, splines, size):
        self.splines = splines
        self.size = size
        self.cells = [[0] * size for _ in range(size)]
        self.lengths = [sum((spline(i / 50) - spline((i + 1) / 50)).length() for i in range(50)) for spline in splines]

    def step(self, point):
        choice = random.random() * sum(self.lengths)
        for spline, length in zip(self.splines, self.lengths):
            if choice <= length:
                break
            choice -= length
        target = spline(min(max(point.y, 0.0), 1.0))
        return Vector(target.x * 0.6 + point.x * 0.4, abs(target.y * 0.8 - point.x * 0.3))

    def run(self, steps):
        point = Vector(0.5, 0.5)
        for _ in range(steps):
            point = self.step(point)
            row = self.cells[int(point.y * self.size) % self.size]
            row[int(point.x * self.size) % self.size] += 1


random.seed(1234)
walk = Walk([
    Spline([Vector(0.1, 0.3), Vector(0.2, 0.9), Vector(0.9, 0.1), Vector(0.7, 0.8)]),
    Spline([Vector(0.8, 0.9), Vector(0.4, 0.2), Vector(0.3, 0.6)]),
    Spline([Vector(0.0, 0.5), Vector(1.0, 1.0), Vector(0.5, 0.0), Vector(0.9, 0.4), Vector(0.2, 0.7)]),
], 64)
walk.run(50000)
print(max(map(max, walk.cells)), sum(1 for row in walk.cells for cell in row if cell), sum(i * sum(row) for i, row in enumerate(walk.cells)))
