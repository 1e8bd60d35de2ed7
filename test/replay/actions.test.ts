/**
 * What runs cost on Temporal Cloud, in the unit that it bills: counted in recorded histories, and said in
 * docs/deploying.md. What an action is: https://docs.temporal.io/cloud/actions
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { LOOK_EVERY_MS } from '../../domain/archive.js';
import { policySchema } from '../../domain/policy.js';
import { nextMoment, type SweepPolicy } from '../../domain/sweep.js';
import { type Recorded, recorded } from './histories.js';

const histories = new Map(recorded().map(one => [one.path, one]));
const docs = readFileSync(new URL('../../docs/deploying.md', import.meta.url), 'utf8').replace(/\s+/g, ' ');

/** Events that are an action each; an activity is one for every attempt. */
const BILLED = new Set([
  'WORKFLOW_EXECUTION_STARTED',
  'START_CHILD_WORKFLOW_EXECUTION_INITIATED',
  'TIMER_STARTED',
  'UPSERT_WORKFLOW_SEARCH_ATTRIBUTES',
  'WORKFLOW_EXECUTION_SIGNALED',
  'WORKFLOW_EXECUTION_UPDATE_ACCEPTED',
  'WORKFLOW_EXECUTION_OPTIONS_UPDATED',
  'SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED',
  'MARKER_RECORDED',
]);

function actionsIn({ history }: Recorded): number {
  return actionsOf(history.events);
}

function actionsOf(events: Recorded['history']['events']): number {
  return events.reduce((sum, event) => {
    const type = String(event.eventType).replace('EVENT_TYPE_', '');
    const started = event.activityTaskStartedEventAttributes as { attempt?: number } | undefined;
    return sum + (started ? (started.attempt ?? 1) : BILLED.has(type) ? 1 : 0);
  }, 0);
}

const of = (path: string): number => actionsIn(histories.get(path)!);
/** With the front door that the request came through. */
const asked = (path: string): number => of('front-door-started') + of(path);

describe('docs/deploying.md says what Temporal Cloud bills', () => {
  test.each([
    ['two systems, one acknowledgement, one approval, everybody switched off', () => asked('happy')],
    ['the same, unplanned', () => asked('unplanned')],
    ['the same, amended before it is approved', () => asked('amended')],
    ['the same, parked, mended and tried again', () => asked('parked-and-retried')],
    ['a preview', () => asked('preview')],
    ['a plan that is rejected', () => asked('rejected')],
    ['nothing to do', () => asked('nothing-to-do')],
  ])('%s', (words, count) => {
    expect(docs).toContain(`| ${words} | ${count()} |`);
  });

  test('a round of a sweep that finds nothing, and those of the shipped rhythm', () => {
    const { events } = histories.get('sweep')!.history;
    const looks = events.flatMap((event, n) => {
      const { activityType } = (event.activityTaskScheduledEventAttributes ?? {}) as {
        activityType?: { name?: string };
      };
      return activityType?.name === 'sweepLook' ? [n] : [];
    });
    const [from, to] = looks.slice(-2);
    const round = actionsOf(events.slice(from, to));
    const policy = policySchema.parse({}).sweep as SweepPolicy;
    const began = '2026-01-01T00:00:00.000Z';
    let rounds = 0;
    for (let at = nextMoment(policy, began, Date.parse(began)); at !== null; rounds++)
      at = nextMoment(policy, began, at);
    expect(docs).toContain(
      `a round that finds nothing is ${round} actions, and the shipped rhythm has ${rounds} rounds`,
    );
  });

  test('the look at what has closed, every five minutes', () => {
    // An execution of a schedule is three, the start of its workflow among them.
    const look = 3 + of('archive-closed') - 1;
    const aDay = (look * 86_400_000) / LOOK_EVERY_MS;
    expect(docs).toContain(`each look is ${look} actions, ${aDay.toLocaleString('en-US')} a day`);
  });
});
