/**
 * Verifiers that others wrote, behind one interface. They are fetched and built for a run (`CLOISTER_ORACLES` names a folder that
 * keeps them), are no dependencies, and are left out with a reason where they cannot be had.
 */

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Case } from './cases.ts';

export interface Answer {
  readonly accepted: boolean;
  /** Why not. */
  readonly reason: string;
  readonly status?: string;
  readonly advisories?: readonly string[];
}

export interface Oracle {
  readonly name: string;
  /** Which cases it can be asked. */
  readonly takes: (one: Case) => boolean;
  /** Google's accepts nothing but UpToDate; the others tell the status. */
  readonly acceptsOnlyUpToDate: boolean;
  readonly judge: (cases: readonly Case[]) => Promise<readonly Answer[]>;
}

const QVL_JS = '@phala/dcap-qvl@0.3.9';
const BUILD_MS = 30 * 60_000;
const here = import.meta.dirname;
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

interface QvlVerifier {
  verify(quote: Uint8Array, collateral: object, seconds: number): { status: string; advisory_ids: string[] };
}

/** Phala's verifier in JavaScript. */
function qvlInJavaScript(place: string): Oracle | string {
  const installed = spawnSync('npm', ['install', '--prefix', place, '--no-save', '--ignore-scripts', QVL_JS], { encoding: 'utf8' });
  if (installed.status !== 0) return `${QVL_JS} cannot be installed here`;
  const { QuoteVerifier } = createRequire(join(place, 'x.js'))('@phala/dcap-qvl') as { QuoteVerifier: { new (root: Uint8Array): QvlVerifier; newProd?: () => QvlVerifier } };
  return {
    name: 'dcap-qvl (JavaScript)',
    takes: ({ tee, root }) => tee !== 'snp' && root !== undefined,
    acceptsOnlyUpToDate: false,
    async judge(cases) {
      const answers: Answer[] = [];
      for (const { evidence, bundle, at, root } of cases) {
        try {
          const { status, advisory_ids } = await new QuoteVerifier(Buffer.from(root as Uint8Array)).verify(Buffer.from(evidence), bundle ?? {}, at.getTime() / 1000);
          answers.push({ accepted: true, reason: '', status, advisories: [...new Set(advisory_ids)].sort() });
        } catch (error) {
          answers.push({ accepted: false, reason: (error as Error).message });
        }
      }
      return answers;
    },
  };
}

/** A case as a line, and its answer as a line. */
function lineOf({ tee, evidence, at, bundle, certificate, product, root }: Case): string {
  const collateral = bundle && { ...bundle, root_ca_crl: base64(Buffer.from(bundle.root_ca_crl, 'hex')), pck_crl: base64(Buffer.from(bundle.pck_crl, 'hex')) };
  return JSON.stringify({
    tee,
    evidence: base64(evidence),
    at: at.getTime() / 1000,
    collateral: collateral ?? {},
    certificate: certificate === undefined ? '' : base64(certificate),
    product: product ?? '',
    root: root === undefined ? '' : base64(root),
  });
}

async function askProgram(program: string, cases: readonly Case[]): Promise<readonly Answer[]> {
  const { status, stdout, stderr } = spawnSync(program, [], { input: `${cases.map(lineOf).join('\n')}\n`, maxBuffer: 1 << 30, encoding: 'utf8' });
  // Go's libraries log among the answers.
  const lines = stdout.split('\n').filter((line) => line.startsWith('{"accepted":'));
  if (status !== 0 || lines.length !== cases.length) throw new Error(`${program}: ${lines.length} answers to ${cases.length} cases: ${stderr.slice(-500)}`);
  return lines.map((line) => {
    const { accepted, reason, status: told, advisories } = JSON.parse(line) as Answer;
    return { accepted, reason, status: told, advisories: advisories && [...new Set(advisories)].sort() };
  });
}

function built(place: string, folder: string, program: string, command: readonly string[]): string | undefined {
  const source = join(place, folder);
  const path = join(source, program);
  if (existsSync(path)) return path;
  mkdirSync(place, { recursive: true });
  cpSync(join(here, folder), source, { recursive: true });
  for (const words of [command, ...(folder === 'go' ? [['go', 'build', '-o', 'oracle', '.']] : [])]) {
    const { status } = spawnSync(words[0], words.slice(1), { cwd: source, stdio: ['ignore', 'ignore', 'ignore'], timeout: BUILD_MS });
    if (status !== 0) return undefined;
  }
  return existsSync(path) ? path : undefined;
}

/** Google's verifiers of TDX quotes (version 4) and SEV-SNP reports. */
function google(place: string): Oracle | string {
  const program = built(place, 'go', 'oracle', ['go', 'mod', 'tidy']);
  if (program === undefined) return 'go-sev-guest and go-tdx-guest cannot be built here (they need Go)';
  return {
    name: 'go-sev-guest, go-tdx-guest',
    // Roots are the vendors': forged platforms cannot be asked.
    takes: ({ tee, root, quoteVersion }) => root === undefined && (tee === 'snp' || (tee === 'tdx' && quoteVersion === 4)),
    acceptsOnlyUpToDate: true,
    judge: (cases) => askProgram(program, cases),
  };
}

/** Phala's verifier of quotes and virtee's of reports. */
function rust(place: string): Oracle | string {
  const program = built(place, 'rust', 'target/release/oracle', ['cargo', 'build', '--release', '--quiet']);
  if (program === undefined) return 'dcap-qvl and sev cannot be built here (they need Rust)';
  return { name: 'dcap-qvl, sev (Rust)', takes: ({ tee, vlek }) => tee !== 'snp' || !vlek, acceptsOnlyUpToDate: false, judge: (cases) => askProgram(program, cases) };
}

/** Each that can be had, or the reason why not. */
export function oracles(place: string): readonly (Oracle | string)[] {
  return [qvlInJavaScript, google, rust].map((make) => make(place));
}
