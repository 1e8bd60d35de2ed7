// How far a step is, as whoever watches reads it: on one scale, whatever was counted by whom.
import { expect, test } from 'vitest';
import { countOf } from '../../client/cli/watch.js';
import type { LiveProgress } from '../../client/runs.js';
import { plan, progress, step } from './made-up.js';

const tickets = step('crm/tickets', {});
const of = (baseline: number, done: Parameters<typeof progress>[0]) => ({
  plan: plan({ steps: [{ ...tickets, baseline: { count: baseline, fingerprint: 'f' } }] }),
  steps: { [tickets.id]: progress(done) },
});
const live = (changed: number, all: number): LiveProgress => ({
  steps: { [tickets.id]: { changed, of: all } },
  current: tickets.id,
});

test.each([
  ['before anything', of(200, { state: 'queued' }), null, { changed: 0, of: 200 }],
  ['while the first activity works', of(200, { state: 'running' }), live(30, 200), { changed: 30, of: 200 }],
  ['between two', of(200, { state: 'queued', changed: 50, remaining: 150 }), null, { changed: 50, of: 200 }],
  [
    'while the second works',
    of(200, { state: 'running', changed: 50, remaining: 150 }),
    live(30, 150),
    { changed: 80, of: 200 },
  ],
  ['in a plan for what is left', of(21, { state: 'queued', changed: 175 }), null, { changed: 175, of: 196 }],
  ['at the end', of(21, { state: 'completed', changed: 196, remaining: 0 }), null, { changed: 196, of: 196 }],
])('%s', (_, status, heartbeat, counted) => {
  expect(countOf(status, tickets.id, heartbeat)).toEqual(counted);
});
