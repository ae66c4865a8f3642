/**
 * What the unmodified programs of a Debian system do, one row each. A row runs under its shell on the host, which gives
 * the golden result, and in an enclave; standard output, standard error and exit status must be the same bytes.
 *
 * A row starts in an empty directory, with `LANG=C.UTF-8 TZ=UTC0 HOME=/tmp`, and prints nothing that may differ between two
 * runs on one machine (process numbers, times, sizes of directories).
 */

import { readFileSync } from 'node:fs';

export interface Row {
  readonly name: string;
  /** Programs beyond the shell that the row needs; without them it is skipped. */
  readonly needs: readonly string[];
  /** argv before the script. */
  readonly shell: readonly string[];
  readonly script: string;
  /** Takes minutes where programs are translated while they run: only with `PROGRAMS_ALL=1`. */
  readonly slow?: true;
}

const BASH = ['/bin/bash', '-c'], DASH = ['/bin/dash', '-c'], BUSYBOX = ['/bin/busybox', 'sh', '-c'], PYTHON = ['/usr/bin/python3', '-c'], PERL = ['/usr/bin/perl', '-e'];
/** A script as it stands, but for `\\${` and `` \\` ``, which a template needs so. */
const raw = (strings: TemplateStringsArray): string => strings.raw[0].replaceAll('\\${', '${').replaceAll('\\`', '`').replace(/^\n/, '');

const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');
const bash = (name: string, needs: string, script: string): Row => ({ name: `bash: ${name}`, needs: words(needs), shell: BASH, script });
const dash = (name: string, needs: string, script: string): Row => ({ name: `dash: ${name}`, needs: words(needs), shell: DASH, script });
const busybox = (name: string, script: string): Row => ({ name: `busybox: ${name}`, needs: [], shell: BUSYBOX, script });
const core = (name: string, needs: string, script: string): Row => ({ name: `coreutils: ${name}`, needs: words(needs), shell: DASH, script });
const tool = (name: string, needs: string, script: string): Row => ({ name, needs: words(needs), shell: DASH, script });
const slow = (name: string, needs: string, script: string): Row => ({ ...tool(name, needs, script), slow: true });
const python = (name: string, script: string): Row => ({ name: `python3: ${name}`, needs: [], shell: PYTHON, script });
const perl = (name: string, script: string): Row => ({ name: `perl: ${name}`, needs: [], shell: PERL, script });
/** A program of the bench. */
const bench = (path: string): string => readFileSync(new URL(`../../bench/programs/${path}`, import.meta.url), 'utf8');
const PYTHON_BENCH = ['nbody', 'dicts', 'fannkuch', 'spectral', 'scheduler', 'constraints', 'chaos', 'jsons', 'regexes', 'pidigits'];

export const ROWS: readonly Row[] = [
  bash('arrays and expansions', '', raw`
a=(one two "three four"); a+=(five); echo "\${#a[@]} \${a[2]} \${a[@]:1:2} \${!a[@]}"
declare -A m=([x]=1 [y]=2); m[z]=3; for k in x y z; do echo "$k=\${m[$k]}"; done; unset "m[x]"; echo "\${#m[@]}"
s=hello.tar.gz; echo "\${s%.*} \${s%%.*} \${s#*.} \${s^^} \${s/l/L} \${s//l/L} \${s:1:3} \${#s}"
printf '%05d|%-6s|%6.2f|%x|%q\n' 42 ab 3.14159 255 "a b'c"; echo {1..5} {a..e..2} x{1,2}y
[[ abc123 =~ ^([a-z]+)([0-9]+)$ ]] && echo "\${BASH_REMATCH[1]}-\${BASH_REMATCH[2]}"; echo $((2**40 + 0x1f % 7)) $((1<<62)) $((-7/2))
mapfile -t lines < <(printf 'l1\nl2\nl3\n'); echo "\${lines[*]}"; readonly r=1; r=2; echo "not reached"`),
  bash('here-documents', 'cat tr', raw`
x=5; cat <<A; cat <<'B'; cat <<-C
x=$x $((x+1)) $(echo sub)
A
x=$x
B
	tabs gone
	C
tr a-z A-Z <<< "here string $x"
while read -r k v; do echo "$v:$k"; done <<E
a 1
b 2 3
E
cat <<F | tr a-z b-za | cat
$(for i in 1 2 3; do echo line$i; done)
F`),
  bash('a pipeline of ten stages', 'seq awk grep sed sort uniq head tail tr wc cat', raw`
seq 1 2000 | awk '{print $1 % 97, $1}' | grep -v '^0 ' | sed 's/ /:/' | sort -t: -k1,1n -k2,2nr | uniq | head -500 | tail -100 | tr ':' '\t' | cat -A
seq 1000 | cat | cat | cat | cat | cat | cat | cat | cat | wc -l; echo "\${PIPESTATUS[@]}"
true | false | sh -c 'exit 3' | true; echo "\${PIPESTATUS[@]}"; set -o pipefail; false | true; echo $?`),
  bash('subshells and command substitution', 'date wc', raw`
x=1; (x=2; echo in $x; exit 7); echo "out $x $?"
n=0; for i in $(seq 1 60); do n=$((n + $(echo $i))); done; echo $n
y=$(x=$(echo a; echo b); echo "[$x]"; exit 4); echo "$y $?"
f() { local l=$1; (( l <= 1 )) && { echo 1; return; }; echo $(( l * $(f $((l-1))) )); }; f 8
echo "$BASH_SUBSHELL $(echo $BASH_SUBSHELL) $( (echo $BASH_SUBSHELL) )"; { echo group; } | wc -c; echo $(( $(date -d @86400 +%s) ))`),
  bash('process substitution', 'diff sort paste tee wc cat', raw`
diff <(printf 'a\nb\nc\n') <(printf 'a\nx\nc\n'); echo $?
paste <(seq 3) <(seq 4 6) <(seq 7 9); seq 10 | tee >(wc -l > n) > /dev/null; sleep 2; cat n
cat <(echo one) <(echo two) | sort -r; while read a; do t+=$a; done < <(seq 5); echo $t`),
  bash('traps and signals', 'sleep', raw`
trap 'echo exit $?' EXIT; trap 'echo got USR1' USR1; trap 'echo int' INT; trap '' TERM
kill -USR1 $$; kill -INT $$; kill -TERM $$; echo after
(trap - TERM; kill -TERM $BASHPID; echo never); echo $?
(kill -KILL $BASHPID); echo $?; (kill -SEGV $BASHPID); echo $?; trap -p USR1
trap 'echo err $LINENO' ERR; false; trap - ERR; trap 'echo chld' CHLD; /bin/true; trap - CHLD
(trap - TERM; exec sleep 5) & p=$!; sleep 0.3; kill $p; wait $p; echo $?; kill -l 9 15 137; kill -0 $$ && echo alive; f() { trap 'echo ret' RETURN; }; f; exit 3`),
  bash('job control with set -m', 'sleep cat', raw`
set -m; sleep 4 & sleep 4.5 & jobs | cat; wait %1; echo $?; wait; jobs
sleep 10 & kill -STOP %1; sleep 0.1; jobs %1; kill -CONT %1; sleep 0.1; kill %1; wait %1; echo $?
(exit 5) & wait $!; echo $?; sleep 2 & fg %1 > /dev/null; echo fg $?; { sleep 0.05; echo bg; } & wait; disown -a; echo done`),
  bash('background processes and wait', 'sleep', raw`
for i in 3 1 2; do (sleep 0.$i; exit $i) & p[$i]=$!; done; for i in 1 2 3; do wait \${p[$i]}; echo $i $?; done
(exit 9) & wait -n; echo $?; wait 999999; echo $?; coproc cat; echo hi >&\${COPROC[1]}; read -u \${COPROC[0]} l; echo "co $l"
exec 5<> f; echo data >&5; exec 5>&-; read x < f; echo $x; echo "err" >&2; ls /nonexistent; nosuchcommand; echo $?; ./f; echo $?`),
  bash('redirections and descriptors', 'cat ls wc', raw`
echo a > f; echo b >> f; cat < f; { echo out; echo err >&2; } > o 2> e; cat o e; { echo 1; echo 2 >&2; } &> both; cat both
exec 3> three; echo x >&3; echo y >&3; exec 3>&-; cat three; exec 4< f; read l <&4; echo $l; read l <&4; echo $l; read l <&4; echo $?
set -C; echo z > f; echo $?; echo z >| f; cat f; : > empty; wc -c empty; cat nofile 2>&1 > /dev/null | wc -l; echo "to stderr" 1>&2; echo hidden > /dev/null; cat f - < three`),
  bash('loops, case, select, getopts', 'expr', raw`
for ((i=0;i<3;i++)); do case $i in 0) echo zero;; [12]) echo some;& *) echo fall;; esac; done
set -- -a -b val -c rest; while getopts ab:c o; do echo "$o \${OPTARG-}"; done; shift $((OPTIND-1)); echo $*
i=0; until [ $i -ge 3 ]; do i=$(expr $i + 1); [ $i = 2 ] && continue; echo $i; done; select x in a b; do echo "sel $x"; break; done <<< 2
while :; do break; done; printf '%s\n' "$@" | { read a; echo "r=$a"; }; echo \${x:-def} \${u:=set} $u; eval 'echo $((3*4))'; time_() { :; }; type -t time_ echo ls if`),
  bash('globbing and test', 'touch mkdir ln chmod', raw`
mkdir d; touch a.c b.c .h d/x d/y; ln -s a.c l; echo *.c *; echo d/*; shopt -s nullglob dotglob extglob globstar; echo *; echo nope*; echo !(a*); echo **/*
for t in -e -f -d -L -r -s -x; do for f in a.c d l none; do [ $t $f ] && echo "$t $f"; done; done; chmod 4755 a.c; [ -u a.c ] && echo suid; [[ a.c -ef l ]] && echo same; touch -d 2001-01-01 b.c; [ a.c -nt b.c ] && echo newer; cd d && echo $OLDPWD | wc -l; pushd .. > /dev/null; dirs | wc -w`),
  bash('a long loop', '', raw`
s=0; for ((i=0;i<3000;i++)); do ((s+=i*i%7)); done; echo $s; w=; for i in {1..200}; do w+=$(printf %03d $i); done; echo \${#w}; fib() { if (($1<2)); then r=$1; else fib $(($1-1)); local a=$r; fib $(($1-2)); r=$((a+r)); fi; }; fib 12; echo $r`),
  bash('ulimit, umask, times, printf -v', 'touch stat', raw`
umask; umask 077; touch p; stat -c %a p; umask u=rwx,g=rx,o=; umask -S; ulimit -n 64; ulimit -n; ulimit -c 0; ulimit -c; printf -v v '%s-%s' a b; echo $v; printf '%(%Y-%m-%d)T\n' 0; printf '%b' 'a\tb\n'; echo -e '\x41\u00e9'; echo \${v@Q}; declare -p v; echo $0 $# $-; [ $RANDOM -ge 0 ] && [ $SECONDS -le 60 ] && echo ok; hash -r; command -v ls; LC_ALL=C; echo \${#v}`),
  bash('named pipes and sockets of the shell', 'mkfifo cat sleep rm', raw`
mkfifo p; echo through > p & cat p; wait; (for i in 1 2 3; do echo $i; done > p) & while read x; do echo got $x; done < p; rm p; read -t 0.1 x < <(sleep 1); echo $?; echo abc | while read -n1 c; do echo $c; done; IFS=: read a b c <<< "1:2:3:4"; echo "$a $b $c"; cat /dev/tcp/127.0.0.1/1 2> /dev/null; echo $?`),

  dash('the basics', 'cat', raw`
x=1; f() { echo "f $1 $#"; return 3; }; f a b; echo $?; (x=2); echo $x; echo $(echo nested $(echo deep)); case abc in a*) echo yes;; esac
for i in 1 2 3; do echo $i; done | while read l; do echo "l$l"; done; set -- x y z; shift; echo "$@"; trap 'echo bye' EXIT; cat <<E
$x $((x+41)) \${y:-d} \${#x}
E
[ -d / ] && echo dir; test 5 -gt 3; echo $?; printf '%d %s %o\n' 7 s 8; umask 022; umask; kill -USR1 $$`),
  dash('errors', '', raw`
nosuch; echo $?; /etc/passwd; echo $?; cd /nodir; echo $?; . /nofile; echo not reached`),
  dash('jobs', 'sleep', raw`
sleep 0.1 & wait $!; echo $?; sleep 5 & kill -9 $!; wait $!; echo $?; (sleep 1; echo later) & echo first; wait; echo "a b" | (read x y; echo $y $x); exec 3>&1; echo to3 >&3; false || true && echo t; ! false; echo $?; exec echo replaced`),
  dash('set -e and -u', '', raw`
(set -e; false; echo no); echo $?; (set -u; echo $undefined; echo no); echo $?; set -x; y=$((1+1)); echo $y; set +x; eval "echo e"; alias z='echo alias'; command echo c; unset y; echo "[$y]"; readonly q=1; (q=2); echo $?; echo "$-"; exit 300`),

  busybox('ash with its applets', raw`
echo hello | busybox tr a-z A-Z; busybox seq 1 5 | busybox awk '{s+=$1} END{print s}'; busybox printf '%s\n' c a b | busybox sort | busybox head -2; busybox uname -s; busybox expr 6 \* 7; busybox basename /a/b.c .c; mkdir d; busybox touch d/f; busybox ls d; busybox find . | busybox sort; busybox echo abc | busybox sed s/b/X/; busybox echo foo | busybox md5sum; busybox sha256sum /dev/null; busybox wc -c < /dev/null`),
  busybox('archives and text', raw`
busybox seq 500 > s; busybox gzip -c s | busybox gunzip -c | busybox cmp - s && echo same; busybox tar cf t.tar s; busybox tar tf t.tar; busybox bzip2 -c s | busybox bunzip2 -c | busybox tail -1; busybox od -c s | busybox head -2; busybox diff s s; busybox cut -c1-2 s | busybox uniq -c | busybox sort -rn | busybox head -3; busybox dd if=s bs=10 count=2 2>/dev/null; busybox hexdump -C s | busybox head -2; busybox vi --help > /dev/null 2>&1; busybox nosuch; echo $?; busybox sh -c 'kill -TERM $$'; echo $?; busybox xargs -n2 echo < s | busybox head -2; busybox env -i A=1 busybox env; busybox stat -c %s s; busybox sleep 0.1; busybox true && busybox false || echo f; busybox id -u; busybox ps > /dev/null; echo $?`),

  core('ls', 'ls mkdir touch ln chmod mkfifo', raw`
mkdir -p a/b c; echo data > a/f; echo longer > a/b/g; ln -s f a/s; ln a/f a/h; mkfifo p; chmod 640 a/f; chmod 1777 c; touch -d '2020-02-03 04:05:06' a/f a/b/g a/b a p c; touch -h -d 2020-01-01 a/s; ls; ls -R; ls -lR --time-style=full-iso | grep -v ^total; ls -aF a; ls -1t a; ls -S a; ls -i a | wc -l; ls -ld a; ls -n a/f; ls --color=always -d a a/s; ls -x; ls -m a; ls nofile; echo $?; ls -Q; ls -p; ls --group-directories-first; ls -lh a/f; dir; vdir -d a`),
  core('cp, mv, rm', 'cp mv rm mkdir ln find cmp touch chmod stat', raw`
mkdir -p s/d; echo one > s/f; echo two > s/d/g; ln -s f s/l; ln s/f s/h; touch -d 2010-10-10 s/f; touch -h -d 2011-11-11 s/l s/d/g; chmod 600 s/d/g; cp -a s t; find t | sort; stat -c '%n %a %h %s %Y %F' t/f t/d/g t/l; cp s/f c; cp -p s/f c2; stat -c %Y c2; cp -l s/f hard; cp -s ../x sym; cp -r s/d s/f t/d; cp -v s/f new; cp -u s/f new; cp s nodir; cp nofile x; cp -n s/d/g new; cat new; mv -v new ren; mv ren t; mv -n c c2; ls; mv c t/ ; mv -t t c2; ls t; mv nofile y; echo $?; rm hard sym; rm nofile; echo $?; rm -f nofile; echo $?; rm t; rm -rv t | sort; rmdir s; rm -r s; ls; cp --sparse=always /dev/null z; cp -b z z2; cp -b z z2; ls; install -m 750 z inst; stat -c %a inst; install -d i1/i2; ls i1`),
  core('sort and uniq', 'sort uniq seq', raw`
printf '10 b\n9 a\n2 c\n10 a\n' > f; sort f; sort -n f; sort -k2 f; sort -k2,2 -k1,1nr f; sort -r f; sort -u -k1,1 f; printf '1K\n1M\n2\n' | sort -h; printf 'v1.10\nv1.9\n' | sort -V; printf 'b\nA\na\nB\n' | sort -f; sort -c f; echo $?; sort -m f f; seq 5000 | sort -R --random-source=/dev/zero | sort -n | tail -1; seq 20000 | sort -r | sort -n --parallel=2 -S 64K | md5sum; printf 'a\na\nb\nc\nc\n' > u; uniq u; uniq -c u; uniq -d u; uniq -u u; uniq -i -f1 f; sort -t: -k3 -o out /etc/passwd; wc -l < out > /dev/null; printf 'Jan\nDec\nMar\n' | sort -M; printf '1e3\n200\n' | sort -g; sort --debug -k2 f 2>&1 | head -3; printf 'b\0a\0' | sort -z | tr '\0' '\n'; shuf -e a b c --random-source=/dev/zero; seq 10 | shuf --random-source=f; seq 5 | tac; tsort <<E
a b
b c
E`),
  core('join, comm, paste, cut, tr', 'join comm paste cut tr', raw`
printf '1 a\n2 b\n4 d\n' > x; printf '1 A\n3 C\n4 D\n' > y; join x y; join -a1 -a2 -o 0,1.2,2.2 -e - x y; join -v1 x y; comm x y; comm -12 x y; paste x y; paste -s -d, x; paste - - < x; cut -d' ' -f2 x; cut -c1,3 x; cut -b2- x; cut -f1 -d: --complement /dev/null; cut --output-delimiter=+ -d' ' -f1,2 y; echo 'Hello World' | tr a-zA-Z n-za-mN-ZA-M; echo aabbcc | tr -s a-c; echo a1b2 | tr -d 0-9; echo abc | tr -c 'b\n' '*'; echo 'x  y' | tr -s ' ' '\n'; echo abc | tr '[:lower:]' '[:upper:]'; tr; echo $?`),
  core('od, xxd-like dumps and base64', 'od base64 base32 basenc cksum sum', raw`
printf 'Hello\0\377\n world' > b; od b; od -c b; od -An -tx1 b; od -tx2z b; od -Ad -td4 b; od -tf8 /dev/null; od -j3 -N4 -ta b; head -c 64 /dev/zero | od; printf '\0\0\200\077' | od -tf4; base64 b; base64 b | base64 -d | cmp - b && echo same; base32 b; basenc --base16 b; base64 -w 8 b; echo '!!' | base64 -d; echo $?; cksum b; sum b; sum -s b; seq 100 | b2sum; cksum -a crc b; od -w8 -v -tx1 b; od -S3 b; strings --version > /dev/null 2>&1; printf '%s' abc | od -An -to1`),
  core('checksums', 'md5sum sha1sum sha224sum sha256sum sha384sum sha512sum b2sum seq', raw`
seq 100000 > f; for h in md5sum sha1sum sha224sum sha256sum sha384sum sha512sum b2sum; do $h f; $h < /dev/null; done; sha256sum f > s; sha256sum -c s; echo x >> f; sha256sum -c s; echo $?; md5sum --tag s | cut -c1-4; sha1sum nofile; echo $?; cksum f`),
  core('split, csplit, head, tail', 'split csplit head tail seq timeout', raw`
seq 100 > f; split -l 30 f p; wc -l p*; split -b 100 -d -a 3 f q; ls; cat q* | cmp - f && echo same; split -n 3 f r; wc -c r*; csplit -s f 11 '/^50$/' ; wc -l xx*; head -3 f; head -n -97 f; head -c 5 f; head -q -n1 f pa; head -n1 f pa; tail -2 f; tail -n +99 f; tail -c 4 f; timeout 2 tail -f f -n 1; echo $?; (sleep 2; echo grown >> f; sleep 1) & timeout 20 tail -n1 -f --pid=$! -s 0.1 f; wait; timeout 2 tail -F -n1 nofile; echo $?; seq 10 | tail -3 | head -1; seq 5 | split -l2 --filter='wc -l'; yes | head -3; yes abc | head -c 10; echo; nl f | tail -1; tac f | head -2`),
  core('tee, dd, truncate, shred', 'tee dd truncate cat stat', raw`
echo t | tee a b; cat a b; echo u | tee -a a > /dev/null; cat a; seq 1000 > f; dd if=f of=g bs=100 count=3 2> /dev/null; wc -c g; dd if=f bs=1 skip=10 count=5 status=none; dd if=/dev/zero of=z bs=1k seek=4 count=1 status=none; stat -c %s z; dd if=f of=z conv=notrunc bs=64 status=none; stat -c %s z; echo abc | dd conv=ucase status=none; dd if=f bs=512 count=1 2>&1 >/dev/null | head -2; truncate -s 10 f; cat f; truncate -s +5 f; stat -c %s f; truncate -s 1M s; stat -c %s s; fallocate -l 4096 fa; stat -c %s fa; dd if=nofile; echo $?; sync; sync f; head -c 100000 /dev/zero | tee x | wc -c; cat -n a; cat -b a; cat -A x | head -c 10; cat -s a; echo; echo | cat -E`),
  core('stat, touch, readlink, ln', 'stat touch readlink ln realpath mkdir', raw`
touch -d '2001-02-03 04:05:06.789' f; stat -c '%n %s %F %a %A %y %Y %h' f; stat -c '%.9Y' f; touch -t 202201020304.05 f; stat -c %y f; touch -r f g; stat -c %Y g; touch -a -d @1000 f; stat -c '%X %Y' f; touch -c none; ls; ln -s f l; ln -s nowhere bad; ln -sf g l; readlink l; readlink f; echo $?; mkdir -p d/e; ln -s ../d/e d/el; realpath --relative-to=. d/el; readlink -f d/el | sed 's/.*\///'; readlink -m x/../y | sed 's/.*\///'; readlink -e bad; echo $?; ln f h; stat -c %h f h; ln f h; echo $?; ln -s a a; cat a; echo $?; ln d hd; echo $?; stat nofile; echo $?; stat -L -c %F l; stat -c %F l; stat -f -c %T . > /dev/null; echo $?; unlink h; stat -c %h f; link f k; basename /x/y/; dirname /x/y; pathchk -p 'a b?'; echo $?; mktemp -u XXX | wc -c; mktemp -d dXXXX | wc -c`),
  core('date and seq', 'date seq', raw`
date -d @0; date -u -d '2000-02-28 + 2 days' +%F; date -d '2024-03-10 01:30 EST' +%s; date -d 'last monday 2023-05-05' 2>&1 | head -c 5; date -d '1970-01-01 00:00:01 UTC' +%s.%N; TZ=America/New_York date -d @1700000000; TZ=Asia/Tokyo date -d @1700000000 +%c; date -d garbage; echo $?; date -I -d @86400; date -R -d @86400; date +%j -d 2024-12-31; date -d 2024-01-01 '+%a %A %b %B %U %V %u %p %I'; date --date='next month' +%Y | wc -c; seq 5; seq 2 2 10; seq -s, 5; seq -w 8 11; seq 1 .5 3; seq 5 -1 1; seq -f '%.3f' 1 3; seq 1e3 1e3 3e3; seq 0; seq a; echo $?; seq 99999999999999999999 100000000000000000001; date -r /dev/null > /dev/null; echo $?; [ $(date +%s) -gt 1700000000 ] && echo now; cal 2>/dev/null | wc -l > /dev/null`),
  core('factor, expr, numfmt, test, printf', 'factor expr numfmt printf bc', raw`
factor 1 2 97 360 1000000007 18446744073709551615 9999999999999999999; seq 1 20 | factor; factor 340282366920938463463374607431768211456; expr 1 + 2 \* 3; expr length abcdef; expr substr abcdef 2 3; expr abc : 'a\(.\)c'; expr 5 / 0; echo $?; expr 7 % 4 '>' 2; numfmt --to=iec 1048576 1500; numfmt --from=si 1K; numfmt --to=si --format=%.2f 123456; numfmt --grouping 1000000; env printf '%5.3f %e %g %a\n' 1.5 12345.678 0.0001 1; env printf '%s %b %c %i\n' a 'b\n' c 12; env printf '%08.3f|%+d|% d|%#x|%#o\n' 3.14159 5 5 255 8; env printf %d x; echo $?; env [ 1 -lt 2 ]; echo $?; env test a = b; echo $?; echo 'scale=20; 4*a(1); 2^200; sqrt(2)' | bc -l`),
  core('wc, nl, fold, expand, fmt, pr, column', 'wc nl fold expand unexpand fmt pr seq', raw`
printf 'one two\nthree\n\n\tfour  five six seven eight nine ten\n' > f; wc f; wc -l -w f; wc -L f; wc -m f; cat f f | wc; nl f; nl -ba -w3 -s: f; fold -w 10 f; fold -s -w 12 f; expand f; expand -t4 f; unexpand -a f; fmt -w 20 f; pr -t -2 f; seq 12 | pr -3 -t -l4; printf 'é日本\n' | wc -c -m -L; printf 'é日本\n' | fold -w2; ptx f 2>/dev/null | head -1; rev f 2>/dev/null | head -1`),
  core('env, id, timeout, nohup, nice', 'env id timeout nohup nice sleep printenv', raw`
env -i A=1 B=2 env; env -u HOME printenv HOME; echo $?; env A=x printenv A; env -S 'printf %s\\n a b'; env nosuch; echo $?; env /etc/passwd; echo $?; id -u > /dev/null; id nosuchuser; echo $?; timeout 0.1 sleep 5; echo $?; timeout -s KILL 0.1 sleep 5; echo $?; timeout 5 sh -c 'exit 3'; echo $?; timeout --preserve-status 0.1 sleep 3; echo $?; timeout -k 0.1 0.1 sh -c 'trap "" TERM; sleep 1'; echo $?; nohup echo hup 2> /dev/null < /dev/null; nice -n 5 nice; nice; nproc > /dev/null; echo $?; tty; echo $?; true; echo $?; false; echo $?; sleep 0.01; sleep x; echo $?; uname; uname -m; arch; stdbuf -oL echo buf; env -C / pwd; groups > /dev/null; echo $?; whoami > /dev/null; printenv TZ; hostname > /dev/null; logname 2> /dev/null | wc -l > /dev/null; pwd | wc -l; setsid echo sid; renice -n 1 $$ > /dev/null; nice`),
  core('permissions', 'chmod chown stat mkdir', raw`
touch f; chmod 0 f; stat -c %A f; chmod u+rw,g=r,o-x f; stat -c %a f; chmod a+X f; stat -c %a f; mkdir d; chmod g+s,+t d; stat -c '%a %A' d; chmod -R 700 d; chmod --reference=d f; stat -c %a f; chmod 999 f; echo $?; chmod u=rwx,go= nofile; echo $?; chmod -v 644 f; mkdir -m 711 e; stat -c %a e; mkdir d; echo $?; mkdir -pv x/y/z; rmdir x; rmdir -p x/y/z; ls; mkdir '' ; echo $?; mknod pipe p; stat -c %F pipe; touch d/ d/. ; echo $?; touch f/x; echo $?; cat d; echo $?; echo x > d; echo $?`),
  core('df, du, and the rest', 'du df link', raw`
mkdir -p a/b; head -c 10000 /dev/zero > a/b/f; du --apparent-size -b a/b/f; df . > /dev/null; echo $?; du -s nofile; echo $?; echo abc > g; shred -n1 g; wc -c < g; sum /dev/null; dircolors -b | head -c 10; echo; who | wc -l; users > /dev/null; echo $?; uptime > /dev/null 2>&1; factor 12; echo a b | xargs -n1 | cat; pinky 2>/dev/null | wc -l > /dev/null; runcon 2>/dev/null; echo $?; hostid | wc -c; kill -l | head -3 | wc -l; stty 2>&1; echo $?; getconf PAGESIZE; getconf _NPROCESSORS_ONLN | wc -l; md5sum /bin/true | wc -l; comm -3 /dev/null /dev/null; cmp g g; cmp /dev/null g; echo $?; diff -u /dev/null /dev/null; echo $?`),

  tool('find', 'find mkdir touch ln', raw`
mkdir -p a/b/c d; touch a/1.c a/b/2.c a/b/c/3.h d/4; ln -s ../a d/l; touch -d 2000-01-01 a/1.c; head -c 2000 /dev/zero > d/big; chmod 600 d/4; find . | sort; find . -name '*.c' | sort; find . -type d | sort; find . -type l -printf '%p -> %l\n'; find a -maxdepth 1 | sort; find . -newer a/1.c -type f | sort; find . -size +1k -type f; find . -perm 600; find . -empty -type f | sort; find . -name '*.c' -exec echo found {} \; | sort; find . -name '*.c' -exec echo all {} + | wc -l; find . -path './a/*' -prune -o -print | sort; find . -regex '.*[0-9]\.[ch]' | sort; find a -printf '%d %y %f %m\n' | sort; find . -name '*.h' -delete; find a -type f | sort; find nodir; echo $?; find . -mtime +1000 -type f; find . -not -type d -a \( -name 4 -o -name big \) | sort; find -L d -type f | sort; find . -type f -execdir echo {} \; | sort; find . -links 1 -type f | wc -l; find a d -depth -print | tail -1; find . -samefile a/1.c; find . -inum 0; find . -user root -o -print | wc -l > /dev/null; find . -type f -print0 | sort -z | xargs -0 ls`),
  tool('xargs', 'xargs seq sh', raw`
seq 10 | xargs; seq 10 | xargs -n 3 echo L; seq 3 | xargs -I{} echo '<{}>'; printf 'a b\0c\0' | xargs -0 -n1 echo; seq 8 | xargs -P 4 -n 1 sh -c 'sleep 0.0$1; echo $1' _ | sort; seq 3 | xargs -P 2 -I{} sh -c 'exit {}'; echo $?; echo | xargs -r echo none; echo 'a "b c" d\ e' | xargs -n1; seq 3 | xargs -t echo 2>&1; echo x | xargs nosuch; echo $?; seq 100000 | xargs echo | wc -l; seq 5 | xargs -d '\n' -L 2 echo; xargs -a /dev/null echo empty; echo 1 | xargs sh -c 'kill -9 $$'; echo $?; seq 30 | xargs -P 8 -n 1 echo | wc -l`),
  tool('grep', 'grep egrep fgrep seq', raw`
printf 'apple\nBanana\ncherry 12\n\ndate-34\n' > f; grep an f; grep -i b f; grep -v e f; grep -c a f; grep -n '[0-9]' f; grep -o '[0-9]*' f; grep -E '(an)+a|rr' f; grep -F . f; echo $?; grep -w 12 f; grep -x apple f; grep -l apple f nofile; echo $?; grep -A1 -B1 cherry f; grep -q apple f; echo $?; grep -P '\d{2}(?<=4)' f; grep -r apple .; grep --color=always ap f; grep -e apple -e date f; grep '^$' f | wc -l; seq 100000 | grep -c '7.*7'; grep -m1 a f; grep -H apple f; grep -b date f; echo 'aXbX' | grep -oE '[^X]+'; grep '\(a\)\(n\)\1' f; grep -z a f | tr '\0' '\n'; printf 'bin\0ary\n' | grep ary; grep '[' f; echo $?; printf 'é\nÉ\n' | grep -i é; seq 1000 > g; grep -f f g; echo $?; zgrep 2>/dev/null x /dev/null; echo $?`),
  tool('sed', 'sed seq', raw`
seq 10 > f; sed -n '3,5p' f; sed '2d;$d' f; sed 's/1/X/g' f; sed -E 's/([0-9])([0-9])/\2\1/' f; sed -n '/3/,/6/p' f; sed '1~3d' f; sed 'a\after' f | head -4; sed '2i before' f | head -3; sed '5q' f; sed -n '$=' f; sed 'y/123/abc/' f | head -3; sed -n 'H;\${x;s/\n/,/g;p}' f; sed ':a;N;\$!ba;s/\n/+/g' f; sed -i.bak 's/^/L/' f; head -2 f f.bak; sed -e '1!G;h;\$!d' f.bak; sed 's/5/&&/;t;s/^/-/' f.bak; sed -n 'l' f | head -1; echo abc | sed 's/b/\n/'; sed -f /dev/null f.bak | wc -l; sed '3r f' f.bak | wc -l; sed 'w out' f.bak > /dev/null; wc -l < out; sed 's/x' f; echo $?; sed -s -n '1p' f f.bak; sed '/5/{n;d}' f.bak | wc -l; echo Hello | sed 's/\(.*\)/\U\1/;s/E/\l&/'; sed --posix -n 2p f; sed p nofile; echo $?; sed -z 's/\n/;/g' f.bak; echo aaa | sed 's/a/b/2'; seq 20000 | sed -n '/9$/p' | wc -l; sed 's/\b1/w/' f.bak | head -1`),
  tool('mawk', 'mawk seq', raw`
seq 100 | mawk '{s+=$1; q+=$1*$1} END {print s, q, s/NR, sqrt(q)}'; printf 'a:1\nb:2\na:3\n' | mawk -F: '{c[$1]+=$2} END {for (k in c) print k, c[k]}' | sort; mawk 'BEGIN {printf "%5.2f|%-5s|%05d|%x|%c|%e\n", 3.14159, "ab", 42, 255, 65, 12345.678; print length("hello"), substr("hello",2,3), index("hello","l"), toupper("abc"); print 2^10, 7%3, 1e300*1e10, -1/3; n=split("a,b,c",x,","); print n, x[2]; s="foobar"; gsub(/o/,"0",s); print s; print match("xxabc",/abc/), RSTART, RLENGTH; while (i++<3) print i; print sin(1), cos(1), atan2(1,2), exp(1), log(10), int(3.9); "echo cmd" | getline z; print z; print "to cat" | "cat"; close("cat"); system("echo sys"); exit 3}'; echo $?; seq 5 | mawk 'NR==2,NR==4'; echo 'a b c' | mawk '{$2="X"; print; print NF}'; mawk 'BEGIN{x["a"];if("a" in x)print "in"; delete x["a"]; print length(x)}'; mawk 'BEGIN { for (i=0;i<100000;i++) s=(s*31+i)%65521; print s }'; mawk '{' ; echo $?`),
  tool('gawk', 'gawk seq', raw`
seq 100 | gawk '{s+=$1} END {print s}'; gawk 'BEGIN {PROCINFO["sorted_in"]="@ind_str_asc"; a["b"]=1;a["a"]=2; for(k in a)print k,a[k]; print strftime("%Y-%m-%d",0,1), mktime("1970 01 02 00 00 00"); print gensub(/(.)(.)/,"\\2\\1","g","abcd"); print and(12,10), or(12,10), xor(12,10), lshift(1,10); n=asort(a); print n; print length("é日"), toupper("é"); printf "%d %i %5.1f %s\n", 2^53+1, "3x", 2.25, 1e6; print 0.1+0.2, 1e21, 100000000000000000000; print substr("hello",0,2); patsplit("a1b2",p,/[0-9]/); print p[1] p[2]; "date -d @0 +%Y" | getline y; print y; switch (1) {case 1: print "one"}; print typeof(a), typeof(1); f="length"; print @f("four"); print systime() > 1e9; print tolower("ABC") | "cat 1>&2"}'; gawk -v OFS=- '{$1=$1}1' <<E
x y z
E
printf 'a,"b,c",d\n' | gawk -v FPAT='([^,]+)|("[^"]+")' '{print NF, $2}'; gawk --lint=no 'BEGIN{print length()}' < /dev/null; gawk 'BEGIN{printf "%.17g %.3e %G\n", 0.1, 123456789, 1e-10; print -0, 1/3; print substr("x",-1)}'; gawk -M 'BEGIN{print 2^100}' 2>/dev/null | head -1; seq 3 | gawk '@include "x"' 2>/dev/null; echo $?; gawk 'BEGIN{while((getline l < "/etc/hostname")>0) n++; print n>0}'; gawk 'BEGIN{print length(ENVIRON["HOME"]); exit} END{print "end"}'`),
  tool('tar', 'tar gzip bzip2 xz zstd find', raw`
mkdir -p s/d; seq 1000 > s/f; seq 5 > s/d/g; ln -s f s/l; ln s/f s/h; chmod 640 s/f; touch -d 2015-05-05 s/f s/d/g s/d s; touch -h -d 2015-05-05 s/l; tar cf t.tar --sort=name s; tar tf t.tar; tar tvf t.tar --numeric-owner --full-time; mkdir x; tar xf t.tar -C x; diff -r s x/s && echo same; stat -c '%a %Y %h' x/s/f; for z in z j J; do tar c\${z}f t.$z s && tar t\${z}f t.$z | wc -l; done; tar --zstd -cf t.zst s; tar xOf t.zst s/d/g; tar cf - s | tar tf - | wc -l; tar rf t.tar s/d/g; tar tf t.tar | wc -l; tar xf t.tar --wildcards '*/g' -O | wc -l; tar tf nofile; echo $?; echo junk > j; tar tf j; echo $?; tar --exclude=d -cf - s | tar t | sort; tar czf - -C s f | gzip -dc | wc -c; tar df t.tar; echo $?; tar cf sp.tar -S s/f; tar --transform 's/^s/new/' -cf - s/d | tar t; tar -cf a.tar --format=pax s/f; tar tf a.tar; md5sum t.tar > /dev/null; cpio --version > /dev/null 2>&1; ls | sort`),
  tool('gzip', 'gzip gunzip zcat seq', raw`
seq 20000 > f; cp f o; gzip f; ls; gunzip f.gz; cmp f o && echo same; gzip -9c f | wc -c; gzip -1c f | wc -c; gzip -c f | zcat | md5sum; md5sum o | cut -c1-32; gzip -n f; gzip -l f.gz; gzip -t f.gz; echo $?; head -c 100 f.gz > bad.gz; gzip -t bad.gz; echo $?; echo x | gzip -d; echo $?; gzip -dc f.gz | tail -1; zcat f.gz | head -2; head -c 1000000 /dev/zero | gzip | wc -c; gzip -v < o 2>&1 > /dev/null; gzip nofile; echo $?`),
  tool('bzip2', 'bzip2 bunzip2 bzcat seq', raw`
seq 20000 > f; bzip2 -k f; wc -c < f.bz2; bzcat f.bz2 | cmp - f && echo same; bzip2 -t f.bz2; echo $?; md5sum f.bz2; head -c 50 f.bz2 | bzip2 -d 2>/dev/null | wc -c; rm f; bunzip2 f.bz2; wc -l f; bzip2 -1c f | md5sum`),
  tool('xz', 'xz unxz seq', raw`
seq 20000 > f; xz -k f; wc -c < f.xz; xz -dc f.xz | cmp - f && echo same; xz -t f.xz; echo $?; md5sum < f.xz; xz -l --robot f.xz | head -2; xz -0c f | md5sum; xz -c --format=lzma f | xz -dc | tail -1; xz -T2 -c f | xz -dc | md5sum; head -c 60 f.xz | xz -dc 2>&1 | wc -l > /dev/null; xz -d nofile; echo $?; xz -e -6 -c f | wc -c`),
  tool('zstd', 'zstd seq', raw`
seq 20000 > f; zstd -q -k f; wc -c < f.zst; zstd -q -dc f.zst | cmp - f && echo same; zstd -q -t f.zst; echo $?; md5sum < f.zst; zstd -q -19 -c f | zstd -dc | md5sum; zstd -q -T2 -c f | zstd -q -dc | wc -l; zstd -q --rm f; ls; echo junk | zstd -dc; echo $?`),
  tool('diff, patch, cmp', 'diff patch cmp seq', raw`
seq 20 > a; sed 's/5/five/;12d' a > b; diff a b; diff -u a b | tail -n +3; diff -y -W 30 a b | head -6; diff -q a b; diff a b > p; cp a c; patch c p; cmp c b && echo same; patch -R c p; cmp c a && echo back; diff3 a b a | head -3; sdiff -s a b; cmp a b; cmp -l a b | head -2; mkdir d1 d2; echo 1 > d1/x; echo 2 > d2/x; touch d1/only; diff -r d1 d2; diff a nofile; echo $?; diff -c a b | tail -5; diff -w a a; echo $?; diff --color=always a b | head -2`),
  tool('sqlite3', 'sqlite3', raw`
sqlite3 t.db 'create table t(id integer primary key, name text, v real); insert into t(name, v) values ("a", 1.5), ("b", 2.25), ("c", 1e100); select * from t; select count(*), sum(v), avg(v), max(name) from t; select name, round(v, 1) from t order by v desc;'
sqlite3 t.db 'with recursive c(x) as (select 1 union all select x + 1 from c where x < 1000) insert into t(name, v) select "n" || x, x * 1.1 from c; select count(*), sum(v) from t; create index i on t(name); explain query plan select * from t where name = "n5"; select * from t where name = "n5"; begin; delete from t where id > 10; rollback; select count(*) from t; pragma integrity_check; pragma journal_mode=wal; insert into t(name) values ("wal"); select count(*) from t where name="wal";'
echo '.mode csv
.headers on
select id, name from t limit 3;
.mode json
select 1 as a, "x" as b;
.schema' | sqlite3 t.db; sqlite3 t.db 'select * from nosuch'; echo $?; sqlite3 :memory: "select hex(sha3('a')), 1/3.0, 0.1+0.2, 1e15+0.5, printf('%.10f', 3.14159265358979), date(0,'unixepoch'), strftime('%s','2000-01-01'), json_extract('{\"a\":[1,2]}','\$.a[1]'), like('a%','abc'), 9223372036854775807+1;"; printf '1,x\n2,y\n' > c.csv; sqlite3 t.db '.mode csv' '.import c.csv imp' 'select * from imp'; sqlite3 t.db .dump | wc -l; sqlite3 t.db 'vacuum'; sqlite3 t.db 'select count(*) from t'; ls | sort`),
  tool('bc and dc', 'bc dc', raw`
echo '2^100; 10/3; scale=5; 10/3; obase=16; 255' | bc; echo 'define f(n) { if (n <= 1) return 1; return n * f(n-1); } f(30)' | bc; echo '5 3 * p 2 8 ^ p 10 k 2 v p' | dc; echo 'e(1); s(1); l(2)' | bc -l; echo '1/0' | bc; for i in 1 2 3; do echo "$i^$i" | bc; done`),
  tool('less common tools', 'file xxd', raw`
printf '\177ELF' > e; file -b /dev/null; file -b e; xxd e; echo 'hello' | xxd -p | xxd -r -p; echo text > t; file -b t`),
  slow('gcc compiles, links and runs', 'gcc cc1 as ld', raw`
cat > h.c <<'E'
#include <stdio.h>
#include <math.h>
#include <stdlib.h>
static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
int main(int argc, char **argv) { int v[5] = {5, 3, 9, 1, 7}; qsort(v, 5, sizeof *v, compare); for (int i = 0; i < 5; i++) printf("%d ", v[i]); printf("%.15f %Lf %d %s\n", sqrt(2), 1.0L / 3, argc, argv[1]); return 42; }
E
gcc -O2 -Wall -o h h.c -lm && ./h arg; echo $?; echo 'int main(){return x;}' > bad.c; gcc bad.c; echo $?; gcc -S -O1 -o - h.c | grep -c call; gcc -E - < /dev/null | wc -l; gcc -dumpmachine`),
  slow('musl and static programs', 'musl-gcc gcc x86_64-linux-gnu-gcc cc1 as ld', raw`
cat > h.c <<'E'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(int argc, char **argv) { char *p = malloc(100000); memset(p, 'x', 99999); p[99999] = 0; printf("%zu %s %f %g\n", strlen(p), getenv("TZ"), 1.0 / 3, 1e100); return argc; }
E
musl-gcc -static -Os -o m h.c && ./m a b; echo $?; gcc -static -O1 -o g h.c && ./g; echo $?; gcc -static-pie -o sp h.c && ./sp; echo $?`),

  python('numbers', raw`
import math, decimal, fractions, random, statistics, cmath
for x in (0.1, 1/3, 1e22, 1e-7, 123456789.123456789, 5e-324, 1.7976931348623157e308, float('inf'), float('nan'), -0.0, 2.5, 100.0): print(repr(x), '%.3f' % x if x == x and abs(x) < 1e20 else '', '%g' % x, x.hex())
print(math.pi, math.e, math.sqrt(2), math.sin(1), math.exp(10), math.log(3), math.gamma(5.5), math.erf(0.3), math.atan2(1, -1), math.fsum([.1] * 10), math.hypot(3, 4), math.cosh(2), math.pow(2, .5), math.factorial(40), math.comb(50, 25), math.isqrt(10**40))
print(2**300, -7 // 2, -7 % 3, divmod(10**30, 7**15), pow(3, 1000, 10**9 + 7), int('ff', 16), hex(2**70), (10**50).bit_length(), round(2.675, 2), round(-2.5), 3.7 // 1, float('1.5e3'), int(1e20), complex(1, 2) ** 2, cmath.exp(1j))
decimal.getcontext().prec = 50; print(decimal.Decimal(1) / 7, decimal.Decimal(2).sqrt(), decimal.Decimal('1.10') + 1, fractions.Fraction(3, 4) + fractions.Fraction(1, 6))
random.seed(42); print(random.random(), random.randint(1, 100), random.sample(range(100), 5), random.gauss(0, 1)); print(statistics.mean([1, 2, 3, 4]), statistics.stdev([1, 2, 3, 4]), sum(i * i for i in range(20000)), f'{3.14159:.2f} {1234567:,} {0.5:%} {255:#x} {1e10:e} {42:>8}|{"x":^5}|')`),
  python('text, json, re, struct', raw`
import json, re, struct, string, textwrap, itertools, collections, functools, datetime, base64, csv, io, hashlib, zlib, gzip, bz2, lzma, binascii, hmac, unicodedata, uuid, pickle, copy, difflib, heapq, bisect, operator, enum, dataclasses, typing, urllib.parse, html, configparser, ast, locale, calendar
d = {'a': [1, 2.5, None, True, 'é\n'], 'b': {'c': 1e100, 'd': -0.0}}; s = json.dumps(d, indent=1, sort_keys=True); print(s, json.loads(s) == d)
print(re.findall(r'(\w+)@(\w+)\.com', 'a@b.com, cc@dd.com'), re.sub(r'(?P<x>\d+)', lambda m: str(int(m['x']) * 2), 'a1b22'), re.split(r'[,;]\s*', 'a, b;c'), re.match(r'(?i)HELLO', 'hello').span(), re.fullmatch(r'(a|b)*c', 'ababc') is not None)
print(struct.pack('<IhdQ', 1, -2, 3.5, 2**63).hex(), struct.unpack('>f', b'\x40\x49\x0f\xdb'), base64.b64encode(b'hello'), binascii.crc32(b'x'), zlib.adler32(b'x'), hmac.new(b'k', b'm', 'sha256').hexdigest(), uuid.uuid5(uuid.NAMESPACE_DNS, 'x'))
data = bytes(range(256)) * 400
for h in ('md5', 'sha1', 'sha256', 'sha512', 'sha3_256', 'blake2b', 'blake2s'): print(h, hashlib.new(h, data).hexdigest())
for m in (zlib, gzip, bz2, lzma): c = m.compress(data); print(m.__name__, m.decompress(c) == data, len(c) if m is not gzip else '')
print(datetime.datetime(2024, 2, 29, 12, 30) + datetime.timedelta(days=366), datetime.date(2000, 1, 1).strftime('%A %j'), datetime.datetime.fromtimestamp(0, datetime.timezone.utc).isoformat(), unicodedata.name('é'), 'ß'.upper(), 'İ'.lower(), 'naïve'.encode('utf-16').hex(), b'\xff'.decode('latin-1'), '日本'[::-1])
w = csv.writer(o := io.StringIO()); w.writerow([1, 'a,b', 'q"q']); print(o.getvalue(), collections.Counter('mississippi').most_common(2), list(itertools.permutations('abc', 2))[:3], functools.reduce(operator.mul, range(1, 10)), pickle.loads(pickle.dumps(d)) == d, textwrap.fill('word ' * 20, 30), urllib.parse.quote('a b/é'), html.escape('<&>'), ast.literal_eval('[1, (2,)]'), calendar.month(2024, 2))
print('\n'.join(difflib.unified_diff(['a', 'b'], ['a', 'c'], lineterm='')), sorted('hello'), heapq.nsmallest(2, [3, 1, 2]), bisect.bisect([1, 3, 5], 4))`),
  python('files and the system', raw`
import os, sys, stat, tempfile, shutil, glob, pathlib, time, errno, fcntl, mmap, signal, resource, select, platform, getpass, io, array
p = pathlib.Path('x/y'); p.mkdir(parents=True); (p / 'f.txt').write_text('hello\nworld\n'); print(sorted(str(q) for q in pathlib.Path('.').rglob('*')), (p / 'f.txt').stat().st_size, open('x/y/f.txt').readlines())
os.symlink('y', 'x/l'); os.link('x/y/f.txt', 'h'); print(os.readlink('x/l'), os.stat('h').st_nlink, os.path.realpath('x/l').endswith('x/y'), os.path.islink('x/l'), oct(os.stat('h').st_mode)); os.utime('h', ns=(1, 123456789)); print(os.stat('h').st_mtime_ns); os.chmod('h', 0o400); print(oct(stat.S_IMODE(os.stat('h').st_mode)))
for f in (lambda: open('no'), lambda: os.rmdir('x'), lambda: os.mkdir('x'), lambda: open('x'), lambda: os.listdir('h'), lambda: os.kill(999999, 0), lambda: os.close(99), lambda: os.read(1000, 1)):
    try: f()
    except OSError as e: print(type(e).__name__, errno.errorcode[e.errno], e)
with open('m', 'wb') as f: f.write(b'\0' * 8192)
with open('m', 'r+b') as f:
    with mmap.mmap(f.fileno(), 0) as m: m[4096:4101] = b'hello'; print(m.find(b'hello')); m.flush()
print(open('m', 'rb').read()[4096:4101]); f = open('h'); fcntl.flock(f, fcntl.LOCK_EX); fcntl.lockf(open('m', 'r+'), fcntl.LOCK_EX); print(fcntl.fcntl(f, fcntl.F_GETFD))
r, w = os.pipe(); os.write(w, b'abc'); print(select.select([r], [], [], 0)[0] == [r], os.read(r, 10)); q = select.poll(); q.register(r, select.POLLIN); print(q.poll(10)); e = select.epoll(); e.register(w, select.EPOLLOUT); print([x[1] for x in e.poll(1)])
signal.signal(signal.SIGALRM, lambda s, f: print('alarm', s)); signal.setitimer(signal.ITIMER_REAL, 0.05); signal.pause(); print(signal.Signals(9).name); t = time.monotonic(); time.sleep(0.05); print(0.04 < time.monotonic() - t < 5)
shutil.copytree('x', 'z'); shutil.rmtree('x'); print(sorted(os.listdir('.')), sorted(glob.glob('z/*'))); print(sys.version_info[:2], os.name, sys.platform, platform.machine(), os.environ['TZ'], os.getcwd() == str(pathlib.Path.cwd()), sys.maxsize, sys.byteorder)
with tempfile.NamedTemporaryFile(dir='.') as t: t.write(b'x'); t.flush(); print(os.path.getsize(t.name)); print(resource.getrlimit(resource.RLIMIT_CORE)[0] <= 0 or True, os.cpu_count() > 0, os.sysconf('SC_PAGE_SIZE'), len(os.urandom(8)))
os.truncate('m', 100); print(os.path.getsize('m')); os.rename('m', 'n'); os.replace('n', 'h'); print(os.path.getsize('h')); print(os.pread(os.open('h', os.O_RDWR), 5, 0), os.access('h', os.R_OK), os.umask(0o22)); sys.stderr.write('err\n'); sys.exit(7)`),
  python('processes', raw`
import os, subprocess, sys, signal, time
print(subprocess.run(['echo', 'hi'], capture_output=True, text=True).stdout, subprocess.run('cat; exit 3', shell=True, input=b'in').returncode, flush=True); print(subprocess.check_output('seq 3 | wc -l', shell=True))
try: subprocess.run(['sleep', '5'], timeout=0.1)
except subprocess.TimeoutExpired as e: print('timeout')
try: subprocess.run(['nosuch'])
except FileNotFoundError as e: print(e)
try: subprocess.run(['false'], check=True)
except subprocess.CalledProcessError as e: print(e)
p = subprocess.Popen(['cat'], stdin=subprocess.PIPE, stdout=subprocess.PIPE); print(p.communicate(b'x' * 200000)[0] == b'x' * 200000, p.returncode); p = subprocess.Popen(['sleep', '9']); p.terminate(); print(p.wait()); p = subprocess.Popen('kill -9 $$', shell=True); print(p.wait())
pid = os.fork()
if pid == 0: os._exit(5)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])); r, w = os.pipe()
if os.fork() == 0: os.close(r); os.write(w, b'child'); os._exit(0)
os.close(w); print(os.read(r, 100), os.wait()[1]); print(os.system('exit 2') >> 8); print(os.popen('echo popen').read())
print(subprocess.run([sys.executable, '-c', 'import sys; print(sys.argv); sys.exit(4)', 'a b'], start_new_session=True).returncode, flush=True); out = subprocess.Popen('echo out; echo err >&2', shell=True, stderr=subprocess.STDOUT, stdout=subprocess.PIPE).communicate(); print(out); os.execvp('echo', ['echo', 'exec'])`),
  python('threads and asyncio', raw`
import threading, queue, concurrent.futures, asyncio, time
n = 0; lock = threading.Lock()
def work():
    global n
    for _ in range(2000):
        with lock: n += 1
ts = [threading.Thread(target=work) for _ in range(8)]; [t.start() for t in ts]; [t.join() for t in ts]; print(n)
q = queue.Queue(); threading.Thread(target=lambda: [q.put(i) for i in range(100)]).start(); print(sum(q.get() for _ in range(100)))
with concurrent.futures.ThreadPoolExecutor(4) as ex: print(list(ex.map(lambda x: x * x, range(10))))
e = threading.Event(); threading.Timer(0.05, e.set).start(); print(e.wait(5)); b = threading.Barrier(3); r = []; ts = [threading.Thread(target=lambda i=i: (b.wait(), r.append(i))) for i in range(3)]; [t.start() for t in ts]; [t.join() for t in ts]; print(sorted(r)); print(lock.acquire(timeout=0.1), lock.acquire(timeout=0.05))
async def sub(): p = await asyncio.create_subprocess_exec('echo', 'async', stdout=asyncio.subprocess.PIPE); return (await p.communicate())[0]
async def main(): print(await asyncio.gather(*(asyncio.sleep(0.01 * i, i) for i in (3, 1, 2)))); print(await sub()); print(await asyncio.wait_for(asyncio.to_thread(lambda: 'thread'), 5))
asyncio.run(main()); l = threading.local(); l.x = 1; print(threading.active_count(), threading.current_thread().name); s = threading.Semaphore(2); print(s.acquire(), s.acquire(), s.acquire(blocking=False))`),
  python('multiprocessing', raw`
import multiprocessing as mp, os
def f(x): return x * x
def child(q, e, v, a):
    e.wait(); q.put(('hello', os.getpid() != os.getppid()))
    with v.get_lock(): v.value += 5
    a[2] = 7
with mp.Pool(3) as p: print(p.map(f, range(20))); print(p.apply_async(f, (9,)).get(10))
q = mp.Queue(); e = mp.Event(); v = mp.Value('i', 1); a = mp.Array('d', 4); p = mp.Process(target=child, args=(q, e, v, a)); p.start(); e.set(); print(q.get(timeout=10)); p.join(); print(p.exitcode, v.value, list(a))
c1, c2 = mp.Pipe(); c1.send({'k': [1]}); print(c2.recv()); l = mp.Lock(); print(l.acquire()); s = mp.Semaphore(2); print(s.acquire())
from multiprocessing import shared_memory; m = shared_memory.SharedMemory(create=True, size=100); m.buf[0] = 9; n = shared_memory.SharedMemory(m.name); print(n.buf[0]); n.close(); m.close(); m.unlink()`),
  python('sockets on loopback', raw`
import socket, threading, socketserver, http.server, urllib.request, os, selectors, ssl
s = socket.create_server(('127.0.0.1', 0)); port = s.getsockname()[1]
def serve():
    c, a = s.accept(); print('accepted', a[0]); d = c.recv(100); c.sendall(d.upper()); c.close()
t = threading.Thread(target=serve); t.start(); c = socket.create_connection(('127.0.0.1', port)); c.sendall(b'hello'); print(c.recv(100), c.recv(100)); t.join(); c.close(); s.close()
a, b = socket.socketpair(); a.send(b'x'); print(b.recv(5)); socket.send_fds(a, [b'f'], [0]); print(len(socket.recv_fds(b, 10, 2)[1])); a.shutdown(socket.SHUT_WR); print(b.recv(1))
u = socket.socket(socket.AF_UNIX); u.bind('sock'); u.listen(1); v = socket.socket(socket.AF_UNIX); v.connect('sock'); w, _ = u.accept(); v.send(b'unix'); print(w.recv(10), os.path.exists('sock')); x = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); x.bind(('127.0.0.1', 0)); y = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); y.sendto(b'dgram', x.getsockname()); print(x.recvfrom(100)[0])
try: socket.create_connection(('127.0.0.1', 1))
except OSError as e: print(e)
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self): self.send_response(200); self.send_header('Content-Length', '3'); self.end_headers(); self.wfile.write(b'web')
    def log_message(self, *a): pass
h = http.server.HTTPServer(('127.0.0.1', 0), H); threading.Thread(target=h.serve_forever, daemon=True).start(); print(urllib.request.urlopen('http://127.0.0.1:%d/' % h.server_port).read()); h.shutdown(); print(socket.inet_aton('1.2.3.4'), socket.htons(1), x.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE)); x.settimeout(0.05)
try: x.recv(1)
except TimeoutError as e: print(e)`),
  python('sqlite3', raw`
import sqlite3
c = sqlite3.connect('t.db'); c.execute('create table t(a integer primary key, b text, c real, d blob)'); c.executemany('insert into t(b, c, d) values (?, ?, ?)', [(f'n{i}', i / 7, bytes([i % 256])) for i in range(2000)]); c.commit()
print(c.execute('select count(*), sum(c), min(b), max(length(d)) from t').fetchone(), c.execute('select b from t where a = 1500').fetchall()); c.execute('create index i on t(b)'); print(c.execute('select a, c from t where b = ?', ('n77',)).fetchone()); c.create_function('f', 1, lambda x: x * 2); print(c.execute('select f(21)').fetchone())
try: c.execute('insert into t(a) values (1)')
except sqlite3.IntegrityError as e: print(e)
c.close(); c = sqlite3.connect('t.db'); print(c.execute('pragma integrity_check').fetchone(), c.execute('select group_concat(b) from (select b from t limit 5)').fetchone())`),
  python('errors end as they do', raw`
import sys, os, faulthandler, traceback, resource
print('before'); sys.stdout.flush()
try: x = bytearray(1 << 45)
except MemoryError: print('MemoryError')
def r(n): return r(n + 1)
try: r(0)
except RecursionError as e: print(e)
if os.fork() == 0: os.abort()
print(os.wait()[1]); sys.stdout.flush()
if os.fork() == 0: import ctypes; ctypes.string_at(0)
print(os.wait()[1]); sys.stdout.flush()
import ctypes; libc = ctypes.CDLL(None); print(libc.strlen(b'four'), libc.abs(-3)); compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))(lambda a, b: a[0] - b[0]); v = (ctypes.c_int * 4)(3, 1, 4, 2); libc.qsort(v, 4, 4, compare); print(list(v))
raise ValueError('at the end')`),

  perl('language', raw`
use strict; use warnings; use List::Util qw(sum max first shuffle); use Data::Dumper; use POSIX qw(floor strftime fmod); use Scalar::Util qw(blessed); use Time::Local;
my %h = map { $_ => ord } qw(a b c); $Data::Dumper::Sortkeys = 1; print Dumper(\%h); print join(',', sort { $h{$b} <=> $h{$a} } keys %h), "\n"; my @a = map { $_ ** 2 } grep { $_ % 2 } 1 .. 9; print "@a ", sum(@a), " ", max(@a), "\n";
my $s = "The quick brown fox"; (my $t = $s) =~ s/(\w+)/\u\L$1/g; print "$t ", scalar reverse($s), " ", join('|', $s =~ /(\w)\w*/g), "\n"; while ($s =~ /(?<w>o\w)/g) { print pos($s), $+{w}, " " } print "\n"; printf "%.10g %e %5s|%-5s|%03d %x %b %s\n", 1/3, 12345.678, 'a', 'b', 7, 255, 10, 1e21; print 0.1 + 0.2, " ", 1e15 + 0.3, " ", 2**53, " ", 10 / 3, " ", -7 % 3, " ", int(-3.7), " ", "10" + "20", " ", "abc" x 2, " ", 9**20, " ", sqrt(2), " ", atan2(1, 1) * 4, "\n";
print strftime('%Y-%m-%d', gmtime(0)), " ", floor(-1.5), " ", fmod(7, 3), " ", timegm(0, 0, 0, 1, 0, 100), "\n"; my $r = { list => [1, { x => 2 }], code => sub { $_[0] + 1 } }; print $r->{list}[1]{x}, $r->{code}->(4), "\n"; local $@; eval { die { code => 5 } }; print $@->{code}, "\n"; eval { die "text\n" }; print $@; eval { my $x = 1 / 0 }; print $@; print sprintf('%vd', '1.22.333'), " ", pack('NnC', 1, 2, 3) eq "\0\0\0\1\0\2\3" ? 'ok' : 'no', " ", unpack('H*', pack('d>', 1.5)), " ", join(',', unpack('(A2)*', 'aabbcc')), "\n"; my @s = sort { $a <=> $b } map { ($_ * 7919) % 1009 } 1 .. 1000; print "$s[0] $s[500] $s[-1]\n"; print "\x{e9}" eq chr(233) ? "u\n" : "n\n"; print lc("ABC"), ucfirst("x"), length("é"), index("hello", "l"), substr("hello", 1, 3), "\n"; warn "warning\n"; print STDERR "err\n"; my $c = 0; $c += $_ for 1 .. 100000; print "$c\n"; exit 9`),
  perl('files and processes', raw`
use strict; use warnings; use File::Temp; use File::Find; use File::Path qw(make_path remove_tree); use File::Basename; use Cwd; use Fcntl qw(:flock); use IO::Handle; use IPC::Open3; use Socket; use Digest::MD5 qw(md5_hex); use Digest::SHA qw(sha256_hex); use MIME::Base64; use Storable; use Time::HiRes qw(sleep time); $| = 1;
make_path('a/b'); open(my $f, '>', 'a/b/f') or die; print $f "line $_\n" for 1 .. 5; close $f; open($f, '<', 'a/b/f'); my @l = <$f>; close $f; print scalar(@l), " $l[-1]"; my @found; find(sub { push @found, $File::Find::name }, 'a'); print join(' ', sort @found), "\n"; print -s 'a/b/f', " ", -d 'a' ? 'd' : '', " ", basename('x/y.c', '.c'), "\n"; rename 'a/b/f', 'g'; unlink 'nofile' or print "$!\n"; print md5_hex('x'), sha256_hex('y'), encode_base64('hello'); my $o = \`echo out; exit 3\`; print $o, $? >> 8, "\n"; system('echo sys'); open(my $p, '-|', 'seq 3') or die; print <$p>; close $p; open($p, '|-', 'tr a-z A-Z'); print $p "piped\n"; close $p; my $pid = fork; if (!$pid) { exit 6 } waitpid $pid, 0; print $? >> 8, "\n"; pipe(my $r, my $w); if (!fork) { close $r; print $w "from child\n"; exit } close $w; print <$r>; wait; local $SIG{ALRM} = sub { die "alarm\n" }; eval { alarm 1; select(undef, undef, undef, 5); }; print $@; local $SIG{USR1} = sub { print "usr1\n" }; kill USR1 => $$; my $k = open3(my $in, my $out, undef, 'cat'); print $in "o3\n"; close $in; print <$out>; waitpid $k, 0; opendir my $d, '.'; print join(' ', sort grep { !/^\./ } readdir $d), "\n"; store { a => 1 }, 'st'; print retrieve('st')->{a}, "\n"; flock(STDIN, LOCK_SH); print "locked\n"; remove_tree('a'); print -e 'a' ? 'there' : 'gone', "\n"; $0 = 'renamed'; print "$ENV{TZ}\n"; socketpair(my $x, my $y, AF_UNIX, SOCK_STREAM, 0) or die "$!"; syswrite $x, "sock\n"; sysread $y, my $buf, 10; print $buf; die "end of file"`),

  ...PYTHON_BENCH.map((name): Row => ({ name: `python3: the bench's ${name}`, needs: [], shell: ['/usr/bin/python3', '-I', '-S', '-c'], script: bench(`python/${name}.py`) })),
  ...['fib', 'nbody', 'strings'].map((name): Row => ({ name: `lua5.4: the bench's ${name}`, needs: ['lua5.4'], shell: ['/usr/bin/lua5.4', '-e'], script: bench(`lua/${name}.lua`) })),
  { ...perl('the bench\'s', bench('program.pl')), slow: true },
  slow('sqlite3: the bench\'s', 'sqlite3', `sqlite3 :memory: <<'END'\n${bench('speedtest.sql')}END`),
  tool('zstd and bzip2', 'zstd bzip2 seq sha256sum', raw`
seq 40000 | sed 's/7/seven /' > text
for level in 1 3 9; do zstd -q -$level -c text | sha256sum; done; zstd -q --single-thread --ultra -20 -c text > text.zst; zstd -q -d -c text.zst | cmp - text && echo same; zstd -q -t text.zst; echo $?
for level in 1 9; do bzip2 -$level -c text | sha256sum; done; bzip2 -k text; bzip2 -t text.bz2; bunzip2 -c text.bz2 | cmp - text && echo same; echo damaged | bzip2 -d; echo $?; head -c 1000 text.bz2 | bzip2 -dc 2>/dev/null | wc -c`),
  tool('openssl', 'openssl seq', raw`
seq 30000 > text
for digest in md5 sha1 sha256 sha512 sha3-256 blake2b512; do openssl dgst -$digest text; done; openssl dgst -sha256 -hmac key text
for cipher in aes-128-cbc aes-256-ctr chacha20 camellia-128-cbc; do openssl enc -$cipher -K 000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f -iv 0f0e0d0c0b0a09080706050403020100 -in text -out text.$cipher 2>/dev/null && openssl dgst -sha256 text.$cipher; done
openssl enc -d -aes-128-cbc -K 000102030405060708090a0b0c0d0e0f -iv 0f0e0d0c0b0a09080706050403020100 -in text.aes-128-cbc 2>/dev/null | cmp - text && echo same
openssl prime -generate -bits 64 > /dev/null && openssl prime 1000000007 1000000008; openssl base64 -in text | tail -1`),
];
