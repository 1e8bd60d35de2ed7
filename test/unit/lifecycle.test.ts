/** The life of a run as data: every event in every state, and the picture of it in ARCHITECTURE.md. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  FIRST,
  isOutcome,
  isOver,
  LIFECYCLE,
  lifecycleAsMarkdown,
  type RunEvent,
  stateAfter,
} from '../../domain/lifecycle.js';
import type { RunState } from '../../domain/model.js';
import { STATES } from './made-up.js';

const EVENTS = [...new Set(Object.values(LIFECYCLE).flatMap(events => Object.keys(events)))] as RunEvent[];
const nextOf = (state: RunState): RunState[] => Object.values(LIFECYCLE[state]);

function reachableFrom(state: RunState): Set<RunState> {
  const reached = new Set([state]);
  for (const one of reached) for (const next of nextOf(one)) reached.add(next);
  return reached;
}

describe.each(STATES)('a run that is %s', state => {
  test.each(EVENTS)('%s: leads to a state, or is an error that names both', event => {
    const next = LIFECYCLE[state][event];
    if (next) expect(stateAfter(state, event)).toBe(next);
    else expect(() => stateAfter(state, event)).toThrow(`"${event}" does not fit a run that is "${state}"`);
  });

  test('can be reached, and always comes to its end', () => {
    expect([...reachableFrom(FIRST)]).toContain(state);
    expect([...reachableFrom(state)]).toContain('closed');
  });
});

test('the table knows every state, and nothing but the states', () => {
  expect(Object.keys(LIFECYCLE).sort()).toEqual([...STATES].sort());
  expect(() => stateAfter('closed', 'toString' as RunEvent)).toThrow(/does not fit/);
});

test('an outcome always leads to closing, nothing else does, and only closing leads to closed', () => {
  for (const state of STATES)
    for (const [event, next] of Object.entries(LIFECYCLE[state]) as [RunEvent, RunState][]) {
      expect([state, event, next === 'closing']).toEqual([state, event, isOutcome(event)]);
      expect([state, event, next === 'closed']).toEqual([state, event, state === 'closing']);
    }
});

test('every state in which something can still be decided can be cancelled', () => {
  for (const state of STATES)
    expect([state, 'cancelled' in LIFECYCLE[state]]).toEqual([state, !isOver(state)]);
});

test('nobody is switched off but after every step: only executing leads to deactivating', () => {
  expect(STATES.filter(state => nextOf(state).includes('deactivating'))).toEqual(['executing']);
});

test('ARCHITECTURE.md shows the same table', () => {
  const page = readFileSync(new URL('../../ARCHITECTURE.md', import.meta.url), 'utf8').split('\n');
  const start = page.indexOf(lifecycleAsMarkdown()[0]!);
  const shown = page.slice(start, start + lifecycleAsMarkdown().length);
  expect(shown, `The table to show is:\n${lifecycleAsMarkdown().join('\n')}`).toEqual(lifecycleAsMarkdown());
});
