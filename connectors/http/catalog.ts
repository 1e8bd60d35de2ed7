/**
 * The catalog of a system that speaks HTTP: what every catalog says (catalog/head.ts), and which calls find,
 * read and change things there. No part of it is a program: a call is an address and a body with
 * placeholders, a field is a JSON pointer, and what an answer means is a table.
 */
import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { AS_PEOPLE_WRITE, FOLDS } from '../../domain/fold.js';
import {
  absence,
  categoryShape,
  headShape,
  isBlockOff,
  name,
  type Verb,
  verb,
  verbShape,
} from '../catalog/head.js';
import { DURATION } from '../duration.js';
import { OUTCOMES } from './outcome.js';

const duration = z.string().regex(DURATION, 'allowed are times like 500ms, 10s, 2min or 1h');
const pointer = z
  .string()
  .regex(
    /^(\/[^/]*)*$/,
    'a pointer looks like /owner/id or /items/*/data; the empty text is the whole answer',
  );
const scalar = z.union([z.string(), z.number(), z.boolean()]);
const values = z.union([scalar, z.array(scalar).min(1)]);
const path = z
  .string()
  .regex(
    /^\/(?!\/)\S*$/,
    'a path begins with one slash, holds no blank (write %20) and is added to the base: /users/{user}',
  );
const headers = z.record(
  z.string().regex(/^[A-Za-z0-9-]+$/, 'a header has letters, digits and -'),
  z.string(),
);
/** The name of a part of the connection, as `handover.yaml` gives it under `connect`. */
const part = name;

const condition = z.strictObject({
  at: pointer,
  equals: values.optional(),
  holds: z.string().min(1).optional(),
  exists: z.boolean().optional(),
});
const conditions = z.union([condition, z.array(condition).min(1)]);

const wait = z.strictObject({
  header: z.string().optional(),
  at: pointer.optional(),
  fixed: duration.optional(),
  unit: z.enum(['s', 'ms', 'epoch']).default('s'),
});

const outcome = z.strictObject({
  status: z.union([z.int(), z.array(z.int()).min(1)]).optional(),
  header: z
    .strictObject({ name: z.string(), equals: scalar.optional(), holds: z.string().optional() })
    .optional(),
  at: pointer.optional(),
  equals: values.optional(),
  holds: z.string().min(1).optional(),
  exists: z.boolean().optional(),
  is: z.enum(OUTCOMES),
  wait: wait.optional(),
  /** Where the answer keeps its own code. */
  code: pointer.optional(),
  /** What it means to people, in words of the catalog's own. */
  says: z.string().min(1).optional(),
});
const outcomes = z.array(outcome).default([]);

/** The categories that the switch takes along: whoever takes one stands in its calls as `{to.category}`. */
export const carriedIn = ({ categories }: HttpCatalog): string[] =>
  Object.keys(categories).filter(name => categories[name]!.switch?.when === 'with');

/** How the system makes a change of access; a block by the switch is made, and given back, as the switch is. */
export function switchSpec(catalog: HttpCatalog, verb: Verb): SwitchSpec | undefined {
  const { deactivate, reactivate } = catalog;
  const asOff = { block: deactivate, unblock: reactivate, deactivate, reactivate };
  const spec = isBlockOff(catalog) ? asOff[verb] : catalog[verb];
  return spec?.by === 'system' ? spec : undefined;
}

/** Does switching somebody off take their account away? */
export const isOffGone = ({ deactivate }: HttpCatalog): boolean =>
  deactivate?.by === 'system' && deactivate.until === 'gone';

export const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

/** One request: exactly one of the methods, with its path. */
const callShape = {
  get: path.optional(),
  post: path.optional(),
  put: path.optional(),
  patch: path.optional(),
  delete: path.optional(),
  json: z.json().optional(),
  form: z.record(z.string(), z.string()).optional(),
  headers: headers.default({}),
  /** Asked before the catalog's own. */
  outcomes,
  /** Of `limits.groups`: calls of a group never run at the same time as more than so many others of it. */
  group: name.optional(),
};
const call = z.strictObject(callShape);

const paging = z.discriminatedUnion('by', [
  /** `{page}`, from `first` on. */
  z.strictObject({
    by: z.literal('number'),
    first: z.int().min(0).default(1),
    size: z.int().min(1),
    echo: pointer.optional(),
  }),
  /** `{offset}`, from `first` on, further by as many as came. */
  z.strictObject({
    by: z.literal('offset'),
    first: z.int().min(0).default(0),
    size: z.int().min(1),
    echo: pointer.optional(),
  }),
  /** `{cursor}`, as the page before says; null, empty or missing at the end. */
  z.strictObject({
    by: z.literal('cursor'),
    at: pointer.optional(),
    header: z.string().optional(),
    size: z.int().min(1).optional(),
    /** Where there is a cursor after the last page as well: true while there is more. */
    more: condition.optional(),
  }),
  /** A whole address, absolute or relative, within the answer. */
  z.strictObject({ by: z.literal('next'), at: pointer, size: z.int().min(1).optional() }),
  /** `Link: <...>; rel="next"` (RFC 8288). */
  z.strictObject({ by: z.literal('link'), size: z.int().min(1).optional() }),
  /**
   * Everything comes at once. `most`: as many as the system gives at all, so that a full answer is a cut one;
   * `whole`: how it is known that the system cuts nothing.
   */
  z.strictObject({
    by: z.literal('none'),
    most: z.int().min(1).optional(),
    whole: z.string().min(1).optional(),
  }),
]);

const listShape = {
  ...callShape,
  /** Where the items are in an answer. */
  items: pointer,
  page: paging.default({ by: 'none' }),
  /** How many there are in all, where the system says. */
  total: z.union([pointer, z.strictObject({ header: z.string() })]).optional(),
  /** Which of the items count. */
  when: conditions.optional(),
};
const list = z.strictObject(listShape);

const fold = z
  .union([z.literal('none'), z.enum(FOLDS), z.array(z.enum(FOLDS)).min(1)])
  .transform(said => (said === 'none' ? [] : typeof said === 'string' ? [said] : said));

/**
 * One way to recognise somebody: a search for `{value}`, or, where no `{value}` stands in it, a list of
 * everybody. What it finds is compared on our side, whole, at `match`.
 */
const find = z.strictObject({
  ...listShape,
  by: z.enum(['email', 'login', 'id', 'number']),
  match: pointer,
  fold: fold.default([...AS_PEOPLE_WRITE]),
});

const people = z.strictObject({
  /** Within an account. */
  key: pointer,
  name: pointer.optional(),
  /** One account, by `{user}`; `at` is where it stands in the answer. */
  read: z.strictObject({ ...callShape, at: pointer.default('') }),
  find: z.array(find).min(1),
  /** True of accounts that can sign in; a blocked one is still active. */
  active: conditions,
  blocked: conditions.optional(),
  /** The account that we call with: searches are proved on it, and it is never offboarded. */
  self: z.strictObject({ ...callShape, at: pointer.default('') }).optional(),
  /** Somebody else who is there for certain, to prove searches on, where the system does not say who we are. */
  known: z.strictObject({ by: z.enum(['email', 'login', 'id', 'number']), value: z.string() }).optional(),
});

const bulk = z.strictObject({
  ...callShape,
  /** Items in one call at most. */
  size: z.int().min(2),
  /** What stands for one item where `{each}` stands. */
  each: z.json().optional(),
  results: z
    .strictObject({
      /** Where the answer has a result for each item. */
      at: pointer,
      /** In the order of the items, or each with a key: the pointer to it. */
      by: z.union([z.literal('position'), pointer]).default('position'),
      outcomes,
      /** Where it is worked off later: how to ask, until when. */
      job: z
        .strictObject({
          ...callShape,
          /** Where the first answer names the job, as `{job}`. */
          id: pointer,
          every: duration.default('1s'),
          until: conditions,
        })
        .optional(),
    })
    .optional(),
});

const write = z.strictObject({
  ...callShape,
  /** What is sent to change an item only if it is still as we read it: its ETag, or a version in the item. */
  compare: z
    .union([z.literal('etag'), z.strictObject({ version: pointer, header: z.string().optional() })])
    .optional(),
  /** A header that makes the system carry a call out once, however often it arrives. */
  idempotency: z.string().optional(),
});

const read = z.strictObject({
  ...callShape,
  at: pointer.default(''),
  /** With `{keys}` in place of `{key}`: so many items in one call, as a list at `at`. */
  many: z.int().min(2).optional(),
});

const category = z.strictObject({
  ...categoryShape(pointer),
  list: z.strictObject({
    ...listShape,
    /** The list is of everybody's: what is not the leaver's is left out on our side. */
    of: z.enum(['leaver', 'everybody']).default('leaver'),
  }),
  /** Within an item of the list, and of `read`. */
  key: pointer,
  /**
   * Whose an item is: a field, several with `*`, or, with `listed`, whoever it is listed for.
   */
  owner: z.union([
    pointer.transform(at => ({ at, listed: false, identity: 'user' })),
    z
      .strictObject({ at: pointer, identity: name.default('user') })
      .transform(given => ({ ...given, listed: false })),
    z
      .strictObject({ listed: z.literal(true), identity: name.default('user') })
      .transform(given => ({ ...given, at: '' })),
  ]),
  /** What proves that the system understands the filter: a list without it, or why nothing can. */
  proof: z.union([list, z.strictObject({ none: z.string().min(1) })]).optional(),
  /** One item by `{key}`; `list`: there is no such call, so the list is read again. */
  read: z.union([z.literal('list'), read]).default('list'),
  /** One call, or several in their order. */
  write: z.union([write, z.array(write).min(1)]).optional(),
  bulk: bulk.optional(),
  /** Makes again what `write` has taken away. */
  restore: call.optional(),
  /** What stands at `owner` where nobody owns an item, if it is not null. */
  nobody: z.string().optional(),
  /** After a write nothing is read again: why. */
  unread: z.string().min(1).optional(),
  /** True of accounts that may take items over. */
  successor_must: conditions.optional(),
  successor_must_says: z.string().optional(),
});

/** How the system changes access: calls in their order, and what is true of the account afterwards. */
const switchShape = {
  calls: z.array(call).min(1),
  /** `gone`: whoever is switched off has no account any more. */
  until: z.union([z.literal('gone'), conditions]).optional(),
  /** Parts of the account that the reverse wants back, as `{kept.name}`. */
  keep: z.record(name, pointer).default({}),
};
/** A person does it: what shows that it is done, where reading the account does not. */
const observe = {
  observe: z.strictObject({ ...callShape, until: conditions }).optional(),
};
/** What else ends with an account: it is done once this holds of the account, or of what a probe answers. */
const seen = { until: conditions.optional(), ...observe };
const bySwitch = z.strictObject({ by: z.literal('switch'), reason: z.string().min(1) });
/** `switch`: deactivating the account ends it as well, as `reason` says. */
const ending = z
  .union([...verb({ calls: z.array(call).min(1), ...seen }, seen).options, bySwitch])
  .optional();

const rate = z.strictObject({ requests: z.int().min(1), per: duration });
const budget = z.strictObject({
  /** How much is left, as a number; or `used/limit` in one. */
  remaining: z.string().optional(),
  limit: z.string().optional(),
  usage: z.string().optional(),
  /** When it is full again. */
  reset: z.strictObject({ header: z.string(), unit: z.enum(['s', 'ms', 'epoch']).default('s') }).optional(),
  /** What others are left: so many percent of the limit. */
  keep_free: z
    .string()
    .regex(/^\d{1,2}%$/, 'allowed are percents like 10%')
    .default('5%'),
});

const auth = z.union([
  z.strictObject({ none: z.literal(true) }),
  z.strictObject({ bearer: part }),
  z.strictObject({ basic: z.strictObject({ user: part, password: part }) }),
  z.strictObject({
    header: z.strictObject({ name: z.string(), value: part, prefix: z.string().default('') }),
  }),
  z.strictObject({
    /** OAuth 2.0 client credentials (RFC 6749, 4.4). */
    oauth: z.strictObject({
      token: z.string().min(1),
      client: part,
      secret: part,
      send: z.enum(['basic', 'body']).default('basic'),
      scope: z.string().optional(),
      audience: z.string().optional(),
    }),
  }),
  z.strictObject({
    /** OAuth 2.0 JWT bearer (RFC 7523, 2.1). */
    jwt: z.strictObject({
      token: z.string().min(1),
      /** The private key, as PEM (PKCS #8). */
      key: part,
      algorithm: z.enum(['RS256', 'RS384', 'RS512', 'PS256', 'ES256', 'ES384', 'EdDSA']).default('RS256'),
      issuer: part,
      subject: part.optional(),
      audience: z.string().min(1),
      lasts: duration.default('3min'),
      scope: z.string().optional(),
      key_id: z.string().optional(),
    }),
  }),
  z.strictObject({
    /** A call that signs in; what it answers is sent with every other. */
    session: z.strictObject({
      ...callShape,
      /** `{session.name}` in calls: parts of the answer. */
      keep: z.record(name, pointer).default({}),
      /** The cookies that come with the answer go with every call. */
      cookies: z.boolean().default(false),
      /** A header with every call: `{session.name}` and parts of the connection stand in it. */
      headers_after: headers.default({}),
      lasts: duration.default('30min'),
    }),
  }),
]);

export const catalogSchema = z.strictObject({
  ...headShape('http'),
  connect: z
    .strictObject({
      /** One call, from the first byte to the last. */
      timeout: duration.default('30s'),
      /**
       * From the moment that stands in a mark: what is not sent by half of it is not sent any more, and by its
       * end a call has landed, or never will.
       */
      lands_within: duration.default('2min'),
      /** How long after a write a reading may still show what was before. */
      settles_within: duration.default('0s'),
      most_bytes: z.int().min(1_000).default(16_777_216),
      /** Items of one effect at most; each has one receipt. */
      batch: z.int().min(1).max(1_000).default(100),
      hosts: z
        .array(
          z
            .string()
            .regex(/^[a-z0-9.-]+(:\d+)?$/, 'a host is written like files.example.com, or with a port'),
        )
        .default([]),
      networks: z
        .array(z.string().refine(ipaddr.isValidCIDR, 'a network is written like 10.1.0.0/16'))
        .default([]),
    })
    .prefault({}),
  auth,
  headers: headers.default({}),
  limits: z
    .strictObject({
      /** Calls at a time, of one worker. */
      concurrency: z.int().min(1).max(64).default(4),
      /** Calls in a time, of the whole fleet. */
      rate: z.array(rate).default([]),
      /** Calls of a group at a time, of the whole fleet. */
      groups: z.record(name, z.int().min(1)).default({}),
      budget: budget.optional(),
    })
    .prefault({}),
  outcomes,
  absence,
  people,
  /** Further identities of an account: pointers into it. */
  identities: z.record(name, pointer).default({}),
  guards: z
    .strictObject({
      /** Never offboarded, and takes nothing over. */
      protected: conditions.optional(),
      /** Everybody who is an owner or administrator: one must stay active. */
      last_owner: list.optional(),
    })
    .prefault({}),
  categories: z.record(name, category),
  ...verbShape(switchShape, observe),
  /** `switch`: one can only be off here, so a block is that; that it is ours and not final says the ledger. */
  block: z.union([...verb(switchShape, observe).options, bySwitch]).optional(),
  /** All of somebody's at once, where nothing lists them one by one: see `verbs.ts` for when each is done. */
  sessions: ending,
  tokens: ending,
  memberships: ending,
  licence: ending,
  /** Said, shown, and done by no offboarding. */
  erase: ending,
});

export type HttpCatalog = z.infer<typeof catalogSchema>;
export type CallSpec = z.infer<typeof call>;
export type ListSpec = z.infer<typeof list>;
export type FindSpec = z.infer<typeof find>;
export type ReadSpec = z.infer<typeof read>;
export type WriteSpec = z.infer<typeof write>;
export type BulkSpec = z.infer<typeof bulk>;
export type CategorySpec = HttpCatalog['categories'][string] & {
  /** Its only item is the account itself, until this holds: a verb as a category (`verbs.ts`). */
  account?: EndingSpec;
};
export type SwitchSpec = Extract<NonNullable<HttpCatalog['deactivate']>, { by: 'system' }>;
/** When a verb counts as done; neither: nothing shows it. */
export type EndingSpec = Pick<
  Extract<NonNullable<HttpCatalog['sessions']>, { by: 'person' }>,
  'until' | 'observe'
>;
export type AuthSpec = HttpCatalog['auth'];

/** The method and path of a call; the rules see to it that there is exactly one. */
export function requestOf(spec: CallSpec): { method: string; path: string } {
  for (const method of METHODS) {
    const path = spec[method];
    if (path !== undefined) return { method: method.toUpperCase(), path };
  }
  throw new Error('a call without a method');
}

/** The calls of a write, in their order. */
export const callsOf = (write: CategorySpec['write']): readonly WriteSpec[] =>
  write === undefined ? [] : Array.isArray(write) ? write : [write];
