/** What is accepted, and what it becomes. What is refused, and with which sentence: test/bad-input. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DECISIONS, isDecision, parseDecision, parsePeople, parseRequest } from '../../domain/request.js';

const asked = { user: 'alice@demo.example', requestedBy: 'olivia@demo.example' };

describe('a request', () => {
  test('needs two names; everything else has a default or stays open', () => {
    expect(parseRequest(asked)).toEqual({
      ok: true,
      value: { ...asked, mode: 'execute-and-deactivate', departure: 'planned' },
    });
  });

  test('names are freed of white space', () => {
    expect(parseRequest({ user: ' alice ', requestedBy: '\tid:7\n', successor: ' manager ' })).toMatchObject({
      value: { user: 'alice', requestedBy: 'id:7', successor: 'manager' },
    });
  });

  test.each([
    'bob@demo.example',
    'manager',
    'unassigned',
    'queue:tier1',
    'id:17',
    { 'round-robin': 'team' },
    { 'round-robin': ['a', 'b'] },
    { 'least-loaded': ['a'] },
    { match: { attribute: 'territory', map: { emea: 'a' }, otherwise: 'manager' } },
    { match: { attribute: 'territory', map: {} } },
  ])('a successor may be %j', successor => {
    const successors = { 'crm/tasks': successor, crm: successor };
    expect(parseRequest({ ...asked, successor, successors })).toMatchObject({
      ok: true,
      value: { successor, successors },
    });
  });

  test.each([
    '2026-12-24',
    '2026-12-24[Europe/Berlin]',
    '2026-12-24T18:00',
    '2026-12-24T18:00[America/Argentina/Buenos_Aires]',
    '2026-12-24T18:00:00Z',
    '2026-12-24T18:00:00.5-05:30',
  ])('access ends at %s', effectiveAt => {
    expect(parseRequest({ ...asked, effectiveAt })).toMatchObject({ ok: true, value: { effectiveAt } });
  });

  test('200 overrides travel inline, in any number of steps', () => {
    const items = (n: number) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`${i}`, 'bob']));
    expect(parseRequest({ ...asked, overrides: { 'crm/a': items(150), 'crm/b': items(50) } }).ok).toBe(true);
    expect(parseRequest({ ...asked, overrides: { 'crm/a': items(150), 'crm/b': items(51) } }).ok).toBe(false);
  });
});

describe('a decision', () => {
  const plan = 'a1b2c3d4e5f6';
  test.each([
    ['approve', { plan }],
    ['approve', { plan: plan.padEnd(64, '0'), step: 'crm/tasks', note: 'fine' }],
    ['reject', { plan, note: '' }],
    ['acknowledge', { category: 'crm/mailbox' }],
    ['acknowledge', { category: ['crm/mailbox', 'hr/account'] }],
    ['amend', {}],
    [
      'amend',
      {
        effectiveAt: 'now',
        mode: 'execute-only',
        departure: 'unplanned',
        systems: ['crm'],
        identities: { crm: { user: '7' } },
      },
    ],
    ['execute', { plan }],
    ['pause', {}],
    ['resume', {}],
    ['retry', {}],
    ['skip', { step: 'crm/tasks', reason: 'they are done' }],
    ['finish', { reason: 'enough' }],
    ['cancel', {}],
    ['cancel', { access: 'restore' }],
  ] as const)('%s with %j', (name, more) => {
    expect(parseDecision(name, { by: 'olivia', ...more })).toEqual({
      ok: true,
      value: { name, by: 'olivia', ...more },
    });
  });

  test('every decision has a name, and what every object has is none', () => {
    expect(DECISIONS).toHaveLength(11);
    expect(['constructor', 'toString', '__proto__', 'undo', ''].filter(isDecision)).toEqual([]);
  });
});

describe('whatever comes', () => {
  const nasty = fc.oneof(
    fc.anything({ withNullPrototype: true }),
    fc.jsonValue(),
    fc.object({ key: fc.constantFrom(...'user by plan category successor'.split(' ')) }),
  );

  test('it is read or refused in one short sentence, and never throws', () => {
    fc.assert(
      fc.property(nasty, fc.oneof(fc.constantFrom<string>(...DECISIONS), fc.string()), (given, name) => {
        // What arrives in a workflow has been JSON before.
        const sent: unknown = JSON.parse(
          JSON.stringify(given, (_, value) => (typeof value === 'bigint' ? `${value}` : value)) ?? 'null',
        );
        for (const parsed of [parseRequest(sent), parseDecision(name, sent)]) {
          if (parsed.ok) continue;
          expect(parsed.sentence).toMatch(/[.]$/);
          expect(parsed.sentence.length).toBeLessThan(2500);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

test('a run is for whomever the directory knows, whatever they are called', () => {
  const people = (name: string) => ({
    offboardingId: '11111111-2222-4333-8444-555555555555',
    leaver: { id: '17', name, human: '17' },
    requester: { id: '3', name: 'Olivia', human: '3' },
  });
  for (const name of ['Alice', '', 'N'.repeat(10_000), '\u202e', '💥'.repeat(5_000)])
    expect(parsePeople(people(name))?.leaver.name).toBe(name);
  expect(parsePeople({ ...people('Alice'), leaver: { id: '', name: 'Alice', human: '17' } })).toBeNull();
  expect(parsePeople({ leaver: 'alice' })).toBeNull();
});
