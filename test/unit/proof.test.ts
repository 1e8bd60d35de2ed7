/**
 * The one judgment that lets somebody be switched off: never without a complete look through the approved
 * catalog.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Look, StepLook } from '../../domain/look.js';
import { cameIn, type Evidence, judgeProof, switchedOnAgain } from '../../domain/proof.js';
import { closedTasks, LEFT, mailbox, plan, step, tasks, teams } from './made-up.js';

const cases = step('hr/cases');
const given = plan({ steps: [tasks, teams, mailbox, closedTasks, cases] });
const systems = ['crm', 'hr'];

const stepLook = (id: string, more: Partial<StepLook> = {}): StepLook => ({
  step: id,
  count: 0,
  arrived: 0,
  departed: 0,
  unwaived: 0,
  frozen: null,
  ...more,
});

/** A look that shows nothing but what is kept, as it was. */
function clean(system: string, more: Partial<Look> = {}): Look {
  const steps = given.steps.filter(one => one.system === system);
  return {
    system,
    inventory: steps.map(one => ({
      category: one.category,
      count: one.phase === 'keep' ? 3 : 0,
      fingerprint: one.phase === 'keep' ? '7' : '0',
      complete: true,
      problem: null,
      firesAt: null,
    })),
    steps: steps.map(one => stepLook(one.id, one.phase === 'keep' ? { count: 3, unwaived: 3 } : {})),
    refused: [],
    catalogChanged: false,
    policyChanged: false,
    accountsChanged: [],
    rulesChanged: [],
    accounts: [{ identities: { user: ['1'] }, active: true, blocked: false }],
    ...more,
  };
}

/** The look with one step, or one category, seen otherwise. */
const seeing = (id: string, more: Partial<StepLook>): Look => {
  const look = clean(id.split('/')[0]!);
  return { ...look, steps: look.steps.map(one => (one.step === id ? { ...one, ...more } : one)) };
};
const unreadable = (id: string, problem: string | null): Look => {
  const [system, category] = id.split('/');
  const look = clean(system!);
  return {
    ...look,
    inventory: look.inventory.map(one =>
      one.category === category ? { ...one, complete: false, problem } : one,
    ),
    steps: look.steps.filter(one => one.step !== id),
  };
};
const withoutAnswer = (id: string): Look => {
  const [system, category] = id.split('/');
  const look = clean(system!);
  return { ...look, inventory: look.inventory.filter(one => one.category !== category) };
};

const judged = (looks: Look[], more: Partial<Evidence> = {}) =>
  judgeProof({ plan: given, systems, looks, unread: [], ...more });

describe('nothing is left', () => {
  test('where every category was read and holds nothing but what is kept: what is kept is part of the proof', () => {
    expect(judged([clean('crm'), clean('hr')])).toEqual({
      kind: 'proven',
      kept: [{ step: 'crm/closed_tasks', before: 3, now: 3, untouched: true }],
    });
  });

  test('and what is kept may have changed, which is said', () => {
    const crm = clean('crm');
    const inventory = crm.inventory.map(one =>
      one.category === 'closed_tasks' ? { ...one, count: 3, fingerprint: '8' } : one,
    );
    expect(judged([{ ...crm, inventory }, clean('hr')])).toMatchObject({
      kept: [{ before: 3, now: 3, untouched: false }],
    });
  });

  test('but for what an approved skip waives, by its keys', () => {
    expect(judged([seeing('crm/tasks', { count: 2, unwaived: 0 }), clean('hr')]).kind).toBe('proven');
    expect(judged([seeing('crm/tasks', { count: 3, unwaived: 1 }), clean('hr')])).toEqual({
      kind: 'left',
      steps: [{ step: 'crm/tasks', count: 1 }],
    });
  });

  test('in one system, whatever another one shows', () => {
    expect(judged([clean('crm'), seeing('hr/cases', { unwaived: 9 })], { systems: ['crm'] }).kind).toBe(
      'proven',
    );
    expect(judged([clean('crm')], { systems: ['crm'] }).kind).toBe('proven');
  });

  test('although the policy has changed: the plan was approved with its own', () => {
    expect(judged([clean('crm', { policyChanged: true }), clean('hr')]).kind).toBe('proven');
  });
});

describe('nothing is proven', () => {
  const frozen = { digest: LEFT, count: 1, sample: ['9'] };

  test.each<[string, Look[], Partial<Evidence>, string]>([
    [
      'by an unread category',
      [unreadable('crm/tasks', 'the table is locked.'), clean('hr')],
      {},
      'crm/tasks could not be read: the table is locked. Mend it and send "retry".',
    ],
    [
      'by a category that gave no reason',
      [unreadable('crm/tasks', null), clean('hr')],
      {},
      'crm/tasks could not be read: no answer. Mend it and send "retry".',
    ],
    [
      'by an unread category, also where the leaver keeps what is in it',
      [unreadable('crm/closed_tasks', 'a.'), clean('hr')],
      {},
      'crm/closed_tasks could not be read: a. Mend it and send "retry".',
    ],
    [
      'by an unread category, also where people settle it',
      [unreadable('crm/mailbox', 'b.'), clean('hr')],
      {},
      'crm/mailbox could not be read: b. Mend it and send "retry".',
    ],
    [
      'by an answer that leaves a category out',
      [withoutAnswer('crm/teams'), clean('hr')],
      {},
      'crm/teams could not be read: the catalog no longer names it. Mend it and send "retry".',
    ],
    [
      'by a count that nobody compared with the plan',
      [{ ...clean('crm'), steps: clean('crm').steps.slice(1) }, clean('hr')],
      {},
      'crm/tasks could not be read: no answer. Mend it and send "retry".',
    ],
    [
      'by the part of a category that could be read',
      [{ ...unreadable('crm/tasks', 'cut short.'), steps: clean('crm').steps }, clean('hr')],
      {},
      'crm/tasks could not be read: cut short. Mend it and send "retry".',
    ],
    [
      'by a system that is out of reach',
      [clean('crm')],
      { unread: [{ system: 'hr', why: 'it is down.' }] },
      'hr could not be read: it is down.',
    ],
    [
      'by a system that nobody looked at',
      [clean('crm')],
      {},
      'hr could not be read: nobody has looked at it.',
    ],
    [
      'by a look through another catalog',
      [clean('crm'), clean('hr', { catalogChanged: true })],
      {},
      'The catalog of hr has changed since the plan was made, and what the new one finds is not what was approved. ' +
        'Send "amend" to have a new plan made.',
    ],
    [
      'and all that is in the way is said at once',
      [unreadable('crm/tasks', 'locked.')],
      { unread: [{ system: 'hr', why: 'it is down.' }] },
      'crm/tasks could not be read: locked. Mend it and send "retry". hr could not be read: it is down.',
    ],
  ])('%s', (_why, looks, more, message) => {
    expect(judged(looks, more)).toMatchObject({ kind: 'refused', message });
  });

  test('while a manual category holds keys that nobody has seen', () => {
    const crm = seeing('crm/mailbox', { count: 4, arrived: 1, unwaived: 4, frozen });
    expect(judged([crm, clean('hr')])).toMatchObject({
      kind: 'reopened',
      looks: [{ step: 'crm/mailbox', frozen }],
    });
  });

  test('and what is not known comes before what is left, which comes before what people have not seen', () => {
    const unseen = seeing('crm/mailbox', { frozen });
    const left = seeing('hr/cases', { count: 2, unwaived: 2 });
    expect(judged([unseen, unreadable('hr/cases', 'x')]).kind).toBe('refused');
    expect(judged([unseen, left])).toEqual({ kind: 'left', steps: [{ step: 'hr/cases', count: 2 }] });
    expect(judged([unseen, clean('hr')]).kind).toBe('reopened');
  });
});

test('whatever the world looks like, a proof never passes over a key, a category, a system or a catalog', () => {
  const seen = fc.record({
    complete: fc.boolean(),
    answered: fc.boolean(),
    unwaived: fc.nat(2),
    unseen: fc.boolean(),
  });
  const world = fc.record({
    steps: fc.tuple(...given.steps.map(() => seen)),
    changed: fc.tuple(fc.boolean(), fc.boolean()),
    reached: fc.tuple(fc.boolean(), fc.boolean()),
  });
  fc.assert(
    fc.property(world, fc.integer({ min: 0, max: 3 }), ({ steps, changed, reached }, quiet) => {
      // Mostly clean worlds, or nothing would ever be proven.
      const of = (n: number) =>
        quiet > 0 && n % quiet !== 1
          ? { complete: true, answered: true, unwaived: 0, unseen: false }
          : steps[n]!;
      const looks = systems
        .map((system, n) => {
          const look = clean(system, { catalogChanged: quiet === 0 && changed[n]! });
          const here = given.steps
            .map((one, place) => ({ one, state: of(place) }))
            .filter(({ one }) => one.system === system);
          return {
            ...look,
            inventory: look.inventory
              .map((held, place) => ({ ...held, complete: here[place]!.state.complete }))
              .filter((_, place) => here[place]!.state.answered),
            steps: here
              .filter(({ state }) => state.complete && state.answered)
              .map(({ one, state }) =>
                stepLook(one.id, {
                  unwaived: state.unwaived,
                  frozen:
                    one.phase === 'manual' && state.unseen ? { digest: LEFT, count: 1, sample: [] } : null,
                }),
              ),
          };
        })
        .filter((_, n) => quiet > 0 || reached[n]);
      const verdict = judged(looks);
      const known = given.steps.every((_, n) => of(n).complete && of(n).answered);
      const nothing = [tasks, teams, cases].every(one => of(given.steps.indexOf(one)).unwaived === 0);
      const everythingSeen = !of(given.steps.indexOf(mailbox)).unseen;
      const sound = looks.length === systems.length && looks.every(look => !look.catalogChanged);
      expect(verdict.kind === 'proven').toBe(sound && known && nothing && everythingSeen);
      if (!sound || !known) expect(verdict.kind).toBe('refused');
    }),
    { numRuns: 500 },
  );
});

describe('around the switch', () => {
  test('an account that is on again is named where this run had switched it off', () => {
    const off = clean('hr', { accounts: [{ ...clean('hr').accounts[0]!, active: false }] });
    expect(switchedOnAgain([clean('crm'), off], ['crm', 'hr'])).toEqual(['crm']);
    expect(switchedOnAgain([clean('crm'), off], [])).toEqual([]);
  });

  const came = (looks: Look[], more: Partial<Evidence> = {}) =>
    cameIn({ plan: given, systems, looks, unread: [], ...more });

  test('the last look finds what came, also to what is left to people or kept', () => {
    expect(came([clean('crm'), clean('hr')])).toEqual([]);
    expect(came([seeing('crm/tasks', { count: 2, unwaived: 2 }), clean('hr')])).toEqual([
      { where: 'crm/tasks', count: 2 },
    ]);
    // What an approved skip waives is no news; acknowledged mail is still there, and one more came.
    expect(came([seeing('crm/teams', { count: 5, arrived: 1, unwaived: 0 }), clean('hr')])).toEqual([]);
    expect(came([seeing('crm/mailbox', { count: 6, arrived: 1, unwaived: 6 }), clean('hr')])).toEqual([
      { where: 'crm/mailbox', count: 1 },
    ]);
    expect(came([seeing('crm/closed_tasks', { count: 4, arrived: 1, unwaived: 4 }), clean('hr')])).toEqual([
      { where: 'crm/closed_tasks', count: 1 },
    ]);
  });

  test('and what it could not read is never nothing', () => {
    expect(came([unreadable('crm/tasks', 'no'), clean('hr')])).toEqual([{ where: 'crm/tasks', count: null }]);
    expect(came([withoutAnswer('crm/tasks'), clean('hr')])).toEqual([{ where: 'crm/tasks', count: null }]);
    expect(came([clean('hr')])).toEqual([{ where: 'crm', count: null }]);
    expect(came([clean('crm'), clean('hr', { catalogChanged: true })])).toEqual([
      { where: 'hr', count: null },
    ]);
    expect(came([clean('crm'), clean('hr')], { unread: [{ system: 'hr', why: 'away' }] })).toEqual([
      { where: 'hr', count: null },
    ]);
  });
});
