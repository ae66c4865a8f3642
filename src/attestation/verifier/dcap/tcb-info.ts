/** TCB information, version 3 (and 2, which PCS still gives for SGX), and identities of quoting enclaves, version 2, as Intel's PCS publishes them. */

import type { TcbStatus } from '../verdict.ts';
import { FormatError } from '../reader.ts';

export interface TcbLevel {
  readonly sgxComponents: readonly number[];
  readonly tdxComponents?: readonly number[];
  readonly pceSvn: number;
  readonly status: TcbStatus;
  readonly date: string;
  readonly advisories: readonly string[];
}

export interface SvnLevel {
  readonly isvSvn: number;
  readonly status: TcbStatus;
  readonly date: string;
  readonly advisories: readonly string[];
}

export interface TdxModule {
  readonly mrsigner: string;
  readonly attributes: string;
  readonly attributesMask: string;
}

export interface TdxModuleIdentity extends TdxModule {
  readonly id: string;
  readonly levels: readonly SvnLevel[];
}

interface Dated {
  readonly id: string;
  readonly version: number;
  /** Milliseconds since 1970. */
  readonly issueDate: number;
  readonly nextUpdate: number;
  readonly evaluation: number;
}

export interface TcbInfo extends Dated {
  readonly fmspc: string;
  readonly pceId: string;
  readonly tdxModule?: TdxModule;
  readonly tdxModuleIdentities: readonly TdxModuleIdentity[];
  readonly levels: readonly TcbLevel[];
}

export interface QeIdentity extends Dated {
  /** Bytes as they lie in the report. */
  readonly miscselect: Uint8Array;
  readonly miscselectMask: Uint8Array;
  readonly attributes: Uint8Array;
  readonly attributesMask: Uint8Array;
  readonly mrsigner: string;
  readonly isvprodid: number;
  readonly levels: readonly SvnLevel[];
}

const STATUSES: readonly string[] = ['UpToDate', 'SWHardeningNeeded', 'ConfigurationNeeded', 'ConfigurationAndSWHardeningNeeded', 'OutOfDate', 'OutOfDateConfigurationNeeded', 'Revoked'];

/** A member of an object, by kind; anything else is a FormatError that names it. */
class Members {
  readonly #value: Readonly<Record<string, unknown>>;
  readonly #where: string;

  constructor(value: unknown, where: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new FormatError(`${where} is not an object`);
    this.#value = value as Readonly<Record<string, unknown>>;
    this.#where = where;
  }

  has(name: string): boolean {
    return this.#value[name] !== undefined;
  }

  #wrong(name: string): FormatError {
    return new FormatError(`${this.#where}${name} is missing or wrong`);
  }

  text(name: string): string {
    const value = this.#value[name];
    if (typeof value !== 'string') throw this.#wrong(name);
    return value;
  }

  /** Lower case. */
  hex(name: string, bytes: number): string {
    const value = this.#value[name];
    if (typeof value !== 'string' || value.length !== bytes * 2 || !/^[0-9a-fA-F]*$/.test(value)) throw this.#wrong(name);
    return value.toLowerCase();
  }

  bytes(name: string, bytes: number): Uint8Array {
    return Uint8Array.from(this.hex(name, bytes).match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  }

  number(name: string, limit: number): number {
    const value = this.#value[name];
    if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > limit) throw this.#wrong(name);
    return value as number;
  }

  date(name: string): number {
    const text = this.text(name);
    const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text) ? Date.parse(text) : Number.NaN;
    if (!Number.isFinite(time)) throw this.#wrong(name);
    return time;
  }

  status(name: string): TcbStatus {
    const text = this.text(name);
    if (!STATUSES.includes(text)) throw this.#wrong(name);
    return text as TcbStatus;
  }

  list(name: string): readonly unknown[] {
    const value = this.#value[name];
    if (!Array.isArray(value)) throw this.#wrong(name);
    return value;
  }

  advisories(): readonly string[] {
    if (!this.has('advisoryIDs')) return [];
    const ids = this.list('advisoryIDs');
    if (!ids.every((id) => typeof id === 'string')) throw this.#wrong('advisoryIDs');
    return ids as string[];
  }

  object(name: string): Members {
    return new Members(this.#value[name], `${this.#where}${name}.`);
  }
}

const parse = (text: string, where: string): Members => {
  try {
    return new Members(JSON.parse(text), where);
  } catch (error) {
    if (error instanceof SyntaxError) throw new FormatError(`${where} is not JSON`);
    throw error;
  }
};

/** Version 2 names each of the sixteen components of SGX. */
const numberedComponents = (tcb: Members): number[] => Array.from({ length: 16 }, (_, index) => tcb.number(`sgxtcbcomp${String(index + 1).padStart(2, '0')}svn`, 255));

const components = (tcb: Members, name: string): number[] => {
  const list = tcb.list(name);
  if (list.length !== 16) throw new FormatError(`${name} has ${list.length} entries in place of 16`);
  return list.map((entry) => new Members(entry, `${name}.`).number('svn', 255));
};

const svnLevels = (members: Members): SvnLevel[] =>
  members.list('tcbLevels').map((entry) => {
    const level = new Members(entry, 'tcbLevels.');
    return { isvSvn: level.object('tcb').number('isvsvn', 65535), status: level.status('tcbStatus'), date: level.text('tcbDate'), advisories: level.advisories() };
  });

const moduleOf = (members: Members): TdxModule => ({ mrsigner: members.hex('mrsigner', 48), attributes: members.hex('attributes', 8), attributesMask: members.hex('attributesMask', 8) });

const dated = (members: Members, id = members.text('id')): Dated => ({
  id,
  version: members.number('version', 0xffff_ffff),
  issueDate: members.date('issueDate'),
  nextUpdate: members.date('nextUpdate'),
  evaluation: members.number('tcbEvaluationDataNumber', 0xffff_ffff),
});

/** Version of the text, so that another one is told from a damaged one; undefined where there is none. */
export function versionOf(text: string): number | undefined {
  try {
    return parse(text, '').number('version', 0xffff_ffff);
  } catch {
    return undefined;
  }
}

/** Throws FormatError. */
export function readTcbInfo(text: string): TcbInfo {
  const members = parse(text, '');
  const early = members.number('version', 0xffff_ffff) === 2;
  // Version 2 is for SGX alone and does not say so.
  const head = early ? dated(members, 'SGX') : dated(members);
  if (members.number('tcbType', 0xffff_ffff) !== 0) throw new FormatError('tcbType is not 0: levels are not compared component by component');
  const tdx = head.id === 'TDX';
  return {
    ...head,
    fmspc: members.hex('fmspc', 6),
    pceId: members.hex('pceId', 2),
    tdxModule: tdx ? moduleOf(members.object('tdxModule')) : undefined,
    tdxModuleIdentities:
      tdx && members.has('tdxModuleIdentities')
        ? members.list('tdxModuleIdentities').map((entry) => {
            const identity = new Members(entry, 'tdxModuleIdentities.');
            return { id: identity.text('id'), ...moduleOf(identity), levels: svnLevels(identity) };
          })
        : [],
    levels: members.list('tcbLevels').map((entry) => {
      const level = new Members(entry, 'tcbLevels.');
      const tcb = level.object('tcb');
      return {
        sgxComponents: early ? numberedComponents(tcb) : components(tcb, 'sgxtcbcomponents'),
        tdxComponents: tdx ? components(tcb, 'tdxtcbcomponents') : undefined,
        pceSvn: tcb.number('pcesvn', 65535),
        status: level.status('tcbStatus'),
        date: level.text('tcbDate'),
        advisories: level.advisories(),
      };
    }),
  };
}

/** Throws FormatError. */
export function readQeIdentity(text: string): QeIdentity {
  const members = parse(text, '');
  return {
    ...dated(members),
    miscselect: members.bytes('miscselect', 4),
    miscselectMask: members.bytes('miscselectMask', 4),
    attributes: members.bytes('attributes', 16),
    attributesMask: members.bytes('attributesMask', 16),
    mrsigner: members.hex('mrsigner', 32),
    isvprodid: members.number('isvprodid', 65535),
    levels: svnLevels(members),
  };
}
