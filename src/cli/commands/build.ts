import { toText } from '../../base/bytes.ts';
import { build } from '../../libos/build.ts';
import { Instance } from '../../libos/instance.ts';
import { generateImageKey, parseImageKey } from '../../encfs/1-crypto/keys.ts';
import { keptAtBroker, REMOTE_OPTIONS } from '../broker/remote.ts';
import { type Command, flag, type Invocation, JSON_OPTION, printJson, value, values } from '../command.ts';

async function keyAtBroker(invocation: Invocation, uri: string): Promise<{ uri: string; key: Uint8Array }> {
  const text = await keptAtBroker(invocation, uri, generateImageKey);
  return { uri, key: parseImageKey(text) };
}

export const command: Command = {
  usage: 'build [OPTIONS]',
  doc: 'Finds the libraries that the programs in image/ need, seals the tree, measures it and signs the measurement.\nWhere the libc of this machine is added and env.default has LANG C.UTF-8, so is its locale (/usr/lib/locale/C.utf8, 0.4 MB).\nPrograms and libraries that cannot run in an enclave (32-bit, other processors, cut off) are data: build warns.\nThe same inputs give the same bytes and the same measurement. The writable layer is not touched.',
  options: [
    { flag: '--no-deps', doc: 'Add no libraries, and no locale.' },
    { flag: '--no-translate', doc: 'Translate programs when they are first run, not now: a smaller image that starts slower.' },
    { flag: '--bom FILE', short: '-f', doc: 'Copy what a bill of materials lists (the YAML of copy_bom).' },
    { flag: '--include-dir DIR', doc: 'Where to look for included bills of materials.', repeated: true },
    { flag: '--sign-key FILE', doc: 'Sign with this P-256 or Ed25519 key (PEM) instead of a development key.' },
    { flag: '--image-key KEY', doc: 'Encrypt the image: with the key in this file (see gen-image-key), or with kbs:///REPOSITORY/TYPE/TAG at a broker, made where there is none.' },
    { flag: '--name NAME', doc: 'What build/reference-values.json calls the program; the name of the directory otherwise.' },
    ...REMOTE_OPTIONS,
    JSON_OPTION,
  ],
  examples: ['cloister build', 'cloister build --image-key kbs:///shop/key/image --state ../kbs', 'cloister build --sign-key release.pem --image-key image.key', 'cloister build -f python.yaml'],
  operands: [0, 0],
  async run(invocation) {
    const { directory } = invocation;
    const instance = Instance.at(directory);
    const bom = value(invocation, 'bom');
    const signKey = value(invocation, 'sign-key');
    const imageKey = value(invocation, 'image-key');
    const key = imageKey === undefined || !imageKey.startsWith('kbs://') ? imageKey : await keyAtBroker(invocation, imageKey);
    const name = value(invocation, 'name');
    const result = build(instance, {
      dependencies: flag(invocation, 'no-deps') ? 'none' : 'resolve',
      translation: flag(invocation, 'no-translate') ? 'none' : 'ahead',
      progress: (path, done, of) => {
        if (process.stderr.isTTY) process.stderr.write(`\r\x1b[Ktranslating ${done + 1} of ${of}: ${toText(path)}${done + 1 === of ? '\n' : ''}`);
      },
      includeDirectories: values(invocation, 'include-dir'),
      ...(bom !== undefined && { bom }),
      ...(signKey !== undefined && { signKey }),
      ...(key !== undefined && { imageKey: key }),
      ...(name !== undefined && { name }),
    });
    const { image } = result;
    for (const warning of image.warnings) process.stderr.write(`warning: ${toText(warning)}\n`);
    if (flag(invocation, 'json')) {
      const additions = image.additions.map(({ path, from, neededBy }) => ({ path: toText(path), from: toText(from), neededBy: toText(neededBy) }));
      printJson({ measurement: result.measurement, signer: result.signer, signKey: result.signKeyKind, imageKind: image.kind, files: image.files, bytes: image.bytes, unchanged: image.unchanged, additions });
      return 0;
    }
    for (const { path, from, neededBy } of image.additions) process.stdout.write(`added ${toText(path)} from ${toText(from)} for ${toText(neededBy)}\n`);
    process.stdout.write(
      `image: ${image.files} files, ${(image.bytes / 1e6).toFixed(1)} MB, ${image.kind === 'encrypted' ? 'encrypted' : 'integrity only'}${image.unchanged ? ', as before' : ''}\n` +
        `measurement ${result.measurement}\nsigner      ${result.signer}\n`,
    );
    if (result.signKeyKind !== 'given') {
      process.stderr.write(`note: signed with ${result.signKeyKind === 'new-development' ? 'a new' : 'the'} development key ${result.signKey}; name your own with --sign-key\n`);
    }
    return 0;
  },
};
