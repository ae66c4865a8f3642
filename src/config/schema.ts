/**
 * The shape of `cloister.yaml`, as a literal tree of rows: type, default, documentation. The checker, the JSON
 * Schema for editors, the commented file that `new` writes and the TypeScript type are all derived from it.
 */

export type Field =
  | { readonly kind: 'string'; readonly doc: string; readonly default: string; readonly pattern?: RegExp; readonly expected?: string }
  | { readonly kind: 'size'; readonly doc: string; readonly default: number; readonly min: number; readonly max: number }
  | { readonly kind: 'integer'; readonly doc: string; readonly default: number; readonly min: number; readonly max: number }
  | { readonly kind: 'boolean'; readonly doc: string; readonly default: boolean }
  /** `only`: why there are no more values, for whoever gives another. */
  | { readonly kind: 'choice'; readonly doc: string; readonly default: string; readonly of: readonly string[]; readonly only?: string }
  /** `empty`: why it must not be. */
  | { readonly kind: 'list'; readonly doc: string; readonly default: readonly unknown[]; readonly of: Field; readonly empty?: string }
  /** Whatever YAML has, below keys that are text; whoever uses it says what it may be. */
  | { readonly kind: 'map'; readonly doc: string; readonly default: Readonly<Record<string, unknown>> }
  | { readonly kind: 'dictionary'; readonly doc: string; readonly default: Readonly<Record<string, string>>; readonly key: RegExp; readonly expected: string }
  | Section;

export interface Section {
  readonly kind: 'section';
  readonly doc: string;
  readonly keys: Readonly<Record<string, Field>>;
  /** Keys that must be there (in the items of lists). */
  readonly required?: readonly string[];
}

const KiB = 1024,
  MiB = 1024 * KiB,
  GiB = 1024 * MiB;
const ABSOLUTE = /^\/[^\0]*$/;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

const path = (doc: string, fallback: string): Field => ({ kind: 'string', doc, default: fallback, pattern: ABSOLUTE, expected: 'an absolute path' });
const name = (doc: string): Field => ({ kind: 'string', doc, default: '', pattern: NAME, expected: 'the name of an environment variable' });
const kbs = (doc: string): Field => ({ kind: 'string', doc: `${doc} kbs:///REPOSITORY/TYPE/TAG.`, default: '', pattern: /^kbs:\/\/\/[\w-][\w.-]*\/[\w-][\w.-]*\/[\w-][\w.-]*$/, expected: 'kbs:///REPOSITORY/TYPE/TAG' });
const freshness = (doc: string): Field => ({
  kind: 'choice',
  doc: `${doc}: who knows which state of it is the newest. \`broker\`: its counter there; a version of a key counts one volume or layer. \`machine\`: a record on this machine, which can be exchanged along with it.`,
  default: 'broker',
  of: ['broker', 'machine'],
});
const kbsOrNone = (doc: string): Field => ({ kind: 'string', doc, default: '', pattern: /^(?:kbs:\/\/\/[\w-][\w.-]*\/[\w-][\w.-]*\/[\w-][\w.-]*)?$/, expected: 'kbs:///REPOSITORY/TYPE/TAG' });

// biome-ignore format: a table
export const CONFIGURATION: Section = { kind: 'section', doc: 'Configuration of a Cloister instance. It is measured: a change needs `cloister build`.', keys: {
  resources: { kind: 'section', doc: 'Ceilings. Nothing is reserved: memory grows on demand.', keys: {
    memory:    { kind: 'size', doc: 'Memory of all processes together; beyond it they get ENOMEM.', default: 4 * GiB, min: 16 * MiB, max: 1024 * GiB },
    processes: { kind: 'integer', doc: 'Processes and threads of the enclave; no program can raise it. Each process takes 1 MiB of `memory` beside its pages.', default: 32_768, min: 1, max: 4_194_304 },
  } },
  process: { kind: 'section', doc: 'How programs start.', keys: {
    directory: path('Working directory.', '/'),
    stack:     { kind: 'size', doc: 'Stack limit that programs start with (RLIMIT_STACK).', default: 8 * MiB, min: 64 * KiB, max: 1 * GiB },
    files:     { kind: 'integer', doc: 'Open files that a process may have from its start (RLIMIT_NOFILE; up to 1048576 if it asks).', default: 1024, min: 16, max: 1_048_576 },
    hostname:  { kind: 'string', doc: 'Name of the machine as programs see it.', default: 'cloister', pattern: /^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$/, expected: 'a host name' },
  } },
  entry_points: { kind: 'list', doc: 'Programs that may be started from outside: these paths and everything below them. Where a path is a link, what it leads to must be below one of them too.', default: ['/bin', '/sbin', '/usr/bin', '/usr/sbin', '/usr/local/bin'], of: path('A path prefix.', '/bin'), empty: 'nothing could be started' },
  env: { kind: 'section', doc: 'Environment of programs.', keys: {
    default:   { kind: 'dictionary', doc: 'Set for every program.', default: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root', LANG: 'C.UTF-8' }, key: NAME, expected: 'the name of an environment variable' },
    untrusted: { kind: 'list', doc: 'Names that the host may set; all others are refused.', default: [], of: name('A variable.') },
  } },
  mounts: { kind: 'list', doc: 'File systems besides the image with its writable layer, /proc, /dev and /dev/shm.', default: [{ target: '/tmp', type: 'layer' }], of: { kind: 'section', doc: 'A mount.', required: ['target', 'type'], keys: {
    target:    path('Where it is seen.', '/tmp'),
    type:      { kind: 'choice', doc: '`tmpfs`: in memory, gone at the end. `layer`: nothing is mounted, files go to the writable layer.', default: 'tmpfs', of: ['tmpfs', 'layer'] },
  } } },
  broker: { kind: 'section', doc: 'Where this enclave gets keys and secrets, if any are named below or by `build --image-key kbs://…`.', keys: {
    url:         { kind: 'string', doc: 'As https://kbs.example:8443; empty for none.', default: '', pattern: /^(?:https?:\/\/[^\s/]+\/?)?$/, expected: 'a URL such as https://kbs.example:8443' },
    policy:      { kind: 'map', doc: 'What the evidence of the broker must satisfy, instead of a certificate: keys as in `verify --policy`, roots and simKeys as PEM. It is verified before anything is sent. Empty: no evidence is asked for.', default: {} },
    pcs:         { kind: 'string', doc: "For evidence of SGX and TDX: a PCCS instead of Intel's service.", default: '', pattern: /^(?:https?:\/\/[^\s]+)?$/, expected: 'a URL' },
    kds:         { kind: 'string', doc: "For evidence of SEV-SNP: another service than AMD's.", default: '', pattern: /^(?:https?:\/\/[^\s]+)?$/, expected: 'a URL' },
    certificate: { kind: 'string', doc: "The one certificate (PEM) that the broker may have, itself and not that of an authority; empty: any that the host's authorities vouch for.", default: '', pattern: /^(?:-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*)?$/, expected: 'a certificate in PEM' },
  } },
  layer: { kind: 'section', doc: 'The writable layer over the image.', keys: {
    key: kbsOrNone('Its key at the broker, as `cloister gen-image-key` makes it; empty: a key of the TEE, which TDX and SEV-SNP do not have. kbs:///REPOSITORY/TYPE/TAG.'),
    freshness: freshness('With a key at the broker'),
  } },
  secrets: { kind: 'list', doc: 'Secrets from the broker: each as a file in /run/secrets or as an environment variable of every program.', default: [], of: { kind: 'section', doc: 'A secret.', required: ['key'], keys: {
    key:  kbs('Which one.'),
    file: { kind: 'string', doc: 'Name in /run/secrets.', default: '', pattern: /^(?:[A-Za-z0-9_-][A-Za-z0-9._-]{0,127})?$/, expected: 'the name of a file, without a directory' },
    env:  { kind: 'string', doc: 'Name of a variable.', default: '', pattern: /^(?:[A-Za-z_][A-Za-z0-9_]*)?$/, expected: 'the name of an environment variable' },
  } } },
  volumes: { kind: 'list', doc: 'Volumes that are mounted when the broker has given their keys.', default: [], of: { kind: 'section', doc: 'A volume.', required: ['target', 'source', 'key'], keys: {
    target: path('Where it is seen.', '/data'),
    source: { kind: 'string', doc: 'Path on the host, in the instance unless it is absolute. Not trusted: what lies there is verified.', default: '', pattern: /^[^\0]+$/, expected: 'a path' },
    type:   { kind: 'choice', doc: '`sealed`: a file that `cloister seal` made, read-only. `layer`: a directory that can be written; made when it is not there.', default: 'sealed', of: ['sealed', 'layer'] },
    key:    kbs('Its key at the broker.'),
    freshness: freshness('For `layer`'),
  } } },
  network: { kind: 'section', doc: 'What programs may reach outside. Loopback inside the enclave always works.', keys: {
    outside:   { kind: 'choice', doc: '`closed`, the only policy so far: connections out of the enclave fail with ENETUNREACH.', default: 'closed', of: ['closed'], only: 'programs cannot reach anything outside the enclave yet' },
  } },
  metadata: { kind: 'section', doc: 'What a verifier sees besides the measurement.', keys: {
    product_id:       { kind: 'integer', doc: 'Tells products of one signer apart.', default: 0, min: 0, max: 65535 },
    security_version: { kind: 'integer', doc: 'Raise it when a release fixes a security fault.', default: 0, min: 0, max: 65535 },
    debuggable:       { kind: 'boolean', doc: 'Allows --strace and --debug. Not for production. A writable layer opens only under the value, and the signing key, that it was written under.', default: true },
  } },
} };

export interface Configuration {
  readonly resources: { readonly memory: number; readonly processes: number };
  readonly process: { readonly directory: string; readonly stack: number; readonly files: number; readonly hostname: string };
  readonly entry_points: readonly string[];
  readonly env: { readonly default: Readonly<Record<string, string>>; readonly untrusted: readonly string[] };
  readonly mounts: readonly { readonly target: string; readonly type: 'tmpfs' | 'layer' }[];
  readonly broker: { readonly url: string; readonly policy: Readonly<Record<string, unknown>>; readonly pcs: string; readonly kds: string; readonly certificate: string };
  readonly layer: { readonly key: string; readonly freshness: 'broker' | 'machine' };
  readonly secrets: readonly { readonly key: string; readonly file: string; readonly env: string }[];
  readonly volumes: readonly { readonly target: string; readonly source: string; readonly type: 'sealed' | 'layer'; readonly key: string; readonly freshness: 'broker' | 'machine' }[];
  readonly network: { readonly outside: 'closed' };
  readonly metadata: { readonly product_id: number; readonly security_version: number; readonly debuggable: boolean };
}

export function defaultsOf(field: Field): unknown {
  if (field.kind !== 'section') return structuredClone(field.default);
  return Object.fromEntries(Object.entries(field.keys).map(([key, inner]) => [key, defaultsOf(inner)]));
}

const UNITS: readonly (readonly [string, number])[] = [
  ['GiB', GiB],
  ['MiB', MiB],
  ['KiB', KiB],
  ['GB', 1e9],
  ['MB', 1e6],
  ['KB', 1e3],
  ['B', 1],
];

/** `512 MiB`, `2GiB`, `1.5 GB`, `4096`; `undefined` for anything else. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([KMG]i?B|B)?$/.exec(text.trim());
  if (match === null) return undefined;
  const unit = UNITS.find(([suffix]) => suffix === (match[2] ?? 'B'));
  const bytes = Number(match[1]) * (unit?.[1] ?? 1);
  return Number.isInteger(bytes) ? bytes : undefined;
}

export function formatSize(bytes: number): string {
  const unit = UNITS.slice(0, 3).find(([, size]) => bytes % size === 0);
  return unit === undefined ? `${bytes}` : `${bytes / unit[1]} ${unit[0]}`;
}

/** The JSON Schema (draft 2020-12) that editors check against. */
export function jsonSchema(): unknown {
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'cloister.yaml', ...schemaOf(CONFIGURATION) };
}

function schemaOf(field: Field): Record<string, unknown> {
  const description = field.doc;
  switch (field.kind) {
    case 'section': {
      const properties = Object.fromEntries(Object.entries(field.keys).map(([key, inner]) => [key, schemaOf(inner)]));
      return { description, type: 'object', additionalProperties: false, properties, ...(field.required && { required: field.required }) };
    }
    case 'string':
      return { description, type: 'string', default: field.default, ...(field.pattern && { pattern: field.pattern.source }) };
    case 'size':
      return {
        description,
        default: formatSize(field.default),
        anyOf: [
          { type: 'integer', minimum: field.min, maximum: field.max },
          { type: 'string', pattern: '^\\d+(\\.\\d+)?\\s*([KMG]i?B|B)?$' },
        ],
      };
    case 'integer':
      return { description, type: 'integer', default: field.default, minimum: field.min, maximum: field.max };
    case 'boolean':
      return { description, type: 'boolean', default: field.default };
    case 'choice':
      return { description, enum: field.of, default: field.default };
    case 'list':
      return { description, type: 'array', default: field.default, items: schemaOf(field.of), ...(field.empty !== undefined && { minItems: 1 }) };
    case 'map':
      return { description, type: 'object', default: field.default };
    case 'dictionary':
      return { description, type: 'object', default: field.default, additionalProperties: { type: 'string' }, propertyNames: { pattern: field.key.source } };
  }
}

/** The commented file that `cloister new` writes. */
export function defaultFile(): string {
  const lines = [`# ${CONFIGURATION.doc}`, ''];
  for (const [key, field] of Object.entries(CONFIGURATION.keys)) {
    lines.push(`# ${field.doc}`, ...render(key, field, ''), '');
  }
  return lines.join('\n');
}

function render(key: string, field: Field, indent: string): string[] {
  const scalar = (value: unknown): string => (typeof value === 'string' && !/^[A-Za-z/][A-Za-z0-9/:._-]*$/.test(value) ? JSON.stringify(value) : String(value));
  switch (field.kind) {
    case 'section': {
      const inner = Object.entries(field.keys).flatMap(([name, child]) => [`${indent}  # ${child.doc}`, ...render(name, child, `${indent}  `)]);
      return [`${indent}${key}:`, ...inner];
    }
    case 'list': {
      if (field.default.length === 0) return [`${indent}${key}: []`];
      const item = (value: unknown): string =>
        typeof value === 'object' && value !== null
          ? `{ ${Object.entries(value)
              .map(([name, part]) => `${name}: ${scalar(part)}`)
              .join(', ')} }`
          : scalar(value);
      return [`${indent}${key}:`, ...field.default.map((value) => `${indent}  - ${item(value)}`)];
    }
    case 'map':
      return [`${indent}${key}: ${JSON.stringify(field.default)}`];
    case 'dictionary':
      return [`${indent}${key}:`, ...Object.entries(field.default).map(([name, value]) => `${indent}  ${name}: ${scalar(value)}`)];
    case 'size':
      return [`${indent}${key}: ${formatSize(field.default)}`];
    default:
      return [`${indent}${key}: ${scalar(field.default)}`];
  }
}
