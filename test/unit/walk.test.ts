/** A list that comes page by page is believed only where nothing speaks against it. */
import { expect, test } from 'vitest';
import { type Page, walk, walkAll } from '../../connectors/walk.js';

/** Answers page after page, whatever is asked for; the last one again and again. */
const pages = (...given: Page<string>[]) => {
  let n = 0;
  return async () => given[Math.min(n++, given.length - 1)]!;
};
const read = (...given: Page<string>[]) => walk(pages(...given), key => key, 1);

test('pages until the last one are a whole list', async () => {
  expect(
    await read({ items: ['a', 'b'], next: '2', total: 3 }, { items: ['c'], next: null, total: 3 }),
  ).toEqual({
    complete: true,
    items: ['a', 'b', 'c'],
  });
  expect(await read({ items: [], next: null })).toEqual({ complete: true, items: [] });
});

test.each<[string, Page<string>[], RegExp]>([
  [
    'an item that comes twice',
    [
      { items: ['a', 'b'], next: '2' },
      { items: ['b'], next: null },
    ],
    /the item b came on two pages/,
  ],
  [
    'a page like the one before, wherever one goes',
    [
      { items: ['a', 'b'], next: '2' },
      { items: ['a', 'b'], next: '3' },
    ],
    /all 2 items of a page had come before: the system may ignore which page is asked for/,
  ],
  [
    'a page that comes twice',
    [
      { items: ['a'], next: '2' },
      { items: ['b'], next: '2' },
    ],
    /the page at "2" came twice/,
  ],
  ['fewer than there are', [{ items: ['a'], next: null, total: 2 }], /1 of 2 items were collected/],
  [
    'a total that changes, although the sums agree',
    [
      { items: ['a', 'b'], next: '2', total: 4 },
      { items: ['d'], next: null, total: 3 },
    ],
    /there were 4 items, and 3 a page later/,
  ],
])('%s: incomplete, by name', async (_what, given, problem) => {
  expect(await read(...given)).toEqual({ complete: false, problem: expect.stringMatching(problem) });
});

test('a walk that was disturbed is begun anew, a few times', async () => {
  const disturbed: Page<string> = { items: ['a'], next: null, total: 2 };
  expect(
    await walk(pages(disturbed, disturbed, { items: ['a'], next: null, total: 1 }), key => key),
  ).toMatchObject({
    complete: true,
  });
  expect(await walk(pages(disturbed), key => key)).toMatchObject({ complete: false });
});

test('what reading throws is passed on', async () => {
  const reason = new Error('out of reach');
  await expect(walk(() => Promise.reject(reason), String)).rejects.toBe(reason);
});

/** A look of several lists after the other; the last one again and again. */
const looks = (...given: string[][][]) => {
  let n = 0;
  const lists = given[0]!.map((_, list) => async () => {
    const look = given[Math.min(Math.floor(n++ / given[0]!.length), given.length - 1)]!;
    return { items: look[list]!, next: null };
  });
  return walkAll(lists, key => key);
};

test('several lists are whole where two looks in a row agree', async () => {
  expect(await looks([['a'], ['b', 'c']])).toEqual({ complete: true, items: ['a', 'b', 'c'] });
  const missed = [['a'], ['b']];
  const settled = [['a', 'c'], ['b']];
  expect(await looks(missed, settled)).toEqual({ complete: true, items: ['a', 'c', 'b'] });
});

test('and not where they never do: the last look says why', async () => {
  expect(await looks([['a'], []], [[], []], [['a'], []], [[], []])).toMatchObject({
    complete: false,
    problem: expect.stringMatching(/from one list to another/),
  });
});

test('one list needs no second look, and none is nothing', async () => {
  let reads = 0;
  const once = async () => ({ items: [`a${++reads}`], next: null });
  expect(await walkAll([once], key => key)).toEqual({ complete: true, items: ['a1'] });
  expect(await walkAll<string>([], key => key)).toEqual({ complete: true, items: [] });
});
