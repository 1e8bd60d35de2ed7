/** The certificate says what is in the run and its receipts, and how sure we are of it. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { certificateOf, closingEntry, evidenceOf, type ReceiptSummary } from '../../domain/certificate.js';
import { bob, plan, progress, runIn, tasks } from './made-up.js';

const receipt = (step: string, more: Partial<ReceiptSummary> = {}): ReceiptSummary => ({
  step,
  page: 1,
  part: 1,
  state: 'done',
  sure: 'asked',
  mark: '700',
  effect: { changed: 3 },
  digest: 'd',
  ...more,
});
const closing = (run = runIn('closed')) => ({
  run,
  runId: 'r-1',
  outcome: 'completed' as const,
  sentence: 'Done.',
});
const stepIn = (id: string, run = runIn('closed'), receipts = [receipt('crm/tasks')]) =>
  certificateOf(closing(run), receipts, { seq: 4, hash: 'h' }).steps.find(one => one.id === id);

describe('how sure we are of a step', () => {
  test.each<[string, Partial<ReceiptSummary>[], string | null]>([
    ['nothing where nothing was done', [], null],
    ['asked, where the system said so of every effect', [{}, { page: 2 }], 'asked'],
    ['read, where one effect was only seen to be so', [{}, { page: 2, sure: 'read' }], 'read'],
    [
      'unsettled, where one end is not known',
      [{ sure: 'read' }, { page: 2, state: 'intended', sure: null }],
      'unsettled',
    ],
    ['nothing where an attempt came to nothing', [{ state: 'aborted', sure: 'read' }], null],
    [
      'asked, although an attempt before was only read to have come to nothing',
      [{ state: 'aborted', sure: 'read' }, {}],
      'asked',
    ],
  ])('%s', (_what, given, evidence) => {
    expect(evidenceOf(given.map(one => receipt('crm/tasks', one)))).toBe(evidence);
  });

  test('is as weak as its weakest effect, in whatever order', () => {
    const one = fc.constantFrom<Partial<ReceiptSummary>>(
      {},
      { sure: 'read' },
      { state: 'intended', sure: null },
    );
    fc.assert(
      fc.property(fc.array(one, { minLength: 1 }), given => {
        const receipts = given.map(more => receipt('crm/tasks', more));
        const weakest = receipts.some(({ state }) => state === 'intended')
          ? 'unsettled'
          : receipts.some(({ sure }) => sure === 'read')
            ? 'read'
            : 'asked';
        expect(evidenceOf(receipts)).toBe(weakest);
        expect(evidenceOf([...receipts].reverse())).toBe(weakest);
      }),
    );
  });

  test('is said of what we change by our own hand, the switch included, and of nothing else', () => {
    const receipts = [
      receipt('crm/tasks'),
      receipt('crm/deactivate', { sure: 'read' }),
      receipt('crm/mailbox'),
    ];
    expect(stepIn('crm/tasks', runIn('closed'), receipts)?.evidence).toBe('asked');
    expect(stepIn('crm/deactivate', runIn('closed'), receipts)?.evidence).toBe('read');
    expect(stepIn('crm/mailbox', runIn('closed'), receipts)?.evidence).toBeNull();
  });
});

describe('who took over', () => {
  const carol = { ...tasks.successors[0]!, personId: 'carol', label: 'Carol' };
  const shared = { ...tasks, successors: [...tasks.successors, carol], counts: [3, 0] };

  test('is who gained items', () => {
    const run = runIn('closed', { plan: plan({ steps: [shared] }) });
    expect(stepIn('crm/tasks', run)?.successors).toEqual([{ label: bob.name, personId: bob.id, items: 3 }]);
  });

  test('and whoever the rule names, where something came later', () => {
    const run = runIn('closed', {
      plan: plan({ steps: [shared] }),
      steps: { 'crm/tasks': progress({ arrived: 1 }) },
    });
    expect(stepIn('crm/tasks', run)?.successors.map(one => one.label)).toEqual(['Bob', 'Carol']);
  });
});

test('what became of a step stands beside what was planned', () => {
  const steps = { 'crm/tasks': progress({ state: 'completed', changed: 2, taken: 1 }) };
  expect(stepIn('crm/tasks', runIn('closed', { steps }))).toMatchObject({
    do: 'transfer',
    baseline: { count: 3 },
    state: 'completed',
    changed: 2,
    taken: 1,
  });
});

test('a run that never had a plan has a certificate all the same', () => {
  expect(certificateOf(closing(runIn('preparing')), [], null)).toMatchObject({
    plan: null,
    steps: [],
    accounts: [],
    chain: null,
  });
});

test('the last entry of the chain lists every receipt, also one whose effect nobody knows', () => {
  const receipts = [
    receipt('crm/tasks'),
    receipt('crm/tasks', { page: 2, state: 'intended', sure: null, effect: null }),
  ];
  expect(closingEntry(closing(), receipts)).toMatchObject({
    outcome: 'completed',
    receipts: [
      { page: 1, state: 'done', changed: 3, digest: 'd' },
      { page: 2, state: 'intended', changed: null },
    ],
  });
});
