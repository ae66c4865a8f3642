/** The console in a headless Chromium: files are dropped on it, an address is asked, and nothing is sent anywhere. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { buildConsole } from '../../console/build.ts';
import { Attester } from '../../src/attestation/attester.ts';
import { SimTee } from '../../src/attestation/sim.ts';
import { serveEvidence } from '../../src/pal/tls/index.ts';
import { memoryDirectory } from '../support/memory-directory.ts';
import { forgeAmd } from '../attestation/forge/amd.ts';
import { BOOT, eventLog, measured } from '../attestation/fixtures/around.ts';
import { forgeIntel } from '../attestation/forge/intel.ts';
import { CHROMIUM, openPage, type Page } from './browser.ts';

const AT = '2026-01-15T12:00:00Z';

/** Serves the page, and evidence over the nonce that it is asked for (or another one). */
function serve(html: string, oldNonce: boolean) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (url.pathname === '/') return response.writeHead(200, { 'content-type': 'text/html' }).end(html);
    if (url.pathname !== '/.well-known/cloister-evidence') return response.writeHead(404).end();
    const runtimeData = Buffer.from(JSON.stringify({ nonce: oldNonce ? '00' : url.searchParams.get('nonce') }));
    const { evidence, bundle } = forgeIntel({ body: (body) => void (body.fill(0, 320, 384), body.set(createHash('sha384').update(runtimeData).digest(), 320)) });
    return response.end(JSON.stringify({ format: 'cloister-evidence-v1', tee: 'sgx', quote: Buffer.from(evidence).toString('base64'), runtimeData: runtimeData.toString('base64'), collateral: bundle }));
  });
  return { asked, server };
}

describe('console', { skip: CHROMIUM === undefined ? 'needs chromium' : false }, () => {
  let page: Page;
  let html: string;
  let gzipBytes: number;
  let good: ReturnType<typeof serve>;
  let old: ReturnType<typeof serve>;
  const address = ({ server }: ReturnType<typeof serve>): string => `http://localhost:${(server.address() as AddressInfo).port}`;

  before(async () => {
    ({ html, gzipBytes } = await buildConsole());
    [good, old] = [serve(html, false), serve(html, true)];
    for (const { server } of [good, old]) await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
    page = await openPage(address(good));
    // The browser begins with an empty page, which is complete as well.
    for (let tries = 0; !(await page.evaluate("document.readyState === 'complete' && document.getElementById('result') !== null")); tries++) {
      assert.ok(tries < 200, 'the page does not come up');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });
  after(async () => {
    await page?.close();
    good?.server.close();
    old?.server.close();
  });

  interface Shown {
    readonly verdict: string;
    readonly codes: string[];
    readonly text: string;
  }

  /** Drops files as a user does, and waits for the next verdict. */
  async function drop(files: Readonly<Record<string, Uint8Array | string>>, roots: readonly string[], more: { address?: string; policy?: object } = {}): Promise<Shown> {
    const encoded = Object.entries(files).map(([name, content]) => [name, Buffer.from(content).toString('base64')]);
    return page.evaluate(`(async () => {
      const result = document.getElementById('result');
      result.replaceChildren();
      document.getElementById('at').value = ${JSON.stringify(AT)};
      document.getElementById('address').value = ${JSON.stringify(more.address ?? '')};
      document.getElementById('policy').value = ${JSON.stringify(JSON.stringify({ base: 'authentic', ...(roots.length > 0 && { roots }), ...more.policy }))};
      const shown = new Promise((resolve) => new MutationObserver(() => document.getElementById('verdict') && resolve()).observe(result, { childList: true }));
      const transfer = new DataTransfer();
      for (const [name, content] of ${JSON.stringify(encoded)}) transfer.items.add(new File([Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0))], name));
      if (transfer.files.length > 0) document.getElementById('drop').dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, cancelable: true, bubbles: true }));
      else document.getElementById('form').requestSubmit();
      await shown;
      return { verdict: document.getElementById('verdict').textContent, codes: [...document.querySelectorAll('#judged code')].map((code) => code.textContent), text: result.textContent };
    })()`);
  }

  test('the script is at most 150 KB, compressed', () => assert.ok(gzipBytes <= 150 * 1024, String(gzipBytes)));

  test('evidence and collateral that are right are accepted, whichever file comes first', async () => {
    const { evidence, bundle, roots } = forgeIntel({ tee: 'tdx', version: 5, td15: true });
    const shown = await drop({ 'collateral.json': JSON.stringify(bundle), quote: evidence }, roots);
    assert.equal(shown.verdict, 'Accepted', shown.text);
    assert.match(shown.text, /mrtd/);
    const snp = forgeAmd({ product: 'Turin', version: 5 });
    assert.equal((await drop({ report: snp.evidence, ...Object.fromEntries(snp.files.map(({ name, bytes }) => [name, bytes])) }, snp.roots)).verdict, 'Accepted');
  });

  test('what is wrong is refused with its code; what is nothing is unreadable', async () => {
    const { evidence, bundle, roots } = forgeIntel({ body: (body) => void (body[48] |= 2) });
    assert.deepEqual(await drop({ quote: evidence, collateral: JSON.stringify(bundle) }, roots).then(({ verdict, codes }) => [verdict, codes]), ['Refused', ['debug']]);
    assert.ok((await drop({ quote: evidence, collateral: JSON.stringify(bundle) }, [])).codes.includes('pck-root'));
    assert.equal((await drop({ 'hello.txt': 'hello' }, roots)).verdict, 'Unreadable');
  });

  test('markup in evidence is shown as text', async () => {
    const { bundle, roots, evidence } = forgeIntel({ pck: { subject: '<img src=x onerror=alert(1)>' } });
    const shown = await drop({ quote: evidence, collateral: JSON.stringify(bundle) }, roots);
    assert.match(shown.text, /<img src=x/);
    assert.equal(await page.evaluate("document.querySelectorAll('img').length"), 0);
  });

  test('an event log that is dropped beside a quote is replayed', async () => {
    const { evidence, bundle, roots } = measured(BOOT);
    const files = { quote: evidence, collateral: JSON.stringify(bundle) };
    assert.equal((await drop({ ...files, ccel: eventLog(BOOT) }, roots)).verdict, 'Accepted');
    assert.deepEqual((await drop({ ...files, ccel: eventLog(BOOT.slice(1)) }, roots)).codes, ['event-log-replay']);
  });

  test('it works by keyboard, and everything has a name that is read aloud', async () => {
    const { evidence, bundle, roots } = forgeIntel({ body: (body) => void (body[48] |= 2) });
    await drop({ quote: evidence, collateral: JSON.stringify(bundle) }, roots);
    assert.equal(await page.evaluate("document.getElementById('status').textContent"), 'Refused, for 1 reason.');
    const press = async (key: string, text?: string): Promise<void> => {
      for (const type of ['keyDown', 'keyUp']) await page.send('Input.dispatchKeyEvent', { type, key, code: key, windowsVirtualKeyCode: key === 'Tab' ? 9 : 13, ...(type === 'keyDown' && text !== undefined && { text }) });
    };
    await page.evaluate('document.activeElement.blur()');
    const order: string[] = [];
    for (let stop = 0; stop < 5; stop++) {
      await press('Tab');
      order.push(await page.evaluate('document.activeElement.id || document.activeElement.tagName'));
    }
    assert.deepEqual(order, ['drop', 'address', 'at', 'policy', 'BUTTON']);
    await page.evaluate("document.getElementById('result').replaceChildren()");
    await press('Enter', '\r');
    for (let tries = 0; !(await page.evaluate("document.getElementById('verdict') !== null")); tries++) {
      assert.ok(tries < 100, 'the key does not verify');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    interface Node {
      readonly ignored: boolean;
      readonly role?: { readonly value: string };
      readonly name?: { readonly value: string };
    }
    const { nodes } = await page.send<{ nodes: Node[] }>('Accessibility.getFullAXTree');
    const named = nodes.filter(({ ignored }) => !ignored).map(({ role, name }) => ({ role: role?.value ?? '', name: name?.value ?? '' }));
    for (const { role, name } of named) if (['button', 'textbox', 'link', 'heading', 'table', 'region'].includes(role)) assert.notEqual(name, '', role);
    for (const [role, name] of [
      ['button', 'Verify'],
      ['textbox', 'Address of an enclave'],
      ['heading', 'Refused'],
      ['region', 'Refused'],
      ['table', 'Claims'],
      ['rowheader', 'mrenclave'],
    ])
      assert.ok(
        named.some((node) => node.role === role && node.name === name),
        `${role} ${name}`,
      );
    assert.ok(named.some(({ name }) => name === ': failed'));
  });

  test('an address is asked with a fresh nonce, and an old answer is not taken', async () => {
    const { roots } = forgeIntel();
    await drop({ 'root.pem': roots[0] }, roots);
    assert.equal((await drop({}, roots, { address: address(good) })).verdict, 'Accepted');
    assert.match((await drop({}, roots, { address: address(good) })).text, /runtime|SGX/i);
    const nonces = good.asked.filter((path) => path.includes('nonce='));
    assert.equal(new Set(nonces).size, 2);
  });

  test('a file that is neither evidence nor collateral is not passed over', async () => {
    const { evidence, files, roots } = forgeAmd();
    const given = Object.fromEntries(files.map(({ name, bytes }) => [name, bytes]));
    assert.deepEqual((await drop({ report: evidence, ...given, crl: '<html>429 Too Many Requests</html>' }, roots)).codes, ['collateral-format']);
    const shown = await drop({ report: evidence, ...given }, roots);
    assert.equal(shown.verdict, 'Accepted');
    assert.match(shown.text, /\? revocation not checked/);
  });

  test('an enclave answers for itself, and says which one it is', async () => {
    const tee = new SimTee(memoryDirectory(), { measurement: new Uint8Array(48).fill(0xab), signer: new Uint8Array(48), productId: 0, securityVersion: 0, debuggable: false });
    const enclave = await serveEvidence(new Attester(tee, 'integrity'), { tls: false, host: '127.0.0.1', port: 0 }, assert.fail);
    const policy = (byte: string): object => ({ tee: ['sim'], simKeys: [tee.attestationKey.pem()], 'enclave.measurement': [byte.repeat(48)] });
    const shown = await drop({}, [], { address: enclave.url, policy: policy('ab') });
    assert.equal(shown.verdict, 'Accepted', shown.text);
    assert.match(shown.text, /abababab/);
    assert.deepEqual((await drop({}, [], { address: enclave.url, policy: policy('ac') })).codes, ['measurement']);
    enclave.close();
  });

  test('nothing but the page and the address was asked for', () => {
    assert.deepEqual([...new Set(good.asked.map((path) => path.split('?')[0]))].filter((path) => path !== '/favicon.ico').sort(), ['/', '/.well-known/cloister-evidence']);
  });

  test('other scripts cannot run in the page', async () => {
    // Under the page's policy both fail: text does not become a script, and a script of other text does not run.
    const inject = (how: string): Promise<string> =>
      page.evaluate(`(() => { const script = document.createElement('script'); try { ${how}; document.body.append(script); } catch (error) { return error.name; } return globalThis.injected === true ? 'ran' : 'did not run'; })()`);
    assert.equal(await inject("script.textContent = 'globalThis.injected = true'"), 'TypeError');
    assert.equal(await inject("script.append('globalThis.injected = true')"), 'did not run');
    assert.equal(await inject("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=1>')"), 'TypeError');
  });
});
