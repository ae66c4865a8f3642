/** A module, section by section (spec §5.5). Deterministic: the same calls give the same bytes. */

import { type BranchHint, type FunctionBody, VALUE_TYPE, type ValueType } from './code.ts';
import { ByteWriter } from './writer.ts';

export interface Limits {
  readonly initial: number;
  readonly maximum?: number;
  /** 64-bit addresses. */
  readonly wide?: boolean;
}

interface Import {
  readonly module: string;
  readonly name: string;
  readonly write: (out: ByteWriter) => void;
}

function writeLimits(out: ByteWriter, limits: Limits): void {
  out.u8((limits.maximum === undefined ? 0 : 1) | (limits.wide ? 4 : 0));
  out.u53(limits.initial);
  if (limits.maximum !== undefined) out.u53(limits.maximum);
}

export class ModuleBuilder {
  readonly #types: string[] = [];
  readonly #typeRows: { params: readonly ValueType[]; results: readonly ValueType[] }[] = [];
  readonly #imports: Import[] = [];
  readonly #functions: { type: number; body: FunctionBody | undefined }[] = [];
  readonly #exports: { name: string; kind: number; index: number }[] = [];
  readonly #elements: { table: number; offset: number; functions: readonly number[] }[] = [];
  readonly #data: { memory: number; offset: number; bytes: Uint8Array }[] = [];
  readonly #names: { index: number; name: string }[] = [];
  readonly #declared: number[] = [];
  #importedFunctions = 0;
  #importedMemories = 0;
  #importedTables = 0;

  type(params: readonly ValueType[], results: readonly ValueType[]): number {
    const key = `${params.join()}:${results.join()}`;
    const known = this.#types.indexOf(key);
    if (known >= 0) return known;
    this.#types.push(key);
    this.#typeRows.push({ params, results });
    return this.#types.length - 1;
  }

  importFunction(module: string, name: string, type: number): number {
    this.#imports.push({
      module,
      name,
      write: (out) => {
        out.u8(0);
        out.u32(type);
      },
    });
    return this.#importedFunctions++;
  }

  importTable(module: string, name: string, limits: Limits): number {
    this.#imports.push({
      module,
      name,
      write: (out) => {
        out.u8(1);
        out.u8(0x70);
        writeLimits(out, limits);
      },
    });
    return this.#importedTables++;
  }

  importMemory(module: string, name: string, limits: Limits): number {
    this.#imports.push({
      module,
      name,
      write: (out) => {
        out.u8(2);
        writeLimits(out, limits);
      },
    });
    return this.#importedMemories++;
  }

  /** Declares a function; all imports of functions come first. Returns its index. */
  function(type: number, body?: FunctionBody): number {
    this.#functions.push({ type, body });
    return this.#importedFunctions + this.#functions.length - 1;
  }

  define(functionIndex: number, body: FunctionBody): void {
    this.#functions[functionIndex - this.#importedFunctions].body = body;
  }

  /** A name for stack traces; in ascending order of index. */
  nameFunction(index: number, name: string): void {
    this.#names.push({ index, name });
  }

  exportFunction(name: string, index: number): void {
    this.#exports.push({ name, kind: 0, index });
  }

  /** An active element segment: table[offset…] = functions. */
  elements(table: number, offset: number, functions: readonly number[]): void {
    this.#elements.push({ table, offset, functions });
  }

  /** Functions that `ref.func` names: a declarative element segment. */
  declareElements(functions: readonly number[]): void {
    this.#declared.push(...functions);
  }

  /** An active data segment (32-bit memories). */
  data(memory: number, offset: number, bytes: Uint8Array): void {
    this.#data.push({ memory, offset, bytes });
  }

  /** The module, and for each defined function the offset of its first instruction in it. */
  finish(): { bytes: Uint8Array; codeOffsets: number[] } {
    const out = new ByteWriter(4096);
    out.raw(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]));
    const section = (id: number, write: (body: ByteWriter) => void): number => {
      const body = new ByteWriter(1024);
      write(body);
      out.u8(id);
      out.u32(body.length);
      const start = out.length;
      out.raw(body.view());
      return start;
    };
    section(1, (body) => {
      body.u32(this.#typeRows.length);
      for (const { params, results } of this.#typeRows) {
        body.u8(0x60);
        body.u32(params.length);
        for (const type of params) body.u8(VALUE_TYPE[type]);
        body.u32(results.length);
        for (const type of results) body.u8(VALUE_TYPE[type]);
      }
    });
    section(2, (body) => {
      body.u32(this.#imports.length);
      for (const each of this.#imports) {
        body.name(each.module);
        body.name(each.name);
        each.write(body);
      }
    });
    section(3, (body) => {
      body.u32(this.#functions.length);
      for (const each of this.#functions) body.u32(each.type);
    });
    if (this.#exports.length > 0) {
      section(7, (body) => {
        body.u32(this.#exports.length);
        for (const each of this.#exports) {
          body.name(each.name);
          body.u8(each.kind);
          body.u32(each.index);
        }
      });
    }
    const segments = this.#elements.length + (this.#declared.length > 0 ? 1 : 0);
    if (segments > 0) {
      section(9, (body) => {
        body.u32(segments);
        for (const each of this.#elements) {
          body.u8(0);
          body.u8(0x41);
          body.s32(each.offset);
          body.u8(0x0b);
          body.u32(each.functions.length);
          for (const index of each.functions) body.u32(index);
        }
        if (this.#declared.length > 0) {
          body.u8(3);
          body.u8(0);
          body.u32(this.#declared.length);
          for (const index of this.#declared) body.u32(index);
        }
      });
    }
    const codeOffsets: number[] = [];
    const bodies = this.#functions.map(({ body }) => {
      if (body === undefined) throw new Error('a declared function has no body');
      return body.finish();
    });
    this.#writeHints(bodies, section);
    const relative: number[] = [];
    const codeStart = section(10, (body) => {
      body.u32(bodies.length);
      for (const { bytes, prefix } of bodies) {
        relative.push(body.length + prefix);
        body.raw(bytes);
      }
    });
    for (const each of relative) codeOffsets.push(codeStart + each);
    if (this.#data.length > 0) {
      section(11, (body) => {
        body.u32(this.#data.length);
        for (const each of this.#data) {
          if (each.memory === 0) {
            body.u8(0);
          } else {
            body.u8(2);
            body.u32(each.memory);
          }
          body.u8(0x41);
          body.s32(each.offset);
          body.u8(0x0b);
          body.u32(each.bytes.length);
          body.raw(each.bytes);
        }
      });
    }
    if (this.#names.length > 0) {
      section(0, (body) => {
        body.name('name');
        const names = new ByteWriter(256);
        names.u32(this.#names.length);
        for (const { index, name } of this.#names) {
          names.u32(index);
          names.name(name);
        }
        body.u8(1);
        body.u32(names.length);
        body.raw(names.view());
      });
    }
    return { bytes: out.take(), codeOffsets };
  }

  /** The custom section of the proposal "Branch Hinting"; it stands before the code. */
  #writeHints(bodies: readonly { readonly hints: readonly BranchHint[] }[], section: (id: number, write: (body: ByteWriter) => void) => number): void {
    const hinted = bodies.map(({ hints }, index) => ({ hints, index })).filter(({ hints }) => hints.length > 0);
    if (hinted.length === 0) return;
    section(0, (body) => {
      body.name('metadata.code.branch_hint');
      body.u32(hinted.length);
      for (const { hints, index } of hinted) {
        body.u32(this.#importedFunctions + index);
        body.u32(hints.length);
        for (const [offset, taken] of hints) {
          body.u32(offset);
          body.u32(1);
          body.u8(taken);
        }
      }
    });
  }
}
