/**
 * Which successor gets which item. A pure function of frozen data (the pool, the loads, the attribute values)
 * and the item's place in key order, so that the review can show counts and a second run gives the same.
 */
import type { ItemKey } from './model.js';
import { own } from './own.js';

export type Assignment =
  | { kind: 'one' }
  | { kind: 'round-robin' }
  /** Item by item the first of the pool who may own it: the system says which one. */
  | { kind: 'first-of' }
  /** How many items each successor held in this category when the plan was made. */
  | { kind: 'least-loaded'; loads: number[] }
  /** Attribute value → index of the successor; `otherwise` is -1 where the rule names nobody. */
  | { kind: 'match'; attribute: string; map: Record<string, number>; otherwise: number };

export interface Assigner {
  /**
   * Index of the successor of this item; -1 = the rule names nobody for it. Must be called in key order, once
   * per item. `attribute`: its value, or for `first-of` the index that the system gave.
   */
  next(key: ItemKey, attribute: string | null): number;
}

/** `overrides`: item key → index of its own successor. Overridden items do not use up a turn. */
export function assigner(
  assignment: Assignment,
  /** How many successors the rule shares items among. */
  pool: number,
  overrides: ReadonlyMap<ItemKey, number>,
): Assigner {
  const rule = ruleOf(assignment, pool);
  return { next: (key, attribute) => overrides.get(key) ?? rule(attribute) };
}

function ruleOf(assignment: Assignment, people: number): (attribute: string | null) => number {
  switch (assignment.kind) {
    case 'one':
      return () => 0;
    case 'round-robin': {
      let turn = 0;
      return () => turn++ % people;
    }
    case 'first-of':
      return first => (first === null ? -1 : Number(first));
    case 'least-loaded': {
      const loads = [...assignment.loads];
      return () => {
        const least = loads.indexOf(Math.min(...loads));
        loads[least]!++;
        return least;
      };
    }
    case 'match':
      // An item's attribute may be any text, "constructor" as well.
      return attribute =>
        (attribute === null ? undefined : own(assignment.map, attribute)) ?? assignment.otherwise;
  }
}

/**
 * The rule for items that came after the plan: shares go on where the plan left them, so that late items even
 * things out.
 * @param counts what the plan gave each successor
 */
export function continued(assignment: Assignment, counts: readonly number[]): Assignment {
  switch (assignment.kind) {
    case 'one':
    case 'match':
    case 'first-of':
      return assignment;
    case 'round-robin':
      return { kind: 'least-loaded', loads: [...counts] };
    case 'least-loaded':
      return { kind: 'least-loaded', loads: assignment.loads.map((load, n) => load + (counts[n] ?? 0)) };
  }
}
