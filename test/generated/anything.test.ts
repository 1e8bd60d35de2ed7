/**
 * A workflow task that fails is a defect. Everything that a handler, a query or an input of a workflow calls is
 * driven with generated values here: whatever somebody sends, in whatever state a run is, nothing throws, and
 * what comes of it can be shown, carried and judged again. `HANDOVER_CASES=100000` for a long one. The same on
 * a real server: test/e2e/door, test/e2e/floods, test/faults.
 */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { objection, written } from '../../domain/door.js';
import {
  type Counted,
  counting,
  type Flood,
  type SummedFlood,
  sayFlood,
  summedUp,
} from '../../domain/flood.js';
import { judge } from '../../domain/judge.js';
import { MESSAGE } from '../../domain/limits.js';
import { details } from '../../domain/markdown.js';
import type { RunState } from '../../domain/model.js';
import { nextMessages } from '../../domain/next.js';
import { outlineOf } from '../../domain/outline.js';
import {
  DECISIONS,
  decisionSchemas,
  parseArchiveRequest,
  parseDecision,
  parsePeople,
  parseRequest,
} from '../../domain/request.js';
import type { Run } from '../../domain/run.js';
import { tree } from '../../domain/tree.js';
import { withTold } from '../../domain/trouble.js';
import { dueAt, waitingNow, waitingOn, waitingView } from '../../domain/waiting.js';
import { decider, plan, progress, runIn } from '../unit/made-up.js';

const CASES = Number(process.env.HANDOVER_CASES ?? 2_000);
const NOW = '2026-11-26T17:21:00.000Z';

const name = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...DECISIONS) },
  fc.constantFrom(
    '__proto__',
    'constructor',
    'toString',
    'reserved __temporal_x',
    'troubled',
    'x'.repeat(900),
  ),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }),
);
const step = plan().steps[0]!.id;
const words = fc.oneof(
  fc.constantFrom(
    '',
    'priya',
    '__proto__',
    'constructor',
    step,
    plan().digest,
    '\u0000',
    '\ud800',
    '💥',
    'null',
  ),
  fc.string({ unit: 'binary', maxLength: 50 }),
);
const moment = fc.oneof(
  fc.date({ noInvalidDate: true }).map(date => date.toISOString()),
  fc.constantFrom(
    '9999-12-31T23:59:59-12:00',
    '0001-01-01T00:00:00+14:00',
    '2026-02-29',
    '+275760-09-13',
    '2200-01-01',
    'now',
  ),
);
const deep = fc
  .integer({ min: 1, max: 18_000 })
  .map(depth => JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`) as unknown);
const anything = fc.oneof(
  { weight: 4, arbitrary: fc.jsonValue({ maxDepth: 4 }) },
  words,
  moment,
  deep,
  fc.constant(undefined),
);
/** The keys of all messages and requests, with values that nearly fit. */
const keys = [
  ...new Set([
    ...Object.values(decisionSchemas).flatMap(schema => Object.keys(schema.shape)),
    'user',
    'requestedBy',
  ]),
];
const nearly = fc.dictionary(
  fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...keys) }, words),
  fc.oneof(words, moment, anything),
);
/** What fits: for it the rules are really asked. */
const fitting = fc.record(
  {
    by: fc.constantFrom('priya', 'olivia'),
    plan: fc.constantFrom(plan().digest, 'f'.repeat(12)),
    category: fc.oneof(fc.constant(step), fc.array(words, { minLength: 1, maxLength: 3 })),
    step: fc.constantFrom(step, 'no/such'),
    keys: fc.constant('a'.repeat(12)),
    reason: fc.constantFrom('because', 'they said so'),
    successor: fc.oneof(words, fc.constant(null)),
    effectiveAt: moment,
    access: fc.constantFrom('keep', 'restore'),
    note: words,
  },
  { requiredKeys: ['by'] },
);
const payload = fc.oneof({ weight: 3, arbitrary: nearly }, { weight: 3, arbitrary: fitting }, anything);

const STATES: RunState[] = [
  'preparing',
  'needs-correction',
  'awaiting-approval',
  'scheduled',
  'executing',
  'needs-attention',
  'deactivating',
  'closing',
  'closed',
];
const run = fc
  .record({
    state: fc.constantFrom(...STATES),
    hasPlan: fc.boolean(),
    failed: fc.boolean(),
    paused: fc.boolean(),
  })
  .map(({ state, hasPlan, failed, paused }): Run => {
    const given = runIn(state, hasPlan ? {} : { plan: null, steps: {} });
    const steps =
      failed && hasPlan
        ? {
            ...given.steps,
            [step]: progress({
              state: 'failed',
              message: 'no',
              leftover: { digest: 'a'.repeat(64), count: 1, sample: [] },
            }),
          }
        : given.steps;
    return {
      ...given,
      steps,
      pausedBy: paused ? { ...decider('Olivia'), identity: { kind: 'claimed' } } : null,
    };
  });

describe('nothing that anybody sends is stumbled over', () => {
  test('requests, inputs and looks', () => {
    fc.assert(
      fc.property(fc.oneof(nearly, anything), given => {
        for (const parse of [parseRequest, parseArchiveRequest]) {
          const parsed = parse(given);
          if (!parsed.ok) expect(parsed.sentence).toMatch(/\.$/);
        }
        parsePeople(given);
        withTold({}, given);
        expect(written(given, 2_000).length).toBeLessThan(2_100);
      }),
      { numRuns: CASES },
    );
  });

  test('decisions, in every state: judged, shown, asked for, and carried on', () => {
    fc.assert(
      fc.property(
        run,
        fc.array(fc.tuple(name, payload), { minLength: 1, maxLength: 4 }),
        (given, letters) => {
          const now = structuredClone(given);
          for (const [message, content] of letters) {
            const parsed = parseDecision(message, content);
            if (!parsed.ok) {
              expect(parsed.sentence).toMatch(/\.$/);
              continue;
            }
            const who = {
              ...decider('Priya', { operator: true, approver: true }),
              identity: { kind: 'claimed' as const },
            };
            const verdict = judge(now, parsed.value, who, NOW);
            expect(verdict.sentence).toMatch(/\S/);
            if (verdict.accepted) Object.assign(now, verdict.changes);
            now.waiting = waitingNow(now, NOW);
          }
          for (const show of [details, tree, nextMessages, waitingOn, waitingView, dueAt]) show(now);
          // It goes on in a fresh execution: what it carries is JSON, and its request can be read again.
          expect(parseRequest(JSON.parse(JSON.stringify(now.order)))).toMatchObject({ ok: true });
          if (now.plan) expect(outlineOf(now.plan).digest).toBe(now.plan.digest);
        },
      ),
      { numRuns: CASES },
    );
  });

  test('floods: all are counted, whatever they are called, and said in one line', () => {
    const counted = fc.record({
      number: fc.nat(),
      at: fc.constant(NOW),
      message: words,
      by: fc.oneof(words, fc.constant(null)),
      reason: fc.constantFrom('no-such-message', 'unreadable', 'unknown-sender', 'not-allowed'),
      whole: fc.jsonValue(),
    }) as fc.Arbitrary<Counted>;
    fc.assert(
      fc.property(fc.array(counted, { minLength: 1, maxLength: 40 }), all => {
        const flood = all.reduce<Flood | null>(counting, null)!;
        const sum = all.reduce<SummedFlood | null>(summedUp, null)!;
        for (const tally of [flood.messages, flood.senders, sum.reasons])
          expect(Object.values(tally).reduce((one, other) => one + other, 0)).toBe(all.length);
        expect(sum).toMatchObject({ count: all.length, from: all[0]!.number, to: all.at(-1)!.number });
        expect(sayFlood(sum)).toContain('refused');
      }),
      { numRuns: CASES / 4 },
    );
  });

  test('what the door lets in is small: written out, it fits where it must', () => {
    fc.assert(
      fc.property(payload, given => {
        if (objection(given) === null)
          expect((JSON.stringify(given) ?? '').length).toBeLessThanOrEqual(MESSAGE.characters);
      }),
      { numRuns: CASES },
    );
  });
});
