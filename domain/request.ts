/**
 * What people ask for: one flat JSON object with few required fields, because the Temporal UI offers exactly
 * one JSON box. Everything that enters is parsed here once; what comes out is trusted inside.
 */
import { z } from 'zod';
import { objection } from './door.js';
import { MESSAGE } from './limits.js';
import { clip, describe, mistakesOf } from './mistake.js';
import { moment, momentOrNow } from './moment.js';
import { countOf, isReference, MOST_INLINE, type Overrides } from './overrides.js';
import { number } from './words.js';

/** Longest name of a person, system, category or item key. Payloads stay in a history for good. */
const LONGEST_NAME = 320;
const text = z.string().max(LONGEST_NAME, `at most ${LONGEST_NAME} characters are allowed`);
const PERSON = 'say who: an e-mail, a login or "id:<directory id>"';
const person = z
  .string({ error: PERSON })
  .trim()
  .min(1, PERSON)
  .max(LONGEST_NAME, `at most ${LONGEST_NAME} characters are allowed`);

const WHO =
  'an e-mail, a login, "id:<directory id>", "manager", "queue:<name>", "group:<name>" or "unassigned"';
/** A single taker: `manager`, `unassigned`, `queue:<name>`, `group:<name>`, an e-mail, a login, or `id:<directory id>`. */
const taker = z
  .string({ error: `say who: ${WHO}` })
  .trim()
  .min(1, `say who: ${WHO}`)
  .max(LONGEST_NAME, `at most ${LONGEST_NAME} characters are allowed`);
/** A pool of people, or `team`: the active members of the leaver's team. */
const pool = z.union(
  [
    z.literal('team'),
    z.array(taker).min(1, 'a pool needs at least one person').max(500, 'a pool has at most 500 people'),
  ],
  { error: 'a pool is a list of people such as ["bob@example.com"], or "team"' },
);

export const successorRule = z.union(
  [
    taker,
    z.strictObject({ 'round-robin': pool }),
    z.strictObject({ 'least-loaded': pool }),
    z.strictObject({
      'first-of': z
        .array(taker, {
          error: 'name people in the order in which they are asked: ["bob@example.com", "carol@example.com"]',
        })
        .min(1, 'name at least one person')
        .max(20, 'at most 20 are asked one after another'),
    }),
    z.strictObject({
      match: z.strictObject({
        attribute: text.min(1, 'name the attribute of the items'),
        map: z.record(text, taker, { error: 'say who takes which value: {"emea": "bob@example.com"}' }),
        otherwise: taker.optional(),
      }),
    }),
  ],
  {
    error: `a successor is ${WHO}, or one of {"round-robin": ["..."]}, {"least-loaded": ["..."]}, {"first-of": ["..."]}, {"match": {"attribute": "...", "map": {"...": "..."}}}`,
  },
);
export type SuccessorRule = z.infer<typeof successorRule>;

const mode = z.enum(['execute-and-deactivate', 'execute-only', 'preview']);
const departure = z.enum(['planned', 'unplanned']);
const BY_CATEGORY = 'name a successor per category or system: {"crm/open_tasks": "bob@example.com"}';
const byCategory = z.record(text, successorRule, { error: BY_CATEGORY });
const note = z.string().max(2000, 'at most 2,000 characters are allowed').optional();
const PER_ITEM = 'name a successor per item: {"4711": "bob@example.com"}';
const PER_CATEGORY_AND_ITEM =
  'name a successor per category and item: {"crm/open_tasks": {"4711": "bob@example.com"}}';
/** A set of overrides in the store, by its digest. */
const reference = z.string().refine(isReference, {
  error: `${PER_CATEGORY_AND_ITEM}, or a set that lies in the store: "sha256:" and the 64 digits (0-9, a-f) of its digest`,
});
/** Step → item key → taker, or where many of them lie. */
const overrides = z.union(
  [
    z
      .record(text, z.record(text, taker, { error: PER_ITEM }), { error: PER_CATEGORY_AND_ITEM })
      .refine(all => countOf(all) <= MOST_INLINE, {
        error: `at most ${MOST_INLINE} overrides travel inline: give a file of them (--overrides), or use a match rule`,
      }),
    reference,
  ],
  { error: PER_CATEGORY_AND_ITEM },
);
/** One line of a file of overrides. */
export const overrideRow = z.object({
  step: text.min(1, 'name the step, such as "crm/open_tasks"'),
  key: text.min(1, "give the item's key"),
  successor: taker,
});
const IDENTITIES = 'give ids as texts, per system and identity: {"crm": {"user": "17"}}';
const oneId = z.string({ error: IDENTITIES }).min(1, IDENTITIES).max(LONGEST_NAME);
/** Several where they are all this person's; an empty list where none is. */
const identity = z.union([oneId, z.array(oneId).max(50)], { error: IDENTITIES });
const identities = z.record(text, z.record(text, identity, { error: IDENTITIES }), { error: IDENTITIES });
const systems = z
  .array(text.min(1, 'name a system'))
  .min(1, 'name at least one system, or leave the key out for all of them');

/** What a request may say, key by key; what does not go together `requestSchema` says. */
export const requestShape = z.strictObject({
  user: person,
  requestedBy: person,
  successor: successorRule.optional(),
  successors: byCategory.optional(),
  overrides: overrides.optional(),
  mode: mode.default('execute-and-deactivate'),
  departure: departure.default('planned'),
  effectiveAt: moment.optional(),
  /** When items move, where that is before access ends; `now` = as soon as approved. */
  handoverAt: momentOrNow.optional(),
  giveBackAt: moment
    .optional()
    .describe('Of a cover ("mode": "execute-only"): when what moved is given back to whoever was away.'),
  systems: systems.optional(),
  /** System → identity → id or ids, where a person has several accounts or none that can be recognised. */
  identities: identities.optional(),
  note,
});
export const requestSchema = requestShape.superRefine((order, context) => {
  const problem = notGivenBack(order);
  if (problem) context.addIssue({ code: 'custom', path: ['giveBackAt'], message: problem });
});

/** Why nothing of this can be given back on a date; null = it can, or nobody wants that. */
function notGivenBack({
  giveBackAt,
  mode,
  departure,
}: Pick<z.infer<typeof requestShape>, 'giveBackAt' | 'mode' | 'departure'>): string | null {
  if (giveBackAt === undefined) return null;
  if (mode !== 'execute-only')
    return `a cover is for somebody who comes back: it needs "mode": "execute-only", and the mode is "${mode}"`;
  return departure === 'unplanned'
    ? 'a cover leaves sign-in as it is, and "departure": "unplanned" blocks it: leave that out'
    : null;
}

/** What a caller sends. */
export type OffboardingRequest = z.input<typeof requestSchema>;
/** The same with its defaults filled in. */
export type Order = z.infer<typeof requestSchema>;
/** An order whose overrides were taken out of the store, where they lay there. */
export type FullOrder = Omit<Order, 'overrides'> & { overrides?: Overrides | undefined };

const by = person;
const PLAN =
  "give the plan's digest as the status shows it (digits and a-f), at least its first 12 characters";
const plan = z.string({ error: PLAN }).regex(/^[0-9a-f]{12,64}$/, PLAN);
const STEP = 'name the step, such as "crm/open_tasks"';
const step = z
  .string({ error: STEP })
  .min(1, STEP)
  .max(LONGEST_NAME, `at most ${LONGEST_NAME} characters are allowed`);
const reason = (says: string) =>
  z.string({ error: says }).trim().min(3, says).max(2000, 'at most 2,000 characters are allowed');

/** The frozen keys that a skip leaves with the leaver. */
const keys = z
  .string()
  .regex(
    /^[0-9a-f]{12,64}$/,
    'the digest of the keys as the status shows it (at least its first 12 characters)',
  );

/** Every decision, by the name under which it exists as a signal and as an update. */
export const decisionSchemas = {
  approve: z.strictObject({ by, plan, step: step.optional(), keys: keys.optional(), note }),
  reject: z.strictObject({ by, plan, note }),
  acknowledge: z.strictObject({
    by,
    category: z.union(
      [step, z.array(step).min(1, 'name at least one category').max(500, 'at most 500 are allowed')],
      {
        error: 'name a category such as "crm/mailbox", or a list of them',
      },
    ),
    note,
  }),
  // `null` takes back what was said; what is left out stays.
  amend: z.strictObject({
    by,
    successor: successorRule.nullable().optional(),
    successors: z.record(text, successorRule.nullable(), { error: BY_CATEGORY }).nullable().optional(),
    overrides: z
      .union(
        [
          z.record(text, z.record(text, taker.nullable(), { error: PER_ITEM }).nullable(), {
            error: PER_CATEGORY_AND_ITEM,
          }),
          reference,
        ],
        { error: PER_CATEGORY_AND_ITEM },
      )
      .nullable()
      .optional(),
    identities: z
      .record(text, z.record(text, identity.nullable(), { error: IDENTITIES }).nullable(), {
        error: IDENTITIES,
      })
      .nullable()
      .optional(),
    mode: mode.nullable().optional(),
    departure: departure.nullable().optional(),
    effectiveAt: momentOrNow.nullable().optional(),
    handoverAt: momentOrNow.nullable().optional(),
    giveBackAt: momentOrNow
      .nullable()
      .optional()
      .describe('Of a cover, and of its give-back: when what moved is given back; "now" = at once.'),
    systems: systems.nullable().optional(),
    note,
  }),
  execute: z.strictObject({ by, plan, note }),
  pause: z.strictObject({ by, note }),
  resume: z.strictObject({ by, note }),
  retry: z.strictObject({ by, note }),
  skip: z.strictObject({ by, step, reason: reason('say in a few words why the items may stay'), note }),
  finish: z.strictObject({ by, reason: reason('say in a few words why the run ends here'), note }),
  cancel: z.strictObject({ by, access: z.enum(['keep', 'restore']).optional(), note }),
} as const;

export type DecisionName = keyof typeof decisionSchemas;
export const DECISIONS = Object.keys(decisionSchemas) as DecisionName[];
export type Decision = {
  [N in DecisionName]: { name: N } & z.infer<(typeof decisionSchemas)[N]>;
}[DecisionName];
export type DecisionOf<N extends DecisionName> = Extract<Decision, { name: N }>;

/** What a look at what has closed may be asked. */
const archiveRequestSchema = z.strictObject({
  everything: z.boolean().optional(),
  workflowId: z.string().min(1, 'name a workflow').max(1000).optional(),
});

/** Somebody as whoever started a workflow wrote them down: no more than a text, until the directory is asked. */
const written = z.object({
  id: text.min(1),
  // As the directory has it, however long or empty: the door bounds the whole.
  name: z.string(),
  human: text.min(1),
  marks: z.array(z.string().max(100)).max(100).optional(),
});
const inputSchema = z.object({ offboardingId: z.guid().lowercase(), leaver: written, requester: written });

export type Parsed<T> = { ok: true; value: T } | { ok: false; sentence: string };

export function parseRequest(given: unknown): Parsed<Order> {
  return parseObject(requestSchema, given, EXAMPLE);
}

function parseObject<S extends z.ZodObject>(schema: S, given: unknown, example: string): Parsed<z.infer<S>> {
  const why = objection(given);
  if (why !== null) return { ok: false, sentence: `Cannot read the request: ${why}.` };
  const undecoded = undecodable('the request', given);
  if (undecoded) return undecoded;
  if (isObject(given)) return parse(schema, given, 'the request');
  const sentence = `A request is one JSON object such as ${example}; given was ${describe(given)}.`;
  return { ok: false, sentence };
}

export function parseArchiveRequest(given: unknown): Parsed<z.infer<typeof archiveRequestSchema>> {
  return parseObject(archiveRequestSchema, given, '{"workflowId": "offboarding/17"}');
}

/** Who is to leave and who asked, as the front door looked them up; null = this is nothing that it wrote. */
export function parsePeople(given: unknown): z.infer<typeof inputSchema> | null {
  return inputSchema.safeParse(given).data ?? null;
}

/**
 * Reads messages of one workflow type: each by its schema, with an example in what it says about odd ones.
 */
export function messageParser<N extends string, D>(
  schemas: Record<N, z.ZodObject>,
  examples: Record<N, string>,
): (name: string, given: unknown) => Parsed<D> {
  const names = Object.keys(schemas) as N[];
  return (name, given) => {
    if (!Object.hasOwn(schemas, name))
      return { ok: false, sentence: `There is no message "${clip(name)}". Known are: ${names.join(', ')}.` };
    const why = objection(given);
    if (why !== null) return { ok: false, sentence: `Cannot read "${name}": ${why}.` };
    const undecoded = undecodable(`"${name}"`, given);
    if (undecoded) return undecoded;
    if (!isObject(given)) {
      const example = examples[name as N];
      const sentence = `"${name}" takes one JSON object such as ${example}; given was ${describe(given)}.`;
      return { ok: false, sentence };
    }
    const parsed = parse(schemas[name as N], given, `"${name}"`);
    return parsed.ok ? { ok: true, value: { name, ...parsed.value } as D } : parsed;
  };
}

export function parseDecision(name: string, given: unknown): Parsed<Decision> {
  return readDecision(name, given);
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
const readDecision = messageParser<DecisionName, Decision>(decisionSchemas, EXAMPLES);

/**
 * What stands in place of a payload that cannot be decoded (runtime/payload-converter.cjs), or is not, because
 * it is too large (workflows/threshold.ts).
 */
function undecodable(what: string, given: unknown): { ok: false; sentence: string } | null {
  if (!isObject(given)) return null;
  if (typeof given.tooLarge === 'number') {
    const most = `at most ${number(MESSAGE.characters)} characters travel inline`;
    return { ok: false, sentence: `Cannot read ${what}: it is ${number(given.tooLarge)} long, ${most}.` };
  }
  if (typeof given.undecodable !== 'string') return null;
  const why = clip(given.undecodable);
  return {
    ok: false,
    sentence: `The payload of ${what} could not be decoded (${why}). Send it as json/plain.`,
  };
}

/** More mistakes than this are counted, not listed. */
const MOST_MISTAKES = 5;

/** One sentence per mistake: where, what was given, what is allowed. */
function parse<S extends z.ZodObject>(
  schema: S,
  given: Record<string, unknown>,
  what: string,
): Parsed<z.infer<S>> {
  const result = schema.safeParse(given);
  if (result.success) return { ok: true, value: result.data };
  const mistakes = mistakesOf(result.error.issues, given, schema);
  const said = mistakes.slice(0, MOST_MISTAKES).map(({ path, says }) => {
    return path.length > 0 ? `"${clip(path.map(String).join('.'))}" ${says}` : `it ${says}`;
  });
  const more = mistakes.length - said.length;
  return {
    ok: false,
    sentence: `Cannot read ${what}: ${said.join('; ')}${more > 0 ? `; and ${more} more` : ''}.`,
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Dates as they were written, of a request or an amendment: whether they can be placed is asked. */
export function momentsIn(said: {
  effectiveAt?: string | null | undefined;
  handoverAt?: string | null | undefined;
  giveBackAt?: string | null | undefined;
}): string[] {
  return [said.effectiveAt, said.handoverAt, said.giveBackAt].filter(
    one => typeof one === 'string' && one !== 'now',
  ) as string[];
}

export const DAY_MS = 86_400_000;

/** The moment that an ISO 8601 date and time stands for, in milliseconds since 1970. */
export function instant(moment: string): number {
  return Date.parse(moment);
}
