import { expect, test } from 'vitest';
import { summary } from '../../domain/summary.js';

test('a short text stays as it is', () => {
  expect(summary('Transfer 1,204 open tasks: Alice → Bob')).toBe('Transfer 1,204 open tasks: Alice → Bob');
});

test.each(['x', 'é', '名', '🦆', '"', '\\', '\n', 'e\u0301'])(
  'what is longer than a server takes is cut between characters (%j)',
  character => {
    const cut = summary(character.repeat(10_000));
    expect(new TextEncoder().encode(JSON.stringify(cut)).length).toBeLessThan(350);
    expect(cut).toMatch(/…$/);
    expect(encodeURIComponent(cut)).toBeTruthy();
    expect(cut.length).toBeGreaterThan(50);
  },
);
