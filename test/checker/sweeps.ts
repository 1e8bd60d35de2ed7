/**
 * What comes after the switch: the invariants over the rest of a leaver's life. That a sweep takes only what is
 * the leaver's, moves it where the plan says and touches nothing else is looked at where a run's moves are
 * (reality.ts); here is what a sweep owes besides: it begins after the switch, follows the approved plan, keeps
 * a ledger and a chain of its own, and tells everything once, in numbered addenda.
 */
import { bodiesOf, checkBegun, checkNothingBehind } from './after.js';
import type { After, AuditRow, ReceiptRow, Told } from './evidence.js';
import { plainKey, waivedKeys } from './reality.js';
import { checkChain, checkImages, checkPages, checkReceipt, receiptDigest, sha256 } from './record.js';
import { nameOf, pageOf, type SweptEffect, type Tied } from './tie.js';
import type { Say } from './violation.js';

export function checkSweeps(tied: Tied, say: Say): void {
  for (const run of tied.runs) {
    checkNumbers(run, say);
    for (const sweep of run.sweeps) {
      const swept = tied.swept.filter(one => one.sweep === sweep);
      checkBegun(run, sweep, 'sweep', say);
      checkOrder(tied, run, sweep, swept, say);
      checkRules(tied, run, sweep, swept, say);
      checkSweptLedger(run, sweep, swept, say);
      checkTold(run, sweep, swept, say);
    }
  }
}

/** What a round tells, in the sweep's chain and once more in an addendum. */
interface Round {
  round: number;
  plan: string | null;
  moved: number;
  steps: { step: string; state: string; changed?: number }[];
  questions: object[];
  receipts: Pick<ReceiptRow, 'step' | 'page' | 'part' | 'state' | 'changed' | 'digest'>[];
}

type Addendum = Round & {
  sweep?: string;
  /** In its place, where a give-back wrote it: then it tells of no round (give-backs.ts). */
  giveBack?: string;
  offboarding: string;
  certificate: string | null;
};

interface Numbered {
  number: number;
  digest: string;
  body: Addendum;
}

function addendaOf(run: Told): Numbered[] {
  const ends = run.audit.filter(({ kind }) => kind === 'closed').length;
  return run.certificates
    .filter(({ number }) => number >= Math.max(1, ends))
    .map(({ number, digest, body }) => ({ number, digest, body: JSON.parse(body) as Addendum }));
}

/** The entry that a sweep ends with; nothing of it is under way any more. */
const endOf = ({ audit }: After): AuditRow | undefined => audit.find(({ kind }) => kind === 'sweep-ended');

/** I9: addenda are numbered without a gap, each cites the certificate, and the run's chain names each. */
function checkNumbers(run: Told, say: Say): void {
  const addenda = addendaOf(run);
  const first = addenda[0]?.number ?? 0;
  for (const [n, { number, digest, body }] of addenda.entries()) {
    if (number !== first + n) say('I9', `addendum ${number} stands where addendum ${first + n} should`);
    if (body.sweep === undefined && body.giveBack === undefined)
      say('I9', `addendum ${number} is of no sweep and of no give-back`);
    if (body.offboarding !== run.offboarding || body.certificate !== run.certificates[0]?.digest)
      say('I9', `addendum ${number} does not cite the certificate that it is added to`);
    const named = bodiesOf<{ number: number; digest: string; moved: number }>(run.audit, 'addendum');
    if (!named.some(one => one.number === number && one.digest === digest && one.moved === body.moved))
      say('I9', `addendum ${number} is not in the trail as it is`);
  }
  for (const one of bodiesOf<{ number: number }>(run.audit, 'addendum'))
    if (!addenda.some(({ number }) => number === one.number))
      say('I9', `the trail names addendum ${one.number}, and there is none`);
}

/** I7: a sweep moves nothing before everybody is switched off, and nothing after its own end. */
function checkOrder(
  { effects }: Tied,
  run: Told,
  sweep: After,
  swept: readonly SweptEffect[],
  say: Say,
): void {
  const off = effects.filter(one => one.run === run && one.verb === 'deactivate');
  const end = endOf(sweep);
  if (swept.length > 0 && off.length === 0)
    say('I7', `a sweep has moved something, and nobody was switched off`);
  for (const { event } of swept) {
    if (off.some(one => one.event.txid > event.txid))
      say('I7', `${nameOf(event)} was moved by a sweep before the leaver had been switched off`);
    if (end && event.at > end.at) say('I7', `${nameOf(event)} was moved after its sweep had ended`);
  }
}

/** I8: the rules of a round are those of the approved plan, and what these leave to people is left to them. */
function checkRules(
  { frozen, effects }: Tied,
  run: Told,
  sweep: After,
  swept: readonly SweptEffect[],
  say: Say,
): void {
  const approved = run.plans.at(-1)!;
  const waived = waivedKeys(run, frozen);
  for (const { digest, plan, body } of sweep.plans) {
    const name = `plan ${digest.slice(0, 12)} of the sweep`;
    if (sha256(body) !== digest) say('I9', `${name} does not give its digest`);
    const planned = bodiesOf<{ digest: string; of: string }>(sweep.audit, 'planned');
    if (!planned.some(one => one.digest === digest && one.of === approved.digest))
      say('I8', `${name} is not in its trail as one that follows the approved plan`);
    for (const step of plan.steps) {
      const rule = approved.plan.steps.find(({ id }) => id === step.id);
      if (rule?.do !== step.do || JSON.stringify(rule.successors) !== JSON.stringify(step.successors))
        say('I8', `${name} has another rule for ${step.id} than people have approved`);
      if (waived.has(step.id)) say('I8', `${name} moves ${step.id}, which an approved skip has waived`);
      const { floor, percent } = approved.plan.policy.drift;
      const most = Math.max(floor, Math.floor(((rule?.baseline.count ?? 0) * percent) / 100));
      const named = (origin: string): number =>
        sweep.pages
          .filter(one => one.manifest === plan.manifest && one.step === step.id && one.origin === origin)
          .reduce((sum, { keys }) => sum + keys.length, 0);
      const count = named('approved');
      if (count !== step.baseline.count)
        say('I8', `${name} says ${step.baseline.count} of ${step.id}, its manifest holds ${count}`);
      // What comes while a round is under way goes with it, as in a run.
      for (const at of [count, named('arrived')])
        if (at > most)
          say('I8', `${name} moves ${at} of ${step.id} at once; ${most} may follow the approved plan`);
    }
  }
  for (const { event, page, receipt } of swept)
    if (!page?.keys.map(plainKey).includes(plainKey(event.key)))
      say('I8', `${nameOf(event)} was changed by a sweep, and its page of ${receipt.step} does not name it`);
  const policy = approved.plan.policy.sweep;
  const returns = policy && policy !== 'off' ? policy.returns : 0;
  // Within a round an item may come back and go once more.
  const times = new Map<string, Set<string>>();
  for (const { event, ground, receipt } of [...effects.filter(one => one.run === run), ...swept])
    if (ground)
      times.set(nameOf(event), (times.get(nameOf(event)) ?? new Set<string>()).add(receipt.manifest));
  for (const { event } of swept) {
    const { size } = times.get(nameOf(event))!;
    if (size > returns)
      say('I8', `${nameOf(event)} was moved ${size} times; after ${returns} it is left to people`);
  }
}

/** I6: a sweep's receipts are what the witness saw, item by item. */
function checkSweptLedger(run: Told, sweep: After, swept: readonly SweptEffect[], say: Say): void {
  checkChain(sweep, (invariant, message) => say(invariant, `the sweep's chain: ${message}`));
  checkPages(sweep, say);
  for (const receipt of sweep.receipts) {
    const name = `the sweep's receipt of ${receipt.step} page ${receipt.page}`;
    if (receipt.digest !== receiptDigest(receipt)) say('I9', `${name} does not give its digest`);
    checkImages(sweep, receipt, name, say);
    // While it is under way, what has just moved may not be seen yet.
    if (!endOf(sweep)) continue;
    const seen = swept.filter(one => one.receipt === receipt);
    const page = pageOf(sweep, receipt);
    if (receipt.state === 'intended') say('I6', `${name} is still intended`);
    else if (receipt.state === 'aborted')
      for (const { event } of seen) say('I6', `${name} came to nothing, and ${nameOf(event)} moved`);
    else if (!page) say('I6', `${name} has no page in the manifest`);
    else checkReceipt(run, receipt, page, seen, name, say);
  }
}

/** I9: what moved is told once, in an addendum, as the sweep's own chain tells it; and nothing else is told. */
function checkTold(run: Told, sweep: After, swept: readonly SweptEffect[], say: Say): void {
  const addenda = addendaOf(run).filter(({ body }) => body.sweep === sweep.id);
  const rounds = bodiesOf<Round>(sweep.audit, 'swept');
  const same = (a: Round, b: Round): boolean =>
    (['round', 'plan', 'moved', 'steps', 'questions', 'receipts'] as const).every(
      key => JSON.stringify(a[key]) === JSON.stringify(b[key]),
    );
  for (const { number, body } of addenda)
    if (!rounds.some(round => same(round, body)))
      say('I9', `addendum ${number} tells of round ${body.round} what the sweep's chain does not`);
  for (const round of rounds)
    if (!addenda.some(({ body }) => same(round, body)) && isOver(sweep, round))
      say('I9', `round ${round.round} of the sweep has no addendum`);
  const listed = addenda.flatMap(({ number, body }) => body.receipts.map(one => ({ number, ...one })));
  for (const one of listed) {
    const name = `addendum ${one.number}: ${one.step} page ${one.page}`;
    const receipt = sweep.receipts.find(({ digest }) => digest === one.digest);
    if (!receipt) say('I9', `${name} has no receipt`);
    else if (receipt.state !== one.state || receipt.changed !== one.changed)
      say('I9', `${name} is told as ${one.state} with ${one.changed}, its receipt says otherwise`);
    if (listed.filter(({ digest }) => digest === one.digest).length > 1)
      say('I9', `${name} is told more than once`);
  }
  for (const { number, body } of addenda) {
    const seen = swept.filter(({ receipt }) => body.receipts.some(({ digest }) => digest === receipt.digest));
    if (seen.length !== body.moved)
      say('I6', `addendum ${number} says that ${body.moved} were moved, the witness saw ${seen.length}`);
  }
  const end = endOf(sweep);
  if (!end) return;
  for (const { event, receipt } of swept)
    if (!listed.some(({ digest }) => digest === receipt.digest))
      say('I9', `${nameOf(event)} was moved by a sweep, and no addendum tells of it`);
  const { moved } = JSON.parse(end.body) as { moved: number };
  if (moved !== swept.length)
    say('I6', `the end of the sweep says that ${moved} were moved, the witness saw ${swept.length}`);
  checkNothingBehind(sweep, end, 'sweep', say);
}

/** The addendum is written right after the entry: of the last one it may be about to be. */
function isOver(sweep: After, { round }: Round): boolean {
  return endOf(sweep) !== undefined || bodiesOf<Round>(sweep.audit, 'swept').at(-1)?.round !== round;
}
