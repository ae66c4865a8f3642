-- Tables with named fields, floating point.
local sqrt = math.sqrt
local bodies = {
  { x = 0, y = 0, z = 0, vx = 0, vy = 0, vz = 0, mass = 39.478 },
  { x = 4.841, y = -1.160, z = -0.104, vx = 0.606, vy = 2.812, vz = -0.025, mass = 0.0377 },
  { x = 8.343, y = 4.125, z = -0.404, vx = -1.011, vy = 1.826, vz = 0.008, mass = 0.0113 },
  { x = 12.894, y = -15.111, z = -0.223, vx = 1.083, vy = 0.868, vz = -0.011, mass = 0.0017 },
  { x = 15.380, y = -25.919, z = 0.179, vx = 0.979, vy = 0.595, vz = -0.035, mass = 0.0020 },
}

local function advance(dt)
  for i = 1, #bodies do
    local a = bodies[i]
    for j = i + 1, #bodies do
      local b = bodies[j]
      local dx, dy, dz = a.x - b.x, a.y - b.y, a.z - b.z
      local square = dx * dx + dy * dy + dz * dz
      local force = dt / (square * sqrt(square))
      a.vx, a.vy, a.vz = a.vx - dx * b.mass * force, a.vy - dy * b.mass * force, a.vz - dz * b.mass * force
      b.vx, b.vy, b.vz = b.vx + dx * a.mass * force, b.vy + dy * a.mass * force, b.vz + dz * a.mass * force
    end
  end
  for _, body in ipairs(bodies) do
    body.x, body.y, body.z = body.x + dt * body.vx, body.y + dt * body.vy, body.z + dt * body.vz
  end
end

for _ = 1, 75000 do advance(0.001) end
local energy = 0
for _, body in ipairs(bodies) do energy = energy + 0.5 * body.mass * (body.vx ^ 2 + body.vy ^ 2 + body.vz ^ 2) end
print(string.format("%.9f", energy))
