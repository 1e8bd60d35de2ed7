/** Who may take over, as rules over what is known of them. */
import { describe, expect, test } from 'vitest';
import type { Person } from '../../domain/model.js';
import type { Named } from '../../domain/planning.js';
import {
  accountThere,
  askedBy,
  personAsTaker,
  personRefusal,
  protectedThere,
  takersOf,
} from '../../domain/successors.js';

const person = (id: string, more: Partial<Person> = {}): Person => ({
  id,
  name: id,
  email: null,
  active: true,
  blocked: false,
  managerId: null,
  team: null,
  roles: [],
  human: id,
  known: [],
  ...more,
});
const account = { identities: { user: ['7'] }, active: true, blocked: false };
const rule = { attributes: [], queues: {}, mayBeUnassigned: false, identity: 'user' };
const able = (id: string): Named => personAsTaker(person(id), account, rule, 'CRM');
const leaver = person('alice', { human: 'P1' });

describe('a pool goes on without', () => {
  const gone: [string, Named | null, string][] = [
    ['the leaver', personRefusal(leaver, leaver, false), 'alice is the leaver'],
    [
      'a second entry of theirs',
      personRefusal(leaver, person('al', { human: 'P1' }), false),
      'al is the leaver',
    ],
    [
      'whoever was the leaver before',
      personRefusal(leaver, person('al'), false, { al: ['P1'] }),
      'al is the leaver',
    ],
    [
      'who is not active',
      personRefusal(leaver, person('ines', { active: false }), false),
      'ines is not active',
    ],
    ['who is leaving too', personRefusal(leaver, person('bob'), true), 'bob is being offboarded too'],
    [
      'who has no account',
      accountThere(person('bob'), 'CRM', { kind: 'absent' }) as Named,
      'bob has no account in CRM',
    ],
    ['a protected account', protectedThere(person('robot'), 'CRM'), 'robot is a protected account in CRM'],
  ];

  test.each(gone)('%s', (_what, refused, says) => {
    const takers = takersOf(askedBy({ 'round-robin': ['x', 'y'] }), [refused!, able('bob')], null);
    expect(takers).toMatchObject({ rule: 'round-robin over 1', refusals: [], leftOut: [says] });
    expect(takers.successors.map(({ label }) => label)).toEqual(['bob']);
  });

  test.each(gone)('but %s alone, or in a match, is refused', (_what, refused) => {
    const named = takersOf(askedBy('x'), [refused!], null);
    expect([named.refusals, named.leftOut]).toEqual([[refused!.refusal], []]);
    const match = askedBy({ match: { attribute: 'region', map: { emea: 'x' } } });
    expect(takersOf(match, [refused!], null).refusals).toEqual([refused!.refusal]);
  });

  test('and a pool of nobody is refused with every reason', () => {
    const nobody = gone.slice(3, 5).map(([, refused]) => refused!);
    expect(takersOf(askedBy({ 'least-loaded': ['x', 'y'] }), nobody, null)).toMatchObject({
      successors: [],
      refusals: [
        'Nobody of the pool can take over: ines is not active; bob is being offboarded too. Name others.',
      ],
    });
  });

  test('never without somebody about whom there is a question', () => {
    const asks: Named[] = [
      accountThere(person('bob'), 'CRM', { kind: 'ambiguous' }) as Named,
      { refusal: 'Nobody in CRM has the e-mail "x".' },
    ];
    const { refusals, leftOut } = takersOf(
      askedBy({ 'round-robin': ['x', 'y', 'z'] }),
      [...asks, able('bob')],
      null,
    );
    expect([refusals, leftOut]).toEqual([asks.map(one => one.refusal), []]);
  });
});
