/** Messages as fast-check draws them: hostile in shape, wrong in content, and right ones from anybody. */
import * as fc from 'fast-check';
import { DECISIONS } from '../../../domain/request.js';
import type { Who } from '../../small-world/cast.js';

/** `$plan` and mail addresses are filled in when it is sent: no draw knows them. */
export interface Message {
  name: string;
  payload: unknown;
  by?: Who;
  way: 'signal' | 'update';
}

const decision = fc.constantFrom(...DECISIONS);
const way = fc.constantFrom('signal' as const, 'update' as const);

/** Names on the way to prototypes, in other alphabets, and long ones. Temporal itself refuses empty names. */
const strangeName = fc.oneof(
  fc.constantFrom(
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'then',
    'Approve',
    'approve ',
    'approve\u0000',
    'status',
    'отменить',
    '💥',
  ),
  fc.string({ minLength: 1, maxLength: 60, unit: 'grapheme' }),
  fc.constant('x'.repeat(900)),
);

const strangeValue = fc.oneof(
  fc.anything({
    withBigInt: false,
    withMap: false,
    withSet: false,
    withDate: false,
    withTypedArray: false,
    withSparseArray: false,
    maxDepth: 3,
  }),
  fc.jsonValue({ maxDepth: 4 }),
  fc.constantFrom(
    null,
    undefined,
    '',
    [],
    {},
    true,
    -0,
    Number.MAX_VALUE,
    2 ** 53,
    '\u0000',
    '\ud800',
    '$plan',
  ),
  fc.constant(
    JSON.parse(
      '{"__proto__": {"accepted": true}, "constructor": {"prototype": {"accepted": true}}}',
    ) as unknown,
  ),
  fc.constant({ by: 'priya', plan: 'x'.repeat(200_000) }),
  fc.constant(Array.from({ length: 5_000 }, (_, n) => n)),
  fc.constant(nested(400)),
);

/** Looks like a decision until it is read: right keys, wrong types. */
const nearly = fc.record(
  {
    by: fc.oneof(
      fc.string(),
      fc.integer(),
      fc.constantFrom(null, ['priya@small.example'], { id: 1 }, 'id:1; drop table people', '*', '%@%'),
    ),
    plan: fc.oneof(
      fc.string(),
      fc.constantFrom(null, 0, ['$plan'], '$PLAN', 'f'.repeat(64), `${'f'.repeat(64)}\n`),
    ),
    step: fc.oneof(fc.string(), fc.constantFrom('desk/tickets', '__proto__', 7)),
    keys: fc.oneof(fc.string(), fc.constant('0'.repeat(64))),
    category: fc.oneof(fc.string(), fc.constantFrom('crm/approvals', '__proto__', ['__proto__'], 7)),
    accepted: fc.constant(true),
    verdict: fc.constant('accepted'),
  },
  { requiredKeys: [] },
);

/** Nothing of this may change anything. */
export const hostile: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ name: strangeName, payload: strangeValue, way }),
  fc.record({ name: decision, payload: strangeValue, way }),
  fc.record({ name: decision, payload: nearly, way }),
);

/** Right in form, from anybody: what may be done, and by whom, is for the rules to say. */
export const anybody: fc.Arbitrary<Message> = fc
  .record({
    name: fc.constantFrom(
      'approve',
      'approve',
      'reject',
      'acknowledge',
      'amend',
      'execute',
      'pause',
      'resume',
      'retry',
      'skip',
      'finish',
    ),
    by: fc.constantFrom<Who>(
      'alice',
      'alias',
      'alicia',
      'maya',
      'olivia',
      'oscar',
      'priya',
      'daniel',
      'bob',
      'ines',
      'robot',
    ),
    stale: fc.boolean(),
    way,
  })
  .map(({ name, by, stale, way: how }) => ({ name, by, way: how, payload: contentOf(name, stale) }));

function contentOf(name: string, stale: boolean): Record<string, unknown> {
  const plan = stale ? 'f'.repeat(64) : '$plan';
  switch (name) {
    case 'approve':
    case 'reject':
    case 'execute':
      return { plan };
    case 'acknowledge':
      return { category: stale ? 'crm/nothing' : 'crm/approvals' };
    case 'amend':
      return { note: 'as it was' };
    case 'skip':
      return { step: 'desk/tickets', reason: 'no reason at all' };
    case 'finish':
      return { reason: 'enough of it' };
    default:
      return {};
  }
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let n = 0; n < depth; n++) value = { a: [value] };
  return value;
}
