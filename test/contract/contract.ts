/**
 * What every kind of connector promises the engine, as tests. A kind passes by giving a harness
 * (`harness.ts`):
 *
 *   describeContract({ kind: 'postgres', sure: 'asked', world: () => ... });
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCatalog } from '../../connectors/catalog/file.js';
import type { Connector, KeyPage, Witness } from '../../connectors/connector.js';
import { keysOf, listOf, numbersOf, sharesOf } from '../../connectors/keys.js';
import { createConnector, KINDS } from '../../connectors/registry.js';
import { Bundle } from '../../domain/bundle.js';
import type { AccessVerb, Batch, Done, Effect, Fate, Intent, Work } from '../../domain/effect.js';
import { HandoverFailure } from '../../domain/failure.js';
import { combined } from '../../domain/keys.js';
import type { Account, CategoryInventory, ItemKey, Sought } from '../../domain/model.js';
import {
  ALICE,
  BOB,
  CAROL,
  type Category,
  DOUBTS_OF_ALL,
  type Doubt,
  EMAIL,
  type Harness,
  type Lack,
  type Owners,
  ROBOT,
  TWIN,
  type World,
} from './harness.js';

/**
 * Keys that somebody once took apart at the wrong place: numbers beyond 2^53, quotes, commas, braces, other
 * scripts, blanks.
 */
export const ODD_KEYS = [
  '9007199254740993',
  '123456789012345678901234567890',
  "it's",
  '"quoted"',
  'a,b',
  '{a,b}',
  '{}',
  'NULL',
  'back\\slash',
  ' blank ',
  'ünïcödé',
  '漢字',
  '🙂',
  '["4711","de"]',
  'two\nlines',
];

export function describeContract(harness: Harness): void {
  const can = (what: Lack): boolean => !harness.lacks?.includes(what);
  const key = harness.keys?.nth ?? ((n: number): string => `thing-${n}`);
  const odd = harness.keys?.odd ?? ODD_KEYS;
  const categories = (['things', 'seats'] as const).filter(one => one === 'things' || can('seats'));
  const OTHER = key(90);
  const FREE = key(91);
  /** Verbs that take access away, as far as the system knows them. */
  const cuts = (['block', 'deactivate'] as const).filter(can);
  const doubts: readonly Doubt[] = [...DOUBTS_OF_ALL, ...(harness.doubts ?? [])];

  describe(`a connector of kind ${harness.kind}`, () => {
    let world: World;
    let connector: Connector;
    beforeAll(async () => {
      world = await harness.world();
      const kinds = harness.kinds ?? KINDS;
      const reading = readCatalog(world.catalog, 'desk.yaml', kinds);
      if (!reading.ok) throw new Error(reading.mistakes.join('\n'));
      connector = createConnector(reading, { connection: new Bundle('desk', world.connection) }, kinds);
    });
    afterAll(async () => {
      await connector?.close();
      await world?.close();
    });

    // --- what it says of itself ----------------------------------------------------------------------------
    test('says what the system can do, and does nothing that it cannot', async () => {
      await world.fill({});
      expect(connector.categories.map(one => one.category).sort()).toEqual([...categories].sort());
      expect(connector.categories.find(one => one.category === 'things')).toMatchObject({
        do: 'transfer',
        mayBeUnassigned: can('unassigned'),
      });
      for (const verb of ['block', 'unblock', 'deactivate', 'reactivate'] as const) {
        if (can(verb)) expect(connector.access[verb]).toBe('system');
        else {
          expect(connector.access[verb]).not.toBe('system');
          await expect(connector.apply(access(verb), silent())).rejects.toMatchObject({
            kind: 'configuration',
          });
        }
      }
    });

    // --- reading -------------------------------------------------------------------------------------------
    describe('reads', () => {
      test.each([0, 1, 2, 23])('%i items exactly and completely, in any size of pages', async n => {
        await world.fill({ things: { ...many(n), [OTHER]: BOB } });
        const inventory = await inventoryOf('things');
        expect(inventory).toMatchObject({ count: n, complete: true, problem: null });
        for (const size of [1, 7, 100]) {
          const pages = await pagesOf('things', size);
          expect(keysOn(pages)).toEqual(keys(n).sort());
          expect(pages.every(page => page.count === listOf(page.keys).length && page.count <= size)).toBe(
            true,
          );
          expect(combined(pages.map(page => page.fingerprint)), `pages of ${size}`).toBe(
            inventory.fingerprint,
          );
        }
      });

      test('keys of every form, and gives them back as they are', async () => {
        await world.fill({ things: Object.fromEntries(odd.map(one => [one, ALICE])) });
        expect(keysOn(await pagesOf('things', 4))).toEqual([...odd].sort());
        expect(sum(await applyAll(batch('things', odd)))).toMatchObject({
          changed: odd.length,
          exceptions: [],
        });
        expect(await world.owners('things')).toEqual(Object.fromEntries(odd.map(one => [one, BOB])));
      });

      test('other keys as another fingerprint, and the same keys as the same', async () => {
        await world.fill({ things: many(5) });
        const before = await inventoryOf('things');
        await world.write('things', key(1), BOB);
        await world.write('things', OTHER, ALICE);
        const after = await inventoryOf('things');
        expect(after.count).toBe(before.count);
        expect(after.fingerprint).not.toBe(before.fingerprint);
        await world.write('things', key(1), ALICE);
        await world.write('things', OTHER, undefined);
        expect((await inventoryOf('things')).fingerprint).toBe(before.fingerprint);
      });

      test('what cannot be read whole as incomplete, by name and with a reason, and the rest as it is', async () => {
        await world.fill({ things: many(9), ...(can('seats') ? { seats: many(2) } : {}) });
        const mend = await world.unreadable('things');
        try {
          const [things, seats] = await connector.inventory([alice()], categories);
          expect(things).toMatchObject({
            category: 'things',
            complete: false,
            problem: expect.stringMatching(/./),
          });
          if (can('seats')) expect(seats).toMatchObject({ category: 'seats', count: 2, complete: true });
        } finally {
          await mend();
        }
        expect(await inventoryOf('things')).toMatchObject({ count: 9, complete: true });
      });

      test('and never hands out a part of that as if it were all: neither pages nor items for human eyes', async () => {
        await world.fill({ things: many(9) });
        const mend = await world.unreadable('things');
        try {
          await expect(pagesOf('things', 100)).rejects.toBeInstanceOf(HandoverFailure);
          await expect(connector.items([alice()], 'things', { limit: 100 })).rejects.toBeInstanceOf(
            HandoverFailure,
          );
        } finally {
          await mend();
        }
        expect(await inventoryOf('things')).toMatchObject({ count: 9, complete: true });
      });

      test('items for human eyes page by page, each once', async () => {
        await world.fill({ things: many(5) });
        const seen: string[] = [];
        for (let after: string | undefined; ; ) {
          const { items, next } = await connector.items([alice()], 'things', {
            limit: 2,
            ...(after ? { after } : {}),
          });
          seen.push(...items.map(item => item.key));
          if (next === null) break;
          after = next;
        }
        expect(seen.sort()).toEqual(keys(5).sort());
      });
    });

    // --- people --------------------------------------------------------------------------------------------
    describe('knows people', () => {
      test('found, absent, and ambiguous where there are two', async () => {
        await world.fill({});
        const found = await connector.resolveAccounts(person(EMAIL.alice), {});
        expect(found).toMatchObject({
          kind: 'found',
          accounts: [{ identities: { user: [ALICE] }, active: true }],
        });
        expect(await connector.resolveAccounts(person(EMAIL.nobody), {})).toMatchObject({ kind: 'absent' });
        const twins = await connector.resolveAccounts(person(EMAIL.twin), {});
        expect(twins).toMatchObject({ kind: 'ambiguous', identity: 'user' });
        expect(twins.kind === 'ambiguous' && twins.candidates).toHaveLength(2);
      });

      test('as an operator has settled it', async () => {
        const [one] = twinsOf(await connector.resolveAccounts(person(EMAIL.twin), {}));
        const settled = await connector.resolveAccounts(person(EMAIL.twin), { user: [one!.id] });
        expect(settled).toMatchObject({ kind: 'found', accounts: [{ identities: { user: [one!.id] } }] });
        expect(await connector.resolveAccounts(person(EMAIL.twin), { user: [] })).toMatchObject({
          kind: 'absent',
        });
      });

      test('and says when an account has vanished', async () => {
        await expect(connector.readAccount(account('999'))).rejects.toMatchObject({ kind: 'rejected' });
      });
    });

    // --- effects -------------------------------------------------------------------------------------------
    describe('changes', () => {
      test('everything it is told to, and nothing else', async () => {
        const others = { [OTHER]: CAROL, ...(can('unassigned') ? { [FREE]: null } : {}) };
        await world.fill({ things: { ...many(9), ...others }, ...(can('seats') ? { seats: many(1) } : {}) });
        expect(sum(await applyAll(batch('things', keys(9))))).toMatchObject({
          changed: 9,
          merged: 0,
          exceptions: [],
        });
        expect(await world.owners('things')).toEqual({ ...ownedBy(BOB, 9), ...others });
        if (can('seats')) expect(await world.owners('seats')).toEqual(many(1));
      });

      test('each item for the successor that it is assigned to, or for nobody', async () => {
        await world.fill({ things: many(7) });
        const takers = [BOB, CAROL, ...(can('unassigned') ? [null] : [])];
        const shares = keys(7).map((_, n) => n % takers.length);
        const work = { ...batch('things', keys(7)), takers, assignment: sharesOf(shares) };
        expect(sum(await applyAll(work))).toMatchObject({
          changed: 7,
          perTaker: takers.map((_, taker) => shares.filter(share => share === taker).length),
        });
        const expected = Object.fromEntries(keys(7).map((one, n) => [one, takers[shares[n]!]!]));
        expect(await world.owners('things')).toEqual(expected);
      });

      test.runIf(can('seats'))('by removing, where that is what the catalog says', async () => {
        await world.fill({ seats: { ...many(6), [OTHER]: BOB } });
        expect(sum(await applyAll(batch('seats', keys(6))))).toMatchObject({
          changed: 6,
          exceptions: [],
        });
        expect(await world.owners('seats')).toEqual({ [OTHER]: BOB });
      });

      test('compare-and-set: what somebody else has taken stays theirs', async () => {
        await world.fill({ things: many(3) });
        await world.write('things', key(1), CAROL);
        const done = sum(await applyAll(batch('things', keys(3))));
        expect(done).toMatchObject({ changed: 2, exceptions: [{ key: key(1), kind: 'taken' }] });
        expect((await world.owners('things'))[key(1)]).toBe(CAROL);
      });

      test.each(categories)(
        '%s once: a second time finds nothing to do, and says so of every item',
        async category => {
          await world.fill({ [category]: many(6) });
          const work = batch(category, keys(6));
          expect(sum(await applyAll(work)).exceptions).toEqual([]);
          const truth = await world.owners(category);
          const second = sum(await applyAll(work));
          expect(second).toMatchObject({ changed: 0 });
          expect(second.exceptions.map(one => one.key).sort()).toEqual(keys(6).sort());
          expect(await world.owners(category)).toEqual(truth);
        },
      );

      test('with every exception by name: taken, gone, refused; the rest goes through', async () => {
        await world.fill({ things: many(8) });
        await world.write('things', key(2), CAROL);
        await world.write('things', key(3), undefined);
        const mend = await world.refuse('things', key(5));
        const done = sum(await applyAll(batch('things', keys(8))));
        await mend();
        expect(done.changed).toBe(5);
        expect(Object.fromEntries(done.exceptions.map(one => [one.key, one.kind]))).toEqual({
          [key(2)]: 'taken',
          [key(3)]: 'gone',
          [key(5)]: 'failed',
        });
        for (const one of done.exceptions) expect(one.why).not.toBe('');
        expect((await world.owners('things'))[key(5)]).toBe(ALICE);
      });

      test('never to the leaver, and never what nobody can own', async () => {
        await world.fill({ things: many(2) });
        for (const wrong of [{ takers: [ALICE] }, { takers: [] }]) {
          await expect(applyAll({ ...batch('things', keys(1)), ...wrong })).rejects.toMatchObject({
            kind: 'rejected',
          });
        }
        expect(await world.owners('things')).toEqual(many(2));
      });
    });

    describe('has a witness', () => {
      test('whose word comes before anything is sent: if it throws, nothing was, and the error is passed on', async () => {
        const filled = Object.fromEntries(categories.map(category => [category, many(3)]));
        await world.fill(filled);
        const refusal = new Error('the store is out of reach');
        const witness: Witness = { intend: () => Promise.reject(refusal) };
        for (const work of [...categories.map(category => batch(category, keys(2))), ...cuts.map(access)])
          await expect(connector.apply(work, witness)).rejects.toBe(refusal);
        for (const category of categories) expect(await world.owners(category)).toEqual(many(3));
        expect(await world.access(ALICE)).toBe('active');
      });

      test('who is asked exactly once, while nothing can be seen yet, by a mark that is like no other', async () => {
        await world.fill({ things: many(3) });
        const intents: Intent[] = [];
        const work = batch('things', keys(3));
        const seen: Owners[] = [];
        const done = await connector.apply(work, {
          intend: async intent => {
            intents.push(intent);
            seen.push(await world.owners('things'));
          },
        });
        expect(intents).toHaveLength(1);
        expect(seen).toEqual([many(3)]);
        expect(done).toMatchObject({ mark: intents[0]!.mark, took: intents[0]!.took });
        await world.fill({ things: many(3) });
        expect((await connector.apply(work, silent())).mark).not.toBe(done.mark);
      });

      test('and knows how many of the keys, from the first on, the effect is about', async () => {
        await world.fill({ things: many(12) });
        const { took, effect } = await connector.apply(batch('things', keys(12)), silent());
        expect(took).toBeGreaterThan(0);
        expect(effect.changed).toBe(took);
        const owners = await world.owners('things');
        expect(keys(12).filter(one => owners[one] === BOB)).toEqual(keys(took));
      });
    });

    describe('after a doubt', () => {
      test.each(doubts)('%s: what became of the effect is found out', async how => {
        await world.fill({ things: many(4) });
        const { work, intent } = await broken(how, batch('things', keys(4)));
        const fate = await fateOf(work, intent);
        const taken = listOf(work.keys);
        const owners = await world.owners('things');
        const moved = taken.filter(one => owners[one] === BOB);
        if (how === 'never-arrives') {
          expect(fate).toEqual({ kind: 'did-not', sure: harness.sure });
          expect(moved).toEqual([]);
        } else if (how === 'breaks-off') {
          expect(fate).toMatchObject({ kind: 'partly', sure: harness.sure });
          const { changed, exceptions } = effectOf(fate, intent)!;
          expect(changed).toBe(moved.length);
          expect(exceptions.map(one => one.key)).toEqual(taken.filter(one => owners[one] !== BOB));
          expect(exceptions.every(one => one.kind === 'missed')).toBe(true);
        } else {
          expect(fate).toMatchObject({ kind: 'happened', sure: harness.sure });
          expect(effectOf(fate, intent)).toMatchObject({ changed: moved.length, exceptions: [] });
          expect(moved).toEqual(taken);
        }
      });

      for (const verb of cuts) {
        test.each(doubts.filter(how => how !== 'breaks-off'))(`%s: also of a ${verb}`, async how => {
          await world.fill({});
          const { intent } = await broken(how, access(verb));
          const fate = await fateOf(access(verb), intent);
          const did = how !== 'never-arrives';
          expect(fate).toMatchObject({ kind: did ? 'happened' : 'did-not', sure: harness.sure });
          if (did) expect(effectOf(fate, intent)).toMatchObject({ changed: 1 });
          expect(await world.access(ALICE)).toBe(did ? STATE[verb] : 'active');
        });
      }

      test.each(cuts)('a %s that others had set already is nothing of ours', async verb => {
        await world.fill({});
        await connector.apply(access(verb), silent());
        let intent: Intent | undefined;
        await connector.apply(access(verb), {
          intend: async given => {
            intent = given;
          },
        });
        // Nobody heard how it ended: whoever finds the intent asks.
        const fate = await fateOf(access(verb), intent!);
        expect(fate.kind).toBe('happened');
        const effect = effectOf(fate, intent!)!;
        expect(effect.changed).toBe(0);
        const given = await connector.restore({ work: access(verb), ...intent!, effect }, silent());
        expect(given.effect.changed).toBe(0);
        expect(await world.access(ALICE)).toBe(STATE[verb]);
      });

      test('an effect that may still happen is under way', async () => {
        await world.fill({ things: many(2) });
        let fate: Fate | undefined;
        const work = batch('things', keys(2));
        await connector.apply(work, {
          intend: async intent => {
            fate = await connector.fateOf(firstOf(work, intent.took), intent);
          },
        });
        expect(fate).toEqual({ kind: 'under-way' });
      });

      test('and what is said not to have happened never does, however long the witness takes', async () => {
        await world.fill({ things: many(2) });
        let fate: Fate | null = null;
        const work = batch('things', keys(2));
        const applying = connector.apply(work, {
          intend: async intent => {
            // In the end it is said, or it is under way for as long as the witness is.
            fate = await fateOf(firstOf(work, intent.took), intent, 30).catch(() => null);
          },
        });
        await applying.catch(error => expect(error).toMatchObject({ kind: 'transient' }));
        const said = fate as Fate | null;
        if (said?.kind === 'did-not') expect(await world.owners('things')).toEqual(many(2));
      });

      test('a system that asks us to come again later has done nothing', async ({ skip }) => {
        if (!world.throttle) return skip('it never asks for that');
        await world.fill({ things: many(4) });
        await world.throttle();
        let intent: Intent | undefined;
        const work = batch('things', keys(4));
        const applying = connector.apply(work, {
          intend: async given => {
            intent = given;
          },
        });
        await expect(applying).rejects.toMatchObject({
          kind: 'throttled',
          retryAfterMs: expect.any(Number),
        });
        const fate = await fateOf(firstOf(work, intent!.took), intent!);
        expect(fate).toEqual({ kind: 'did-not', sure: harness.sure });
        expect(await world.owners('things')).toEqual(many(4));
      });

      test('an abort stops: it is passed on as it is, and what is not begun is not sent', async () => {
        await world.fill({ things: many(2) });
        const reason = new Error('this attempt no longer counts');
        const gone = AbortSignal.abort(reason);
        const work = batch('things', keys(2));
        await expect(connector.apply(work, silent(), gone)).rejects.toBe(reason);
        await expect(connector.inventory([alice()], ['things'], gone)).rejects.toBe(reason);
        const later = new AbortController();
        const aborting = connector.apply(work, { intend: async () => later.abort(reason) }, later.signal);
        await expect(aborting).rejects.toBe(reason);
        expect(await world.owners('things')).toEqual(many(2));
      });
    });

    describe('gives back', () => {
      test.each(categories)('%s as they were: restoring is the inverse', async category => {
        await world.fill({ [category]: { ...many(4), [OTHER]: CAROL } });
        const before = await world.owners(category);
        const parts = await applyAll(batch(category, keys(4)));
        expect(await world.owners(category)).not.toEqual(before);
        const given = await restoreAll(parts);
        expect(given).toMatchObject({ changed: 4, exceptions: [] });
        expect(await world.owners(category)).toEqual(before);
      });

      test.each(categories)(
        '%s also after a doubt: what they were was durable before anything was sent',
        async category => {
          await world.fill({ [category]: many(4) });
          const { work, intent } = await broken('answer-lost', batch(category, keys(4)));
          const fate = await fateOf(work, intent);
          expect(await world.owners(category)).not.toEqual(many(4));
          const effect = effectOf(fate, intent)!;
          const given = await restoreAll([{ work, done: { ...intent, effect, sure: harness.sure } }]);
          expect(given).toMatchObject({ changed: work.count, exceptions: [] });
          expect(await world.owners(category)).toEqual(many(4));
        },
      );

      test('nothing that somebody else has since', async () => {
        await world.fill({ things: many(3) });
        const parts = await applyAll(batch('things', keys(3)));
        await world.write('things', key(0), CAROL);
        await world.write('things', key(1), undefined);
        const given = await restoreAll(parts);
        expect(Object.fromEntries(given.exceptions.map(one => [one.key, one.kind]))).toEqual({
          [key(0)]: 'taken',
          [key(1)]: 'gone',
        });
        expect(await world.owners('things')).toEqual({ [key(0)]: CAROL, [key(2)]: ALICE });
      });

      test('nothing that the effect had not changed', async () => {
        await world.fill({ things: many(3) });
        await world.write('things', key(0), BOB);
        await restoreAll(await applyAll(batch('things', keys(3))));
        expect(await world.owners('things')).toEqual({ [key(0)]: BOB, [key(1)]: ALICE, [key(2)]: ALICE });
      });

      test.each(cuts.filter(verb => can(BACK[verb])))(
        'access after %s, unless somebody else has changed it since',
        async verb => {
          await world.fill({});
          const done = await connector.apply(access(verb), silent());
          expect((await connector.restore({ work: access(verb), ...done }, silent())).effect).toMatchObject({
            changed: 1,
            exceptions: [],
          });
          expect(await world.access(ALICE)).toBe('active');
          // It is active, which is not how the effect left it: there is nothing of ours to give back.
          const again = await connector.restore({ work: access(verb), ...done }, silent());
          expect(again.effect).toMatchObject({ changed: 0, exceptions: [{ kind: 'taken' }] });
        },
      );

      test('only with its witness', async () => {
        await world.fill({ things: many(1) });
        const [{ work, done } = never()] = await applyAll(batch('things', keys(1)));
        const refusal = new Error('no');
        const giving = connector.restore({ work, ...done }, { intend: () => Promise.reject(refusal) });
        await expect(giving).rejects.toBe(refusal);
        expect(await world.owners('things')).toEqual(ownedBy(BOB, 1));
      });
    });

    describe('changes access', () => {
      test.each(cuts)('%s, once, and back again', async verb => {
        await world.fill({});
        expect((await connector.apply(access(verb), silent())).effect.changed).toBe(1);
        expect(await world.access(ALICE)).toBe(STATE[verb]);
        const read = await connector.readAccount(alice());
        expect(read).toMatchObject(
          verb === 'deactivate' ? { active: false } : { active: true, blocked: true },
        );
        expect((await connector.apply(access(verb), silent())).effect.changed).toBe(0);
        if (can(BACK[verb])) {
          expect((await connector.apply(access(BACK[verb]), silent())).effect.changed).toBe(1);
          expect(await world.access(ALICE)).toBe('active');
        }
        expect(await world.access(BOB)).toBe('active');
      });

      test.each(cuts)('%s, proved from the inside where the system has transactions', async verb => {
        await world.fill({ things: many(2) });
        const refusal = new Error('not proven');
        let asked = 0;
        const switching = connector.apply(access(verb), {
          ...silent(),
          async prove(inside) {
            asked += 1;
            expect(await inside.readAccount(alice())).not.toMatchObject({ active: true, blocked: false });
            // What others have committed meanwhile is seen, twice and in pages of one.
            await world.write('things', key(2), ALICE);
            for (let n = 0; n < 2; n++) {
              expect(await inside.inventory([alice()], ['things'])).toMatchObject([{ count: 3 }]);
              const pages: KeyPage[] = [];
              for await (const page of inside.pages([alice()], 'things', { size: 1 })) pages.push(page);
              expect(keysOn(pages)).toEqual(keys(3).sort());
            }
            throw refusal;
          },
        });
        if (!harness.proves) {
          await switching;
          expect(asked).toBe(0);
          return;
        }
        await expect(switching).rejects.toBe(refusal);
        expect(asked).toBe(1);
        expect(await world.access(ALICE)).toBe('active');
      });

      test.runIf(harness.proves)(
        'and an account whose items cannot be read is taken back as well',
        async () => {
          await world.fill({ things: many(1) });
          const mend = await world.unreadable('things');
          const [verb] = cuts;
          let found: unknown;
          const switching = connector.apply(access(verb!), {
            ...silent(),
            async prove(inside) {
              found = await inside.inventory([alice()], ['things']);
              // Nothing but what was read is spoilt: the account still reads as it was left.
              await inside.readAccount(alice());
              throw new Error('not proven');
            },
          });
          await expect(switching.finally(mend)).rejects.toThrow('not proven');
          expect(found).toMatchObject([{ category: 'things', complete: false }]);
          expect(await world.access(ALICE)).toBe('active');
        },
      );

      test.runIf(can('guards')).each(cuts)(
        'no %s against a guard, which is checked by the effect itself',
        async verb => {
          await world.fill({});
          expect(await connector.guards([account(ROBOT)])).toMatchObject([{ kind: 'protected' }]);
          const switching = connector.apply({ ...access(verb), account: account(ROBOT) }, silent());
          await expect(switching).rejects.toMatchObject({ kind: 'rejected' });
          expect(await world.access(ROBOT)).toBe('active');
        },
      );
    });

    describe('takes several accounts of one person together', () => {
      test('once an operator has named them all, and none that nobody has', async () => {
        await world.fill({});
        const found = await connector.resolveAccounts(person(EMAIL.twin), { user: [...TWIN] });
        const users = found.kind === 'found' ? found.accounts.map(({ identities }) => identities.user) : [];
        expect(users.sort()).toEqual(TWIN.map(id => [id]));
        const strange = await connector.resolveAccounts(person(EMAIL.twin), { user: [TWIN[0], '999'] });
        expect(strange).toMatchObject({ kind: 'ambiguous', identity: 'user' });
      });

      test('and finds everything that any of them holds, each item once', async () => {
        await world.fill({
          things: { ...shared(5), [OTHER]: BOB },
          ...(can('seats') ? { seats: { [OTHER]: TWIN[1] } } : {}),
        });
        const [things, seats] = await connector.inventory(twins(), categories);
        expect(things).toMatchObject({ count: 5, complete: true });
        if (can('seats')) expect(seats).toMatchObject({ count: 1, complete: true });
        const pages = await pagesOf('things', 2, twins());
        expect(keysOn(pages)).toEqual(keys(5).sort());
        expect(combined(pages.map(page => page.fingerprint))).toBe(things!.fingerprint);
        const { items } = await connector.items(twins(), 'things', { limit: 9 });
        expect(items.map(item => item.key).sort()).toEqual(keys(5).sort());
      });

      // Read one account after the other, it is seen in neither, or in both.
      test.for([
        { moved: 1, to: TWIN[0], way: 'back' },
        { moved: 0, to: TWIN[1], way: 'on' },
      ])(
        'also one that moves $way from one of them to the other meanwhile',
        async ({ moved, to }, { skip }) => {
          if (!world.meanwhile) return skip('nothing happens between the answers of one reading');
          await world.fill({ things: shared(5) });
          const [quiet] = await connector.inventory(twins(), ['things']);
          const disturb = async (): Promise<void> => {
            await world.fill({ things: shared(5) });
            world.meanwhile!('things', () => world.write('things', key(moved), to));
          };
          await disturb();
          const [things] = await connector.inventory(twins(), ['things']);
          if (things!.complete) expect(things).toEqual(quiet);
          await disturb();
          const pages = await pagesOf('things', 2, twins()).catch(orFailure);
          if (pages) expect(keysOn(pages)).toEqual(keys(5).sort());
          await disturb();
          const shown = await connector.items(twins(), 'things', { limit: 9 }).catch(orFailure);
          if (shown) expect(shown.items.map(item => item.key).sort()).toEqual(keys(5).sort());
        },
      );

      test('also one that moves while its pages are handed out', async () => {
        await world.fill({ things: shared(5) });
        const seen: string[] = [];
        const reading = async (): Promise<void> => {
          for await (const page of connector.pages(twins(), 'things', { size: 1 })) {
            if (seen.length === 0)
              for (const [n, one] of keys(5).entries()) await world.write('things', one, TWIN[(n + 1) % 2]!);
            seen.push(...listOf(page.keys));
          }
        };
        if ((await reading().catch(orFailure)) !== null) expect(seen.sort()).toEqual(keys(5).sort());
      });

      test('changes all of it, compare-and-set on each, and says which owner every item had', async () => {
        await world.fill({ things: shared(4) });
        await world.write('things', key(3), CAROL);
        const parts = await applyAll(of(twins(), batch('things', keys(4))));
        expect(sum(parts)).toMatchObject({
          changed: 3,
          perTaker: [3],
          exceptions: [{ key: key(3), kind: 'taken' }],
        });
        expect(await world.owners('things')).toEqual({ ...ownedBy(BOB, 3), [key(3)]: CAROL });
        const before = parts.flatMap(({ work, done }) =>
          listOf(work.keys).map((_, n) => ownerBefore(done, n)),
        );
        expect(before.slice(0, 3)).toEqual([TWIN[0], TWIN[1], TWIN[0]]);
      });

      test.each(categories)('gives %s back, each to the account that had it', async category => {
        await world.fill({ [category]: shared(4) });
        const parts = await applyAll(of(twins(), batch(category, keys(4))));
        expect(await restoreAll(parts)).toMatchObject({ changed: 4, exceptions: [] });
        expect(await world.owners(category)).toEqual(shared(4));
      });

      test('also after a doubt: who had what was durable before anything was sent', async () => {
        await world.fill({ things: shared(4) });
        const { work, intent } = await broken('answer-lost', of(twins(), batch('things', keys(4))));
        const fate = await fateOf(work, intent);
        expect(fate).toMatchObject({ kind: 'happened', sure: harness.sure });
        expect(await world.owners('things')).toEqual({ ...shared(4), ...ownedBy(BOB, work.count) });
        await connector.restore({ work, ...intent, effect: effectOf(fate, intent)! }, silent());
        expect(await world.owners('things')).toEqual(shared(4));
      });

      test('but for what is refused, item by item', async () => {
        await world.fill({ things: shared(4) });
        const mend = await world.refuse('things', key(1));
        const parts = await applyAll(of(twins(), batch('things', keys(4))));
        await mend();
        expect(sum(parts)).toMatchObject({ changed: 3, exceptions: [{ key: key(1), kind: 'failed' }] });
        await restoreAll(parts);
        expect(await world.owners('things')).toEqual(shared(4));
      });

      test('hands nothing from one of them to the other', async () => {
        await world.fill({ things: shared(2) });
        const work = of(twins(), batch('things', keys(2)));
        for (const taker of TWIN)
          await expect(applyAll({ ...work, takers: [taker] })).rejects.toMatchObject({ kind: 'rejected' });
        expect(await world.owners('things')).toEqual(shared(2));
      });

      test.each(cuts)('%ss them one by one, and guards them together', async verb => {
        await world.fill({});
        for (const one of twins()) await connector.apply({ ...access(verb), account: one }, silent());
        expect(await Promise.all(TWIN.map(id => world.access(id)))).toEqual([STATE[verb], STATE[verb]]);
        expect(await world.access(ALICE)).toBe('active');
        expect(await connector.guards(twins())).toEqual([]);
        if (can('guards'))
          expect(await connector.guards([...twins(), account(ROBOT)])).toMatchObject([{ kind: 'protected' }]);
      });
    });

    // --- words ---------------------------------------------------------------------------------------------
    /** The keys from the `from`th on, as many as asked for. */
    function keys(count: number, from = 0): string[] {
      return Array.from({ length: count }, (_, n) => key(from + n));
    }

    function many(n: number): Owners {
      return ownedBy(ALICE, n);
    }

    function ownedBy(owner: string, n: number): Owners {
      return Object.fromEntries(keys(n).map(one => [one, owner]));
    }

    /** Turn and turn about with the first account of Twin and the second. */
    function shared(n: number): Owners {
      return Object.fromEntries(keys(n).map((one, i) => [one, TWIN[i % 2]!]));
    }

    const account = (user: string): Account => ({
      identities: { user: [user] },
      active: true,
      blocked: false,
    });
    const alice = (): Account => account(ALICE);
    const twins = (): Account[] => TWIN.map(account);
    const of = (accounts: Account[], work: Batch): Batch => ({ ...work, accounts });
    const batch = (category: Category, keys: readonly string[]): Batch => ({
      kind: 'batch',
      category,
      do: category === 'things' ? 'transfer' : 'remove',
      accounts: [alice()],
      keys: keysOf(keys),
      count: keys.length,
      takers: category === 'things' ? [BOB] : [],
      assignment: null,
    });
    const access = (verb: AccessVerb): Extract<Work, { kind: 'access' }> => ({
      kind: 'access',
      verb,
      account: alice(),
    });

    async function inventoryOf(category: Category): Promise<CategoryInventory> {
      return (await connector.inventory([alice()], [category]))[0]!;
    }

    async function pagesOf(
      category: Category,
      size: number,
      accounts: Account[] = [alice()],
    ): Promise<KeyPage[]> {
      const pages: KeyPage[] = [];
      for await (const page of connector.pages(accounts, category, { size })) pages.push(page);
      return pages;
    }

    /** As the engine does it: one effect after another, until none of the keys is left. */
    async function applyAll(work: Batch): Promise<Part[]> {
      const parts: Part[] = [];
      for (let rest = work; rest.count > 0; ) {
        const done = await connector.apply(rest, silent());
        parts.push({ work: firstOf(rest, done.took), done });
        rest = cut(rest, done.took, rest.count);
      }
      return parts;
    }

    /** Gives effect by effect back. */
    async function restoreAll(parts: readonly Part[]) {
      const given: Part[] = [];
      for (const { work, done } of parts)
        given.push({ work, done: await connector.restore({ work, ...done }, silent()) });
      return sum(given);
    }

    /** Sends work that goes wrong in this way: what it took, and its intent. */
    async function broken<W extends Work>(how: Doubt, work: W): Promise<{ work: W; intent: Intent }> {
      let intent: Intent | undefined;
      await world.doubt(how);
      const applying = connector.apply(work, {
        intend: async given => {
          intent = given;
        },
      });
      await expect(applying).rejects.toMatchObject({ kind: 'transient' });
      return { work: work.kind === 'batch' ? (firstOf(work, intent!.took) as W) : work, intent: intent! };
    }

    /** Asked again for as long as it may still happen. */
    async function fateOf(work: Work, intent: Intent, tries = 200): Promise<Fate> {
      for (let n = 0; n < tries; n++) {
        const fate = await connector.fateOf(work, intent);
        if (fate.kind !== 'under-way') return fate;
        await new Promise(resolve => setTimeout(resolve, 10));
      }
      throw new Error(`under way still, asked ${tries} times`);
    }
  });
}

/** One effect, as it is settled or given back later: its work is what it took. */
interface Part {
  work: Batch;
  done: Done;
}

const STATE = { block: 'blocked', deactivate: 'off' } as const;
const BACK = { block: 'unblock', deactivate: 'reactivate' } as const;

const silent = (): Witness => ({ intend: async () => {} });

/** Who had the nth item of an effect. */
function ownerBefore({ owners: { values, perKey } }: Intent, n: number): string | null {
  return values[perKey ? numbersOf(perKey)[n]! : 0]!;
}

/** The first so many keys of a batch. */
function firstOf(work: Batch, took: number): Batch {
  return cut(work, 0, took);
}

function cut(work: Batch, from: number, to: number): Batch {
  const some = listOf(work.keys).slice(from, to);
  const assignment = work.assignment && sharesOf(numbersOf(work.assignment).slice(from, to));
  return { ...work, keys: keysOf(some), count: some.length, assignment };
}

/** What effects add up to. */
function sum(parts: readonly Part[]): Pick<Effect, 'changed' | 'merged' | 'perTaker' | 'exceptions'> {
  const effects = parts.map(({ done }) => done.effect);
  const total = (numbers: number[]): number => numbers.reduce((all, one) => all + one, 0);
  return {
    changed: total(effects.map(one => one.changed)),
    merged: total(effects.map(one => one.merged)),
    perTaker: (effects[0]?.perTaker ?? []).map((_, n) => total(effects.map(one => one.perTaker[n]!))),
    exceptions: effects.flatMap(one => one.exceptions),
  };
}

function keysOn(pages: readonly KeyPage[]): ItemKey[] {
  return pages.flatMap(page => listOf(page.keys)).sort();
}

/** Nobody could read it whole and said so; anything else is a mistake. */
function orFailure(error: unknown): null {
  expect(error).toBeInstanceOf(HandoverFailure);
  return null;
}

function never(): never {
  throw new Error('no effect at all');
}

function effectOf(fate: Fate, intent: Intent) {
  return (fate.kind === 'happened' || fate.kind === 'partly' ? fate.effect : null) ?? intent.effect;
}

function person(email: string): Sought {
  return { id: 'someone', home: false, known: [{ by: 'email', value: email }], shared: [], remembered: {} };
}

function twinsOf(resolution: Awaited<ReturnType<Connector['resolveAccounts']>>): { id: string }[] {
  return resolution.kind === 'ambiguous' ? resolution.candidates : [];
}
