import { writeFileSync } from 'node:fs';
import { type EarKey, earPayload, importEarKey, jwks, signEar } from '../../attestation/token/index.ts';
import {
  AUTHENTIC,
  type Collateral,
  CollateralError,
  type Evidence,
  neededCollateral,
  NO_COLLATERAL,
  parsePolicy,
  type Policy,
  recognise,
  recogniseTpmQuote,
  reportText,
  timeOfVerification,
  UnreadableError,
  type Verdict,
  verifyEvidence,
} from '../../attestation/verifier/index.ts';
import { KeyError, PrivateKey } from '../../crypto/index.ts';
import { Failure } from '../../libos/failure.ts';
import { VERSION } from '../../libos/version.ts';
import { httpOptions, loadCollateral, readInput } from '../collateral.ts';
import { readPolicy } from '../policy-file.ts';
import { isAddress, verifyAddress } from '../verify-address.ts';
import { type Command, flag, type Invocation, JSON_OPTION, printJson, value, values } from '../command.ts';

const ACCEPTED = 0;
const REFUSED = 1;
const UNREADABLE = 2;

function evidenceOf(invocation: Invocation): Evidence {
  const [path] = invocation.operands;
  let evidence: Evidence;
  try {
    evidence = recognise(readInput(path));
  } catch (error) {
    if (error instanceof UnreadableError && !error.message.startsWith('cannot read')) throw new UnreadableError(`${path}: ${error.message}`);
    throw error;
  }
  const [log, hcl, tpm] = ['event-log', 'hcl-report', 'tpm-quote'].map((name) => value(invocation, name));
  if (log !== undefined) evidence = { ...evidence, eventLog: readInput(log) };
  if (hcl !== undefined) evidence = { ...evidence, vtpm: { hclReport: readInput(hcl), quote: evidence.vtpm?.quote } };
  if (tpm !== undefined) {
    if (evidence.vtpm === undefined) throw new UnreadableError('a TPM quote needs the HCL report that vouches for its key: give it with --hcl-report');
    evidence = { ...evidence, vtpm: { ...evidence.vtpm, quote: recogniseTpmQuote(readInput(tpm)) } };
  }
  return evidence;
}

/** The policy, and what options add to it. */
async function policyOf(invocation: Invocation): Promise<Policy> {
  const path = value(invocation, 'policy');
  const roots = values(invocation, 'root').map((root) => new TextDecoder().decode(readInput(root)));
  let policy = path === undefined ? AUTHENTIC : await readPolicy(path);
  const reportData = value(invocation, 'report-data');
  const nonce = value(invocation, 'nonce');
  const simKeys = values(invocation, 'sim-key').map((key) => new TextDecoder().decode(readInput(key)));
  const [enclave, guestData] = [values(invocation, 'enclave'), value(invocation, 'guest-data')];
  const stated = { ...(simKeys.length > 0 && { simKeys }), ...(enclave.length > 0 && { 'enclave.measurement': enclave }), ...(guestData !== undefined && { 'enclave.guestData': guestData }) };
  const more = { base: 'authentic', ...stated, ...(roots.length > 0 && { roots }), ...(reportData !== undefined && { reportData }), ...(nonce !== undefined && { nonce }) };
  const checked = parsePolicy(more);
  if (simKeys.length > 0) policy = { ...policy, simKeys: checked.simKeys, tee: [...policy.tee, 'sim'] };
  const chosen = Object.fromEntries(Object.keys(stated).map((name) => [name, checked[name as keyof Policy]]));
  return { ...policy, ...chosen, ...(roots.length > 0 && { roots: checked.roots }), ...(reportData !== undefined && { reportData: checked.reportData }), ...(nonce !== undefined && { nonce: checked.nonce }) };
}

async function collateralOf(invocation: Invocation, evidence: Evidence): Promise<Collateral> {
  const paths = values(invocation, 'collateral');
  if (paths.length > 0) return loadCollateral(paths);
  if (flag(invocation, 'offline')) return NO_COLLATERAL;
  return neededCollateral(evidence, httpOptions(value(invocation, 'pcs'), value(invocation, 'kds')));
}

const TOKEN_SECONDS = 300;

/** A P-256 key in PEM. Throws UnreadableError. */
async function earKeyOf(path: string): Promise<EarKey> {
  try {
    const key = PrivateKey.fromPem(new TextDecoder().decode(readInput(path)));
    if (key.publicKey.algorithm !== 'ES256') throw new KeyError('a P-256 key is needed');
    return await importEarKey(new Uint8Array(Buffer.from(key.pem().replace(/-----[^-]+-----|\s/g, ''), 'base64')));
  } catch (error) {
    if (error instanceof KeyError) throw new UnreadableError(`${path}: ${error.message}`);
    throw error;
  }
}

async function earToken(invocation: Invocation, verdict: Verdict, key: EarKey): Promise<string> {
  const set = value(invocation, 'jwks');
  if (set !== undefined) writeFileSync(set, `${JSON.stringify(jwks(key), null, 2)}\n`);
  return signEar(
    earPayload(verdict, { verifier: { build: `cloister ${VERSION}`, developer: 'Cloister' }, policyId: value(invocation, 'policy') ?? 'authentic', issuedAt: new Date(), lifetime: TOKEN_SECONDS, nonce: value(invocation, 'nonce') }),
    key,
  );
}

/** What would say something else than it seems to, or nothing. */
function checkOptions(invocation: Invocation): void {
  const given = (name: string): boolean => invocation.options.has(name);
  if (given('ear') && given('at')) throw new Failure('usage', '--ear and --at do not go together', 'A token says that the evidence holds now, to those who do not see at what time it was judged.');
  if (given('ear') && given('json')) throw new Failure('usage', '--ear and --json do not go together', 'The token holds the verdict: the middle part, base64url.');
  if (given('jwks') && !given('ear')) throw new Failure('usage', '--jwks needs --ear', 'The key set is that of the key which signs the token.');
}

function complain(invocation: Invocation, message: string, hint?: string): number {
  if (flag(invocation, 'json')) printJson({ error: message });
  process.stderr.write(`cloister: ${message}\n${hint === undefined ? '' : `  ${hint}\n`}`);
  return UNREADABLE;
}

async function judged(invocation: Invocation, policy: Policy, at: Date): Promise<{ readonly verdict: Verdict; readonly form: string }> {
  const [operand] = invocation.operands;
  if (isAddress(operand)) return verifyAddress(operand, { policy, collateral: (evidence) => collateralOf(invocation, evidence), at: () => at });
  const evidence = evidenceOf(invocation);
  return { verdict: await verifyEvidence(evidence, { collateral: await collateralOf(invocation, evidence), policy, at }), form: evidence.form };
}

export const command: Command = {
  usage: 'verify EVIDENCE|URL [--collateral FILE|DIR] [--at TIME] [--policy FILE]',
  doc: `Judges evidence of SGX, TDX, SEV-SNP or the simulated environment. What it is, is told by its content: a raw quote or report,
hexadecimal or base64 of one, a PEM certificate with an attestation extension, an HCL report, or a JSON envelope. \`-\` is the
standard input. The address of an enclave (https://HOST:PORT) is asked for evidence over a fresh nonce, bound to the connection.

Collateral is a folder of responses of Intel's and AMD's services, or a JSON bundle; without it, it is fetched from them and kept
for a day, AMD's revocation list also for evidence that brings its certificates. A file that is no collateral is a failure. Without a policy, evidence has to be genuine, up to date and not debuggable, whatever runs inside; a policy (YAML or
JSON) says the rest, and spells what is \`unchecked\`: see docs/reference/verification.md.

Exits with 0 when the evidence is accepted, 1 when it is refused, 2 when evidence, collateral or policy cannot be read.`,
  options: [
    { flag: '--collateral FILE', doc: 'A bundle, a response, or a folder of them.', repeated: true },
    { flag: '--at TIME', doc: 'Judge as of this time instead of now.' },
    { flag: '--policy FILE', doc: 'What is demanded.' },
    { flag: '--report-data HEX', doc: 'REPORT_DATA has to be this (64 bytes).' },
    { flag: '--nonce HEX', doc: 'The TPM quote has to be over this.' },
    { flag: '--enclave HEX', doc: 'The enclave has to have this measurement, as `cloister print measurement` shows it.', repeated: true },
    { flag: '--guest-data HEX', doc: 'A program in the enclave has to have given this (64 bytes).' },
    { flag: '--sim-key FILE', doc: 'Accept simulated evidence by this public key (PEM), which protects nothing.', repeated: true },
    { flag: '--root FILE', doc: "A root certificate (PEM) in place of the vendors'.", repeated: true },
    { flag: '--event-log FILE', doc: 'A CCEL event log, to be replayed to the registers of a TDX quote.' },
    { flag: '--hcl-report FILE', doc: "Azure's HCL report that goes with a TDX quote; shows a paravisor with --tpm-quote only." },
    { flag: '--tpm-quote FILE', doc: 'A TPM quote that goes with an HCL report.' },
    { flag: '--pcs URL', doc: "Another service than Intel's, such as a PCCS." },
    { flag: '--kds URL', doc: "Another service than AMD's." },
    { flag: '--offline', doc: 'Fetch nothing; the verdict says what that leaves unchecked or missing.' },
    { flag: '--ear KEY', doc: 'Print the verdict as an EAR token, signed with this P-256 key (PEM), for five minutes. Not with --at or --json.' },
    { flag: '--jwks FILE', doc: 'With --ear: write the key set that verifies the token.' },
    JSON_OPTION,
  ],
  examples: ['cloister verify quote.bin', 'cloister verify quote.bin --collateral collateral.json --at 2025-06-20', 'cloister verify server.pem --policy policy.yaml --json', 'cloister verify https://enclave.example:8443 --enclave 0123…'],
  operands: [1, 1],
  async run(invocation) {
    checkOptions(invocation);
    try {
      const given = value(invocation, 'at');
      const at = given === undefined ? new Date() : timeOfVerification(given);
      const policy = await policyOf(invocation);
      const earKey = value(invocation, 'ear');
      const key = earKey === undefined ? undefined : await earKeyOf(earKey);
      const { verdict, form } = await judged(invocation, policy, at);
      if (key !== undefined) process.stdout.write(`${await earToken(invocation, verdict, key)}\n`);
      else if (flag(invocation, 'json')) printJson(verdict);
      else process.stdout.write(reportText(verdict, form, at));
      return verdict.accepted ? ACCEPTED : REFUSED;
    } catch (error) {
      if (error instanceof UnreadableError) return complain(invocation, error.message);
      if (error instanceof CollateralError)
        return complain(invocation, `the collateral cannot be fetched: ${error.message}`, 'Give it with --collateral (cloister collateral writes it on a machine with a network), or judge without by --offline.');
      throw error;
    }
  },
};
