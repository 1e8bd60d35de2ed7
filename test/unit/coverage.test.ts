/** When a place that nobody has classified stands in the way, and how it is said. */
import { describe, expect, test } from 'vitest';
import { type Covered, demandsCoverage, sayCovered, uncovered, uncoveredIn } from '../../domain/coverage.js';
import { reasonsToAskAgain } from '../../domain/drift.js';
import { policySchema } from '../../domain/policy.js';
import { plan } from './made-up.js';

const read = (more: Partial<Extract<Covered, { kind: 'read' }>> = {}): Covered => ({
  kind: 'read',
  at: '2026-11-20T10:00:00.000Z',
  places: 5,
  acknowledged: 2,
  open: [],
  more: 0,
  undecided: 0,
  ...more,
});
const place = (name: string) => ({ place: name, evidence: 'named owner', line: `- { column: ${name} }` });
const required = policySchema.parse({});
const look = (coverage?: Covered) => ({ system: 'crm', coverage });
const world = (coverage?: Covered) => ({
  system: 'crm',
  inventory: [],
  steps: [],
  refused: [],
  catalogChanged: false,
  coverage,
});

describe('a place in no catalog stands in the way', () => {
  test('with its name, its evidence and the line for it', () => {
    const says = uncovered(required, look(read({ open: [place('t.a'), place('t.b')], more: 3 })));
    expect(says).toBe(
      '5 places of crm can hold a person and are in no catalog: t.a (named owner); to classify it, acknowledged: - { column: t.a }; t.b (named owner); to classify it, acknowledged: - { column: t.b }, and 3 more (handover discover crm).',
    );
    expect(reasonsToAskAgain(plan(), [world(read({ open: [place('t.a')] }))])).toEqual([
      expect.stringContaining('1 place of crm can hold a person and is in no catalog: t.a'),
    ]);
  });

  test('but not where all is classified, where nobody can know, or where a run has not asked', () => {
    for (const coverage of [read(), read({ undecided: 4 }), { kind: 'unknown' } as const, undefined])
      expect(uncovered(required, look(coverage))).toBeNull();
  });

  test('nor where the policy calls it advisory there, or nobody is switched off there', () => {
    const open = look(read({ open: [place('t.a')] }));
    expect(uncovered(policySchema.parse({ coverage: 'advisory' }), open)).toBeNull();
    expect(uncovered(policySchema.parse({ coverage: { crm: 'advisory' } }), open)).toBeNull();
    expect(uncovered(policySchema.parse({ coverage: { desk: 'advisory' } }), open)).not.toBeNull();
    expect(uncoveredIn(plan(), open)).not.toBeNull();
    const [crm] = plan().systems;
    expect(uncoveredIn(plan({ systems: [{ ...crm!, switchOff: 'by-hand' }] }), open)).not.toBeNull();
    expect(uncoveredIn(plan({ systems: [{ ...crm!, switchOff: 'never' }] }), open)).toBeNull();
  });
});

test('so does a table that could not be looked at, with who must do what', () => {
  const unread = [{ place: 't', why: 'it is locked', line: '- { column: "*" }' }];
  const says = uncovered(required, look(read({ unread, unreadMore: 1 })));
  expect(says).toBe(
    '2 tables of crm could not be looked at for people: t (it is locked); where nothing there is anybody\'s, acknowledged: - { column: "*" }, and 1 more (handover discover crm).',
  );
  expect(uncovered(policySchema.parse({ coverage: 'advisory' }), look(read({ unread })))).toBeNull();
  expect(sayCovered(read({ unread }), true)).toContain('; t could not be looked at');
});

test('coverage is demanded unless somebody said otherwise; names of objects are no systems', () => {
  expect(demandsCoverage(required, 'crm')).toBe(true);
  expect(demandsCoverage({ coverage: { desk: 'advisory' } }, 'constructor')).toBe(true);
  expect(() => policySchema.parse({ coverage: 'yes' })).toThrow('it is \\"required\\", \\"advisory\\"');
});

test('it is said in one line', () => {
  expect(sayCovered(undefined, true)).toBe('coverage was not looked at');
  expect(sayCovered({ kind: 'unknown' }, true)).toContain('cannot be checked');
  expect(sayCovered(read({ undecided: 1 }), true)).toBe(
    '5 places can hold a person, all classified (2 acknowledged); 1 could not be decided',
  );
  expect(sayCovered(read({ open: [place('t.a')], more: 2 }), false)).toBe(
    '3 of 5 places that can hold a person are in no catalog, which the policy allows: t.a and 2 more',
  );
});
