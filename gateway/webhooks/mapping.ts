/**
 * What a tool's JSON means here, by declared pointers and no code. What no case fits, or two fit, or what a
 * pointer does not find, is refused with a sentence, and never guessed.
 */
import { z } from 'zod';
import { own } from '../../domain/own.js';
import { DECISIONS, type DecisionName } from '../../domain/request.js';

/** RFC 6901: /issue/fields/customfield_10042, /actions/0/value. */
const pointer = z.string().regex(/^(\/([^~/]|~[01])*)*$/, 'write a JSON pointer, e.g. /issue/fields/summary');

const value = z.union(
  [
    z.strictObject({ is: z.union([z.string(), z.array(z.string())]).describe('The same whatever comes.') }),
    z.strictObject({
      at: pointer.describe('Where it stands in the body.'),
      /** In a list: the one element that fits, and what of it is meant. */
      where: z.record(pointer, z.string()).optional(),
      take: pointer.optional(),
      /** The text there is JSON itself: where in that. */
      inside: pointer.optional(),
      /** What the tool says → what is said here; anything else is refused. */
      as: z.record(z.string(), z.string()).optional(),
      optional: z.literal(true).optional(),
    }),
    z.strictObject({
      header: z
        .string()
        .regex(/^[A-Za-z0-9-]+$/, 'name a header')
        .toLowerCase(),
    }),
  ],
  { error: 'it is { at: /json/pointer }, { is: a text } or { header: name }' },
);
export type Value = z.infer<typeof value>;

/** Pointer → what must stand there; a list where it may be any of these. */
const when = z.record(pointer, z.union([z.string(), z.array(z.string()).min(1)]));

const oneCase = z
  .strictObject({
    when: when.default({}),
    /** Changes in a list, as Jira's changelog: one element must fit all of them. */
    some: z.strictObject({ at: pointer, where: when }).optional(),
    start: z.literal(true).optional(),
    decide: z.enum(DECISIONS as [DecisionName, ...DecisionName[]]).optional(),
    /** Which run: a directory id, an offboarding id, a workflow id or an e-mail. */
    run: value.optional(),
    /** Who decides, or asks. */
    by: value,
    fields: z.record(z.string(), value).default({}),
  })
  .superRefine(({ start, decide, run }, context) => {
    if ((start === undefined) === (decide === undefined))
      context.addIssue({ code: 'custom', path: ['decide'], message: 'say either start: true, or decide' });
    if (decide !== undefined && run === undefined)
      context.addIssue({ code: 'custom', path: ['run'], message: 'say which run is decided about' });
    if (start && run !== undefined)
      context.addIssue({ code: 'custom', path: ['run'], message: 'a start has no run yet' });
  });

export const mappingSchema = z.strictObject({
  /** What tells two deliveries apart, where the scheme does not. Without it the body does. */
  delivery: value.optional(),
  /** What it is about at all: anything else is ignored, without an error. */
  about: when.default({}),
  cases: z.array(oneCase).min(1, 'say at least one case'),
});
export type Mapping = z.infer<typeof mappingSchema>;

/** A message of a tool's, as far as it is understood. */
export type Meaning =
  | { kind: 'start'; nth: number; by: string; request: Record<string, unknown> }
  | {
      kind: 'decide';
      nth: number;
      by: string;
      run: string;
      name: DecisionName;
      body: Record<string, unknown>;
    }
  | { kind: 'ignored'; sentence: string }
  | { kind: 'refused'; sentence: string };

/** Something in the body is not as the mapping expects; the sentence follows what it is about. */
class Unmapped extends Error {}

export interface Body {
  json: unknown;
  headers: Readonly<Record<string, string | string[] | undefined>>;
}

export function meaningOf(mapping: Mapping, body: Body): Meaning {
  const off = mismatch(mapping.about, body.json);
  if (off) return { kind: 'ignored', sentence: `It is not about an offboarding: ${off}.` };
  const fitting = mapping.cases.map((one, n) => ({ one, nth: n + 1, off: caseMismatch(one, body.json) }));
  const fit = fitting.filter(({ off: why }) => why === null);
  if (fit.length === 0) {
    const each = fitting.map(({ nth, off: why }) => `case ${nth}: ${why}`).join('; ');
    return { kind: 'refused', sentence: `No case of the mapping fits. ${each}.` };
  }
  if (fit.length > 1) {
    const each = fit.map(({ nth }) => nth).join(' and ');
    return {
      kind: 'refused',
      sentence: `Cases ${each} of the mapping fit, and nobody guesses which is meant: say more under "when".`,
    };
  }
  const { one, nth } = fit[0]!;
  try {
    const by = text(one.by, body, 'by');
    const fields = Object.entries(one.fields).flatMap(([name, given]) => {
      const found = meant(given, body, name);
      return found === undefined ? [] : [[name, found] as const];
    });
    const said = Object.fromEntries(fields);
    if (one.start) return { kind: 'start', nth, by, request: said };
    return { kind: 'decide', nth, by, run: text(one.run!, body, 'run'), name: one.decide!, body: said };
  } catch (error) {
    if (!(error instanceof Unmapped)) throw error;
    return { kind: 'refused', sentence: `Case ${nth} of the mapping fits, but ${error.message}.` };
  }
}

/** What tells this delivery from others; null where the mapping does not say. */
export function deliveryOf(mapping: Mapping, body: Body): string | { sentence: string } | null {
  if (!mapping.delivery) return null;
  try {
    return text(mapping.delivery, body, 'delivery');
  } catch (error) {
    if (!(error instanceof Unmapped)) throw error;
    return { sentence: `What tells one delivery from another is missing: ${error.message}.` };
  }
}

function caseMismatch(one: Mapping['cases'][number], json: unknown): string | null {
  const off = mismatch(one.when, json);
  if (off || !one.some) return off;
  const { at, where } = one.some;
  const list = find(json, at);
  if (!Array.isArray(list)) return `there is no list at ${at}`;
  const fit = list.filter(element => mismatch(where, element) === null);
  if (fit.length === 1) return null;
  return `${fit.length === 0 ? 'nothing' : `${fit.length} things`} in ${at} ${fit.length === 1 ? 'fits' : 'fit'}`;
}

function mismatch(when: Mapping['about'], json: unknown): string | null {
  for (const [at, expected] of Object.entries(when)) {
    const found = find(json, at);
    const wanted = [expected].flat();
    if (!wanted.includes(String(found)) || typeof found === 'object')
      return `${at} is ${describe(found)}, not ${wanted.map(one => `"${one}"`).join(' or ')}`;
  }
  return null;
}

function text(given: Value, body: Body, name: string): string {
  const found = meant(given, body, name);
  if (typeof found === 'string') return found;
  throw new Unmapped(`"${name}" is ${describe(found)}, and must be a text`);
}

function meant(given: Value, { json, headers }: Body, name: string): string | string[] | undefined {
  if ('is' in given) return given.is;
  if ('header' in given) {
    const found = headers[given.header];
    if (typeof found === 'string' && found !== '') return found;
    throw new Unmapped(`"${name}" is to stand in the header ${given.header}, which is not there once`);
  }
  let found = find(json, given.at);
  let where = given.at;
  if (given.where) {
    if (!Array.isArray(found)) throw new Unmapped(`"${name}" is to be found in a list at ${where}`);
    const fit = found.filter(element => mismatch(given.where!, element) === null);
    if (fit.length > 1)
      throw new Unmapped(
        `"${name}" is ambiguous: ${fit.length} things in ${where} fit what it is looked for by`,
      );
    found = fit.length === 0 ? undefined : find(fit[0], given.take ?? '');
    where = `${where} … ${given.take ?? ''}`.trim();
  }
  if (given.inside !== undefined && typeof found === 'string') {
    found = find(parsed(found, `"${name}" at ${where}`), given.inside);
    where = `${where} … ${given.inside}`;
  }
  if ((found === undefined || found === null || found === '') && given.optional) return undefined;
  const plain = plainly(found);
  if (plain === null)
    throw new Unmapped(`"${name}" is to stand at ${where}, and there is ${describe(found)}`);
  if (!given.as) return plain;
  const said = typeof plain === 'string' ? own(given.as, plain) : undefined;
  if (said !== undefined) return said;
  throw new Unmapped(
    `"${name}" at ${where} is ${describe(found)}, which its list (as) does not know: add a line for it`,
  );
}

function plainly(found: unknown): string | string[] | null {
  if (typeof found === 'string' && found !== '') return found;
  if (typeof found === 'number' && Number.isSafeInteger(found)) return String(found);
  return Array.isArray(found) && found.length > 0 && found.every(one => typeof one === 'string')
    ? found
    : null;
}

function parsed(said: string, what: string): unknown {
  try {
    return JSON.parse(said);
  } catch {
    throw new Unmapped(`${what} is no JSON`);
  }
}

/** Undefined where there is nothing. Only what was sent is found: never what every object has. */
function find(json: unknown, at: string): unknown {
  const keys = at
    .split('/')
    .slice(1)
    .map(key => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  return keys.reduce<unknown>((inside, key) => {
    if (Array.isArray(inside)) return /^(0|[1-9]\d{0,6})$/.test(key) ? inside[Number(key)] : undefined;
    return typeof inside === 'object' && inside !== null
      ? own(inside as Record<string, unknown>, key)
      : undefined;
  }, json);
}

function describe(found: unknown): string {
  if (found === undefined) return 'nothing';
  const said = JSON.stringify(found);
  return said.length > 80 ? `${said.slice(0, 79)}…` : said;
}
