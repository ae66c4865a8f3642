/** Which keys and secrets an enclave needs of a broker before anything runs. */

import type { Configuration } from '../config/schema.ts';
import { Failure } from './failure.ts';

export const SECRETS = '/run/secrets';

/** All `kbs:///…`, each once. */
export function neededKeys({ secrets, volumes, layer }: Configuration, imageKey: string | undefined): string[] {
  return [...new Set([...(imageKey === undefined ? [] : [imageKey]), ...(layer.key === '' ? [] : [layer.key]), ...volumes.map(({ key }) => key), ...secrets.map(({ key }) => key)])];
}

export interface Counted {
  /** For people. */
  readonly what: string;
  readonly key: string;
}

/** What can be written and has its newest state at the broker, by number. */
export function countedStorage({ layer, volumes }: Configuration): Counted[] {
  const own = layer.key !== '' && layer.freshness === 'broker' ? [{ what: 'the writable layer', key: layer.key }] : [];
  return [...own, ...volumes.filter(({ type, freshness }) => type === 'layer' && freshness === 'broker').map(({ target, key }) => ({ what: `the volume ${target}`, key }))];
}

/** What no single key of the configuration shows. Throws Failure. */
export function checkKeys(configuration: Configuration, file: string, imageKey: string | { readonly uri: string } | undefined): void {
  const { broker, secrets, volumes } = configuration;
  const fail = (message: string, hint: string): never => {
    throw new Failure('configuration', `${file}: ${message}`, hint);
  };
  const needed = neededKeys(configuration, typeof imageKey === 'object' ? imageKey.uri : undefined);
  if (needed.length > 0 && broker.url === '') fail(`${needed[0]} is at a broker, and broker.url is not set`, 'Set broker.url, and broker.policy or broker.certificate to what the broker has.');
  for (const { key, file: name, env } of secrets) if ((name === '') === (env === '')) fail(`the secret ${key} needs file or env, one of them`, 'As in: secrets: [{ key: kbs:///shop/db/password, file: db-password }]');
  const counted = new Map<string, string>();
  for (const { what, key } of countedStorage(configuration)) {
    const other = counted.get(key);
    if (other !== undefined) fail(`${other} and ${what} have the key ${key}, which counts one of them`, 'Give each a key of its own, or set freshness: machine.');
    counted.set(key, what);
  }
  const targets = [...volumes.map(({ target }) => target), ...secrets.map(({ file: name, env }) => (name === '' ? env : `${SECRETS}/${name}`))];
  const twice = targets.find((target, at) => targets.indexOf(target) !== at);
  if (twice !== undefined) fail(`${twice} is given twice`, 'Give each a place of its own.');
}
