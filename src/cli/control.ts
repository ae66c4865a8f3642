/** Calls to the running enclave of an instance. */

import { Instance } from '../libos/instance.ts';
import { ControlClient } from '../pal/node/control/client.ts';
import { truly } from './not-running.ts';

export async function callEnclave(directory: string, method: string, params?: unknown): Promise<unknown> {
  const client = new ControlClient(Instance.at(directory).socket);
  try {
    return await client.call(method, params);
  } catch (error) {
    throw truly(error, directory);
  } finally {
    client.close();
  }
}
