/** A connection's values reach whoever asks for them by name, and nobody else. */
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { Bundle } from '../../domain/bundle.js';

const bundle = new Bundle('system "sell"', { base: 'https://sell.example', token: 'hunter2' });

test('a bundle gives its values by name', () => {
  expect(bundle.need('token')).toBe('hunter2');
  expect(bundle.may('base')).toBe('https://sell.example');
  expect(bundle.may('certificate')).toBeNull();
});

test('a value that is needed and not named is a mistake of the configuration', () => {
  expect(() => bundle.need('url')).toThrow(
    'The connection of system "sell" names no "url", which is needed.',
  );
});

test('a bundle shows names and never values, however it is printed', () => {
  const printed = [
    `${bundle}`,
    JSON.stringify({ bundle }),
    inspect({ bundle }),
    inspect(bundle, { showHidden: true, depth: 9 }),
  ];
  for (const text of printed) {
    expect(text).toContain('token');
    expect(text).not.toContain('hunter2');
  }
});
