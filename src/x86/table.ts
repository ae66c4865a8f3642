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
export type Leaf = Form | readonly (Form | undefined)[] | undefined;

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

export const leafIndex = (map: number, opcode: number, prefix: number, w: number): number => (map << 11) | (opcode << 3) | (prefix << 1) | w;

/** The leaves of all rows, by `leafIndex`. */
export function compileTable(forms: readonly Form[]): readonly Leaf[] {
  const cells: (Candidate[] | undefined)[] = new Array<undefined>(4 << 11).fill(undefined);
  for (const form of forms) {
    const prefixes = form.prefix >= 0 ? [form.prefix] : [0, 1, 2, 3];
    const opcodes = form.plusR ? [0, 1, 2, 3, 4, 5, 6, 7].map((r) => form.opcode + r) : [form.opcode];
    const weight = (form.prefix >= 0 ? 8 : 0) + (form.rexW ? 4 : 0) + (form.fixed >= 0 ? 2 : 0) + (form.plusR ? 0 : 1);
    for (const opcode of opcodes)
      for (const prefix of prefixes)
        for (const w of form.rexW ? [1] : [0, 1]) {
          (cells[leafIndex(form.map, opcode, prefix, w)] ??= []).push({ form, weight });
        }
  }
  const leaves: Leaf[] = new Array<undefined>(4 << 11).fill(undefined);
  const ids = new Map(forms.map((form, id) => [form, id]));
  const shared = new Map<string, Leaf>();
  for (const [at, cell] of cells.entries()) {
    if (cell === undefined) continue;
    const key = cell.map(({ form }) => ids.get(form)).join();
    if (!shared.has(key)) shared.set(key, leafOf(cell));
    leaves[at] = shared.get(key);
  }
  return leaves;
}

function matches(form: Form, modrm: number): boolean {
  if (form.fixed >= 0) return form.plusI ? (modrm & 0xf8) === form.fixed : modrm === form.fixed;
  if (form.digit >= 0 && ((modrm >> 3) & 7) !== form.digit) return false;
  return modrm >= 0xc0 ? form.registerForm : form.memoryForm;
}

function clash(form: Form, other: Form): never {
  fail(form.row, `clashes with ${other.row.mnemonic} | ${other.row.encoding}`);
}

function best(candidates: readonly Candidate[]): Form | undefined {
  let found: Candidate | undefined;
  for (const candidate of candidates) {
    if (found === undefined || candidate.weight > found.weight) found = candidate;
    else if (candidate.weight === found.weight) clash(candidate.form, found.form);
  }
  return found?.form;
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
