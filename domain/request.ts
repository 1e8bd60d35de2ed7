/**
 * What people ask for: one flat JSON object with few required fields, because the Temporal UI offers exactly one JSON box.
 * Everything that enters is parsed here once; what comes out is trusted inside.
 */
import { z } from 'zod';
import type { ItemKey } from './model.js';

/** A single taker: `manager`, `unassigned`, `queue:<name>`, an e-mail, a login, or `id:<directory id>`. */
const taker = z.string().trim().min(1, 'say who: an e-mail, "manager", "unassigned", "queue:<name>" or "id:<directory id>"');
/** A pool of people, or `team`: the active members of the leaver's team. */
const pool = z.union([z.literal('team'), z.array(taker).min(1, 'a pool needs at least one person').max(500)]);

export const successorRule = z.union([
  taker,
  z.strictObject({ 'round-robin': pool }),
  z.strictObject({ 'least-loaded': pool }),
  z.strictObject({
    match: z.strictObject({
      attribute: z.string().min(1),
      map: z.record(z.string(), taker),
      otherwise: taker.optional(),
    }),
  }),
]);
export type SuccessorRule = z.infer<typeof successorRule>;

/** `2026-12-24` (its first moment in UTC), or a date with time and zone. */
const moment = z.union([z.iso.date(), z.iso.datetime({ offset: true })], {
  error: 'write a date like 2026-12-24 or a moment like 2026-12-24T18:00:00+01:00',
});

const mode = z.enum(['execute-and-deactivate', 'execute-only', 'preview']);
const departure = z.enum(['planned', 'unplanned']);
const byCategory = z.record(z.string(), successorRule);
/** Step → item key → taker. More than 200 would swell the history. */
const overrides = z
  .record(z.string(), z.record(z.string(), taker))
  .refine(all => Object.values(all).reduce((n, items) => n + Object.keys(items).length, 0) <= 200, {
    error: 'at most 200 overrides travel inline: use a match rule, or split by category',
  });
const identities = z.record(z.string(), z.record(z.string(), z.string()));

export const requestSchema = z.strictObject({
  user: z.string().trim().min(1),
  requestedBy: z.string().trim().min(1),
  successor: successorRule.optional(),
  successors: byCategory.optional(),
  overrides: overrides.optional(),
  mode: mode.default('execute-and-deactivate'),
  departure: departure.default('planned'),
  effectiveAt: moment.optional(),
  systems: z.array(z.string()).min(1).optional(),
  /** System → identity → id, where a person has several accounts or none that can be recognised. */
  identities: identities.optional(),
  note: z.string().max(2000).optional(),
});
/** What a caller sends. */
export type OffboardingRequest = z.input<typeof requestSchema>;
/** The same with its defaults filled in. */
export type Order = z.infer<typeof requestSchema>;

const by = z.string().trim().min(1);
const note = z.string().max(2000).optional();
const plan = z.string().regex(/^[0-9a-f]{12,64}$/, 'the plan digest as the status shows it (at least its first 12 characters)');

/** Every decision, by the name under which it exists as a signal and as an update. */
export const decisionSchemas = {
  approve: z.strictObject({ by, plan, step: z.string().optional(), note }),
  reject: z.strictObject({ by, plan, note }),
  acknowledge: z.strictObject({ by, category: z.union([z.string(), z.array(z.string()).min(1)]), note }),
  amend: z.strictObject({
    by,
    successor: successorRule.optional(),
    successors: byCategory.optional(),
    overrides: overrides.optional(),
    identities: identities.optional(),
    mode: mode.optional(),
    departure: departure.optional(),
    effectiveAt: z.union([moment, z.literal('now')]).optional(),
    systems: z.array(z.string()).min(1).optional(),
    note,
  }),
  execute: z.strictObject({ by, plan, note }),
  pause: z.strictObject({ by, note }),
  resume: z.strictObject({ by, note }),
  retry: z.strictObject({ by, note }),
  skip: z.strictObject({ by, step: z.string().min(1), reason: z.string().trim().min(3, 'say why the items may stay'), note }),
  finish: z.strictObject({ by, reason: z.string().trim().min(3, 'say why the run ends here'), note }),
  cancel: z.strictObject({ by, access: z.enum(['keep', 'restore']).optional(), note }),
} as const;

export type DecisionName = keyof typeof decisionSchemas;
export const DECISIONS = Object.keys(decisionSchemas) as DecisionName[];
export type Decision = { [N in DecisionName]: { name: N } & z.infer<(typeof decisionSchemas)[N]> }[DecisionName];
export type DecisionOf<N extends DecisionName> = Extract<Decision, { name: N }>;

export type Parsed<T> = { ok: true; value: T } | { ok: false; sentence: string };

export function parseRequest(given: unknown): Parsed<Order> {
  if (!isObject(given))
    return { ok: false, sentence: `A request is one JSON object such as ${EXAMPLE}; given was ${describe(given)}.` };
  return parse(requestSchema, given, 'the request');
}

export function parseDecision(name: string, given: unknown): Parsed<Decision> {
  if (!isDecision(name)) {
    return { ok: false, sentence: `There is no message "${clip(name)}". Known are: ${DECISIONS.join(', ')}.` };
  }
  if (isObject(given) && typeof given.undecodable === 'string') {
    return {
      ok: false,
      sentence: `The payload of "${name}" could not be decoded (${clip(given.undecodable)}). Send it as json/plain.`,
    };
  }
  if (!isObject(given)) {
    return { ok: false, sentence: `"${name}" takes one JSON object such as ${EXAMPLES[name]}; given was ${describe(given)}.` };
  }
  const parsed = parse(decisionSchemas[name], given, `"${name}"`);
  return parsed.ok ? { ok: true, value: { name, ...parsed.value } as Decision } : parsed;
}

export function isDecision(name: string): name is DecisionName {
  return Object.hasOwn(decisionSchemas, name);
}

const EXAMPLE = '{"user": "alice@example.com", "requestedBy": "olivia@example.com", "successor": "manager"}';
const EXAMPLES: Record<DecisionName, string> = {
  approve: '{"by": "you@example.com", "plan": "<digest>"}',
  reject: '{"by": "you@example.com", "plan": "<digest>", "note": "why"}',
  acknowledge: '{"by": "you@example.com", "category": "system/category"}',
  amend: '{"by": "you@example.com", "successors": {"system/category": "bob@example.com"}}',
  execute: '{"by": "you@example.com", "plan": "<digest>"}',
  pause: '{"by": "you@example.com"}',
  resume: '{"by": "you@example.com"}',
  retry: '{"by": "you@example.com"}',
  skip: '{"by": "you@example.com", "step": "system/category", "reason": "why"}',
  finish: '{"by": "you@example.com", "reason": "why"}',
  cancel: '{"by": "you@example.com"}',
};

/** One sentence per mistake: where, what was given, what is allowed. */
function parse<S extends z.ZodType>(schema: S, given: Record<string, unknown>, what: string): Parsed<z.infer<S>> {
  const result = schema.safeParse(given);
  if (result.success) return { ok: true, value: result.data };
  const sentences = result.error.issues.map(issue => sentenceOf(issue, given, schema));
  return { ok: false, sentence: `Cannot read ${what}: ${sentences.join('; ')}.` };
}

function sentenceOf(issue: z.core.$ZodIssue, given: unknown, schema: z.ZodType): string {
  const path = issue.path.map(String).join('.');
  const value = issue.path.reduce<unknown>(
    (at, key) => (isObject(at) || Array.isArray(at) ? at[key as never] : undefined),
    given,
  );
  if (issue.code === 'unrecognized_keys') {
    const known =
      issue.path.length === 0 && schema instanceof z.ZodObject ? `; known are ${Object.keys(schema.shape).join(', ')}` : '';
    return `${path ? `${path} has` : 'there is'} no key ${issue.keys.map(key => `"${clip(key)}"`).join(', ')}${known}`;
  }
  if (value === undefined && issue.path.length > 0) return `"${path}" is missing`;
  return `"${path}" cannot be ${describe(value)}: ${lower(issue.message)}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  return clip(JSON.stringify(value) ?? String(value));
}

function clip(text: string, length = 80): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

function lower(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** The moment a date or date-time stands for, in milliseconds since 1970. */
export function instant(moment: string): number {
  return Date.parse(moment);
}

export type Overrides = Record<string, Record<ItemKey, string>>;
