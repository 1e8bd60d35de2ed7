/**
 * What every kind of connector promises the engine, as tests. A kind passes by giving a harness
 * (`harness.ts`):
 *
 *   describeContract({ kind: 'postgres', doubts: [...], sure: 'asked', world: () => ... });
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Connector, KeyPage, Witness } from '../../connectors/connector.js';
import { keysOf, listOf, numbersOf, sharesOf } from '../../connectors/keys.js';
import type { AccessVerb, Batch, Done, Fate, Intent, Work } from '../../domain/effect.js';
import { HandoverFailure } from '../../domain/failure.js';
import { combined } from '../../domain/keys.js';
import type { Account, CategoryInventory, ItemException, Person } from '../../domain/model.js';
import {
  ALICE,
  BOB,
  CAROL,
  type Category,
  EMAIL,
  type Harness,
  type Owners,
  ROBOT,
  TWIN,
  type World,
} from './harness.js';

/**
 * Keys that somebody once took apart at the wrong place: numbers beyond 2^53, quotes, commas, braces, other
 * scripts, blanks.
 */
const ODD_KEYS = [
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
  describe(`a connector of kind ${harness.kind}`, () => {
    let world: World;
    let connector: Connector;
    beforeAll(async () => {
      world = await harness.world();
      ({ connector } = world);
    });
    afterAll(() => world?.close());

    // --- reading ----------------------------------------------------------------------------------------------------
    describe('reads', () => {
      test.each([0, 1, 2, 23])('%i items exactly and completely, in any size of pages', async n => {
        await world.fill({ things: { ...many(n), other: BOB } });
        const inventory = await inventoryOf('things');
        expect(inventory).toMatchObject({ count: n, complete: true, problem: null });
        for (const size of [1, 7, 100]) {
          const pages = await pagesOf('things', size);
          const keys = pages.flatMap(page => listOf(page.keys));
          expect(keys.sort()).toEqual(Object.keys(many(n)).sort());
          expect(pages.every(page => page.count === listOf(page.keys).length && page.count <= size)).toBe(
            true,
          );
          expect(combined(pages.map(page => page.fingerprint)), `pages of ${size}`).toBe(
            inventory.fingerprint,
          );
        }
      });

      test('keys of every form, and gives them back as they are', async () => {
        await world.fill({ things: Object.fromEntries(ODD_KEYS.map(key => [key, ALICE])) });
        const keys = (await pagesOf('things', 4)).flatMap(page => listOf(page.keys));
        expect(keys.sort()).toEqual([...ODD_KEYS].sort());
        expect(await applyAll(batch('things', ODD_KEYS))).toMatchObject({
          changed: ODD_KEYS.length,
          exceptions: [],
        });
        expect(await world.owners('things')).toEqual(Object.fromEntries(ODD_KEYS.map(key => [key, BOB])));
      });

      test('other keys as another fingerprint, and the same keys as the same', async () => {
        await world.fill({ things: many(5) });
        const before = await inventoryOf('things');
        await world.write('things', 'thing-1', BOB);
        await world.write('things', 'another', ALICE);
        const after = await inventoryOf('things');
        expect(after.count).toBe(before.count);
        expect(after.fingerprint).not.toBe(before.fingerprint);
        await world.write('things', 'thing-1', ALICE);
        await world.write('things', 'another', undefined);
        expect((await inventoryOf('things')).fingerprint).toBe(before.fingerprint);
      });

      test('what cannot be read whole as incomplete, by name and with a reason, and the rest as it is', async () => {
        await world.fill({ things: many(9), seats: many(2) });
        const mend = await world.unreadable('things');
        try {
          const [things, seats] = await connector.inventory([alice()], ['things', 'seats']);
          expect(things).toMatchObject({
            category: 'things',
            complete: false,
            problem: expect.stringMatching(/./),
          });
          expect(seats).toMatchObject({ category: 'seats', count: 2, complete: true });
          await expect(pagesOf('things', 100)).rejects.toBeInstanceOf(HandoverFailure);
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
        expect(seen.sort()).toEqual(Object.keys(many(5)).sort());
      });
    });

    // --- people -----------------------------------------------------------------------------------------------------
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

    // --- effects ----------------------------------------------------------------------------------------------------
    describe('changes', () => {
      test('everything it is told to, and nothing else', async () => {
        await world.fill({ things: { ...many(9), other: CAROL, free: null }, seats: many(1) });
        expect(await applyAll(batch('things', Object.keys(many(9))))).toMatchObject({
          changed: 9,
          merged: 0,
          exceptions: [],
        });
        expect(await world.owners('things')).toEqual({ ...ownedBy(BOB, 9), other: CAROL, free: null });
        expect(await world.owners('seats')).toEqual(many(1));
      });

      test('each item for the successor that it is assigned to, or for nobody', async () => {
        await world.fill({ things: many(7) });
        const keys = Object.keys(many(7)).sort();
        const shares = keys.map((_, n) => n % 3);
        const done = await applyAll({
          ...batch('things', keys),
          takers: [BOB, CAROL, null],
          assignment: sharesOf(shares),
        });
        expect(done).toMatchObject({ changed: 7, perTaker: [3, 2, 2] });
        const expected = Object.fromEntries(keys.map((key, n) => [key, [BOB, CAROL, null][n % 3]!]));
        expect(await world.owners('things')).toEqual(expected);
      });

      test('by removing, where that is what the catalog says', async () => {
        await world.fill({ seats: { ...many(6), other: BOB } });
        expect(await applyAll(batch('seats', Object.keys(many(6))))).toMatchObject({
          changed: 6,
          exceptions: [],
        });
        expect(await world.owners('seats')).toEqual({ other: BOB });
      });

      test('compare-and-set: what somebody else has taken stays theirs', async () => {
        await world.fill({ things: many(3) });
        await world.write('things', 'thing-1', CAROL);
        const done = await applyAll(batch('things', Object.keys(many(3))));
        expect(done).toMatchObject({ changed: 2, exceptions: [{ key: 'thing-1', kind: 'taken' }] });
        expect((await world.owners('things'))['thing-1']).toBe(CAROL);
      });

      test('once: a second time finds nothing to do, and says so of every item', async () => {
        await world.fill({ things: many(6), seats: many(3) });
        for (const category of ['things', 'seats'] as const) {
          const work = batch(category, Object.keys(many(category === 'things' ? 6 : 3)));
          const first = await applyAll(work);
          const truth = await world.owners(category);
          const second = await applyAll(work);
          expect(first.exceptions).toEqual([]);
          expect(second).toMatchObject({ changed: 0 });
          expect(second.exceptions.map(one => one.key).sort()).toEqual(listOf(work.keys).sort());
          expect(await world.owners(category)).toEqual(truth);
        }
      });

      test('with every exception by name: taken, gone, refused; the rest goes through', async () => {
        await world.fill({ things: many(8) });
        await world.write('things', 'thing-2', CAROL);
        await world.write('things', 'thing-3', undefined);
        const mend = await world.refuse('things', 'thing-5');
        const done = await applyAll(batch('things', Object.keys(many(8))));
        await mend();
        expect(done.changed).toBe(5);
        expect(Object.fromEntries(done.exceptions.map(one => [one.key, one.kind]))).toEqual({
          'thing-2': 'taken',
          'thing-3': 'gone',
          'thing-5': 'failed',
        });
        for (const one of done.exceptions) expect(one.why).not.toBe('');
        expect((await world.owners('things'))['thing-5']).toBe(ALICE);
      });

      test('never to the leaver, and never what nobody can own', async () => {
        await world.fill({ things: many(2) });
        for (const wrong of [{ takers: [ALICE] }, { takers: [] }]) {
          await expect(applyAll({ ...batch('things', ['thing-0']), ...wrong })).rejects.toMatchObject({
            kind: 'rejected',
          });
        }
        expect(await world.owners('things')).toEqual(many(2));
      });
    });

    describe('has a witness', () => {
      test('whose word comes before anything is sent: if it throws, nothing was, and the error is passed on', async () => {
        await world.fill({ things: many(3), seats: many(2) });
        const refusal = new Error('the store is out of reach');
        const witness: Witness = { intend: () => Promise.reject(refusal) };
        for (const work of [
          batch('things', ['thing-0', 'thing-1']),
          batch('seats', ['thing-0']),
          access('deactivate'),
        ])
          await expect(connector.apply(work, witness)).rejects.toBe(refusal);
        expect(await world.owners('things')).toEqual(many(3));
        expect(await world.owners('seats')).toEqual(many(2));
        expect(await world.access(ALICE)).toBe('active');
      });

      test('who is asked exactly once, while nothing can be seen yet, by a mark that is like no other', async () => {
        await world.fill({ things: many(3) });
        const intents: Intent[] = [];
        const work = batch('things', Object.keys(many(3)));
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
        const keys = Object.keys(many(12)).sort();
        const { took, effect } = await connector.apply(batch('things', keys), silent());
        expect(took).toBeGreaterThan(0);
        expect(effect.changed).toBe(took);
        const owners = await world.owners('things');
        expect(keys.filter(key => owners[key] === BOB)).toEqual(keys.slice(0, took));
      });
    });

    describe('after a doubt', () => {
      test.each(harness.doubts)('%s: what became of the effect is found out', async how => {
        await world.fill({ things: many(4) });
        const work = batch('things', Object.keys(many(4)).sort());
        const intent = await broken(how, work);
        const fate = await fateOf({ ...work, ...firstOf(work, intent.took) }, intent);
        const taken = listOf(work.keys).slice(0, intent.took);
        const owners = await world.owners('things');
        const moved = taken.filter(key => owners[key] === BOB);
        if (how === 'never-arrives') {
          expect(fate).toEqual({ kind: 'did-not', sure: harness.sure });
          expect(moved).toEqual([]);
        } else if (how === 'answer-lost') {
          expect(fate).toMatchObject({ kind: 'happened', sure: harness.sure });
          expect(effectOf(fate, intent)).toMatchObject({ changed: moved.length, exceptions: [] });
          expect(moved).toEqual(taken);
        } else {
          expect(fate).toMatchObject({ kind: 'partly', sure: harness.sure });
          const { changed, exceptions } = effectOf(fate, intent)!;
          expect(changed).toBe(moved.length);
          expect(exceptions.map(one => one.key)).toEqual(taken.filter(key => owners[key] !== BOB));
          expect(exceptions.every(one => one.kind === 'missed')).toBe(true);
        }
      });

      test.each(harness.doubts.filter(how => how !== 'breaks-off'))('%s: also of a switch', async how => {
        await world.fill({});
        const work = access('deactivate');
        const intent = await broken(how, work);
        const fate = await fateOf(work, intent);
        expect(fate).toMatchObject({
          kind: how === 'answer-lost' ? 'happened' : 'did-not',
          sure: harness.sure,
        });
        expect(await world.access(ALICE)).toBe(how === 'answer-lost' ? 'off' : 'active');
      });

      test('an effect that may still happen is under way', async () => {
        await world.fill({ things: many(2) });
        const work = batch('things', Object.keys(many(2)));
        let fate: Fate | undefined;
        await connector.apply(work, {
          intend: async intent => {
            fate = await connector.fateOf({ ...work, ...firstOf(work, intent.took) }, intent);
          },
        });
        expect(fate).toEqual({ kind: 'under-way' });
      });

      test('an abort stops: it is passed on as it is, and what is not begun is not sent', async () => {
        await world.fill({ things: many(2) });
        const reason = new Error('this attempt no longer counts');
        const gone = AbortSignal.abort(reason);
        const work = batch('things', Object.keys(many(2)));
        await expect(connector.apply(work, silent(), gone)).rejects.toBe(reason);
        await expect(connector.inventory([alice()], ['things'], gone)).rejects.toBe(reason);
        const later = new AbortController();
        const aborting = connector.apply(work, { intend: async () => later.abort(reason) }, later.signal);
        await expect(aborting).rejects.toBe(reason);
        expect(await world.owners('things')).toEqual(many(2));
      });
    });

    describe('gives back', () => {
      test.each(['things', 'seats'] as const)('%s as they were: restoring is the inverse', async category => {
        await world.fill({ [category]: { ...many(4), other: CAROL } });
        const before = await world.owners(category);
        const { work, done } = await applyFirst(batch(category, Object.keys(many(4)).sort()));
        expect(await world.owners(category)).not.toEqual(before);
        const given = await connector.restore({ work, ...done }, silent());
        expect(given.effect).toMatchObject({ changed: done.effect.changed, exceptions: [] });
        expect(await world.owners(category)).toEqual(before);
      });

      test('nothing that somebody else has since', async () => {
        await world.fill({ things: many(3) });
        const { work, done } = await applyFirst(batch('things', Object.keys(many(3)).sort()));
        await world.write('things', 'thing-0', CAROL);
        await world.write('things', 'thing-1', undefined);
        const given = await connector.restore({ work, ...done }, silent());
        expect(Object.fromEntries(given.effect.exceptions.map(one => [one.key, one.kind]))).toEqual({
          'thing-0': 'taken',
          'thing-1': 'gone',
        });
        expect(await world.owners('things')).toEqual({ 'thing-0': CAROL, 'thing-2': ALICE });
      });

      test('nothing that the effect had not changed', async () => {
        await world.fill({ things: many(3) });
        await world.write('things', 'thing-0', BOB);
        const { work, done } = await applyFirst(batch('things', Object.keys(many(3)).sort()));
        await connector.restore({ work, ...done }, silent());
        expect(await world.owners('things')).toEqual({ 'thing-0': BOB, 'thing-1': ALICE, 'thing-2': ALICE });
      });

      test.each(['block', 'deactivate'] as const)(
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

      test('no access that the effect found changed already', async () => {
        await world.fill({});
        await connector.apply(access('deactivate'), silent());
        const done = await connector.apply(access('deactivate'), silent());
        expect(
          (await connector.restore({ work: access('deactivate'), ...done }, silent())).effect.changed,
        ).toBe(0);
        expect(await world.access(ALICE)).toBe('off');
      });

      test('only with its witness', async () => {
        await world.fill({ things: many(2) });
        const { work, done } = await applyFirst(batch('things', Object.keys(many(2)).sort()));
        const refusal = new Error('no');
        const giving = connector.restore({ work, ...done }, { intend: () => Promise.reject(refusal) });
        await expect(giving).rejects.toBe(refusal);
        expect(await world.owners('things')).toEqual(ownedBy(BOB, 2));
      });
    });

    describe('changes access', () => {
      test.each([
        ['block', 'unblock', 'blocked'],
        ['deactivate', 'reactivate', 'off'],
      ] as const)('%s and %s, each once', async (verb, back, state) => {
        await world.fill({});
        expect(connector.access[verb]).toBe('system');
        expect((await connector.apply(access(verb), silent())).effect.changed).toBe(1);
        expect(await world.access(ALICE)).toBe(state);
        const read = await connector.readAccount(alice());
        expect(read).toMatchObject(state === 'off' ? { active: false } : { active: true, blocked: true });
        expect((await connector.apply(access(verb), silent())).effect.changed).toBe(0);
        expect((await connector.apply(access(back), silent())).effect.changed).toBe(1);
        expect(await world.access(ALICE)).toBe('active');
        expect(await world.access(BOB)).toBe('active');
      });

      test('not against a guard, which is checked by the effect itself', async () => {
        await world.fill({});
        expect(await connector.guards([account(ROBOT)])).toMatchObject([{ kind: 'protected' }]);
        const switching = connector.apply({ ...access('deactivate'), account: account(ROBOT) }, silent());
        await expect(switching).rejects.toMatchObject({ kind: 'rejected' });
        expect(await world.access(ROBOT)).toBe('active');
      });
    });

    describe('takes several accounts of one person together', () => {
      test('once an operator has named them all, and none that nobody has', async () => {
        await world.fill({});
        const found = await connector.resolveAccounts(person(EMAIL.twin), { user: [...TWIN] });
        const users = found.kind === 'found' ? found.accounts.map(({ identities }) => identities.user) : [];
        expect(users.sort()).toEqual(TWIN.map(id => [id]));
        const odd = await connector.resolveAccounts(person(EMAIL.twin), { user: [TWIN[0], '999'] });
        expect(odd).toMatchObject({ kind: 'ambiguous', identity: 'user' });
      });

      test('and finds everything that any of them holds, each item once', async () => {
        await world.fill({ things: { ...shared(5), other: BOB }, seats: { s: TWIN[1] } });
        const [things, seats] = await connector.inventory(twins(), ['things', 'seats']);
        expect(things).toMatchObject({ count: 5, complete: true });
        expect(seats).toMatchObject({ count: 1, complete: true });
        const pages = await pagesOf('things', 2, twins());
        expect(pages.flatMap(page => listOf(page.keys)).sort()).toEqual(Object.keys(shared(5)).sort());
        expect(combined(pages.map(page => page.fingerprint))).toBe(things!.fingerprint);
        const { items } = await connector.items(twins(), 'things', { limit: 9 });
        expect(items.map(item => item.key).sort()).toEqual(Object.keys(shared(5)).sort());
      });

      test('changes all of it, compare-and-set on each, and says which owner every item had', async () => {
        await world.fill({ things: shared(4) });
        await world.write('things', 'thing-3', CAROL);
        const { work, done } = await applyFirst(of(twins(), batch('things', Object.keys(shared(4)).sort())));
        expect(done.effect).toMatchObject({
          changed: 3,
          perTaker: [3],
          exceptions: [{ key: 'thing-3', kind: 'taken' }],
        });
        expect(await world.owners('things')).toEqual({ ...ownedBy(BOB, 3), 'thing-3': CAROL });
        expect(
          listOf(work.keys)
            .map((_, n) => ownerBefore(done, n))
            .slice(0, 3),
        ).toEqual([TWIN[0], TWIN[1], TWIN[0]]);
      });

      test.each(['things', 'seats'] as const)(
        'gives %s back, each to the account that had it',
        async category => {
          await world.fill({ [category]: shared(4) });
          const { work, done } = await applyFirst(
            of(twins(), batch(category, Object.keys(shared(4)).sort())),
          );
          const given = await connector.restore({ work, ...done }, silent());
          expect(given.effect).toMatchObject({ changed: 4, exceptions: [] });
          expect(await world.owners(category)).toEqual(shared(4));
        },
      );

      test('also after a doubt: who had what was durable before anything was sent', async () => {
        await world.fill({ things: shared(4) });
        const work = of(twins(), batch('things', Object.keys(shared(4)).sort()));
        const intent = await broken('answer-lost', work);
        const fate = await fateOf({ ...work, ...firstOf(work, intent.took) }, intent);
        expect(fate).toMatchObject({ kind: 'happened', sure: harness.sure });
        expect(await world.owners('things')).toEqual(ownedBy(BOB, 4));
        await connector.restore({ work, ...intent, effect: effectOf(fate, intent)! }, silent());
        expect(await world.owners('things')).toEqual(shared(4));
      });

      test('but for what is refused, item by item', async () => {
        await world.fill({ things: shared(4) });
        const mend = await world.refuse('things', 'thing-1');
        const { work, done } = await applyFirst(of(twins(), batch('things', Object.keys(shared(4)).sort())));
        await mend();
        expect(done.effect).toMatchObject({ changed: 3, exceptions: [{ key: 'thing-1', kind: 'failed' }] });
        await connector.restore({ work, ...done }, silent());
        expect(await world.owners('things')).toEqual(shared(4));
      });

      test('hands nothing from one of them to the other', async () => {
        await world.fill({ things: shared(2) });
        const work = of(twins(), batch('things', Object.keys(shared(2))));
        for (const taker of TWIN)
          await expect(applyAll({ ...work, takers: [taker] })).rejects.toMatchObject({ kind: 'rejected' });
        expect(await world.owners('things')).toEqual(shared(2));
      });

      test('switches them one by one, and guards them together', async () => {
        await world.fill({});
        for (const one of twins()) await connector.apply({ ...access('deactivate'), account: one }, silent());
        expect(await Promise.all(TWIN.map(id => world.access(id)))).toEqual(['off', 'off']);
        expect(await world.access(ALICE)).toBe('active');
        expect(await connector.guards(twins())).toEqual([]);
        expect(await connector.guards([...twins(), account(ROBOT)])).toMatchObject([{ kind: 'protected' }]);
      });
    });

    // --- words --------------------------------------------------------------------------------------------------------
    const account = (user: string): Account => ({
      identities: { user: [user] },
      active: true,
      blocked: false,
    });
    const alice = (): Account => account(ALICE);
    const twins = (): Account[] => TWIN.map(account);
    const of = (accounts: Account[], work: Batch): Batch => ({ ...work, accounts });
    const batch = (category: Category, keys: string[]): Batch => ({
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
    async function applyAll(work: Batch) {
      const all = {
        changed: 0,
        merged: 0,
        perTaker: work.takers.map(() => 0),
        exceptions: [] as ItemException[],
      };
      for (let rest = work; rest.count > 0; ) {
        const { took, effect } = await connector.apply(rest, silent());
        all.changed += effect.changed;
        all.merged += effect.merged;
        for (const [n, changed] of effect.perTaker.entries()) all.perTaker[n]! += changed;
        all.exceptions.push(...effect.exceptions);
        rest = { ...rest, ...restOf(rest, took) };
      }
      return all;
    }

    /** The first effect alone, as it is settled or given back later: its work is what it took. */
    async function applyFirst(work: Batch): Promise<{ work: Batch; done: Done }> {
      const done = await connector.apply(work, silent());
      // The suite's batches of four are small enough for one effect of any kind.
      expect(done.took).toBe(work.count);
      return { work, done };
    }

    /** Sends work that goes wrong in this way; its intent. */
    async function broken(how: Harness['doubts'][number], work: Work): Promise<Intent> {
      let intent: Intent | undefined;
      await world.doubt(how);
      const applying = connector.apply(work, {
        intend: async given => {
          intent = given;
        },
      });
      await expect(applying).rejects.toMatchObject({ kind: 'transient' });
      return intent!;
    }

    /** Asked again for as long as it may still happen. */
    async function fateOf(work: Work, intent: Intent): Promise<Fate> {
      for (let tries = 0; tries < 200; tries++) {
        const fate = await connector.fateOf(work, intent);
        if (fate.kind !== 'under-way') return fate;
        await new Promise(resolve => setTimeout(resolve, 10));
      }
      throw new Error('under way for two seconds');
    }
  });
}

const silent = (): Witness => ({ intend: async () => {} });

function many(n: number): Owners {
  return ownedBy(ALICE, n);
}

function ownedBy(owner: string, n: number): Owners {
  return Object.fromEntries(Array.from({ length: n }, (_, i) => [`thing-${i}`, owner]));
}

/** Turn and turn about with the first account of Twin and the second. */
function shared(n: number): Owners {
  return Object.fromEntries(Array.from({ length: n }, (_, i) => [`thing-${i}`, TWIN[i % 2]!]));
}

/** Who had the nth item of an effect. */
function ownerBefore({ owners: { values, perKey } }: Intent, n: number): string | null {
  return values[perKey ? numbersOf(perKey)[n]! : 0]!;
}

function firstOf({ keys, assignment }: Batch, took: number): Pick<Batch, 'keys' | 'count' | 'assignment'> {
  return cut({ keys, assignment }, 0, took);
}

function restOf(
  { keys, assignment, count }: Batch,
  took: number,
): Pick<Batch, 'keys' | 'count' | 'assignment'> {
  return cut({ keys, assignment }, took, count);
}

function cut({ keys, assignment }: Pick<Batch, 'keys' | 'assignment'>, from: number, to: number) {
  const some = listOf(keys).slice(from, to);
  return {
    keys: keysOf(some),
    count: some.length,
    assignment: assignment && sharesOf(numbersOf(assignment).slice(from, to)),
  };
}

function effectOf(fate: Fate, intent: Intent) {
  return (fate.kind === 'happened' || fate.kind === 'partly' ? fate.effect : null) ?? intent.effect;
}

function person(email: string): Person {
  return {
    id: `of ${email}`,
    name: email,
    email,
    active: true,
    managerId: null,
    team: null,
    roles: [],
    human: email,
  };
}

function twinsOf(resolution: Awaited<ReturnType<Connector['resolveAccounts']>>): { id: string }[] {
  return resolution.kind === 'ambiguous' ? resolution.candidates : [];
}
