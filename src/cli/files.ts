/** Reaches the files of an instance, whether it runs or not. */

import { toByteString } from '../base/bytes.ts';
import { Failure, toFailure } from '../libos/errors.ts';
import { errnoText, type FileDoor, openFiles } from '../libos/files.ts';
import { Instance } from '../libos/instance.ts';
import { ControlClient, ControlError } from '../pal/node/control/client.ts';

export async function openDoor(directory: string, imageKey: string | undefined): Promise<FileDoor> {
  const instance = Instance.at(directory);
  const client = new ControlClient(instance.socket);
  try {
    await client.call('status', undefined);
    return { call: (method, params) => client.call(method, params), close: () => client.close() };
  } catch (error) {
    client.close();
    if (!(error instanceof ControlError) || error.kind !== 'not-running') throw error;
  }
  return openFiles(instance, imageKey);
}

/** Calls, and names the path in what goes wrong. */
export async function onFile(door: FileDoor, method: string, path: string, params: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
  try {
    return await door.call(`file.${method}`, { path: toByteString(path), ...params });
  } catch (error) {
    const told = errnoText(error) ?? (error instanceof ControlError && error.kind === 'host' ? error.message : undefined);
    if (told === undefined) throw toFailure(error);
    throw new Failure('host', `:${path}: ${told}`);
  }
}
