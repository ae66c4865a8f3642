# Fields, associative arrays, string functions and regular expressions over two columns of numbers.
{ sum[$2 % 1000] += $1; if ($1 ~ /99[0-9]*1$/) matched++; length_of[length($0)]++ }
NR % 16 == 0 { text = substr($1, 2, 3) ":" $2; gsub(/1/, "one", text); n += split(text, parts, ":") + length(text) }
function fib(k) { return k < 2 ? k : fib(k - 1) + fib(k - 2) }
END {
  for (k in sum) total += sum[k] % 7919
  for (k in length_of) lengths += k * length_of[k]
  printf "%d %d %d %d %d\n", total, matched, n, lengths, fib(22)
}
