/**
 * What zod finds wrong with a catalog, as sentences: what was given, what is allowed, and the nearest known
 * key.
 */
import { z } from 'zod';
import { didYouMean } from './nearest.js';

export interface Mistake {
  path: (string | number)[];
  says: string;
}

type Issue = z.core.$ZodIssue;

/** One sentence per mistake; an unknown key is a mistake of its own. */
export function explainIssues(
  issues: readonly Issue[],
  data: unknown,
  schema: z.core.$ZodType,
  prefix: (string | number)[] = [],
): Mistake[] {
  return issues.flatMap(issue =>
    explain(issue, data, schema, [
      ...prefix,
      ...issue.path.map(p => (typeof p === 'symbol' ? String(p) : p)),
    ]),
  );
}

function explain(issue: Issue, data: unknown, schema: z.core.$ZodType, path: (string | number)[]): Mistake[] {
  const given = valueAt(data, path);
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = knownKeys(schema, path, given);
      // What stands there already cannot have been meant.
      const open = known.filter(key => !(key in (given as object)));
      return issue.keys.map(key => ({
        path: [...path, key],
        says: `unknown key ${key}${didYouMean(key, open)}; known here are ${known.join(', ')}`,
      }));
    }
    case 'invalid_type':
      if (given === undefined) return [{ path, says: `is missing: ${nameOfType(issue.expected)} is needed` }];
      return [{ path, says: `${show(given)} was given, ${nameOfType(issue.expected)} is needed` }];
    case 'invalid_value': {
      const allowed = issue.values.map(v => String(v));
      const near = typeof given === 'string' ? didYouMean(given, allowed) : '';
      const list =
        allowed.length === 1 ? `only ${allowed[0]} is allowed` : `allowed are ${allowed.join(', ')}`;
      return [
        {
          path,
          says: given === undefined ? `is missing: ${list}` : `${show(given)} was given, ${list}${near}`,
        },
      ];
    }
    case 'too_small':
      return [
        {
          path,
          says:
            issue.origin === 'array'
              ? 'the list is empty: at least one entry is needed'
              : 'the text is empty',
        },
      ];
    case 'invalid_format':
    case 'custom':
      return [{ path, says: `${show(given)} was given; ${issue.message}` }];
    case 'invalid_key': {
      const key = String(path.at(-1));
      return [
        {
          path,
          says: `the name ${show(key)} cannot be used; ${issue.issues.map(i => i.message).join('; ')}`,
        },
      ];
    }
    case 'invalid_union':
      return explainUnion(issue.errors, data, schema, path);
    default:
      return [{ path, says: `${show(given)} was given; ${issue.message}` }];
  }
}

/**
 * Of several shapes that were possible, the one that the author seems to have meant: with the fewest unknown
 * and missing keys.
 */
function explainUnion(
  options: readonly (readonly Issue[])[],
  data: unknown,
  schema: z.core.$ZodType,
  path: (string | number)[],
): Mistake[] {
  const given = valueAt(data, path);
  if (given === undefined) return [{ path, says: 'is missing' }];
  const isMap = typeof given === 'object' && given !== null;
  const fits = (issues: readonly Issue[]) =>
    !issues.some(i => i.code === 'invalid_type' && i.path.length === 0);
  const candidates = options.filter(fits);
  if (candidates.length === 0) {
    const kinds = options
      .map(o => o[0])
      .map(i => (i?.code === 'invalid_type' ? nameOfType(i.expected) : 'something else'));
    return [{ path, says: `${show(given)} was given, ${[...new Set(kinds)].join(' or ')} is needed` }];
  }
  const named = byName(candidates, given, path);
  if (named) return named;
  const cost = (issues: readonly Issue[]) =>
    issues.reduce((n, i) => n + (i.code === 'unrecognized_keys' ? i.keys.length * (isMap ? 2 : 1) : 1), 0);
  const best = sameName(candidates).reduce((a, b) => (cost(b) < cost(a) ? b : a));
  return explainIssues(best, data, schema, path);
}

/**
 * Where every shape wants another name under the same key (`by: system | person`), the names are what can be
 * said.
 */
function byName(
  options: readonly (readonly Issue[])[],
  given: unknown,
  path: (string | number)[],
): Mistake[] | null {
  const wrong = options.map(issues => issues.find(isName));
  const key = String(wrong[0]?.path[0]);
  if (options.length < 2 || !wrong.every(issue => issue !== undefined && String(issue.path[0]) === key))
    return null;
  const allowed = wrong.flatMap(issue => (issue as Issue & { values: unknown[] }).values).map(String);
  const value = valueAt(given, [key]);
  const near = typeof value === 'string' ? didYouMean(value, allowed) : '';
  const said = value === undefined ? 'is missing:' : `${show(value)} was given,`;
  return [{ path: [...path, key], says: `${said} allowed are ${allowed.join(', ')}${near}` }];
}

/** Shapes that are told apart by a name, and whose name was given. */
function sameName<O extends readonly Issue[]>(options: O[]): O[] {
  const same = options.filter(issues => !issues.some(isName));
  return same.length > 0 ? same : options;
}

/** The value of a key that can only be one name is another. */
const isName = (issue: Issue): boolean =>
  issue.code === 'invalid_value' && issue.values.length === 1 && issue.path.length === 1;

const TYPE_NAMES: Record<string, string> = {
  string: 'a text',
  object: 'a block of keys',
  record: 'a block of keys',
  array: 'a list',
  boolean: 'true or false',
  number: 'a number',
  int: 'a whole number',
};
const nameOfType = (type: string): string => TYPE_NAMES[type] ?? type;

/** A value as it is quoted in a sentence, cut to a readable length. */
export function show(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a block of keys';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}

function valueAt(data: unknown, path: (string | number)[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined,
    data,
  );
}

/**
 * The keys that the schema knows at `path`; where several shapes are possible, those of the shape that shares
 * most with `given`.
 */
function knownKeys(schema: z.core.$ZodType, path: (string | number)[], given: unknown): string[] {
  let schemas: z.core.$ZodType[] = [schema];
  for (const key of path) schemas = schemas.flatMap(unwrap).flatMap(s => child(s, key));
  const objects = schemas.flatMap(unwrap).filter(s => s instanceof z.ZodObject);
  const named = objects.filter(s => isNamedAs(s, given));
  const shapes = (named.length > 0 ? named : objects).map(s => Object.keys(s.shape));
  const keys = new Set(typeof given === 'object' && given !== null ? Object.keys(given) : []);
  const shared = (shape: string[]) => shape.filter(k => keys.has(k)).length;
  return shapes.reduce<string[]>((a, b) => (shared(b) > shared(a) || a.length === 0 ? b : a), []);
}

/** Does every key of this shape that can only be one name have that name in `given`? */
function isNamedAs(schema: z.ZodObject, given: unknown): boolean {
  return Object.entries(schema.shape).every(([key, inner]) => {
    const [literal] = unwrap(inner as z.core.$ZodType);
    if (!(literal instanceof z.ZodLiteral)) return true;
    const value = valueAt(given, [key]);
    return value === undefined ? inner !== literal : literal.values.has(value as never);
  });
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType[] {
  if (schema instanceof z.ZodUnion) return schema.options.flatMap(o => unwrap(o));
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
    return unwrap(schema.unwrap());
  return [schema];
}

function child(schema: z.core.$ZodType, key: string | number): z.core.$ZodType[] {
  if (schema instanceof z.ZodObject) return schema.shape[key] ? [schema.shape[key] as z.core.$ZodType] : [];
  if (schema instanceof z.ZodRecord) return [schema.valueType];
  if (schema instanceof z.ZodArray) return [schema.element];
  return [];
}
