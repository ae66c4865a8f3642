/**
 * Compiles rows into decode tables (SDM vol. 2, appendix A.3), checking every string of every row.
 *
 * A leaf belongs to opcode map, opcode byte, mandatory-prefix class and REX.W; it is one form, or 256 of them
 * by ModRM byte. Where several rows match, the one that says more wins: an explicit prefix over none, REX.W
 * over any, a fixed ModRM byte over `/n`, a literal opcode over `+r`. Two that say the same are a clash.
 */

import { parseOperand, takesMemory, takesRegister, Where } from './operands.ts';
import type { OperandSpec } from './operands.ts';
import type { Row } from './row.ts';

/** Prefix classes: none, 66, F3, F2. */
export const PREFIX = ['NP', '66', 'F3', 'F2'] as const;

/** A row, compiled. */
export interface Form {
  readonly row: Row;
  readonly operands: readonly OperandSpec[];
  /** 0: one byte, 1: 0F, 2: 0F 38, 3: 0F 3A. */
  readonly map: number;
  readonly opcode: number;
  /** Register number in the opcode's low three bits. */
  readonly plusR: boolean;
  /** Index into `PREFIX`, or -1 where the prefix is not part of the opcode. */
  readonly prefix: number;
  readonly rexW: boolean;
  readonly hasModRM: boolean;
  /** ModRM.reg, or -1. */
  readonly digit: number;
  /** A fixed ModRM byte, or -1; with `plusI`, eight of them. */
  readonly fixed: number;
  readonly plusI: boolean;
  /** Whether ModRM.mod = 3 and memory forms exist. */
  readonly registerForm: boolean;
  readonly memoryForm: boolean;
  readonly lockable: boolean;
  readonly default64: boolean;
  /** 66 is part of the opcode, hence no operand-size prefix. */
  readonly mandatory66: boolean;
}

/** Decoding result of a leaf: nothing, one form, or a form by ModRM byte. */
export type Leaf = Form | readonly (Form | undefined)[] | null;

function fail(row: Row, why: string): never {
  throw new Error(`row ${row.mnemonic} | ${row.encoding} | ${row.operands}: ${why}`);
}

const IMMEDIATE: Readonly<Record<string, readonly string[]>> = {
  ib: ['Ib', 'sIb'],
  iw: ['Iw'],
  id: ['Iz', 'Id'],
  iz: ['Iz'],
  iq: ['Iv', 'Iq'],
  iv: ['Iv'],
  cb: ['Jb'],
  cd: ['Jz'],
  mo: ['Ob', 'Ov'],
};

/** Compiles one row; throws where its strings make no sense. */
export function compileRow(row: Row): Form {
  const operands = row.operands === '' ? [] : row.operands.split(',').map((code) => parseOperand(code.trim()));
  let prefix = -1;
  let rexW = false;
  let map = 0;
  let opcode = -1;
  let plusR = false;
  let slashR = false;
  let digit = -1;
  let fixed = -1;
  let plusI = false;
  const immediates: string[] = [];
  const tokens = row.encoding.trim().split(/\s+/);
  for (const [at, token] of tokens.entries()) {
    const next = tokens[at + 1] ?? '';
    const hex = /^([0-9A-F]{2})(\+r|\+i)?$/.exec(token);
    if (opcode < 0 && (PREFIX as readonly string[]).includes(token) && /^(REX\.W|[0-9A-F]{2})/.test(next)) prefix = PREFIX.indexOf(token as 'NP');
    else if (token === 'REX.W') rexW = true;
    else if (token === '/r') slashR = true;
    else if (/^\/[0-7]$/.test(token)) digit = Number(token[1]);
    else if (IMMEDIATE[token] !== undefined) immediates.push(token);
    else if (hex === null) fail(row, `cannot read ${token}`);
    else if (opcode < 0 && token === '0F' && map === 0) map = 1;
    else if (opcode < 0 && map === 1 && token === '38') map = 2;
    else if (opcode < 0 && map === 1 && token === '3A') map = 3;
    else if (opcode < 0) {
      opcode = Number.parseInt(hex[1], 16);
      plusR = hex[2] === '+r';
      if (hex[2] === '+i') fail(row, '+i in an opcode');
    } else if (fixed < 0) {
      fixed = Number.parseInt(hex[1], 16);
      plusI = hex[2] === '+i';
    } else fail(row, `cannot place ${token}`);
  }
  if (opcode < 0) fail(row, 'no opcode');
  const encoded = operands.filter((o) => o.where === Where.I || o.where === Where.J || o.where === Where.O).map((o) => o.code);
  if (encoded.length !== immediates.length) fail(row, `immediates ${immediates.join(' ')} against operands ${encoded.join(',')}`);
  for (const [at, token] of immediates.entries()) {
    if (!IMMEDIATE[token].includes(encoded[at])) fail(row, `${token} does not encode ${encoded[at]}`);
  }
  const rm = operands.filter((o) => takesRegister(o.where) || takesMemory(o.where));
  const reg = operands.filter((o) => [Where.G, Where.P, Where.V, Where.S, Where.C, Where.D].includes(o.where as 1));
  if (rm.length > 1 || reg.length > 1) fail(row, 'an operand field used twice');
  const hasModRM = slashR || digit >= 0 || fixed >= 0;
  if (fixed < 0 && rm.length > 0 !== hasModRM) fail(row, 'ModRM and operands disagree');
  if (reg.length > 0 && !slashR) fail(row, 'a register operand needs /r');
  if (operands.some((o) => o.where === Where.Z) !== plusR) fail(row, '+r and Z go together');
  if (operands.some((o) => o.where === Where.ST) !== plusI) fail(row, '+i and STi go together');
  return {
    row,
    operands,
    map,
    opcode,
    plusR,
    prefix,
    rexW,
    hasModRM,
    digit,
    fixed,
    plusI,
    registerForm: fixed >= 0 ? fixed >= 0xc0 : rm.length > 0 && takesRegister(rm[0].where),
    memoryForm: fixed >= 0 ? fixed < 0xc0 : rm.length > 0 && takesMemory(rm[0].where),
    lockable: row.lockable === true,
    default64: row.default64 === true || operands.some((o) => o.where === Where.J),
    mandatory66: prefix === 1,
  };
}

interface Candidate {
  readonly form: Form;
  readonly weight: number;
}

const leafIndex = (map: number, opcode: number, prefix: number, w: number): number => (map << 11) | (opcode << 3) | (prefix << 1) | w;
const PREFIXES = [0, 1, 2, 3],
  REGISTERS = [0, 1, 2, 3, 4, 5, 6, 7];

/** Opcode map, opcode byte and `+r` of an encoding; `compileRow` reads the rest, and all of it with care. */
const PLACE = /^(?:(?:NP|66|F3|F2) (?=REX|[0-9A-F]{2}))?(?:REX\.W )?(0F (?:38 |3A )?)?([0-9A-F]{2})(\+r)?/;
const MAPS = ['', '0F ', '0F 38 ', '0F 3A '];

/** `map << 8 | opcode`, for each register of `+r`. Throws where there is no opcode. */
export function placesOf(row: Row): number[] {
  const [, map = '', opcode, plusR] = PLACE.exec(row.encoding) ?? fail(row, 'no opcode');
  const place = (MAPS.indexOf(map) << 8) | Number.parseInt(opcode, 16);
  return plusR === undefined ? [place] : REGISTERS.map((register) => place + register);
}

/**
 * The leaves of rows, compiled opcode by opcode as they are first asked for: a program uses a part of them, and all
 * together take tens of milliseconds.
 */
export class DecodeTable {
  /** By `leafIndex`; undefined where the opcode was not asked for yet. */
  readonly #leaves: (Leaf | undefined)[] = new Array<undefined>(4 << 11).fill(undefined);
  readonly #rows = new Map<number, Row[]>();
  readonly #forms = new Map<Row, Form>();

  constructor(rows: readonly Row[]) {
    for (const row of rows)
      for (const place of placesOf(row)) {
        const here = this.#rows.get(place);
        if (here === undefined) this.#rows.set(place, [row]);
        else here.push(row);
      }
  }

  /** Throws where rows of this opcode make no sense, or clash. */
  leaf(map: number, opcode: number, prefix: number, w: number): Leaf {
    const at = leafIndex(map, opcode, prefix, w);
    let leaf = this.#leaves[at];
    if (leaf === undefined) {
      this.#compile(map, opcode);
      leaf = this.#leaves[at] as Leaf;
    }
    return leaf;
  }

  #compile(map: number, opcode: number): void {
    const forms = (this.#rows.get((map << 8) | opcode) ?? []).map((row) => this.#formOf(row));
    const shared = new Map<string, Leaf>();
    for (const prefix of PREFIXES)
      for (const w of [0, 1]) {
        const cell = forms.filter((form) => (form.prefix < 0 || form.prefix === prefix) && (!form.rexW || w === 1));
        const key = cell.map((form) => forms.indexOf(form)).join();
        if (!shared.has(key)) shared.set(key, cell.length === 0 ? null : leafOf(cell.map((form) => ({ form, weight: weightOf(form) }))));
        this.#leaves[leafIndex(map, opcode, prefix, w)] = shared.get(key);
      }
  }

  #formOf(row: Row): Form {
    let form = this.#forms.get(row);
    if (form === undefined) this.#forms.set(row, (form = compileRow(row)));
    return form;
  }
}

const weightOf = ({ prefix, rexW, fixed, plusR }: Form): number => (prefix >= 0 ? 8 : 0) + (rexW ? 4 : 0) + (fixed >= 0 ? 2 : 0) + (plusR ? 0 : 1);

function matches(form: Form, modrm: number): boolean {
  if (form.fixed >= 0) return form.plusI ? (modrm & 0xf8) === form.fixed : modrm === form.fixed;
  if (form.digit >= 0 && ((modrm >> 3) & 7) !== form.digit) return false;
  return modrm >= 0xc0 ? form.registerForm : form.memoryForm;
}

function clash(form: Form, other: Form): never {
  fail(form.row, `clashes with ${other.row.mnemonic} | ${other.row.encoding}`);
}

function best([first, ...others]: readonly Candidate[]): Form {
  let found = first;
  for (const candidate of others) {
    if (candidate.weight > found.weight) found = candidate;
    else if (candidate.weight === found.weight) clash(candidate.form, found.form);
  }
  return found.form;
}

function leafOf(cell: readonly Candidate[]): Leaf {
  const modrm = cell.some(({ form }) => form.hasModRM);
  if (!modrm) return best(cell);
  const bare = cell.find(({ form }) => !form.hasModRM);
  if (bare !== undefined) fail(bare.form.row, 'shares its opcode with a row that has a ModRM byte');
  if (cell.length === 1 && cell[0].form.digit < 0 && cell[0].form.fixed < 0 && cell[0].form.registerForm && cell[0].form.memoryForm) return cell[0].form;
  const table: (Form | undefined)[] = new Array<undefined>(256).fill(undefined);
  const weights = new Int8Array(256).fill(-1);
  for (const { form, weight } of cell) {
    for (let byte = 0; byte < 256; byte++) {
      if (!matches(form, byte) || weight < weights[byte]) continue;
      if (weight === weights[byte]) clash(form, table[byte] as Form);
      table[byte] = form;
      weights[byte] = weight;
    }
  }
  return table;
}
