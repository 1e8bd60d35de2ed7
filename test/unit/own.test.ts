/**
 * Names that every plain object answers to, or drops: whatever people write is looked up as they wrote it.
 */
import { expect, test } from 'vitest';
import { amendmentOf, orderOf } from '../../client/cli/order-options.js';
import { applyAmendment } from '../../domain/judge.js';
import { droppedKey, own } from '../../domain/own.js';
import { parseDecision, parseRequest, requestSchema } from '../../domain/request.js';
import type { Access } from '../../domain/run.js';
import { takerWithoutPerson } from '../../domain/successors.js';
import { accessWords } from '../../domain/view.js';
import { runIn } from './made-up.js';

const EVERYBODYS = ['constructor', 'toString', 'hasOwnProperty', '__proto__'];
const order = requestSchema.parse({ user: 'alice', requestedBy: 'olivia' });

test.each(EVERYBODYS)('"%s" is in a record only where somebody wrote it', name => {
  expect(own({}, name)).toBeUndefined();
  expect(own(JSON.parse(`{"${name}": "x"}`), name)).toBe('x');
});

test.each(EVERYBODYS)('a queue called "%s" is no queue that exists', name => {
  const rule = { attributes: [], queues: { support: '900' }, mayBeUnassigned: false, identity: 'user' };
  expect(takerWithoutPerson(`queue:${name}`, rule)).toEqual({
    refusal: `There is no queue "${name}"; known are support.`,
  });
  const named = { ...rule, queues: JSON.parse(`{"${name}": "7"}`) as Record<string, string> };
  expect(takerWithoutPerson(`queue:${name}`, named)).toMatchObject({ successor: { value: '7' } });
});

test('a system called "constructor" has the access that it was found to have, and no problem of its own', () => {
  expect(accessWords(runIn('preparing'), 'constructor')).toBe('access not known yet');
  const open = runIn('preparing', { access: { constructor: 'open' } as Record<string, Access> });
  expect(accessWords(open, 'constructor')).toBe('access open');
});

test('an amendment of a system called "constructor" says what it says', () => {
  const amended = applyAmendment(order, { identities: { constructor: { name: '17' } } });
  expect(amended.identities).toEqual({ constructor: { name: '17' } });
});

test('the command line takes such names as they are', () => {
  const identity = ['constructor:name=17', '__proto__:user=1'];
  const { identities } = orderOf({ identity }) as { identities: Record<string, unknown> };
  expect(JSON.stringify(identities)).toBe('{"constructor":{"name":"17"},"__proto__":{"user":"1"}}');
  const { successors } = amendmentOf({ successors: ['__proto__=bob'] }) as { successors: object };
  expect(JSON.stringify(successors)).toBe('{"__proto__":"bob"}');
});

test('what a schema would drop in silence is named and refused, wherever it stands', () => {
  expect(droppedKey(JSON.parse('{"a": [{"__proto__": 1}]}'))).toEqual(['a', '0', '__proto__']);
  expect(droppedKey({ a: ['__proto__'], b: null })).toBeNull();
  const text = '{"user": "a", "requestedBy": "o", "overrides": {"crm/tasks": {"__proto__": "bob"}}}';
  expect(parseRequest(JSON.parse(text))).toEqual({
    ok: false,
    sentence: 'Cannot read the request: "overrides.crm/tasks.__proto__" is no name that anything can have.',
  });
  const amend = '{"by": "o", "successors": {"__proto__": "bob"}}';
  expect(parseDecision('amend', JSON.parse(amend))).toMatchObject({ ok: false });
});
