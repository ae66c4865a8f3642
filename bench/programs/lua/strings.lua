-- Patterns, concatenation, tables of strings, sorting.
local state = 1
local function random(limit)
  state = (state * 1103515245 + 12345) % 2147483648
  return (state >> 8) % limit + 1
end

local parts = { "red", "green", "blue", "light ", "dark ", "-", "7", "42", "x=", "[", "]", "\n" }
local pieces = {}
for i = 1, 400000 do pieces[i] = parts[random(#parts)] end
local text = table.concat(pieces)
local counts = {}
for word in text:gmatch("%a+") do counts[word] = (counts[word] or 0) + 1 end
local words = {}
for word in pairs(counts) do words[#words + 1] = word end
table.sort(words, function(a, b) return counts[a] > counts[b] or counts[a] == counts[b] and a < b end)
print(#words, words[1], counts[words[1]], words[2])
local _, numbers = text:gsub("%d+", function(digits) return "<" .. #digits .. ">" end)
local _, keys = text:gsub("x=(%w+)", "%1=x")
print(numbers, keys, #text:upper(), text:reverse():find("der", 1, true))
local total = 0
for line in text:gmatch("[^\n]+") do
  local key, value = line:match("([%a ]+)%-(%w+)")
  if key then total = total + #key * 3 + (tonumber(value) or #value) end
  local row = string.format("%-8s|%5d|%s", line:sub(1, 8), #line, line:byte(1, 1))
  total = total + #row + row:byte(9)
end
print(total)
local built = ""
for i = 1, 4000 do built = built .. string.char(97 + i % 26) end
print(#built, built:sub(-5), (built:rep(3):gsub("abc", "")):len())
