/** Reads `cloister.yaml` and says everything that is wrong with it: line, column, key, and what was probably meant. */

import { type Alias, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { nearest } from './nearest.ts';
import { CONFIGURATION, type Configuration, defaultsOf, type Field, formatSize, parseSize, type Section } from './schema.ts';

export interface ConfigurationProblem {
  readonly line: number;
  readonly column: number;
  /** Dotted, as `resources.memory`; empty for the file as a whole. */
  readonly key: string;
  readonly message: string;
}

export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly code = 'configuration';
  readonly problems: readonly ConfigurationProblem[];

  constructor(file: string, problems: readonly ConfigurationProblem[]) {
    super(problems.map(({ line, column, key, message }) => `${file}:${line}:${column}: ${key === '' ? '' : `${key}: `}${message}`).join('\n'));
    this.problems = problems;
  }
}

/** What a variable's value may be written as; bytes and dates (`!!binary`) are not. */
const TEXTUAL: ReadonlySet<string> = new Set(['string', 'number', 'bigint', 'boolean']);

/** A file is refused before it is parsed if it is larger; aliases are refused altogether (they can blow up). */
const MAX_BYTES = 1 << 20;

export function parseConfiguration(text: string, file = 'cloister.yaml'): Configuration {
  const problems: ConfigurationProblem[] = [];
  const fail = (offset: number, key: string, message: string): void => {
    const { line, col } = lines.linePos(offset);
    problems.push({ line: Math.max(line, 1), column: Math.max(col, 1), key, message });
  };
  const lines = new LineCounter();
  if (text.length > MAX_BYTES) throw new ConfigurationError(file, [{ line: 1, column: 1, key: '', message: `the file is larger than ${formatSize(MAX_BYTES)}` }]);
  const document = parseDocument(text, { lineCounter: lines, version: '1.2', prettyErrors: false, uniqueKeys: true });
  for (const error of document.errors) fail(error.pos[0], '', error.code === 'MULTIPLE_DOCS' ? 'a second document begins here; the file is to be one' : error.message.replace(/\n[^]*$/, ''));
  for (const warning of document.warnings) if (warning.code === 'TAG_RESOLVE_FAILED') fail(warning.pos[0], '', 'there is no such tag; leave it out');
  const checker = new Checker(fail);
  const value = problems.length > 0 || document.contents === null ? defaultsOf(CONFIGURATION) : checker.check(CONFIGURATION, document.contents as Node, '');
  if (problems.length > 0) throw new ConfigurationError(file, problems);
  return value as Configuration;
}

class Checker {
  readonly #fail: (offset: number, key: string, message: string) => void;

  constructor(fail: (offset: number, key: string, message: string) => void) {
    this.#fail = fail;
  }

  check(field: Field, node: Node, key: string): unknown {
    if (isAlias(node)) return this.#alias(node, key, field.kind === 'section' ? defaultsOf(field) : field.default);
    switch (field.kind) {
      case 'section':
        return this.#section(field, node, key);
      case 'list':
        return this.#list(field, node, key);
      case 'dictionary':
        return this.#dictionary(field, node, key);
      case 'map':
        return isMap(node) ? this.#plain(node, key) : this.#expected('keys with values', node, key, field.default);
      default:
        return this.#scalar(field, node, key);
    }
  }

  #section(section: Section, node: Node, key: string): unknown {
    const value = defaultsOf(section) as Record<string, unknown>;
    if (!isMap(node)) return this.#expected('keys with values', node, key, value);
    const known = Object.keys(section.keys);
    const seen = new Set<string>();
    for (const { key: keyNode, value: valueNode } of node.items) {
      const name = String(isScalar(keyNode) ? keyNode.value : keyNode);
      const path = key === '' ? name : `${key}.${name}`;
      const offset = (keyNode as Node).range?.[0] ?? 0;
      if (!Object.hasOwn(section.keys, name)) {
        const near = nearest(name, known);
        this.#fail(offset, path, `there is no such key${near === undefined ? `; the keys here are ${known.join(', ')}` : `; did you mean ${near}?`}`);
      } else if (valueNode === null || (isScalar(valueNode) && valueNode.value === null)) {
        this.#fail(offset, path, 'has no value; leave the key out to get its default');
      } else {
        value[name] = this.check(section.keys[name], valueNode as Node, path);
      }
      seen.add(name);
    }
    for (const name of section.required ?? []) if (!seen.has(name)) this.#fail(node.range?.[0] ?? 0, key, `${name} is missing`);
    return value;
  }

  #list(field: Extract<Field, { kind: 'list' }>, node: Node, key: string): unknown {
    if (!isSeq(node)) return this.#expected('a list', node, key, field.default);
    if (node.items.length === 0 && field.empty !== undefined) this.#fail(node.range?.[0] ?? 0, key, `is empty: ${field.empty}; leave the key out to get its default`);
    return node.items.map((item, index) => this.check(field.of, item as Node, `${key}[${index}]`));
  }

  /** As JSON has it: what is measured is text. */
  #plain(node: Node, key: string): unknown {
    if (isAlias(node)) return this.#alias(node, key, '');
    if (isSeq(node)) return node.items.map((item, index) => this.#plain(item as Node, `${key}[${index}]`));
    if (isScalar(node)) return typeof node.value === 'string' || typeof node.value === 'boolean' || Number.isSafeInteger(node.value) ? node.value : this.#expected('text, a whole number, true or false', node, key, '');
    if (!isMap(node)) return this.#expected('a value', node, key, '');
    const value: Record<string, unknown> = {};
    for (const { key: keyNode, value: valueNode } of node.items) {
      const name = isScalar(keyNode) ? String(keyNode.value) : '';
      const path = `${key}.${name}`;
      const offset = (keyNode as Node).range?.[0] ?? 0;
      if (name === '') this.#fail(offset, key, 'a key is text');
      else if (valueNode === null) this.#fail(offset, path, 'has no value');
      else Object.defineProperty(value, name, { value: this.#plain(valueNode as Node, path), enumerable: true });
    }
    return value;
  }

  #dictionary(field: Extract<Field, { kind: 'dictionary' }>, node: Node, key: string): unknown {
    if (!isMap(node)) return this.#expected('names with values', node, key, field.default);
    const value: Record<string, string> = {};
    for (const { key: keyNode, value: valueNode } of node.items) {
      const name = String(isScalar(keyNode) ? keyNode.value : keyNode);
      const offset = (keyNode as Node).range?.[0] ?? 0;
      if (!field.key.test(name)) this.#fail(offset, `${key}.${name}`, `expected ${field.expected}`);
      else if (isAlias(valueNode)) this.#alias(valueNode, `${key}.${name}`, '');
      else if (!isScalar(valueNode) || !TEXTUAL.has(typeof valueNode.value)) this.#fail(offset, `${key}.${name}`, 'expected text; quote it if it looks like something else');
      else Object.defineProperty(value, name, { value: typeof valueNode.value === 'string' ? valueNode.value : (valueNode.source ?? String(valueNode.value)), enumerable: true });
    }
    return value;
  }

  #scalar(field: Exclude<Field, { kind: 'section' | 'list' | 'dictionary' | 'map' }>, node: Node, key: string): unknown {
    const value = isScalar(node) ? node.value : undefined;
    switch (field.kind) {
      case 'boolean':
        return typeof value === 'boolean' ? value : this.#expected('true or false', node, key, field.default);
      case 'choice': {
        if (typeof value === 'string' && field.of.includes(value)) return value;
        const near = typeof value === 'string' ? nearest(value, field.of) : undefined;
        const why = near === undefined ? field.only : `did you mean ${near}?`;
        return this.#expected(`${field.of.join(' or ')}${why === undefined ? '' : ` (${why})`}`, node, key, field.default);
      }
      case 'integer':
        return Number.isInteger(value) && (value as number) >= field.min && (value as number) <= field.max ? value : this.#expected(`a whole number from ${field.min} to ${field.max}`, node, key, field.default);
      case 'size': {
        const bytes = typeof value === 'number' ? value : typeof value === 'string' ? parseSize(value) : undefined;
        if (bytes === undefined || !Number.isInteger(bytes)) return this.#expected('a size such as 512 MiB', node, key, field.default);
        return bytes >= field.min && bytes <= field.max ? bytes : this.#expected(`a size from ${formatSize(field.min)} to ${formatSize(field.max)}`, node, key, field.default);
      }
      case 'string':
        return typeof value === 'string' && (field.pattern?.test(value) ?? true) ? value : this.#expected(field.expected ?? 'text', node, key, field.default);
    }
  }

  #alias(node: Alias, key: string, fallback: unknown): unknown {
    this.#fail(node.range?.[0] ?? 0, key, `*${node.source} refers to a value elsewhere, which is not followed; write the value itself`);
    return fallback;
  }

  #expected(what: string, node: Node, key: string, fallback: unknown): unknown {
    const found = isScalar(node) ? `not ${JSON.stringify(node.value) ?? String(node.value)}` : isMap(node) ? 'not keys with values' : 'not a list';
    this.#fail(node?.range?.[0] ?? 0, key, `expected ${what}, ${found}`);
    return fallback;
  }
}
