/**
 * The catalog of a PostgreSQL database: what every catalog says (catalog/head.ts), and where that stands in
 * the schema.
 *
 * Names of tables are `schema.table`, names of columns are plain; both are resolved against the live database
 * and quoted, never interpolated. Conditions are one boolean SQL expression each, written by operators like a
 * migration: they use qualified names (`tasks.status <> 'done'`: the bare table name is the alias; other
 * tables as `schema.table`) and only read.
 */
import { z } from 'zod';
import { AS_PEOPLE_WRITE, FOLDS, type Fold } from '../../domain/fold.js';
import { absence, categoryShape, headShape, name, verbShape } from '../catalog/head.js';
import { dotted, splitTable } from './names.js';
import { stepsOf } from './paths.js';

/** PostgreSQL cuts longer names off in silence, and then two names may become one. Bytes, not characters. */
const fits = (text: string): boolean => new TextEncoder().encode(text).length <= 63;
const plain = (text: string): boolean => !/["\0]/.test(text);
const table = z
  .string()
  .refine(
    t => /^(?:[^."\0]+|"[^"\0]+")\.(?:[^."\0]+|"[^"\0]+")$/.test(t),
    'a table is named as schema.table, without quotes unless a part has a dot ("crm.v2".docs)',
  )
  .transform(t => {
    const { schema, name } = splitTable(t);
    return dotted(schema, name);
  })
  .refine(t => Object.values(splitTable(t)).every(fits), 'PostgreSQL allows names of at most 63 bytes');
const column = z
  .string()
  .min(1)
  .refine(plain, 'a column is named without quotes')
  .refine(fits, 'PostgreSQL allows names of at most 63 bytes');
const duration = z.string().regex(/^[1-9][0-9]*(ms|s|min)$/, 'allowed are times like 500ms, 10s or 2min');
const condition = z.string().min(1);
/** One scalar SQL expression over the row, which may ask other tables. */
const computed = z.strictObject({ value: condition });
/** `$now` is the transaction's time, `$null` is NULL; everything else is bound as it stands. */
const values = z.record(column, z.union([z.string(), z.number(), z.boolean()]));

/** What is not cared about when values are compared: `none`, one of the folds, or several. */
const fold = z
  .union([z.enum(['none', ...FOLDS]), z.array(z.enum(FOLDS)).min(1)])
  .transform((said): readonly Fold[] => {
    if (said === 'none') return [];
    return typeof said === 'string' ? [said] : said;
  });

/**
 * One way to recognise the directory's person here; in the directory, what others may recognise them by.
 * `number` is a person number. A table of its own (e-mail addresses) is joined by `person`.
 */
const match = z.strictObject({
  by: z.enum(['email', 'login', 'id', 'number']),
  column,
  table: table.optional(),
  /** The column of `table` that holds the person's key. */
  person: column.optional(),
  /** Which rows count: of the table of its own, or of the people. */
  when: condition.optional(),
  fold: fold.default(AS_PEOPLE_WRITE),
});

const people = z.strictObject({
  table,
  key: column,
  name: column,
  /** A column of the table, or of a table of its own. */
  email: z
    .union([column, z.strictObject({ table, column, person: column, when: condition.optional() })])
    .optional(),
  /** Which rows of the table are people at all. */
  when: condition.optional(),
  match: z.array(match).min(1),
  /** True for people who can sign in (a blocked person is still active). */
  active: condition,
  /** True while our reversible block is in place. */
  blocked: condition.optional(),
  manager: column.optional(),
  team: column.optional(),
  /** Same value = same human being with several entries here. */
  human: column.optional(),
  /** What people may do in Handover, by the directory's own rights. */
  roles: z.strictObject({ operator: condition.optional(), approver: condition.optional() }).optional(),
});

/**
 * A further id of the same person: from a column of the people table, worked out from several of them (a full
 * name, say), or from a table of its own. E-mail
 * addresses are compared as people write them, everything else as it stands, unless `fold` says otherwise. `when` leaves rows
 * out altogether; of those that stay, `current` says whose value is written where the person takes over.
 */
const identity = z.union([
  z.strictObject({ column, fold: fold.optional() }),
  z.strictObject({ value: condition, fold: fold.optional() }),
  z.strictObject({
    table,
    key: column,
    person: column,
    when: condition.optional(),
    current: condition.optional(),
    fold: fold.optional(),
  }),
]);

/** Rows of another table that belong to a row of the category: by columns that are equal, a condition, or both. */
const linked = {
  table,
  /** Column there → column of the category's table that it equals. */
  join: z.record(column, column).default({}),
  /** Both tables under their bare names; a third one may stand between them. */
  when: condition.optional(),
};

const mirror = z.strictObject({
  ...linked,
  /** The owner column there. */
  owner: column,
  /**
   * Other columns there that may stand beside an owner only once: where the successor has such a row, the
   * leaver's is deleted.
   */
  unique: z.array(column).min(1).optional(),
});

/** Rows that are deleted together with a row of the category. */
const alongside = z.strictObject({
  ...linked,
  /** Columns that nobody keeps: what had them cannot be made again. */
  secret: z.array(column).default([]),
});

/** Where owners stand in a column that holds several, or more than them. */
const inside = z.union([
  z.literal('array'),
  z.strictObject({
    json: z.string().refine(path => stepsOf(path) !== null, 'a path looks like $.assignees[*] or $.owner.id'),
  }),
  z.strictObject({
    text: z
      .string()
      .refine(pattern => pattern.split('{id}').length === 2, 'a pattern names the id once, like @user:{id}'),
  }),
]);

/**
 * Rows of other tables that may be deleted or changed along with what is named: by rules of foreign keys and
 * by triggers. What is not in here is not done where the schema says that it would be.
 */
const cascades = z.array(z.strictObject({ table, does: z.enum(['delete', 'change']) })).default([]);

const category = z.strictObject({
  ...categoryShape(column, z.union([column, computed])),
  table,
  key: z.array(column).min(1),
  /** `fold`: how values of the column are compared; as the identity's, where it says nothing. */
  owner: z.strictObject({
    column,
    identity: name.default('user'),
    fold: fold.optional(),
    inside: inside.optional(),
  }),
  /** With `acts_as`: true for those that work; asked before and after they are handed over. */
  still_runs: condition.optional(),
  /** Groups, roles or spaces whose key the owner column can hold as well: `group:<name>` takes over. */
  groups: z.strictObject({ table, key: column, name: column, when: condition.optional() }).optional(),
  /** Which rows count. Rows that stop matching meanwhile are left alone. */
  when: condition.optional(),
  /** Incremented by one with every change. */
  version: column.optional(),
  /** Columns set with every change. */
  touch: values.default({}),
  /**
   * May `successor.<identity>` own the row? e.g.
   * `exists (select 1 from public.members m where m.user_id = successor."user" ...)`.
   */
  successor_must: condition.optional(),
  successor_must_says: z.string().optional(),
  mirrors: z.array(mirror).default([]),
  with: z.array(alongside).default([]),
  /**
   * Other columns of a unique index: where the successor already has such a row, ours is removed instead of
   * moved.
   */
  unique: z.array(column).optional(),
  /**
   * With `unique`: columns of which the stronger value outlives a merge, and their values, the strongest
   * first. A team keeps its captain where both were in it.
   */
  survives: z.record(column, z.array(z.union([z.string(), z.number(), z.boolean()])).min(1)).default({}),
  /**
   * For `remove` and `revoke`: columns to set instead of deleting the row. For `clear`: instead of NULL in
   * the owner column.
   */
  set: values.optional(),
  cascades,
});

/** Rows of another table that name the person in `column`, as an identity of theirs. */
const theirRows = { table, column, identity: name.default('user'), when: condition.optional() };

/** Columns to set on the person's row, what else says the same elsewhere, and the condition that proves it. */
const switchShape = {
  set: values.default({}),
  /** True on the person's row afterwards. */
  verify: condition,
  /** Rows of another table to change in the same transaction. */
  also_set: z.array(z.strictObject({ ...theirRows, set: values })).default([]),
  /** Rows to be there afterwards (a group of those who are off); `$user` is the key of the person. */
  also_insert: z.array(z.strictObject({ table, values })).default([]),
  /**
   * Rows to delete in the same transaction. Sessions and the like hold secrets and are only counted; `kept`
   * rows (a membership that lets people in) are kept as they were, and can be put back.
   */
  also_delete: z.array(z.strictObject({ ...theirRows, kept: z.boolean().default(false) })).default([]),
  /** For `unblock` and `reactivate`: everything goes back to what it was; `set` is for where nobody kept that. */
  restore: z.boolean().default(false),
  cascades,
};

/** Settings of the application's own have a dot in their names; PostgreSQL's, which change how it works, have none. */
const setting = z
  .string()
  .regex(
    /^[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)+$/,
    'allowed are settings of the application, like app.user',
  );

export const catalogSchema = z.strictObject({
  ...headShape('postgres'),
  connect: z
    .strictObject({
      statement_timeout: duration.default('60s'),
      lock_timeout: duration.default('5s'),
      /**
       * What stands between us and the database: a pooler that gives every transaction a connection of its own
       * choice, or one that keeps one for as long as we are connected. Nothing, where it says nothing.
       */
      pooler: z.enum(['transaction', 'session']).optional(),
    })
    .prefault({}),
  /** What the application's triggers want to be told, for as long as a transaction that writes. */
  settings: z.record(setting, z.union([z.string(), z.number(), z.boolean()])).default({}),
  absence,
  people,
  identities: z.record(name, identity).default({}),
  guards: z
    .strictObject({
      /** True for owners/administrators of whom one must always be left active. */
      last_owner: condition.optional(),
      /** True for service, break-glass and integration accounts: never offboarded. */
      protected: condition.optional(),
      /** Protected accounts take nothing over, unless this says that they may. */
      protected_receives: z.boolean().optional(),
    })
    .prefault({}),
  categories: z.record(name, category),
  // What a person does is seen by reading the account, as `people.active` and `people.blocked` say.
  ...verbShape(switchShape),
  /**
   * Columns that point at people and are deliberately in no category; `*` is what of the table cannot be
   * looked at.
   */
  acknowledged: z.array(z.strictObject({ table, column, reason: z.string().min(1) })).default([]),
});

export type Catalog = z.infer<typeof catalogSchema>;
export type CategorySpec = Catalog['categories'][string];
export type SwitchSpec = Extract<NonNullable<Catalog['block']>, { by: 'system' }>;
