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

/**
 * The first pointer at which there is nothing although a value is asked for: then nobody can tell. Null = all
 * can be judged. Whoever asks whether there is a value (`exists`) says what none means.
 */
export function unsaid(document: unknown, conditions: Condition | readonly Condition[]): string | null {
  const all = Array.isArray(conditions) ? (conditions as readonly Condition[]) : [conditions as Condition];
  const lacking = all.find(({ at, exists }) => {
    // A list with nothing in it says that there is nothing.
    const [place = ''] = at.split('/*');
    return exists === undefined && valuesAt(document, place).every(one => one === null || one === undefined);
  });
  return lacking?.at ?? null;
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
