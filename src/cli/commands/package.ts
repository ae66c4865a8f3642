import { basename } from 'node:path';
import { HostFileError } from '../../base/host-files.ts';
import { Failure } from '../../libos/errors.ts';
import { Instance } from '../../libos/instance.ts';
import { verifyBuild } from '../../libos/verify.ts';
import type { Command } from '../command.ts';
import { flag } from '../command.ts';
import { writeTar } from '../tar.ts';
import { reasonOf } from '../words.ts';

export const command: Command = {
  usage: 'package [FILE]',
  doc: 'Writes what another machine needs to run this build (image, configuration, manifest) as a tar archive; NAME.tar unless named.\nThe writable layer and keys are not in it. A debuggable build is refused unless --debug is given.',
  options: [],
  examples: ['cloister package hello.tar', 'mkdir /srv/hello && tar -xf hello.tar -C /srv/hello && cloister -C /srv/hello run /bin/date'],
  operands: [0, 1],
  async run(invocation) {
    const instance = Instance.at(invocation.directory);
    const { manifest } = verifyBuild(instance);
    if (manifest.identity.debuggable && !flag(invocation, 'debug')) {
      throw new Failure('build', 'this build is debuggable', 'Set metadata.debuggable to false in cloister.yaml and build again, or package it anyway with --debug. The writable layer here opens under the old value only.');
    }
    const target = invocation.operands[0] ?? `${basename(instance.directory)}.tar`;
    const parts = [instance.manifest, instance.sealedConfiguration, instance.sealedImage].map((path) => ({ name: `build/${basename(path)}`, path }));
    try {
      writeTar(target, parts);
    } catch (error) {
      throw error instanceof HostFileError ? new Failure('host', `cannot write ${target}: ${reasonOf(error)}`, undefined, error.code) : error;
    }
    process.stdout.write(`${target} is written\n`);
    return 0;
  },
};
