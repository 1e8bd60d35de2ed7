/**
 * The connector without transactions keeps the contract, whatever its system does to it; also where the
 * system takes one item at a time, knows items by number, and can do next to nothing.
 */
import { expect, test } from 'vitest';
import { readCatalog } from '../../connectors/catalog/file.js';
import { describeContract } from './contract.js';
import { memoryHarness } from './memory/harness.js';
import { KINDS_WITH_MEMORY } from './memory/kind.js';

describeContract(memoryHarness({ connect: '{ lands_within_ms: 120 }' }));

describeContract({
  ...memoryHarness({
    connect: '{ bulk: 1, lands_within_ms: 120 }',
    doubts: ['lands-late'],
    lacks: ['block', 'unblock', 'reactivate', 'guards', 'seats', 'unassigned'],
    keys: {
      nth: n => String(4711 + n),
      odd: ['9007199254740993', '123456789012345678901234567890', '0', '-1'],
    },
  }),
  kind: 'memory that can do little',
});

test('a catalog of this kind does not get away with what every kind may say and this one does not do', () => {
  const reading = readCatalog(
    `version: 1
system: desk
title: Desk
kind: memory
categories:
  things: { title: Things, do: transfer, fires_at: label, link: 'https://desk.example/{key}', secret: [owner] }
`,
    'desk.yaml',
    KINDS_WITH_MEMORY,
  );
  const mistakes = reading.ok ? [] : reading.mistakes;
  expect(mistakes.map(String).join('\n')).toMatch(
    /link: the kind memory does nothing.*\n.*fires_at.*\n.*secret/,
  );
});
