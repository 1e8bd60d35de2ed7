/**
 * JSON pointers (RFC 6901), where the step `*` stands for each element of a list. The empty pointer is the
 * whole answer. What is not there is undefined; a list that should be there and is not is a mistake, and
 * never an empty list.
 */

/** The values at a pointer, in their order; `*` may make them several, and what is not there is left out. */
export function valuesAt(document: unknown, pointer: string): unknown[] {
  let values: unknown[] = [document];
  for (const step of stepsOf(pointer))
    values = values.flatMap(value => {
      if (step === '*' && Array.isArray(value)) return value;
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return [];
      return [(value as Record<string, unknown>)[step]];
    });
  return values;
}

/** The first value at a pointer. */
export function valueAt(document: unknown, pointer: string): unknown {
  return valuesAt(document, pointer)[0];
}

/** The list at a pointer, or a sentence that says what stands there instead. */
export function listAt(document: unknown, pointer: string): unknown[] | { problem: string } {
  const steps = pointer.split('/');
  const star = steps.indexOf('*');
  const place = star < 0 ? pointer : steps.slice(0, star).join('/');
  const list = valueAt(document, place);
  if (!Array.isArray(list)) return { problem: `there is no list at ${nameOf(place)}, but ${sortOf(list)}` };
  if (star < 0) return list;
  const rest = ['', ...steps.slice(star + 1)].join('/');
  const items = list.map(each => valueAt(each, rest));
  const lacking = items.indexOf(undefined);
  return lacking < 0 ? items : { problem: `entry ${lacking + 1} of ${nameOf(place)} has nothing at ${rest}` };
}

/** A scalar as text; null where there is none, or where it is null. A block of keys is no value. */
export function textAt(document: unknown, pointer: string): string | null {
  return asText(valueAt(document, pointer));
}

/** Every scalar at the pointer, as texts. */
export function textsAt(document: unknown, pointer: string): string[] {
  return valuesAt(document, pointer).flatMap(value => asText(value) ?? []);
}

export function asText(value: unknown): string | null {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : null;
}

export const nameOf = (pointer: string): string => (pointer === '' ? 'the top' : pointer);

function stepsOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map(step => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** What stands there, without saying what it is: answers hold other people's data. */
function sortOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  return typeof value === 'object' ? 'a block of keys' : `a ${typeof value}`;
}
