import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { sha256 } from '../../domain/sha256.js';

test('gives what everybody else gives, for texts of every length', () => {
  const given = (text: string): string => createHash('sha256').update(text).digest('hex');
  for (let length = 0; length < 200; length++)
    expect(sha256('a'.repeat(length))).toBe(given('a'.repeat(length)));
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), text => sha256(text) === given(text)),
  );
});
