/**
 * What the catalogs of every kind have in common: how a system is called, what becomes of a category, who
 * carries a verb out. A kind spreads these shapes into its own schema (postgres/catalog.ts shows how), so
 * that an unknown key stays an error in one place.
 */
import { z } from 'zod';
import type { ByHand } from '../../domain/plan.js';
import type { By, CategoryFacts } from '../connector.js';

export const name = z
  .string()
  .regex(/^[a-z][a-z0-9_]*$/, 'allowed are lower-case letters, digits and _, starting with a letter');

const page = z.url({
  protocol: /^https?$/,
  error: 'an address that starts with https:// or http:// is needed',
});

/** The first keys of every catalog. */
export const headShape = <K extends string>(kind: K) => ({
  version: z.literal(1),
  system: name,
  title: z.string().min(1),
  kind: z.literal(kind),
  /** The real thing that the catalog was run against, and when; a table of docs/ is made of it. */
  run_against: z.string().min(1).optional(),
});

/** A person without an account here is shown to the approver, or it is normal. */
export const absence = z.enum(['acknowledge', 'expected']).default('acknowledge');

/** A part of an item that its system works out: `value` is an expression of the kind's own. */
export interface Computed {
  value: string;
}

/**
 * What every category says. `field` is how this kind names a part of an item: a column, a pointer into an
 * answer. `shown` is what people may be shown of one: a field, or what a kind can work out beside that.
 */
export const categoryShape = <F extends z.ZodType<string>, S extends z.ZodType<string | Computed> = F>(
  field: F,
  shown: S = field as unknown as S,
) => ({
  title: z.string().min(1),
  do: z.enum(['transfer', 'remove', 'revoke', 'clear', 'acknowledge', 'keep']),
  /** What people call one item. */
  label: shown.optional(),
  /** One item in the application: `{field}` is replaced by the item's value. */
  link: z.string().optional(),
  /** The whole category in the application, where people settle it by hand. */
  page: page.optional(),
  /** Attribute name → field, for `match` rules and lists of items. */
  attributes: z.record(name, shown).default({}),
  /** The moment at which an item acts by itself. */
  fires_at: field.optional(),
  /** Fields that never leave the system: not in before-images, lists or logs. */
  secret: z.array(field).default([]),
  /** Assignment rules, rotations: handled before every transfer, so that nothing new lands on the leaver. */
  inflow: z.boolean().default(false),
  /** Categories that must be finished first: of this system by name, of others as `system/category`. */
  after: z.array(z.string()).default([]),
  /** Queue name → what is written as the owner. */
  queues: z.record(name, z.union([z.string(), z.number()])).default({}),
  /** May an item be left without an owner? */
  unassigned: z.boolean().default(false),
  /** These act in the person's name by themselves: automations, schedules, senders of reports. */
  acts_as: z.boolean().optional(),
  /** Another category here: whoever takes that over takes this over too. */
  successor_of: name.optional(),
  /** What becomes of `remove`, `revoke` and `clear` where the person stays: they keep it, or it goes as well. */
  on_role_change: z.enum(['keep', 'remove']).optional(),
  /**
   * When it can be done, seen from the switch: `needs` an account that is active, or one that is not; what the
   * switch itself takes along (`with`); what moves only `after` it, `within` so many days.
   */
  switch: z
    .strictObject({
      needs: z.enum(['active', 'inactive', 'any']).default('any'),
      when: z.enum(['before', 'with', 'after']).default('before'),
      within: z
        .string()
        .regex(/^[1-9]\d{0,3} days?$/, 'days are needed, such as 30 days')
        .optional(),
    })
    .optional(),
  reason: z.string().optional(),
});

export const VERBS = ['block', 'unblock', 'deactivate', 'reactivate'] as const;
export type Verb = (typeof VERBS)[number];

/**
 * Who carries a verb out: the system (`shape` says how; what a catalog means that says nothing), a person, on
 * `page` and as `reason` says, or nobody. `observe` is how this kind sees that the person has done it, beyond
 * reading the account as it always does; a kind that needs nothing more leaves it out.
 */
export function verb<S extends z.ZodRawShape, O extends z.ZodRawShape = Record<never, never>>(
  shape: S,
  observe: O = {} as O,
) {
  return z.union([
    z.strictObject({ by: z.literal('system').default('system'), ...shape }),
    z.strictObject({
      by: z.literal('person'),
      page: page.optional(),
      reason: z.string().optional(),
      ...observe,
    }),
    z.strictObject({ by: z.literal('nobody'), reason: z.string().min(1) }),
  ]);
}

/** Who changes access, verb by verb. */
export function verbShape<S extends z.ZodRawShape, O extends z.ZodRawShape = Record<never, never>>(
  shape: S,
  observe: O = {} as O,
) {
  const one = verb(shape, observe).optional();
  return { block: one, unblock: one, deactivate: one, reactivate: one };
}

/** A catalog as the general rules see it: the least that the schema of every kind promises. */
export interface Head {
  version: 1;
  system: string;
  title: string;
  kind: string;
  run_against?: string;
  absence: 'acknowledge' | 'expected';
  categories: Record<string, CategoryHead>;
  block?: VerbHead;
  unblock?: VerbHead;
  deactivate?: VerbHead;
  reactivate?: VerbHead;
}

export type CategoryHead = z.infer<
  z.ZodObject<ReturnType<typeof categoryShape<z.ZodString, z.ZodType<string | Computed>>>>
>;

/** `switch`: of a kind whose block may be the very switch that deactivates; others say what ends with it. */
export type VerbHead =
  | { by: 'system' }
  | { by: 'switch'; reason: string }
  | { by: 'person'; page?: string; reason?: string }
  | { by: 'nobody'; reason: string };

/** Fields that a link names as {field}. */
export const linkFields = (link: string | undefined): string[] =>
  [...(link ?? '').matchAll(/\{([^{}]+)\}/g)].map(m => m[1]!);

/** What the head of a category says to planning; which identity owns its items is the kind's to add. */
export function commonFacts(category: string, spec: CategoryHead): Omit<CategoryFacts, 'identity'> {
  return {
    category,
    title: spec.title,
    do: spec.do,
    inflow: spec.inflow,
    after: spec.after,
    page: spec.page ?? null,
    attributes: Object.keys(spec.attributes),
    queues: Object.fromEntries(Object.entries(spec.queues).map(([queue, value]) => [queue, String(value)])),
    mayBeUnassigned: spec.unassigned,
    actsAs: spec.acts_as ?? false,
    successorOf: spec.successor_of ?? null,
    goesOnRoleChange: spec.on_role_change === 'remove',
    ...(spec.switch?.needs === 'active' && { needsActive: true as const }),
    ...(spec.switch?.when === 'after' && { afterSwitch: { withinDays: daysOf(spec.switch.within) } }),
    ...(spec.switch?.when === 'with' && { afterSwitch: { withinDays: null, carried: true as const } }),
    reason: spec.reason ?? null,
  };
}

/** Null = there is no deadline. */
const daysOf = (within: string | undefined): number | null =>
  within === undefined ? null : Number.parseInt(within, 10);

/** Does the system know one way to be off, which a block takes as well? */
export const isBlockOff = ({ block }: Head): boolean => block?.by === 'switch';

/** Who changes access, verb by verb; `otherwise` where the catalog says nothing. */
export function accessOf(catalog: Head, otherwise: By): Record<Verb, By> {
  const by = (verb: Verb): By => {
    const said = catalog[verb]?.by ?? otherwise;
    return said === 'switch' ? 'system' : said;
  };
  return {
    block: by('block'),
    // What is blocked by the switch is given back by its reverse.
    unblock: isBlockOff(catalog) ? by('reactivate') : by('unblock'),
    deactivate: by('deactivate'),
    reactivate: by('reactivate'),
  };
}

/** Where and how people do what the system does not, as far as the catalog says. */
export function byHandOf(catalog: Head): Partial<Record<Verb, ByHand>> {
  return Object.fromEntries(
    VERBS.flatMap(verb => {
      const spec = catalog[verb];
      if (spec?.by !== 'person') return [];
      return [[verb, { page: spec.page ?? null, reason: spec.reason ?? null }]];
    }),
  );
}
