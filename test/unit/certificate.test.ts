/** The certificate says what is in the run and its receipts, and how sure we are of it. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Approved, GivenApproval } from '../../domain/approved.js';
import { certificateOf, closingEntry } from '../../domain/certificate.js';
import type { ReceiptSummary } from '../../domain/effect.js';
import { evidenceOf } from '../../domain/evidence.js';
import type { Plan } from '../../domain/plan.js';
import type { Run } from '../../domain/run.js';
import { bob, NOW, order, plan, priya, progress, runIn, tasks } from './made-up.js';

const receipt = (step: string, more: Partial<ReceiptSummary> = {}): ReceiptSummary => ({
  manifest: plan().manifest,
  step,
  page: 1,
  part: 1,
  state: 'done',
  sure: 'asked',
  mark: '700',
  effect: { changed: 3, perTaker: [3] },
  digest: 'd',
  aborted: 0,
  at: NOW,
  ...more,
});
const closing = (run = runIn('closed')) => ({
  run,
  runId: 'r-1',
  outcome: 'completed' as const,
  sentence: 'Done.',
  after: [],
});
const plans = ({ plan: last, approvals }: Run): Approved[] =>
  last ? [{ plan: last, made: NOW, approvals: approvals.map(({ by }) => ({ ...given('', last), by })) }] : [];
const given = (name: string, { revision, digest }: Plan): GivenApproval => ({
  by: { id: name.toLowerCase(), name, identity: { kind: 'claimed' } },
  at: NOW,
  plan: { revision, digest },
});
const stepIn = (id: string, run = runIn('closed'), receipts = [receipt('crm/tasks')]) =>
  certificateOf(closing(run), receipts, { seq: 4, hash: 'h' }, [], plans(run)).steps.find(
    one => one.id === id,
  );

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
    const effects = (id: string) => stepIn(id, runIn('closed'), receipts)?.effects;
    expect(['crm/tasks', 'crm/deactivate', 'crm/mailbox'].map(effects)).toEqual(['asked', 'read', null]);
  });

  test('every line has a class of its own kind: asked or read, observed, attested', () => {
    const steps = { 'crm/deactivate': progress({ state: 'completed' }) };
    const run = runIn('closed', { steps });
    const known = (id: string, given = run) => stepIn(id, given, [receipt('crm/tasks')])?.evidence;
    expect(
      ['crm/tasks', 'crm/teams', 'crm/mailbox', 'crm/closed_tasks', 'crm/deactivate'].map(id => known(id)),
    ).toEqual(['asked', 'observed', 'attested', 'observed', 'observed']);
    expect(known('crm/mailbox', { ...run, acknowledgements: {} })).toBe('observed');
    expect(known('crm/deactivate', runIn('closed'))).toBeNull();
    const observed = { crm: NOW };
    expect(certificateOf(closing({ ...run, observed }), [], null, [], []).observed).toEqual(observed);
  });
});

describe('what a certificate does not vouch for is printed in it', () => {
  const steps = {
    'crm/tasks': progress({ state: 'completed' }),
    'crm/teams': progress({ state: 'not-run' }),
    'crm/deactivate': progress({ state: 'completed' }),
  };
  const said = (more: Partial<Run> = {}, receipts = [receipt('crm/tasks')]) =>
    of(runIn('closed', { steps, ...more }), receipts);
  const of = (run: Run, receipts: ReceiptSummary[]): string[] =>
    certificateOf(closing(run), receipts, null, [], plans(run)).notCovered;
  const proofs = { crm: { at: NOW, within: true, kept: [] } };
  const covered = {
    kind: 'read' as const,
    at: NOW,
    places: 9,
    acknowledged: 1,
    open: [],
    more: 0,
    undecided: 0,
  };

  test.each<[string, Partial<Run>, ReceiptSummary[] | undefined, string]>([
    [
      'coverage that nobody could look at',
      {},
      undefined,
      'CRM: whether every place that can hold a person is in its catalog was not checked.',
    ],
    [
      'places that are in no catalog',
      { coverage: { crm: { ...covered, open: [{ place: 'public.x.y', evidence: '', line: '' }], more: 2 } } },
      undefined,
      'CRM: public.x.y and 2 more can hold a person and stand in no catalog.',
    ],
    [
      'places about which nothing is certain',
      { coverage: { crm: { ...covered, undecided: 3 } } },
      undefined,
      'CRM: of 3 places it is not certain whether they hold people.',
    ],
    [
      'a switch that was proved from outside',
      { access: { crm: 'deactivated' }, proofs: { crm: { ...proofs.crm, within: false } } },
      undefined,
      'CRM: what came in the moment between the last look and the switch was not seen before it.',
    ],
    [
      'systems that were left out',
      { order: { ...order, systems: ['crm'] } },
      undefined,
      'Only crm were looked at, as the request asked.',
    ],
    [
      'systems without an account',
      { access: { crm: 'absent' } },
      undefined,
      'CRM: no account was found, so nothing was looked at there.',
    ],
    [
      'accounts that are still there',
      { access: { crm: 'open' } },
      undefined,
      'CRM: the account is still there (open).',
    ],
    [
      'a switch without a proof',
      { access: { crm: 'deactivated' } },
      undefined,
      'CRM: what it showed before the switch is not recorded.',
    ],
    ['steps that were not finished', {}, undefined, 'crm/teams was not finished (not-run).'],
    [
      'effects that were only read',
      {},
      [receipt('crm/tasks', { sure: 'read' })],
      'crm/tasks: some effects were only read to be so, not asked for.',
    ],
    [
      'effects that nobody knows',
      {},
      [receipt('crm/tasks', { state: 'intended', sure: null })],
      'crm/tasks: what became of some effects is not known.',
    ],
    [
      'what people attest',
      {},
      undefined,
      'crm/mailbox: 3 still there; what becomes of them is attested by Olivia alone.',
    ],
    [
      'decisions that nobody proved',
      {},
      undefined,
      'That the decisions of Priya, Olivia are theirs is claimed, not verified.',
    ],
  ])('%s', (_what, more, receipts, sentence) => {
    expect(said(more, receipts)).toContain(sentence);
  });

  test('and nothing that it does vouch for', () => {
    const verified = { ...priya, identity: { kind: 'verified' as const, by: 'the gateway' } };
    const done = { ...steps, 'crm/teams': progress({ state: 'completed' }) };
    const sure = said({
      steps: done,
      proofs,
      coverage: { crm: covered },
      access: { crm: 'deactivated' },
      held: { 'crm/mailbox': 0 },
      approvals: [{ by: verified, at: NOW }],
      acknowledgements: {},
    });
    expect(sure).toEqual([]);
    expect(certificateOf(closing(runIn('preparing')), [], null, [], []).notCovered).toHaveLength(1);
  });
});

describe('who took over', () => {
  const carol = { ...tasks.successors[0]!, personId: 'carol', label: 'Carol' };
  const shared = { ...tasks, successors: [...tasks.successors, carol], counts: [3, 0] };

  const run = runIn('closed', { plan: plan({ steps: [shared] }) });
  const got = (...perTaker: number[]) =>
    receipt('crm/tasks', { effect: { changed: perTaker.reduce((a, b) => a + b), perTaker } });

  test('is who gained items, by the receipts and not by the plan', () => {
    const taken = [{ label: 'Carol', personId: 'carol', items: 2 }];
    expect(stepIn('crm/tasks', run, [got(0, 2)])?.successors).toEqual(taken);
  });

  test('is nobody where nothing was done, whomever the plan names', () => {
    const aborted = { ...got(3, 0), state: 'aborted' as const };
    expect(stepIn('crm/tasks', run, [aborted])).toMatchObject({ successors: [], under: [] });
  });

  test('is said plan by plan, with who had approved each', () => {
    const first = { ...plan({ steps: [shared] }), revision: 1, digest: 'one', manifest: 'm-1' };
    const second = { ...first, revision: 2, digest: 'two', manifest: 'm-2', steps: [tasks] };
    const both: Approved[] = [
      { plan: first, made: NOW, approvals: [given('Priya', first)] },
      { plan: second, made: NOW, approvals: [given('Dan', second)] },
    ];
    const done = [
      { ...got(1, 2), manifest: 'm-1' },
      { ...got(4), manifest: 'm-2' },
    ];
    const body = certificateOf(closing(runIn('closed', { plan: second })), done, null, [], both);
    expect(body.approvals.map(({ by, plan: { revision } }) => [by.name, revision])).toEqual([
      ['Priya', 1],
      ['Dan', 2],
    ]);
    expect(body.steps.find(({ id }) => id === 'crm/tasks')).toMatchObject({
      successors: [
        { label: bob.name, items: 5 },
        { label: 'Carol', items: 2 },
      ],
      under: [
        { revision: 1, digest: 'one', approvedBy: ['Priya'], changed: 3 },
        { revision: 2, digest: 'two', approvedBy: ['Dan'], changed: 4, successors: [{ items: 4 }] },
      ],
    });
    // What the last plan has no more was done all the same.
    const dropped = certificateOf(
      closing(runIn('closed', { plan: { ...second, steps: [] } })),
      done.slice(0, 1),
      null,
      [],
      [both[0]!, { ...both[1]!, plan: { ...second, steps: [] } }],
    );
    expect(dropped.steps).toMatchObject([{ id: 'crm/tasks', dropped: true, under: [{ revision: 1 }] }]);
  });

  test('an account that was switched was switched under the plan that stood then', () => {
    const one = { ...plan(), revision: 1, digest: 'one', manifest: 'm-1' };
    const two = { ...one, revision: 2, digest: 'two', manifest: 'm-2' };
    const both: Approved[] = [
      { plan: one, made: '2026-01-01T00:00:00.000Z', approvals: [] },
      { plan: two, made: '2026-01-03T00:00:00.000Z', approvals: [] },
    ];
    const at = '2026-01-02T00:00:00.000Z';
    const off = receipt('crm/deactivate', { manifest: 'o-1', at, effect: { changed: 1, perTaker: [] } });
    const body = certificateOf(closing(runIn('closed', { plan: two })), [off], null, [], both);
    expect(body.steps.find(({ id }) => id === 'crm/deactivate')?.under).toMatchObject([{ revision: 1 }]);
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
  expect(certificateOf(closing(runIn('preparing')), [], null, [], [])).toMatchObject({
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
  const manifests = [{ manifest: 'm', pages: 2, digest: 's' }];
  expect(closingEntry(closing(), receipts, manifests)).toMatchObject({
    outcome: 'completed',
    manifests,
    receipts: [
      { page: 1, state: 'done', changed: 3, digest: 'd' },
      { page: 2, state: 'intended', changed: null },
    ],
  });
});
