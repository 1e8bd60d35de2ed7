import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keysOf as sealedByConnector } from '../../connectors/keys.js';
import { combined, fingerprintOf, type Keys } from '../../domain/keys.js';
import { joined, keysOf, listOf, numbersOf, sharesOf } from '../../store/keys.js';

const keys = fc.uniqueArray(fc.string({ unit: 'grapheme', maxLength: 12 }), { maxLength: 30 });

test('nothing has the fingerprint 0, as in PostgreSQL', () => {
  expect(fingerprintOf([])).toBe('0');
  expect(combined([])).toBe('0');
});

test('a fingerprint does not depend on the order, and is that of the parts combined', () => {
  fc.assert(
    fc.property(keys, fc.nat(30), (list, cut) => {
      const whole = fingerprintOf(list);
      expect(fingerprintOf([...list].reverse())).toBe(whole);
      expect(combined([fingerprintOf(list.slice(0, cut)), fingerprintOf(list.slice(cut))])).toBe(whole);
    }),
  );
});

test('a fingerprint is a 64-bit number with its sign, the form in which PostgreSQL gives one', () => {
  fc.assert(
    fc.property(keys, list => {
      const number = BigInt(fingerprintOf(list));
      expect(BigInt.asIntN(64, number)).toBe(number);
    }),
  );
});

test('200,000 neighbouring keys have 200,000 fingerprints, of numbers and of texts', () => {
  const seen = new Set<string>();
  for (let n = 0; n < 100_000; n++) {
    seen.add(fingerprintOf([String(n)]));
    seen.add(fingerprintOf([`item-${n}`]));
  }
  expect(seen.size).toBe(200_000);
});

test('two keys that changed their places between two sets are told from those that did not', () => {
  expect(fingerprintOf(['a1', 'b2'])).not.toBe(fingerprintOf(['a2', 'b1']));
  expect(fingerprintOf(['12', '3'])).not.toBe(fingerprintOf(['1', '23']));
});

test('every bit of a fingerprint is set for about half of the keys', () => {
  const counts = Array.from({ length: 64 }, () => 0);
  for (let n = 0; n < 4_000; n++) {
    const hash = BigInt.asUintN(64, BigInt(fingerprintOf([String(n)])));
    for (let bit = 0; bit < 64; bit++) if ((hash >> BigInt(bit)) & 1n) counts[bit]!++;
  }
  for (const count of counts) expect(Math.abs(count - 2_000)).toBeLessThan(200);
});

test('sealed keys come out as they went in, whoever sealed them', () => {
  fc.assert(
    fc.property(keys, list => {
      expect(listOf(keysOf(list))).toEqual(list);
      expect(listOf(sealedByConnector(list))).toEqual(list);
    }),
  );
  expect(numbersOf(sharesOf([0, 2, 1]))).toEqual([0, 2, 1]);
});

test('pages are joined to one set, as PostgreSQL wrote them or as lists', async () => {
  const written = (text: string, count: number) => ({ keys: text as unknown as Keys, count });
  const pages = async function* (...all: { keys: Keys; count: number }[]) {
    yield* all;
  };
  const texts = await joined(pages(written('{1,2}', 2), written('{}', 0), written('{"a,b",NULL_,"\\""}', 3)));
  expect([texts.count, listOf(texts.keys)]).toEqual([5, ['1', '2', 'a,b', 'NULL_', '"']]);
  const lists = await joined(
    pages({ keys: keysOf(['x']), count: 1 }, { keys: keysOf(['{y}', 'z']), count: 2 }),
  );
  expect([lists.count, listOf(lists.keys)]).toEqual([3, ['x', '{y}', 'z']]);
  expect(listOf((await joined(pages())).keys)).toEqual([]);
});
