/**
 * What is wrong with something that people wrote: where, what was given, what is allowed. zod finds it; here
 * it becomes words.
 */
import { z } from 'zod';

export interface Mistake {
  /** From the outside in; empty = the whole. */
  path: readonly PropertyKey[];
  /** Continues a sentence that has named the place: `cannot be "x": allowed are "a", "b"`. */
  says: string;
}

type Issue = z.core.$ZodIssue;
/** Unknown keys beyond these are counted, not listed. */
const MOST_KEYS = 5;

/** `secret` says where a value may be a secret that somebody wrote in the wrong place: it is not repeated. */
export function mistakesOf(
  issues: readonly Issue[],
  given: unknown,
  schema: z.core.$ZodType,
  secret: (path: readonly PropertyKey[]) => boolean = () => false,
): Mistake[] {
  const said = issues.flatMap(issue => explain(issue, given, schema, []));
  return said.map(({ path, says }) => {
    const value = secret(path) ? valueAt(given, path) : undefined;
    return { path, says: value === undefined ? says : says.replace(describe(value), 'what stands there') };
  });
}

function explain(
  issue: Issue,
  given: unknown,
  schema: z.core.$ZodType,
  above: readonly PropertyKey[],
): Mistake[] {
  const path = [...above, ...issue.path];
  const value = valueAt(given, path);
  if (issue.code === 'unrecognized_keys')
    return [{ path, says: unknownKeys(issue.keys, knownKeys(schema, path)) }];
  if (issue.code === 'invalid_union') {
    const [meant, ...others] = issue.errors.filter(
      errors => errors.length > 0 && errors.every(error => isDeeper(error, value)),
    );
    if (meant && others.length === 0) return meant.flatMap(inner => explain(inner, given, schema, path));
  }
  if (value === undefined) return [{ path, says: `is missing: ${allowed(issue)}` }];
  return [{ path, says: `cannot be ${describe(value)}: ${allowed(issue)}` }];
}

function unknownKeys(keys: readonly string[], known: readonly string[]): string {
  const said = keys.slice(0, MOST_KEYS).map(key => `"${clip(key)}"`);
  const more = keys.length - said.length;
  return `has no key ${said.join(', ')}${more > 0 ? ` and ${more} more` : ''}${known.length > 0 ? `; known are ${known.join(', ')}` : ''}`;
}

/** Of several shapes that were possible, this one was meant: the mistake is further inside. */
function isDeeper(issue: Issue, value: unknown): boolean {
  return issue.path.length > 0 && valueAt(value, issue.path.slice(0, 1)) !== undefined;
}

const NEEDED: Record<string, string> = {
  string: 'a text is needed',
  object: 'an object like {"key": "value"} is needed',
  record: 'an object like {"key": "value"} is needed',
  array: 'a list like ["one", "two"] is needed',
  number: 'a number is needed',
  int: 'a whole number is needed',
  boolean: 'true or false is needed',
};

function allowed(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_value':
      return `${issue.values.length === 1 ? 'allowed is' : 'allowed are'} ${issue.values.map(value => JSON.stringify(value)).join(', ')}`;
    case 'invalid_key':
      return issue.issues[0]?.message ?? issue.message;
    // Where a schema says in its own words what is allowed, those are better.
    case 'invalid_type':
      return issue.message.startsWith('Invalid input')
        ? (NEEDED[issue.expected] ?? issue.message)
        : issue.message;
    case 'too_small':
      if (!issue.message.startsWith('Too small')) return issue.message;
      return `${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum} is allowed`;
    case 'too_big':
      return issue.message.startsWith('Too big') ? `at most ${issue.maximum} is allowed` : issue.message;
    default:
      return issue.message;
  }
}

/** The keys of the object at this place, where the schema leaves no doubt which object it is. */
function knownKeys(schema: z.core.$ZodType, path: readonly PropertyKey[]): string[] {
  let places = unwrap(schema);
  for (const key of path) places = places.flatMap(place => child(place, key)).flatMap(unwrap);
  const shapes = places.flatMap(place => (place instanceof z.ZodObject ? [Object.keys(place.shape)] : []));
  return shapes.length === 1 ? shapes[0]! : [];
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType[] {
  if (schema instanceof z.ZodUnion) return schema.options.flatMap(option => unwrap(option));
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) return unwrap(schema.unwrap());
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) return unwrap(schema.unwrap());
  return [schema];
}

function child(schema: z.core.$ZodType, key: PropertyKey): z.core.$ZodType[] {
  if (schema instanceof z.ZodObject)
    return Object.hasOwn(schema.shape, key) ? [schema.shape[key as string] as z.core.$ZodType] : [];
  if (schema instanceof z.ZodRecord) return [schema.valueType];
  if (schema instanceof z.ZodArray) return [schema.element];
  return [];
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (at, key) =>
      typeof at === 'object' && at !== null && Object.hasOwn(at, key) ? at[key as never] : undefined,
    value,
  );
}

/**
 * A value as it is quoted in a sentence; the password of a URL that stands in the wrong place is not
 * repeated.
 */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  return clip((JSON.stringify(value) ?? String(value)).replace(/:\/\/[^@\s"]*@/g, '://…@'));
}

export function clip(text: string, length = 80): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}
