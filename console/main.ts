/** The page: files are told apart by their content, verified here, and shown. */

import { type Collateral, type Evidence, type NamedBytes, NO_COLLATERAL, parsePolicy, readCollateral, recognise, UnreadableError, verifyEvidence } from '../src/attestation/verifier/index.ts';
import { askForEvidence } from './address.ts';
import { complain, show } from './view.ts';

const byId = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const [drop, chooser, form, result] = [byId('drop'), byId<HTMLInputElement>('files'), byId<HTMLFormElement>('form'), byId('result')];
const [address, time, policyText] = [byId<HTMLInputElement>('address'), byId<HTMLInputElement>('at'), byId<HTMLTextAreaElement>('policy')];

let dropped: readonly NamedBytes[] = [];

function evidenceAmong(files: readonly NamedBytes[]): { evidence: Evidence; rest: readonly NamedBytes[] } {
  const faults: string[] = [];
  for (const file of files) {
    try {
      // Envelopes may hold collateral, too: the file stays among the rest.
      return { evidence: recognise(file.bytes), rest: files };
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error;
      faults.push(`${file.name}: ${error.message}`);
    }
  }
  throw new UnreadableError(faults.length === 0 ? 'Drop evidence first, or give an address.' : faults.join('; '));
}

function collateralAmong(files: readonly NamedBytes[]): Collateral {
  try {
    return readCollateral(files);
  } catch (error) {
    if (error instanceof UnreadableError) return NO_COLLATERAL;
    throw error;
  }
}

function policyOf(text: string): ReturnType<typeof parsePolicy> {
  try {
    return parsePolicy(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) throw new UnreadableError(`the policy is not JSON: ${error.message}`);
    throw error;
  }
}

async function verify(): Promise<void> {
  try {
    const at = time.value.trim() === '' ? new Date() : new Date(time.value.trim());
    const policy = policyOf(policyText.value);
    const asked = address.value.trim() === '' ? undefined : await askForEvidence(address.value.trim());
    const { evidence, rest } = asked === undefined ? evidenceAmong(dropped) : { evidence: asked.evidence, rest: [...dropped, { name: address.value, bytes: asked.body }] };
    show(result, await verifyEvidence(evidence, { collateral: collateralAmong(rest), policy, at }), evidence.form, at);
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    complain(result, error.message);
  }
}

async function take(files: Iterable<File>): Promise<void> {
  dropped = await Promise.all([...files].map(async (file) => ({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) })));
  drop.firstChild?.replaceWith(dropped.map(({ name }) => name).join(', '));
  await verify();
}

drop.addEventListener('click', () => chooser.click());
drop.addEventListener('keydown', ({ key }) => void ((key === 'Enter' || key === ' ') && chooser.click()));
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
