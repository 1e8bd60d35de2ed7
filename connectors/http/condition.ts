/** Conditions over what a system answers: a value, one of several, or whether there is one at all. */
import { asText, valuesAt } from './pointer.js';

export interface Condition {
  at: string;
  equals?: Scalar | readonly Scalar[] | undefined;
  /** The text holds this one, whatever its case. */
  holds?: string | undefined;
  /** A value that is null, or an empty list, is none. */
  exists?: boolean | undefined;
}

export type Scalar = string | number | boolean;

/** All of several conditions together. */
export function isSo(document: unknown, conditions: Condition | readonly Condition[]): boolean {
  const all = Array.isArray(conditions) ? (conditions as readonly Condition[]) : [conditions as Condition];
  return all.every(one => isSoAt(document, one));
}

function isSoAt(document: unknown, { at, equals, holds, exists }: Condition): boolean {
  const found = valuesAt(document, at);
  if (exists !== undefined && found.some(isThere) !== exists) return false;
  if (equals !== undefined) {
    const wanted = (Array.isArray(equals) ? equals : [equals]).map(String);
    if (!textsOf(found).some(text => wanted.includes(text))) return false;
  }
  if (holds !== undefined) {
    const wanted = holds.toLowerCase();
    if (!textsOf(found).some(text => text.toLowerCase().includes(wanted))) return false;
  }
  return true;
}

const textsOf = (values: readonly unknown[]): string[] => values.flatMap(value => asText(value) ?? []);

function isThere(value: unknown): boolean {
  return value !== null && value !== undefined && !(Array.isArray(value) && value.length === 0);
}
