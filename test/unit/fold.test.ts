import { expect, test } from 'vitest';
import { FOLDS, type Fold, folded, isBlank, isPlaceholder, sayDifference } from '../../domain/fold.js';

test.each<[Fold, string, string]>([
  ['case', 'Ann@X.example', 'ann@x.EXAMPLE'],
  ['unicode', 'ren\u00e9e', 'rene\u0301e'],
  ['blanks', 'ann', '\u00a0ann\t'],
  ['unicode', 'ann', 'a\u00adnn\u200b\ufeff'],
  ['zeros', '712', '000712'],
  ['zeros', '712', '+712.0'],
  ['uuid', 'urn:uuid:{6F9619FF-8B86-D011-B42D-00C04FC964FF}', '6f9619ff8b86d011b42d00c04fc964ff'],
])('%s alone makes these the same, and without it they are not', (fold, one, other) => {
  expect(folded(one, [fold])).toBe(folded(other, [fold]));
  const rest = FOLDS.filter(each => each !== fold);
  expect(folded(one, rest)).not.toBe(folded(other, rest));
});

test('zeros alone are a zero, and what is no uuid keeps its hyphens', () => {
  expect(folded('000', ['zeros'])).toBe('0');
  expect(folded('a-b', ['uuid'])).toBe('a-b');
});

test('what consists of blanks is blank', () => {
  expect(['', ' ', '\u00a0\n', null, undefined].every(isBlank)).toBe(true);
  expect(isBlank('0')).toBe(false);
});

test('a difference is said by what is needed to see past it', () => {
  expect(sayDifference('B-7', ' b-7')).toBe('upper and lower case and blanks around it');
});

test.each(['N/A', 'na', ' none ', '-', '--', '0', '000', '9999', 'xxx', '?', 'TBD', 'unknown'])(
  '%j stands for nothing',
  value => expect(isPlaceholder(value)).toBe(true),
);
test.each(['7', '99', '4711', 'a', 'nan', 'E0', '1000', 'nora'])('%j may be somebody', value =>
  expect(isPlaceholder(value)).toBe(false),
);
