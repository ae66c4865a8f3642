/**
 * Checks a block: operand types against the signatures of `ops/`, results used only after the effect that makes
 * them, every effect within the list. For tests and `--debug`; a finding is a fault of a row or of the builder.
 */

import { type Op, OPS, type Type } from '../ops/index.ts';
import type { Builder } from './builder.ts';
import { Node, registerType } from './values.ts';

/** One line per finding; empty where the block is sound. */
export function verifyBlock(block: Builder): string[] {
  const found: string[] = [];
  const place = new Map<Node, number>(block.effects.map((effect, at) => [effect, at]));
  if (place.size !== block.effects.length) found.push('an effect stands in the list twice');
  /** For each pure node: it may not be evaluated before this effect has happened. */
  const ready = new Map<Node, number>();

  const expect = (node: Node, operand: Node | undefined, type: Type | undefined, which: string): void => {
    if (operand?.type !== type) found.push(`${node.op}: ${which} is ${operand?.type ?? 'missing'}, not ${type ?? 'absent'}`);
  };

  const check = (node: Node): void => {
    const op = node.op.startsWith('cpu.') ? node.op.slice(4) : node.op;
    switch (op) {
      case 'const':
      case 'helper':
        return;
      case 'reg.get':
      case 'reg.reload':
        if (node.type !== registerType(node.imm)) found.push(`${op} ${node.imm} is ${node.type}`);
        return;
      case 'select':
        expect(node, node.a, node.type, 'the first arm');
        expect(node, node.b, node.type, 'the second arm');
        return expect(node, node.c, 'i32', 'the condition');
      case 'shuffle':
        expect(node, node.a, 'v128', 'the first operand');
        return expect(node, node.b, 'v128', 'the second operand');
      case 'trapIf':
        return expect(node, node.a, 'i32', 'the condition');
    }
    const info = OPS[op as Op];
    if (info === undefined) {
      found.push(`no operation is named ${node.op}`);
      return;
    }
    if (node.type !== info.result) found.push(`${node.op} gives ${String(node.type)}, not ${String(info.result)}`);
    // The register file has no address operand: a store's value comes first.
    const params = op === node.op ? info.params : info.params.slice(1);
    [node.a, node.b, node.c].forEach((operand, at) => expect(node, operand, params[at], `operand ${at + 1}`));
    if (info.kind === 'lane' && !(node.imm >= 0 && node.imm < info.width)) found.push(`${node.op} has no lane ${node.imm}`);
  };

  /** The index of the last effect that a value depends on, -1 for none. */
  const visit = (node: Node): number => {
    const known = ready.get(node);
    if (known !== undefined) return known;
    check(node);
    let after = -1;
    for (const operand of [node.a, node.b, node.c]) if (operand !== undefined) after = Math.max(after, visit(operand));
    for (const [, argument] of node.args) after = Math.max(after, visit(argument));
    if (node.isEffect) {
      const own = place.get(node);
      if (own === undefined) found.push(`${node.op} is not among the effects`);
      else if (after >= own) found.push(`${node.op} uses what a later effect makes`);
      after = own ?? after;
    }
    ready.set(node, after);
    return after;
  };

  block.effects.forEach(visit);
  for (const [id, node] of block.defs) {
    visit(node);
    if (node.type !== registerType(id)) found.push(`register ${id} is given ${node.type}`);
  }
  const { terminator } = block;
  if (terminator.kind === 'branch') {
    visit(terminator.condition);
    if (terminator.condition.type !== 'i32') found.push(`a branch on ${terminator.condition.type}`);
  } else if ('target' in terminator && terminator.target instanceof Node) {
    visit(terminator.target);
    if (terminator.target.type !== 'i64') found.push(`a jump to ${terminator.target.type}`);
  }
  return found;
}
