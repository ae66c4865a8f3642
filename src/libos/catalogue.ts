/** Every error that a person can meet, by its stable code: `docs/reference/errors.md` is made of it. */

import type { ManifestErrorCode, TeeErrorCode } from '../attestation/index.ts';
import type { BrokerClientErrorCode } from '../broker/client.ts';
import type { StorageErrorCode } from '../encfs/errors.ts';
import type { ImageBuildErrorCode } from '../image/errors.ts';
import type { FailureKind } from './failure.ts';

type BrokerErrorCode = BrokerClientErrorCode | 'broker-unreachable' | 'broker-unattested' | 'broker-root-key' | 'broker-database' | 'policy-format' | 'reference-format' | 'share-format';

export type ErrorRow = readonly [kind: FailureKind, meaning: string, whatToDo?: string];

// biome-ignore format: a table
export const ERRORS: Readonly<Record<ManifestErrorCode | StorageErrorCode | ImageBuildErrorCode | BrokerErrorCode | TeeErrorCode | 'configuration' | 'ENOSPC', ErrorRow>> = {
  'configuration':        ['configuration', 'cloister.yaml: a key is unknown, missing or has a value of the wrong kind; told with line and column.', 'Correct the lines named above.'],
  'missing-library':      ['build', 'A program needs a library that is neither in the image nor on this machine; told with who needs it and where it was looked for.', 'Install the package that has it, or leave it out on purpose with --no-deps.'],
  'missing-interpreter':  ['build', "A program's dynamic linker is neither in the image nor on this machine.", 'Install the libc that the program was linked with, or leave it out with --no-deps.'],
  'wrong-libc':           ['build', 'What was found under the name of a library was made for another libc.'],
  'wrong-machine':        ['build', "A program's dynamic linker is not one for x86-64."],
  'bom-format':           ['build', 'The bill of materials is not one; told with its line.', 'Correct the bill of materials.'],
  'bom-file':             ['build', 'A file that the bill of materials names is not there, or not the one whose hash it has.', 'Correct the bill of materials.'],
  'unreadable':           ['build', 'A file of the tree cannot be read, or changes while it is read.'],
  'image-format':         ['verification', 'The sealed image is no image, or cut off.', 'The image was changed or damaged. Build it again: cloister build'],
  'image-corrupt':        ['verification', 'A block of the sealed image is not what was sealed.', 'The image was changed or damaged. Build it again: cloister build'],
  'image-changed':        ['verification', 'The sealed image is whole, and another one than the manifest names.', 'The image is not the one that was signed. Build it again: cloister build'],
  'image-key-needed':     ['key', 'The image is encrypted, and no key was given.', 'Name the key that the image was encrypted with: --image-key FILE'],
  'image-key-wrong':      ['key', 'The image was encrypted with another key.', 'Name the key that the image was encrypted with: --image-key FILE'],
  'key-format':           ['key', 'A file is not an image key, or a damaged one.', 'Make a key with: cloister gen-image-key FILE'],
  'manifest-format':      ['verification', 'The manifest is no manifest, or some byte of it was changed.', 'Build again: cloister build'],
  'manifest-measurement': ['verification', 'The manifest does not measure what it claims.', 'Build again: cloister build'],
  'manifest-signature':   ['verification', "The manifest's signature does not hold.", 'Build again: cloister build'],
  'manifest-signer':      ['verification', 'The manifest names another signer than the one whose key signed it.', 'Build again: cloister build'],
  'layer-corrupt':        ['verification', 'The writable layer is not what the enclave wrote.', 'The writable layer was changed from outside. Restore it from a copy.'],
  'layer-missing':        ['verification', 'Files of the writable layer are not there, but a record of them is.', 'Files of the writable layer are gone. Restore them from a copy.'],
  'layer-rolled-back':    ['verification', 'The writable layer is an older state of itself.', 'The writable layer is older than its record or counter. Restore the newest copy. If there is none, and its key is at a broker, the owner of the key can put it there again: that begins a new count.'],
  'layer-key-wrong':      ['key', 'The writable layer cannot be opened with the key that this signer, instance and machine have.', 'The writable layer belongs to another signer, instance or machine.'],
  'layer-in-use':         ['busy', 'Another process has the writable layer: the instance runs.', 'Use `cloister exec` to run another program in it, or `cloister stop`.'],
  'broker-refused':       ['broker', 'The broker refused the evidence, or its owner\'s policy the release. Why is in the audit log, for the owner.', 'The owner of the resource sees why with: cloister audit show'],
  'broker-not-found':     ['broker', 'The broker has nothing under that name.', 'Check the name, and that the broker is the right one.'],
  'broker-conflict':      ['broker', 'What is at the broker already is in the way.', 'Look at the log of the broker.'],
  'broker-answer':        ['broker', 'The broker failed, or what answered is no broker.', 'Look at the log of the broker.'],
  'broker-unreachable':   ['broker', 'The broker does not answer, or has another certificate than the one that is expected.', 'Check address and certificate of the broker, and that it runs.'],
  'broker-unattested':    ['broker', 'The broker has no evidence, or not the evidence that is demanded of it, or it cannot be judged. Nothing was sent to it.', 'See what the evidence says with: cloister verify https://HOST:PORT --policy FILE. A broker whose certificate is given to it, or that runs in no TEE, has none.'],
  'broker-root-key':      ['key', 'The root key of a broker cannot be opened: another machine, wrong or too few shares, a KMS that refuses.', 'Start the broker with the guard that its root key has.'],
  'broker-database':      ['host', 'The database of a broker does not answer.', 'Look at the database.'],
  'policy-format':        ['usage', 'A policy is no Cedar, or does not fit the schema; or cases are not as they should be.', 'Correct what is named above.'],
  'reference-format':     ['usage', 'A file holds no reference values, or their signature is wrong.', 'Take the file that cloister build has written: build/reference-values.json'],
  'share-format':         ['key', 'A share of a root key is damaged, missing or of another key.', 'Give as many shares as are needed, each with --share FILE.'],
  'tee-missing':          ['host', 'The TEE that was asked for is not here, or its door is closed.', 'Without --tee, what is there is found by itself. /sys/kernel/config/tsm/report (TDX, SEV-SNP) or /dev/attestation (SGX) have to be seen by this user.'],
  'tee-busy':             ['host', 'The TEE gave no evidence in several attempts: others use it, or the host does not answer in time.', 'Try again.'],
  'tee-answer':           ['host', 'The TEE, or the kernel in front of it, refused, or gave something else than evidence over what was asked.', "Look at the kernel's log; on TDX, at the quote generation service of the host."],
  'tee-sealing':          ['key', 'The TEE has no sealing keys (TDX, SEV-SNP), or none are set (SGX): what is kept must have its key at a broker.', 'Set layer.key in cloister.yaml to a key at a broker (kbs:///…), and broker.url, then build again.'],
  'ENOSPC':               ['host', "No room on the host's disk. Nothing half-made stays behind.", 'Make room on the disk.'],
};
