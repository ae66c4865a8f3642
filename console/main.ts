/** The page: files are told apart by their content, verified here, and shown. */

import { collateralAmong, type Evidence, isEventLog, type NamedBytes, parseJson, parsePolicy, recognise, timeOfVerification, UnreadableError, verifyEvidence } from '../src/attestation/verifier/index.ts';
import { askForEvidence } from './address.ts';
import { complain, show, summary } from './view.ts';

const byId = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const [drop, chooser, form, result, status] = [byId('drop'), byId<HTMLInputElement>('files'), byId<HTMLFormElement>('form'), byId('result'), byId('status')];
const [address, time, policyText] = [byId<HTMLInputElement>('address'), byId<HTMLInputElement>('at'), byId<HTMLTextAreaElement>('policy')];

let dropped: readonly NamedBytes[] = [];

function evidenceAmong(files: readonly NamedBytes[]): { evidence: Evidence; rest: readonly NamedBytes[] } {
  const faults: string[] = [];
  for (const file of files) {
    try {
      // Envelopes may hold collateral, too: the file stays among the rest.
      const evidence = recognise(file.bytes);
      const log = files.find(({ bytes }) => isEventLog(bytes))?.bytes;
      return { evidence: log === undefined ? evidence : { ...evidence, eventLog: log }, rest: files };
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error;
      faults.push(`${file.name}: ${error.message}`);
    }
  }
  throw new UnreadableError(faults.length === 0 ? 'Drop evidence first, or give an address.' : faults.join('; '));
}

function policyOf(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof UnreadableError) throw new UnreadableError(`the policy: ${error.message}`);
    throw error;
  }
}

async function verify(): Promise<void> {
  try {
    const at = time.value.trim() === '' ? new Date() : timeOfVerification(time.value.trim());
    const policy = parsePolicy(policyOf(policyText.value));
    status.textContent = 'Verifying …';
    const asked = address.value.trim() === '' ? undefined : await askForEvidence(address.value.trim());
    const { evidence, rest } = asked === undefined ? evidenceAmong(dropped) : { evidence: asked.evidence, rest: [...dropped, { name: address.value, bytes: asked.body }] };
    const verdict = await verifyEvidence(evidence, { collateral: collateralAmong(rest), policy, at });
    show(result, verdict, evidence.form, at);
    status.textContent = summary(verdict);
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    complain(result, error.message);
    status.textContent = `Unreadable: ${error.message}`;
  }
}

async function take(files: Iterable<File>): Promise<void> {
  dropped = await Promise.all([...files].map(async (file) => ({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) })));
  drop.textContent = dropped.length === 0 ? 'Drop evidence and collateral here, or choose files' : `${dropped.map(({ name }) => name).join(', ')} (drop or choose others)`;
  await verify();
}

drop.addEventListener('click', () => chooser.click());
drop.addEventListener('dragover', (event) => {
  event.preventDefault();
  drop.classList.add('over');
});
drop.addEventListener('dragleave', () => drop.classList.remove('over'));
drop.addEventListener('drop', (event) => {
  event.preventDefault();
  drop.classList.remove('over');
  void take(event.dataTransfer?.files ?? []);
});
chooser.addEventListener('change', () => void take(chooser.files ?? []));
form.addEventListener('submit', (event) => {
  event.preventDefault();
  void verify();
});
