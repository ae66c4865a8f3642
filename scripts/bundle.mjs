/**
 * dist/bundle: one file for each thing that is started, and beside it the code that V8 made of it, so that a start neither
 * looks for hundreds of files nor compiles them. After `tsc -b`.
 *
 *     NAME.cjs          what is started: hands NAME.HASH.js to V8 with its cache
 *     NAME.HASH.js      the bundled sources
 *     exec-x64          the client of `exec` for hosts that are x86-64 (src/pal/client)
 *     NAME.HASH.cache   what V8 had compiled when some runs ended (scripts/train.mjs); another version of Node ignores it
 *
 * The cache is code, as trusted as the sources beside it, and made with them: nothing is kept in the user's directories.
 */

import { createHash } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { train } from './train.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = `${root}dist/bundle`;
const ENTRIES = { exec: 'dist/cli/exec.js', run: 'dist/cli/run.js', worker: 'dist/libos/worker.js', counters: 'dist/libos/counters.js', quotes: 'dist/libos/quotes.js', main: 'dist/cli/main.js', daemon: 'dist/libos/daemon.js' };

/** ASCII alone, which is read without decoding and takes a byte a character. All else stands in strings. */
const ascii = (code) => code.replace(/[^\x00-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

/**
 * V8's options are part of what makes a cache valid, so they are set before it is read. Functions of a translated library are validated
 * when they are first called (see `libos/worker.ts`); what an enclave's thread allocates until its first program runs needs no collection. The kernel's
 * functions are known early: half of the calls that V8 waits for by itself are enough to optimise them (spawns in the first seconds are
 * faster, starts as fast).
 */
const OPTIONS = `const { setFlagsFromString } = require('node:v8');
for (const option of ['--wasm-lazy-validation', '--min-semi-space-size=8', '--invocation-count-for-maglev=200', '--minimum-invocations-after-ic-update=200']) setFlagsFromString(option);`;

/** What has been compiled by the end of a run joins what former ones have left. */
const TRAIN = "process.on('exit', () => require('node:fs').writeFileSync(at + '.cache', script.createCachedData()));\n";

const starter = (file, trains) => `'use strict';
${OPTIONS}
const { existsSync, readFileSync } = require('node:fs');
const { Script } = require('node:vm');
const at = \`\${__dirname}/${file}\`;
const cachedData = existsSync(\`\${at}.cache\`) ? readFileSync(\`\${at}.cache\`) : undefined;
const script = new Script(readFileSync(\`\${at}.js\`, 'latin1'), { filename: \`\${at}.js\`, cachedData });
${trains ? `if (script.cachedDataRejected) throw new Error('compiled code that is not used: ' + at);\n${TRAIN}` : ''}script.runInThisContext()(exports, require, module, __filename, __dirname);
`;

/** What Node takes 20 to 40 ms to load, and most commands do without: loaded when something of it is first asked for. */
const LATER = /^let (\w+) = (require\("node:(?:crypto|http|http2|https|net|tls)"\));$/gm;
const EAGER = new Set(['worker', 'daemon']);
function later(code) {
  const names = [];
  const declared = code.replace(LATER, (_, name, load) => {
    names.push(name);
    return `let ${name}_loaded;\nconst ${name} = () => (${name}_loaded ??= ${load});`;
  });
  return names.reduce((text, name) => {
    if (text.match(new RegExp(`\\b${name}\\b(?!\\.)`, 'g'))?.length !== 1) throw new Error(`${name} is used otherwise than for what is in it`);
    return text.replaceAll(new RegExp(`\\b${name}\\.`, 'g'), `${name}().`);
  }, declared);
}

function start(name, text) {
  // Replaced at once: a test may be starting the old one.
  writeFileSync(`${out}/${name}.cjs.new`, text);
  renameSync(`${out}/${name}.cjs.new`, `${out}/${name}.cjs`);
}

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const files = {};
for (const [name, input] of Object.entries(ENTRIES)) {
  // Besides Node's own: Cedar reads its module from beside itself; the client of PostgreSQL is loaded by few.
  const bundle = await rolldown({ cwd: root, input, platform: 'node', external: [/^node:/, /^@cedar-policy\//, 'pg'], logLevel: 'warn' });
  const { output } = await bundle.generate({ format: 'cjs', codeSplitting: false, comments: false, dynamicImportInCjs: false });
  const text = ascii(output[0].code);
  const code = `(function (exports, require, module, __filename, __dirname) {${EAGER.has(name) ? text : later(text)}\n})`;
  files[name] = `${name}.${createHash('sha256').update(code).digest('hex').slice(0, 12)}`;
  writeFileSync(`${out}/${files[name]}.js`, code);
  start(name, starter(files[name], true));
}
const { execClient } = await import(`${root}dist/pal/client/exec-client.js`);
const { EXIT_CODES } = await import(`${root}dist/cli/exit-codes.js`);
writeFileSync(`${out}/exec-x64`, execClient({ notRunning: EXIT_CODES['not-running'][0], host: EXIT_CODES.host[0], internal: EXIT_CODES.internal[0] }), { mode: 0o755 });
const forget = () => Object.values(files).forEach((file) => rmSync(`${out}/${file}.cache`, { force: true }));
try {
  train(root, forget);
} catch (error) {
  // Where nothing can run yet, starts take longer; the package is whole.
  forget();
  console.warn(`bundle: starts will compile their code each time: ${error.message}`);
}
for (const name of Object.keys(ENTRIES)) start(name, starter(files[name], false));
