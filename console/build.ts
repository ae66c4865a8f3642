/** `npm run console`: the page with its script in one file, and a policy that lets nothing else run in it. */

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';

const here = import.meta.dirname;
const LIMIT_BYTES = 150 * 1024;

/** The page, and the size of its script compressed. */
export async function buildConsole(): Promise<{ readonly html: string; readonly gzipBytes: number }> {
  const bundle = await rolldown({ input: `${here}/main.ts`, platform: 'browser', logLevel: 'silent' });
  const { output } = await bundle.generate({ format: 'iife', minify: true });
  const script = output[0].code.trim().replaceAll('</script', '<\\/script');
  const template = readFileSync(`${here}/index.html`, 'utf8');
  const style = /<style>([\s\S]*?)<\/style>/.exec(template)?.[1] ?? '';
  const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  const csp = `default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; connect-src https: http://localhost:* http://127.0.0.1:*; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'`;
  const html = template.replace('<!--csp-->', () => `<meta http-equiv="Content-Security-Policy" content="${csp}">`).replace('<!--script-->', () => `<script>${script}</script>`);
  return { html, gzipBytes: gzipSync(script).length };
}

if (import.meta.main) {
  const { html, gzipBytes } = await buildConsole();
  mkdirSync(`${here}/dist`, { recursive: true });
  writeFileSync(`${here}/dist/index.html`, html);
  console.log(`console/dist/index.html: ${(gzipBytes / 1024).toFixed(1)} KB of script, compressed (at most ${LIMIT_BYTES / 1024})`);
  if (gzipBytes > LIMIT_BYTES) process.exitCode = 1;
}
