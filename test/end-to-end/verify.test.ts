/** `cloister verify` and `cloister collateral` as a user has them, over forged platforms. */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { verifyEar } from '../../src/attestation/token/index.ts';
import { forgeAmd } from '../attestation/forge/amd.ts';
import { forgeIntel } from '../attestation/forge/intel.ts';

const cloister = new URL('../../bin/cloister', import.meta.url).pathname;
const place = mkdtempSync(join(tmpdir(), 'cloister-verify-'));
const env = { ...process.env, XDG_CACHE_HOME: join(place, 'cache') };
const AT = ['--at', '2026-01-15T12:00:00Z'];

const file = (name: string, content: string | Uint8Array): string => {
  writeFileSync(join(place, name), content);
  return join(place, name);
};
const verify = (...words: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync(cloister, ['verify', ...words], { cwd: place, env, encoding: 'utf8', timeout: 60_000 });
  return { status, stdout, stderr };
};

const intel = forgeIntel({ tee: 'tdx' });
const quote = file('quote.bin', intel.evidence);
const bundle = file('bundle.json', JSON.stringify(intel.bundle));
const root = file('root.pem', intel.roots[0]);

describe('cloister verify', () => {
  after(() => rmSync(place, { recursive: true, force: true }));

  test('accepted: 0, with a tree for people; the same by standard input', () => {
    const { status, stdout, stderr } = verify(quote, '--collateral', bundle, '--root', root, ...AT);
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout, /^ACCEPTED {2}TDX/);
    assert.match(stdout, /└─ unchecked by the policy\n {3}├─ .*measurement/);
    const hex = spawnSync(cloister, ['verify', '-', '--collateral', bundle, '--root', root, ...AT], { env, input: Buffer.from(intel.evidence).toString('hex'), encoding: 'utf8' });
    assert.equal(hex.status, 0, hex.stdout + hex.stderr);
  });

  test('refused: 1, every failure with its code, as JSON of exactly these members', () => {
    const { status, stdout } = verify(quote, '--collateral', bundle, '--json', '--report-data', '00'.repeat(64), ...AT);
    assert.equal(status, 1);
    const verdict = JSON.parse(stdout);
    assert.deepEqual(Object.keys(verdict), ['tee', 'accepted', 'tcbStatus', 'tcbDate', 'advisories', 'failures', 'claims']);
    assert.equal(verdict.tee, 'tdx');
    assert.equal(verdict.accepted, false);
    const codes = verdict.failures.map(({ code }: { code: string }) => code);
    for (const code of ['pck-root', 'report-data']) assert.ok(codes.includes(code), code);
  });

  test('unreadable: 2, for evidence, collateral, policy and time', () => {
    for (const words of [
      [join(place, 'nowhere')],
      [root],
      [quote, '--collateral', join(place, 'nowhere')],
      [quote, '--collateral', file('empty', '')],
      [quote, '--policy', file('bad.yaml', 'debug: [')],
      [quote, '--policy', file('short.yaml', 'debug: refused')],
      [quote, '--collateral', bundle, '--at', 'yesterday'],
      [quote, '--collateral', bundle, '--at', '2025-02-30'],
    ]) {
      const { status, stderr } = verify(...words);
      assert.equal(status, 2, `${words.join(' ')}: ${stderr}`);
      assert.match(stderr, /^cloister: /);
      assert.doesNotMatch(stderr, /\n {4}at /);
    }
  });

  test('unreadable: 2 as well for a folder without permission, and for an audit log that is not there', () => {
    const folder = join(place, 'locked');
    mkdirSync(folder);
    writeFileSync(join(folder, 'bundle.json'), JSON.stringify(intel.bundle));
    chmodSync(folder, 0);
    // Root may read it: then a link that leads nowhere.
    if (process.getuid?.() === 0) symlinkSync(join(place, 'nowhere'), join(folder, 'link'));
    const { status, stdout, stderr } = verify(quote, '--collateral', folder, '--json');
    chmodSync(folder, 0o700);
    assert.equal(status, 2, stderr);
    assert.match(JSON.parse(stdout).error, /^cannot read .*: E(?:ACCES|NOENT)$/);
    for (const path of [join(place, 'nowhere'), place]) {
      const audit = spawnSync(cloister, ['audit', 'verify', path, '--json'], { env, encoding: 'utf8' });
      assert.equal(audit.status, 2, audit.stderr);
      assert.match(JSON.parse(audit.stdout).error, /^cannot read /);
    }
  });

  test("a folder may hold links to files, as mounted secrets do, and hidden files that are nobody's", () => {
    const folder = join(place, 'linked');
    mkdirSync(folder);
    writeFileSync(join(folder, '.DS_Store'), 'nothing');
    symlinkSync(bundle, join(folder, 'bundle.json'));
    assert.equal(verify(quote, '--collateral', folder, '--root', root, ...AT).status, 0);
    writeFileSync(join(folder, 'README'), 'nothing');
    const refused = verify(quote, '--collateral', folder, '--root', root, ...AT);
    assert.equal(refused.status, 1);
    assert.match(refused.stdout, /collateral-format: .*README is not what collateral consists of/);
  });

  test('a folder of responses is collateral as well, and a policy in YAML decides', () => {
    const folder = join(place, 'folder');
    mkdirSync(folder);
    const { bundle: parts } = intel;
    writeFileSync(join(folder, 'tcb.json'), `{"tcbInfo":${parts.tcb_info},"signature":"${parts.tcb_info_signature}"}`);
    writeFileSync(join(folder, 'identity'), `{"enclaveIdentity":${parts.qe_identity},"signature":"${parts.qe_identity_signature}"}`);
    writeFileSync(join(folder, 'pck.crl'), Buffer.from(parts.pck_crl as string, 'hex'));
    writeFileSync(join(folder, 'root.crl'), parts.root_ca_crl as string);
    writeFileSync(join(folder, 'chain.pem'), encodeURIComponent(parts.tcb_info_issuer_chain as string));
    const policy = (measurement: string): string => file('policy.yaml', `base: authentic\ntee: [tdx]\nroots: [root.pem]\nmeasurement: ["${measurement}"]\n`);
    assert.equal(verify(quote, '--collateral', folder, '--policy', policy('cc'.repeat(48)), ...AT).status, 0);
    const refused = verify(quote, '--collateral', folder, '--policy', policy('cd'.repeat(48)), ...AT);
    assert.equal(refused.status, 1);
    assert.match(refused.stdout, /✗ policy\n│ {2}└─ measurement: /);
  });

  test('an EAR token says the same, and verifies with the key set that is written beside it', async () => {
    const key = file('ear.pem', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'pem', type: 'pkcs8' }));
    const set = join(place, 'jwks.json');
    const day = 86_400_000;
    const dates = { thisUpdate: new Date(Date.now() - day), nextUpdate: new Date(Date.now() + 30 * day) };
    const issued = (json: Record<string, string>): void => void Object.assign(json, { issueDate: `${dates.thisUpdate.toISOString().slice(0, 19)}Z`, nextUpdate: `${dates.nextUpdate.toISOString().slice(0, 19)}Z` });
    const today = forgeIntel({ tee: 'tdx', rootCrl: dates, pckCrl: dates, tcbInfo: issued, identity: issued });
    const given = [file('today.bin', today.evidence), '--collateral', file('today.json', JSON.stringify(today.bundle)), '--root', file('today.pem', today.roots[0])];
    const refused = verify(...given, '--ear', key, '--jwks', set, '--nonce', '00');
    assert.equal(refused.status, 1, `there is no TPM quote over the nonce: ${refused.stderr}`);
    const opened = await verifyEar(refused.stdout.trim(), JSON.parse(readFileSync(set, 'utf8')), new Date());
    assert.ok('payload' in opened, JSON.stringify(opened));
    assert.equal(opened.payload.eat_nonce, '00');
    const good = verify(...given, '--ear', key);
    assert.equal(good.status, 0, good.stdout + good.stderr);
    const claims = JSON.parse(Buffer.from(good.stdout.split('.')[1], 'base64url').toString()).submods.cpu0;
    assert.equal(claims['ear.status'], 'affirming');
    assert.equal(verify(quote, '--collateral', bundle, '--ear', root).status, 2);
    for (const [words, what] of [
      [['--ear', key, ...AT], /--ear and --at do not go together/],
      [['--ear', key, '--json'], /--ear and --json do not go together/],
      [['--jwks', join(place, 'unwritten.json')], /--jwks needs --ear/],
    ] as const) {
      const { status, stdout, stderr } = verify(quote, '--collateral', bundle, '--root', root, ...words);
      assert.equal(status, 110, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, what);
    }
    assert.ok(!existsSync(join(place, 'unwritten.json')));
  });

  test('without a network it says what to do', () => {
    const { status, stderr } = verify(quote, '--pcs', 'http://127.0.0.1:9');
    assert.equal(status, 2);
    assert.match(stderr, /cannot be fetched.*127\.0\.0\.1:9[\s\S]*--collateral/);
  });

  test('who answers without an end is not listened to', async () => {
    let sent = 0;
    const server = createServer((_, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(1 << 16))) sent += 1 << 16;
      };
      response.on('drain', more).on('error', () => {});
      more();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      for (const words of [[address], [quote, '--pcs', address]]) {
        sent = 0;
        const child = spawn(cloister, ['verify', ...words], { cwd: place, env });
        let text = '';
        child.stderr.on('data', (data) => (text += data));
        const status = await new Promise((resolve) => child.on('close', resolve));
        assert.equal(status, 2, text);
        assert.match(text, /answers more than 8388608 bytes/);
        assert.ok(sent < 64 << 20, `${sent} bytes`);
      }
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  test('collateral is fetched from a service, kept, and exported for a machine without one', async () => {
    const forged = forgeAmd({ product: 'Genoa' });
    let asked = 0;
    const server = createServer((request, response) => {
      asked++;
      const name = request.url?.includes('cert_chain') ? 'cert_chain' : request.url?.includes('/crl') ? 'crl' : 'vek.der';
      const found = forgeAmd({ product: 'Genoa', crl: {} }).files.find((entry) => entry.name === name);
      response.writeHead(found === undefined ? 404 : 200).end(found?.bytes);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const kds = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const run = (...words: readonly string[]): Promise<number | null> =>
      new Promise((resolve) => {
        const child = spawn(cloister, words, { cwd: place, env, stdio: 'ignore' });
        child.on('exit', resolve);
      });
    try {
      const [report, ark, output] = [file('report.bin', forged.evidence), file('ark.pem', forged.roots[0]), join(place, 'amd.json')];
      assert.equal(await run('verify', report, '--kds', kds, '--root', ark, ...AT), 0);
      assert.equal(asked, 3);
      assert.equal(await run('collateral', report, '--kds', kds, '-o', output), 0);
      assert.equal(asked, 3);
      assert.equal(verify(report, '--collateral', output, '--root', ark, ...AT).status, 0);
      assert.ok(readFileSync(output, 'utf8').includes('cert_chain'));
    } finally {
      server.close();
    }
  });

  test('the revocation list is fetched for evidence that brings its certificates, too; what cannot be had is not passed over', async () => {
    const forged = forgeAmd({ vlek: true, vek: { serial: 77 }, crl: { revoked: [77] } });
    const part = (name: string): Uint8Array => forged.files.find((entry) => entry.name === name)?.bytes ?? new Uint8Array();
    let list: Uint8Array | string = part('crl');
    const server = createServer((request, response) => void response.end(request.url?.endsWith('/crl') ? list : part('cert_chain')));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const kds = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const envelope = {
      format: 'cloister-evidence-v1',
      tee: 'snp',
      quote: Buffer.from(forged.evidence).toString('base64'),
      certificates: [Buffer.from(part('vek.der')).toString('base64'), Buffer.from(part('cert_chain')).toString('base64')],
    };
    const given = [file('vlek.json', JSON.stringify(envelope)), '--root', file('ark.pem', forged.roots[0]), ...AT];
    const run = (...words: readonly string[]): Promise<{ status: number | null; text: string }> =>
      new Promise((resolve) => {
        const child = spawn(cloister, ['verify', ...given, ...words], { cwd: place, env: { ...env, XDG_CACHE_HOME: join(place, 'cache-of-revocation') } });
        let text = '';
        for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (text += data));
        child.on('close', (status) => resolve({ status, text }));
      });
    try {
      list = '<html>429 Too Many Requests</html>';
      const page = await run('--kds', kds);
      assert.equal(page.status, 2, page.text);
      assert.match(page.text, /\/vlek\/v1\/Milan\/crl answers something else than what is published there[\s\S]*--offline/);
      list = part('crl');
      const revoked = await run('--kds', kds);
      assert.equal(revoked.status, 1, revoked.text);
      assert.match(revoked.text, /snp-revoked/);
      const offline = await run('--offline');
      assert.equal(offline.status, 0, offline.text);
      assert.match(offline.text, /\? revocation not checked/);
    } finally {
      server.close();
    }
  });
});
