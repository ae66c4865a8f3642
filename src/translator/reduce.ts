/**
 * Makes control flow reducible: a loop with several entries gets a block in front that goes to the one wanted.
 *
 * Loops are strongly connected components, found from the outside in. One that is entered at several blocks is given
 * a *route*: every edge to an entry says in a local which entry is meant and goes to the route, the only header that is
 * left. Where one of the entries dispatches a jump table, that dispatch serves as the route, so that the jumps of
 * a byte-code interpreter pay nothing.
 */

import { syntheticBlock, type UnitBlock, type UnitTerminator, withTargets } from './lift.ts';

/** The blocks that control can reach: targets of a jump whose table is not dispatched here cannot be. */
export function reachable(blocks: readonly UnitBlock[]): UnitBlock[] {
  const number = new Map<number, number>([[0, 0]]);
  for (const block of number.keys()) for (const to of blocks[block].successors) if (!number.has(to)) number.set(to, number.size);
  return number.size === blocks.length ? [...blocks] : [...number.keys()].map((block) => withTargets(blocks[block], (to) => number.get(to) as number));
}

/** Where the outermost loops are entered, of those that have one entry. */
export function outerLoops(blocks: readonly UnitBlock[]): number[] {
  return components(blocks, [...blocks.keys()], -1).flatMap((component) => {
    const entries = entriesOf(blocks, new Set(component));
    return entries.length === 1 ? entries : [];
  });
}

/** Blocks 0… with block 0 the entry; the blocks that come back are these and what was added behind them. */
export function makeReducible(blocks: readonly UnitBlock[]): UnitBlock[] {
  const out = [...blocks];
  loops(out, [...out.keys()], -1);
  return out;
}

/** The loops among `nodes`, none of which goes through `header`; then the loops within each. */
function loops(blocks: UnitBlock[], nodes: readonly number[], header: number): void {
  for (const component of components(blocks, nodes, header)) {
    const inside = new Set(component);
    const entries = entriesOf(blocks, inside);
    const only = entries.length === 1 ? entries[0] : route(blocks, inside, entries);
    loops(blocks, [...inside], only);
  }
}

/** Blocks of a component that are reached from outside; the unit's entry is. */
function entriesOf(blocks: readonly UnitBlock[], inside: ReadonlySet<number>): number[] {
  const entries = new Set<number>();
  if (inside.has(0)) entries.add(0);
  blocks.forEach(({ successors }, from) => {
    if (!inside.has(from)) for (const to of successors) if (inside.has(to)) entries.add(to);
  });
  return [...entries].sort((a, b) => a - b);
}

/** Adds a route, or makes a dispatch one; returns the block. `inside` grows by what is added within the loop. */
function route(blocks: UnitBlock[], inside: Set<number>, entries: readonly number[]): number {
  const width = (block: number): number => {
    const { terminator } = blocks[block];
    return terminator.kind === 'switch' && terminator.routes.length === 0 ? terminator.pcs.length : 0;
  };
  const widest = entries.reduce((best, block) => (width(block) > width(best) ? block : best));
  let place = widest;
  if (width(widest) === 0) {
    place = blocks.length;
    blocks.push(syntheticBlock({ kind: 'switch', number: 0, blocks: [], pcs: [], routes: [] }, [], blocks[entries[0]].pc));
    inside.add(place);
  }
  const targets = entries.filter((block) => block !== place);
  const number = new Map(targets.map((block, index) => [block, index + 1]));
  for (let from = blocks.length - 1; from >= 0; from--) {
    for (const to of blocks[from].successors) {
      const index = from === place ? undefined : number.get(to);
      if (index === undefined) continue;
      const edge = blocks.length;
      blocks.push(syntheticBlock({ kind: 'route', index, through: place, to }, [place], blocks[to].pc));
      blocks[from] = withTargets(blocks[from], (target) => (target === to ? edge : target));
      if (inside.has(from)) inside.add(edge);
    }
  }
  const chosen = blocks[place];
  const terminator = chosen.terminator as UnitTerminator & { kind: 'switch' };
  blocks[place] = { ...chosen, terminator: { ...terminator, routes: targets }, successors: [...new Set([...chosen.successors, ...targets])] };
  return place;
}

/** Strongly connected components with a cycle, of the graph without `header` (Tarjan 1972, without recursion). */
function components(blocks: readonly UnitBlock[], nodes: readonly number[], header: number): number[][] {
  const allowed = new Set(nodes);
  allowed.delete(header);
  const index = new Map<number, number>();
  const low = new Map<number, number>();
  const onStack = new Set<number>();
  const stack: number[] = [];
  const found: number[][] = [];
  for (const root of allowed) {
    if (index.has(root)) continue;
    const work: { node: number; next: number }[] = [];
    const visit = (node: number): void => {
      index.set(node, index.size);
      low.set(node, index.size - 1);
      stack.push(node);
      onStack.add(node);
      work.push({ node, next: 0 });
    };
    visit(root);
    while (work.length > 0) {
      const top = work[work.length - 1];
      const { node } = top;
      const { successors } = blocks[node];
      if (top.next < successors.length) {
        const to = successors[top.next++];
        if (!allowed.has(to)) continue;
        if (!index.has(to)) visit(to);
        else if (onStack.has(to)) low.set(node, Math.min(low.get(node) as number, index.get(to) as number));
        continue;
      }
      work.pop();
      const lowest = low.get(node) as number;
      const parent = work[work.length - 1];
      if (parent !== undefined) low.set(parent.node, Math.min(low.get(parent.node) as number, lowest));
      if (lowest !== index.get(node)) continue;
      const component = stack.splice(stack.indexOf(node));
      for (const member of component) onStack.delete(member);
      if (component.length > 1 || successors.includes(node)) found.push(component);
    }
  }
  return found;
}
