# Hashes, strings, regular expressions, subroutines, sorting.
my ($state, %count, @lines) = (42);
sub next_number { $state = ($state * 1103515245 + 12345) % 2147483648; return $state >> 8 }
for my $i (1 .. 90000) {
  my $n = next_number();
  push @lines, sprintf('%d-%s key%d=value%x', $n % 977, 'abcdefgh' x ($n % 3), $n % 1000, $n);
}
my $total = 0;
for my $line (@lines) {
  if ($line =~ /^(\d+)-(\w*) (key\d+)=(\w+)$/) { $count{$3} += $1; $total += length $2 }
  (my $copy = $line) =~ s/([a-h]{4})/\u$1/g;
  $total += ($copy =~ tr/A-Z//) + index($copy, 'value');
}
my @sorted = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
print "$total @sorted[0 .. 4]\n";
sub ackermann { my ($m, $n) = @_; return $n + 1 if $m == 0; return ackermann($m - 1, 1) if $n == 0; return ackermann($m - 1, ackermann($m, $n - 1)) }
print ackermann(2, 180), "\n";
my @grid = map { [map { $_ * 3 % 11 } 1 .. 60] } 1 .. 60;
my $sum = 0;
for my $i (0 .. 59) { for my $j (0 .. 59) { my $cell = 0; $cell += $grid[$i][$_] * $grid[$_][$j] for 0 .. 59; $sum += $cell * ($i - $j) } }
print "$sum ", join(',', map { scalar reverse } sort map { "x$_" } 1 .. 9), "\n";
