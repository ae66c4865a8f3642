/** The command line as a user has it, over programs of this machine. Each test says what it needs and skips without it. */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

const cloister = new URL('../../bin/cloister', import.meta.url).pathname;
const place = mkdtempSync(join(tmpdir(), 'cloister-cli-'));
const instance = join(place, 'hello');
const env = { ...process.env, CLOISTER_STATE: join(place, 'state') };
const PROGRAMS = ['date', 'bash', 'cat', 'ls', 'head', 'sleep', 'true', 'env'];

interface Result {
  readonly code: number | null;
  readonly signal: string | null;
  readonly output: string;
  readonly error: string;
}

function run(words: readonly string[], input = '', directory = instance): Result {
  const { status, signal, stdout, stderr } = spawnSync(cloister, words, { cwd: directory, env, input, encoding: 'utf8', timeout: 120_000, maxBuffer: 1 << 26 });
  return { code: status, signal, output: stdout, error: stderr };
}

const inside = (script: string, input = ''): Result => run(['run', '-q', '/bin/bash', '-c', script], input);

describe('cloister', { skip: existsSync('/bin/bash') && process.arch === 'x64' ? false : 'needs the programs of an x86-64 Linux' }, () => {
  before(() => {
    assert.equal(run(['new', 'hello'], '', place).code, 0);
    for (const name of PROGRAMS) copyFileSync(realpathSync(join('/bin', name)), join(instance, 'image/bin', name));
    writeFileSync(join(instance, 'image/bin/script'), '#!/bin/none\n', { mode: 0o755 });
    symlinkSync('/lib64/ld-linux-x86-64.so.2', join(instance, 'image/bin/escape'));
    symlinkSync('bash', join(instance, 'image/bin/sh'));
    const built = run(['build']);
    assert.equal(built.code, 0, built.error);
  });
  after(() => rmSync(place, { recursive: true, force: true }));

  test('the same build twice is the same measurement; print and package agree', () => {
    const first = run(['print', 'measurement']).output;
    assert.match(first, /^[0-9a-f]{96}\n$/);
    assert.equal(JSON.parse(run(['build', '--json']).output).measurement, first.trim());
    // The same tree elsewhere, later, is the same bytes; whoever builds with a P-256 key signs once.
    const bytes = (directory: string): string[] =>
      ['image.sealed', 'configuration.json', 'manifest.json'].map((name) =>
        createHash('sha256')
          .update(readFileSync(join(directory, 'build', name)))
          .digest('hex'),
      );
    const copy = join(place, 'copy');
    mkdirSync(copy);
    for (const part of ['image', 'cloister.yaml']) assert.equal(spawnSync('cp', ['-a', join(instance, part), copy]).status, 0);
    assert.equal(spawnSync('find', [copy, '-exec', 'touch', '-h', '{}', '+']).status, 0);
    assert.equal(run(['build'], '', copy).code, 0);
    assert.deepEqual(bytes(copy), bytes(instance));
    writeFileSync(join(place, 'p256.pem'), generateKeyPairSync('ec', { namedCurve: 'prime256v1', privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } }).privateKey);
    assert.equal(run(['build', '--sign-key', join(place, 'p256.pem')], '', copy).code, 0);
    const once = bytes(copy);
    assert.notEqual(once[2], bytes(instance)[2]);
    assert.equal(run(['build', '--sign-key', join(place, 'p256.pem')], '', copy).code, 0);
    assert.deepEqual(bytes(copy), once);
    assert.equal(run(['print', 'mrenclave']).output, first);
    assert.equal(run(['package']).code, 113);
    const packed = run(['package', '--debug', join(place, 'hello.tar')]);
    assert.equal(packed.code, 0, packed.error);
    const elsewhere = join(place, 'elsewhere');
    mkdirSync(elsewhere);
    assert.equal(spawnSync('tar', ['-xf', join(place, 'hello.tar'), '-C', elsewhere]).status, 0);
    assert.equal(run(['run', '-q', '/bin/bash', '-c', 'echo moved'], '', elsewhere).output, 'moved\n');
  });

  test("streams and exit codes are the program's own", () => {
    assert.deepEqual(inside('cat; echo problem >&2; exit 3', 'in\0put\xff'), { code: 3, signal: null, output: 'in\0put\xff', error: 'problem\n' });
    assert.equal(inside('kill -TERM $$').code, 143);
    // A reader that goes is SIGPIPE to the program, a disk that is full ENOSPC; told to those who started it, for what was written before is lost.
    const shell = (script: string): Result => {
      const { status, signal, stdout, stderr } = spawnSync('/bin/bash', ['-c', script, cloister], { cwd: instance, env, encoding: 'utf8' });
      return { code: status, signal, output: stdout, error: stderr };
    };
    const endless = '"$0" run -q /bin/bash -c "while echo line; do :; done"';
    assert.deepEqual(shell(`${endless} | head -n 1; echo \${PIPESTATUS[0]}`), { code: 0, signal: null, output: 'line\n141\n', error: '' });
    const told = (why: string): string => `cloister: the program's output: ${why}, write\n`;
    const full = told('ENOSPC: no space left on device');
    const failing = shell(`"$0" run -q /bin/head -c 3000000 /dev/zero > /dev/full`);
    assert.equal(failing.code, 1);
    assert.match(failing.error, /No space left on device/);
    assert.deepEqual(shell(`"$0" run -q /bin/bash -c 'echo x' > /dev/full`), { code: 119, signal: null, output: '', error: full });
    assert.deepEqual(shell(`"$0" run -q /bin/bash -c 'echo x; exit 3' > /dev/full`), { code: 3, signal: null, output: '', error: full });
    assert.deepEqual(shell(`"$0" run -q /bin/bash -c 'echo x' >&-`), { code: 119, signal: null, output: '', error: told('EBADF: bad file descriptor') });
    assert.equal(run(['run', '-q', '/bin/nothing']).code, 127);
    // glibc's own dynamic linker takes the processor for what it is said to be.
    assert.match(inside('/lib64/ld-linux-x86-64.so.2 --help').output, /x86-64-v2 \(supported, searched\)/);
    const { code, output } = inside('head -c 3000000 /dev/zero | cat');
    assert.equal(code, 0);
    assert.equal(output.length, 3_000_000);
  });

  test('output of the commands themselves: a reader that goes ends them silently, a full disk is told', () => {
    const shell = (script: string): string => {
      const { stdout, stderr } = spawnSync('/bin/bash', ['-c', script, cloister], { cwd: instance, env, encoding: 'utf8' });
      return stdout + stderr;
    };
    assert.equal(shell('"$0" cat :/bin/bash | head -c 3 | tail -c 2; echo " ${PIPESTATUS[0]}"'), 'EL 141\n');
    for (const words of ['--help', 'help run', 'run --help', 'print measurement', 'ls -l :/bin', 'status']) {
      assert.equal(shell(`"$0" ${words} | exec 0<&-; sleep 0.1`), '', words);
      assert.match(shell(`"$0" ${words} > /dev/full; echo $?`), /^119\ncloister: the output cannot be written: ENOSPC/, words);
    }
    assert.match(shell('"$0" print measurement >&-; echo $? >&2'), /cannot be written: EBADF.*\n119\n/);
  });

  test('what is refused, and how', () => {
    assert.equal(run(['run', '-q', '/etc/passwd']).code, 116);
    assert.match(run(['run', '-q', '/bin/escape', '--version']).error, /^cloister: \/bin\/escape leads to \S+\/ld-linux-x86-64\.so\.2, which is not below an entry point/);
    assert.equal(run(['run', '-q', '/bin/sh', '-c', 'exec /bin/escape --version']).code, 0);
    const script = run(['run', '-q', '/bin/script']);
    assert.deepEqual([script.code, script.error], [127, 'cloister: /bin/script: cannot execute: required file /bin/none: No such file or directory\n']);
    assert.match(run(['run', '-q', '-e', 'FOO=1', '/bin/env']).error, /FOO is not let through/);
    for (const words of [['print'], ['cat'], ['cp', 'x'], ['kill'], ['new'], ['seal']]) assert.equal(run(words).code, 110);
    assert.match(run(['print']).error, /^cloister: measurement\|signer\|sim-key is missing\n {2}Usage: cloister print/);
    assert.equal(run(['rnu']).code, 110);
    assert.match(run(['rnu']).error, /Did you mean run\?/);
    assert.equal(run(['build'], '', place).code, 112);
    assert.match(run(['new', "dir with 'spaces'"], '', place).output, /cd 'dir with '\\''spaces'\\''' && cloister build\n$/);
    const packed = run(['package', '--debug', '/nonexistent/x.tar']);
    assert.equal(packed.code, 119);
    assert.match(packed.error, /^cloister: cannot write \/nonexistent\/x\.tar: no such file or directory\n/);
    assert.equal(run(['cp', 'nope', ':/']).error, 'cloister: cannot read nope: no such file or directory\n');
    const yaml = join(instance, 'cloister.yaml');
    const good = readFileSync(yaml, 'utf8');
    writeFileSync(yaml, good.replace('memory:', 'memroy:'));
    const wrong = run(['build']);
    assert.equal(wrong.code, 111);
    assert.match(wrong.error, /cloister\.yaml:\d+:3: resources\.memroy: there is no such key; did you mean memory\?/);
    assert.equal(run(['run', '-q', '/bin/true']).code, 114);
    writeFileSync(yaml, good.replace('directory: /', 'directory: /none'));
    assert.equal(run(['build', '--no-deps']).code, 0);
    const nowhere = run(['run', '-q', '/bin/true']);
    assert.equal(nowhere.code, 111);
    assert.match(nowhere.error, /process\.directory in cloister\.yaml: \/none: No such file or directory/);
    writeFileSync(yaml, good);
    assert.equal(run(['build', '--no-deps']).code, 0);
    assert.match(run(['run', '-q', '/bin/true']).error, /\/bin\/true: cannot execute: required file \/lib64\/ld-linux-x86-64\.so\.2: No such file/);
    assert.equal(run(['build']).code, 0);
    assert.equal(run(['run', '-q', '/bin/true']).code, 0);
  });

  test('the writable layer keeps files over runs and builds; cp, ls and cat reach them', () => {
    assert.equal(inside('echo kept > /root/note').code, 0);
    assert.equal(run(['build']).code, 0);
    assert.equal(run(['cat', ':/root/note']).output, 'kept\n');
    writeFileSync(join(place, 'data'), 'secret data\n');
    assert.equal(run(['cp', join(place, 'data'), ':/data/in/']).code, 0);
    assert.equal(run(['ls', ':/data/in']).output, 'data\n');
    assert.equal(inside('cat /data/in/data').output, 'secret data\n');
    assert.equal(run(['cp', ':/data', join(place, 'back')]).code, 0);
    assert.equal(readFileSync(join(place, 'back/in/data'), 'utf8'), 'secret data\n');
    assert.equal(run(['cat', ':/nothing']).code, 119);
  });

  test('a running enclave is shared; signals, ps, kill, stop', async () => {
    assert.equal(run(['status']).code, 118);
    assert.equal(run(['exec', '/bin/true']).code, 118);
    const started = run(['start']);
    assert.equal(started.code, 0, started.error);
    try {
      assert.equal(run(['run', '-q', '/bin/true']).code, 117);
      assert.deepEqual(run(['exec', '/bin/bash', '-c', 'cat; echo x >&2; exit 4'], 'abc'), { code: 4, signal: null, output: 'abc', error: 'x\n' });
      // The client in machine code, and with an option the one in TypeScript.
      for (const option of ['', '-w /']) {
        const lost = spawnSync('/bin/bash', ['-c', `"$0" exec ${option} /bin/bash -c 'echo x' > /dev/full`, cloister], { cwd: instance, env, encoding: 'utf8' });
        assert.deepEqual([lost.status, lost.stderr], [119, "cloister: the program's output: ENOSPC: no space left on device, write\n"]);
        assert.equal(spawnSync('/bin/bash', ['-c', `"$0" exec ${option} /bin/bash -c 'echo x' <&- >&-`, cloister], { cwd: instance, env }).status, 119);
      }
      assert.equal(run(['exec', '/etc/passwd']).code, 116);
      assert.deepEqual(run(['exec', '/bin/nothing']), { code: 127, signal: null, output: '', error: 'cloister: /bin/nothing: No such file or directory\n' });
      assert.equal(run(['exec', '/bin/script']).error, 'cloister: /bin/script: cannot execute: required file /bin/none: No such file or directory\n');
      const sleeper = spawn(cloister, ['exec', '/bin/sleep', '1000'], { cwd: instance, env, stdio: 'ignore' });
      const other = spawn(cloister, ['exec', '/bin/sleep', '1000'], { cwd: instance, env, stdio: 'ignore' });
      const ended = (child: typeof sleeper): Promise<number | null> => new Promise((resolve) => child.once('exit', resolve));
      const exits = [ended(sleeper), ended(other)];
      let rows: { pid: number; name: string }[] = [];
      for (const deadline = Date.now() + 20_000; rows.length < 2 && Date.now() < deadline; ) rows = JSON.parse(run(['ps', '--json']).output);
      assert.deepEqual(
        rows.map(({ name }) => name),
        ['/bin/sleep', '/bin/sleep'],
      );
      sleeper.kill('SIGINT');
      assert.equal(await exits[0], 130);
      rows = JSON.parse(run(['ps', '--json']).output);
      assert.equal(rows.length, 1);
      assert.equal(run(['kill', '-s', 'KILL', String(rows[0].pid)]).code, 0);
      assert.equal(await exits[1], 137);
      assert.equal(run(['kill', '9999']).code, 110);
      assert.equal(run(['cp', cloister, ':/tmp/tool']).code, 0);
      assert.equal(run(['exec', '/bin/cat', '/tmp/tool']).output, readFileSync(cloister, 'utf8'));
      // An option, so it is the client in TypeScript that runs it.
      assert.equal(run(['exec', '-w', '/tmp', '/bin/cat', 'tool']).output, readFileSync(cloister, 'utf8'));
      const status = JSON.parse(run(['status', '--json']).output);
      assert.equal(status.running, true);
      assert.equal(status.memory, status.ffi ? 'ffi' : 'copy');
      assert.ok(status.residentBytes > 2 ** 24 && status.residentBytes < 2 ** 32);
      assert.match(run(['status']).output, /^engine +translator\nmemory .* resident\nffi /m);
    } finally {
      assert.equal(run(['stop']).code, 0);
    }
    assert.equal(run(['status']).code, 118);
    assert.match(run(['logs']).output, /info stopped/);
  });

  test('while a run has the instance, others are told so', async () => {
    const child = spawn(cloister, ['run', '-q', '/bin/bash', '-c', 'echo up; exec sleep 1000'], { cwd: instance, env, stdio: ['ignore', 'pipe', 'ignore'] });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    try {
      for (const words of [['run', '-q', '/bin/true'], ['start'], ['ls'], ['cp', cloister, ':/tmp/']]) {
        const { code, error } = run(words);
        assert.equal(code, 117);
        assert.match(error, new RegExp(`A .run. .* has it, process ${child.pid}: wait for its end`));
      }
      for (const words of [['exec', '/bin/true'], ['exec', '-w', '/', '/bin/true'], ['ps'], ['stop'], ['kill', '1']]) {
        const { code, error } = run(words);
        assert.equal(code, 118);
        assert.match(error, new RegExp(`a .run. has it for its one program\n  .*process ${child.pid}`));
      }
      assert.match(run(['status']).output, /^not running for others/);
    } finally {
      child.kill('SIGTERM');
      await new Promise((resolve) => child.once('exit', resolve));
    }
    assert.match(run(['exec', '/bin/true']).error, /Start it with/);
  });

  test('a layer of another signer: how to read it, and how to begin anew', () => {
    assert.equal(inside('echo old > /root/whose').code, 0);
    assert.equal(run(['build', '--sign-key', join(place, 'p256.pem')]).code, 0);
    const { code, error } = inside('true');
    assert.equal(code, 115);
    const [, layer, record] = /go back to them and build again\. To begin with an empty layer instead, move (\S+) and its record (\S+) away/.exec(error) ?? [];
    assert.ok(layer !== undefined, error);
    const parts = [layer, record];
    for (const part of parts) renameSync(part, `${part}.away`);
    assert.equal(inside('cat /root/whose || echo new > /root/whose').code, 0);
    for (const part of parts) {
      renameSync(part, `${part}.new`);
      renameSync(`${part}.away`, part);
    }
    assert.equal(run(['build']).code, 0);
    assert.equal(inside('cat /root/whose').output, 'old\n');
    // An older layer is told without what is no matter here.
    renameSync(record, `${record}.away`);
    const rolledBack = inside('true');
    assert.equal(rolledBack.code, 114);
    assert.match(rolledBack.error, /Restore the newest copy/);
    assert.doesNotMatch(rolledBack.error, /broker|counter/);
    renameSync(`${record}.away`, record);
  });

  test('kill -9 of a run leaves an instance that runs again', async () => {
    const child = spawn(cloister, ['run', '-q', '/bin/bash', '-c', 'while true; do echo line >> /root/growing; done'], { cwd: instance, env, stdio: 'ignore' });
    await new Promise((resolve) => setTimeout(resolve, 3000));
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    const { code, output, error } = inside('head -n 1 /root/growing 2>/dev/null; echo again');
    assert.equal(code, 0, error);
    assert.match(output, /again\n$/);
  });
});
