/**
 * What comes after a cover: the invariants over what is given back. It goes to whom it came from, only as far as
 * it is what this run took and still lies where the run put it, and each item once; under a plan of its own that
 * enough people approved who may; and its ledger, its chain and its addendum say what the witness saw. What the
 * cover still held in the end is left out nowhere.
 */
import { type Ground, PEOPLE, type TextRow } from '../small-world/ground.js';
import { bodiesOf, checkBegun, checkNothingBehind } from './after.js';
import type { After, AuditRow, Event, PlanRow, Told } from './evidence.js';
import { folded } from './person.js';
import { plainKey } from './reality.js';
import {
  approversOf,
  checkChain,
  checkImages,
  checkItems,
  checkListed,
  checkPages,
  receiptDigest,
  sha256,
} from './record.js';
import { type Effect, nameOf, pageOf, type ReturnedEffect, type Tied } from './tie.js';
import type { Say } from './violation.js';

export function checkGiveBacks(tied: Tied, say: Say): void {
  for (const run of tied.runs) {
    const taken = takenBy(tied, run);
    for (const back of run.giveBacks) {
      const returned = tied.returned.filter(one => one.back === back);
      checkBegun(run, back, 'give-back', say);
      checkReturns(tied, run, returned, taken, say);
      checkOrder(run, back, returned, say);
      for (const plan of back.plans) checkPlan(tied, run, back, plan, returned, taken, say);
      checkLedger(back, returned, say);
      checkEnd(tied, run, back, returned, taken, say);
    }
    checkAddenda(run, say);
  }
}

/** Item → what the run did to it, in this order. */
type Taken = ReadonlyMap<string, readonly Effect[]>;

function takenBy({ effects }: Tied, run: Told): Taken {
  return byItem(
    effects.filter(one => one.run === run && one.ground),
    ({ event }) => event,
  );
}

function byItem<T>(all: readonly T[], eventOf: (one: T) => Event): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const name = nameOf(eventOf(one));
    const group = groups.get(name);
    if (group) group.push(one);
    else groups.set(name, [one]);
  }
  return groups;
}

/** Whom the row names; undefined where there is none. */
function ownerIn(row: TextRow | null, { owner }: Ground): string | null | undefined {
  return row?.[owner];
}

/** I1, I3, I4, I5, I8, I15: item by item, held against what the run before had done to it. */
function checkReturns(
  { returned: all }: Tied,
  run: Told,
  returned: readonly ReturnedEffect[],
  taken: Taken,
  say: Say,
): void {
  const earlier = new Map<string, Event>();
  const mine = new Set(returned);
  for (const one of all.filter(({ run: its }) => its === run)) {
    const { event, ground, page, receipt } = one;
    const name = nameOf(event);
    const before = earlier.get(name);
    earlier.set(name, event);
    if (!mine.has(one)) continue;
    if (!page?.keys.map(plainKey).includes(plainKey(event.key)))
      say('I8', `${name} was given back, and its page of ${receipt.step} does not name it`);
    if (!ground) continue;
    const last = taken.get(name)?.findLast(effect => effect.event.seq < event.seq);
    if (!last) {
      say('I3', `${name} was given back, and the run before had not taken it`);
      continue;
    }
    if (before && before.seq > last.event.seq) say('I4', `${name} was given back twice`);
    const [to, from] = [ownerIn(event.new, ground), ownerIn(last.event.old, ground)];
    if (to !== from) say('I5', `${name} was given back to ${to}, and had been taken from ${from}`);
    const [had, put] = [ownerIn(event.old, ground), ownerIn(last.event.new, ground)];
    if (had !== put)
      say('I3', `${name} was ${had ?? 'nobody'}'s when it was given back, and the run had put it to ${put}`);
    checkColumns(one, last, ground, say);
  }
}

/** What comes back as a row is the row that went; otherwise only the owner changes. */
function checkColumns({ event }: ReturnedEffect, last: Effect, ground: Ground, say: Say): void {
  const [old, now] = [event.op === 'insert' ? last.event.old : event.old, event.new];
  if (event.op === 'delete' || !old || !now) {
    say('I1', `${nameOf(event)} was deleted by a give-back`);
    return;
  }
  const may = event.op === 'insert' ? [] : [ground.owner, ...ground.may];
  const touched = Object.keys(now).filter(column => now[column] !== old[column] && !may.includes(column));
  if (touched.length > 0) say('I15', `${nameOf(event)}: the give-back also changed ${touched.join(', ')}`);
}

/** I7: nothing goes back before the run has ended, and nothing after the give-back has. */
function checkOrder(run: Told, back: After, returned: readonly ReturnedEffect[], say: Say): void {
  const closed = run.audit.find(({ kind }) => kind === 'closed');
  const end = endOf(back);
  for (const { event } of returned) {
    if (!closed || event.at < closed.at)
      say('I7', `${nameOf(event)} was given back before the run that took it had ended`);
    if (end && event.at > end.at) say('I7', `${nameOf(event)} was given back after its give-back had ended`);
  }
}

/** I8: a plan gives back what the run took, each item once, to whoever was away; as its manifest says. */
function checkPlan(
  tied: Tied,
  run: Told,
  back: After,
  row: PlanRow,
  returned: readonly ReturnedEffect[],
  taken: Taken,
  say: Say,
): void {
  const { digest, plan, body } = row;
  const name = `plan ${digest.slice(0, 12)} of the give-back`;
  if (sha256(body) !== digest) say('I9', `${name} does not give its digest`);
  const before = run.plans.find(one => one.digest === plan.givesBack?.of);
  const planned = bodiesOf<{ digest: string; of: string }>(back.audit, 'planned');
  if (!before || !planned.some(one => one.digest === digest && one.of === before.digest))
    say('I8', `${name} is not in its trail as one that gives back what a plan of the run took`);
  if (JSON.stringify(before?.plan.policy) !== JSON.stringify(plan.policy))
    say('I8', `${name} has another policy than the plan that was approved before`);
  for (const { id, baseline, successors } of plan.steps) {
    if (successors.some(({ personId }) => personId !== run.leaver))
      say('I5', `${name} gives ${id} to somebody else than whoever was away`);
    const keys = back.pages
      .filter(page => page.manifest === plan.manifest && page.step === id)
      .flatMap(page => page.keys.map(plainKey));
    const holding = plan.givesBack?.holdings.find(({ step }) => step === id);
    const shown = holding?.from.reduce((sum, { count }) => sum + count, 0);
    if (![baseline.count, holding?.count, shown].every(count => count === keys.length))
      say('I8', `${name} shows ${baseline.count} of ${id}, its manifest holds ${keys.length}`);
    if (new Set(keys).size < keys.length) say('I4', `${name} names something of ${id} twice`);
    const theirs = [...taken.values()].flatMap(all => all.filter(({ ground }) => ground?.step === id));
    const known = new Set(theirs.map(({ event }) => plainKey(event.key)));
    const foreign = keys.find(key => !known.has(key));
    if (foreign !== undefined)
      say('I8', `${name} names ${foreign} of ${id}, which the run before did not take`);
  }
  if (returned.some(one => one.plan === row)) checkApproved(tied, run, back, row, say);
}

/** I7: enough different people approved it, each of whom might. */
function checkApproved(tied: Tied, run: Told, back: After, { digest, plan }: PlanRow, say: Say): void {
  const name = `plan ${digest.slice(0, 12)} of the give-back`;
  const approvers = approversOf(back, digest);
  const humans = new Set([...approvers.keys()].map(id => humanOf(tied, id)));
  if (humans.size < plan.policy.approvals)
    say('I7', `${name} was carried out with ${humans.size} of ${plan.policy.approvals} recorded approvals`);
  const since = back.audit.find(({ kind, body }) => kind === 'planned' && body.includes(digest))?.at;
  const amenders = [...run.audit, ...back.audit]
    .filter(({ kind }) => kind === 'decision')
    .map(({ body }) => JSON.parse(body) as { message: string; decider: { id: string } })
    .flatMap(({ message, decider }) => (message === 'amend' ? humanOf(tied, decider.id) : []));
  const [asked] = bodiesOf<{ request: { requestedBy: string } }>(run.audit, 'requested');
  for (const [id, who] of approvers) {
    const human = humanOf(tied, id);
    const why = (words: string): void => say('I7', `${name} was approved by ${who}, who ${words}`);
    if (human === humanOf(tied, run.leaver)) why('is given something back');
    if (!rowsSince(tied, id, since).some(row => row.reviews === 'true' && row.status !== PEOPLE.crm.gone))
      why('was no approver');
    if (plan.policy.requesterMayApprove) continue;
    if (human === humanOf(tied, idOf(tied, asked!.request.requestedBy))) why('asked for the cover');
    if (amenders.includes(human)) why('had changed its date');
  }
}

/** Everything that somebody's entry in the directory has said since then; what it says now included. */
function rowsSince({ before, now, events }: Tied, id: string, since?: Date): TextRow[] {
  const { table } = PEOPLE.crm;
  const seen = events.filter(one => one.system === 'crm' && one.table === table && one.key === id);
  const rows = seen.filter(({ at }) => !since || at >= since).flatMap(one => [one.old, one.new]);
  const current = now.crm[table]!.get(id) ?? (seen.length === 0 ? before.crm[table]!.get(id) : undefined);
  return [...rows, current ?? null].filter(row => row !== null);
}

/** The same for two entries of one human being. */
function humanOf({ before, now }: Tied, id: string): string {
  const row = now.crm[PEOPLE.crm.table]!.get(id) ?? before.crm[PEOPLE.crm.table]!.get(id);
  return row?.person_no ?? id;
}

/** Whom a request names: by id, by address, or by login. */
function idOf({ before }: Tied, written: string): string {
  const people = [...before.crm[PEOPLE.crm.table]!.values()];
  const wanted = folded(written.replace(/^(id|email|login):/, ''));
  const by = (column: string): TextRow | undefined => people.find(row => folded(row[column]) === wanted);
  return (by('id') ?? by('email') ?? by('login'))?.id ?? written;
}

/** I6: its receipts are what the witness saw, item by item, with from whom and to whom. */
function checkLedger(back: After, returned: readonly ReturnedEffect[], say: Say): void {
  checkChain(back, (invariant, message) => say(invariant, `the give-back's chain: ${message}`));
  checkPages(back, say);
  for (const receipt of back.receipts) {
    const name = `the give-back's receipt of ${receipt.step} page ${receipt.page}`;
    if (receipt.digest !== receiptDigest(receipt)) say('I9', `${name} does not give its digest`);
    checkImages(back, receipt, name, say);
    // While it is under way, what has just moved may not be seen yet.
    if (!endOf(back)) continue;
    const seen = returned.filter(one => one.receipt === receipt);
    const page = pageOf(back, receipt);
    if (receipt.state === 'intended') say('I6', `${name} is still intended`);
    else if (receipt.state === 'aborted')
      for (const { event } of seen) say('I6', `${name} came to nothing, and ${nameOf(event)} moved`);
    else if (!page) say('I6', `${name} has no page in the manifest`);
    else {
      checkItems(receipt, page, seen, name, say);
      const keys = page.keys.slice(receipt.first, receipt.first + receipt.count).map(plainKey);
      const places = new Map(keys.map((key, n) => [key, n]));
      for (const { event, ground } of seen) {
        const n = places.get(plainKey(event.key)) ?? -1;
        const to = receipt.takers[page.assignment?.[receipt.first + n] ?? 0];
        if (ownerIn(event.new, ground!) !== to)
          say('I6', `${name} says that ${event.key} went to ${to}, the witness saw another`);
        const from = receipt.owners[receipt.owner_of?.[n] ?? 0];
        if (event.op === 'update' && ownerIn(event.old, ground!) !== from)
          say('I6', `${name} says that ${event.key} was ${from}'s, the witness saw another`);
      }
    }
  }
}

/** The entry that it ends with. */
const endOf = ({ audit }: After): AuditRow | undefined => audit.find(({ kind }) => kind === 'given-back');

/** What a give-back says of itself as it ends: in its chain, and once more in the addendum. */
interface End {
  outcome: string;
  sentence: string;
  plan: string | null;
  moved: number;
  steps: Step[];
  receipts: Parameters<typeof checkListed>[0];
}

type Step = { step: string } & Record<(typeof COUNTS)[number], number>;

const COUNTS = ['changed', 'taken', 'gone', 'failed'] as const;

/** I2, I6, I9: its end says what the witness saw, and nothing is left that it says is back. */
function checkEnd(
  tied: Tied,
  run: Told,
  back: After,
  returned: readonly ReturnedEffect[],
  taken: Taken,
  say: Say,
): void {
  const row = endOf(back);
  if (!row) return;
  checkNothingBehind(back, row, 'give-back', say);
  const end = JSON.parse(row.body) as End;
  const name = 'the end of the give-back';
  if (end.moved !== returned.length)
    say('I6', `${name} says that ${end.moved} are back, the witness saw ${returned.length}`);
  const said = /([\d,]+) items? given back/.exec(end.sentence)?.[1]?.replaceAll(',', '');
  if (said !== undefined && Number(said) !== returned.length)
    say('I6', `${name} says "${end.sentence}", the witness saw ${returned.length}`);
  const last = back.plans.at(-1);
  if (end.plan !== (last?.digest ?? null)) say('I9', `${name} names plan ${end.plan}, and not its last one`);
  for (const { step, state } of back.receipts)
    if (state === 'done' && !end.steps.some(one => one.step === step))
      say('I6', `${name} does not tell of ${step}`);
  for (const { step, ...counts } of end.steps) {
    const words = [...lastWords(back, step).values()];
    const seen = (count: (typeof COUNTS)[number]): number =>
      count === 'changed'
        ? returned.filter(({ receipt }) => receipt.step === step).length
        : words.filter(({ kind }) => kind === count).length;
    for (const count of COUNTS)
      if (counts[count] !== seen(count))
        say('I6', `${name} says that ${counts[count]} of ${step} were ${count}, and ${seen(count)} were`);
  }
  checkListed(end.receipts, back.receipts, name, say);
  const addenda = addendaOf(run).filter(({ body }) => body.giveBack === back.id);
  if (addenda.length > 1 || (back.closed && addenda.length === 0))
    say('I9', `${name} is told in ${addenda.length} addenda`);
  for (const { number, body } of addenda) {
    for (const key of Object.keys(end) as (keyof End)[])
      if (JSON.stringify(body[key]) !== JSON.stringify(end[key]))
        say('I9', `addendum ${number} says of its ${key} what the chain of the give-back does not`);
    const { seq, hash } = body.giveBackChain;
    if (seq < row.seq || back.audit[seq - 1]?.hash !== hash)
      say('I9', `addendum ${number} names another chain than that of its give-back`);
  }
  if (end.outcome === 'given-back' || end.outcome === 'nothing-to-give-back')
    checkNothingHeld(tied, back, row, taken, say);
}

interface Exception {
  key: string;
  kind: string;
}

/** Key of each item that was not given back → what its last receipt says of it. */
function lastWords({ receipts, pages }: After, step: string): Map<string, Exception> {
  const words = new Map<string, Exception>();
  for (const receipt of receipts.filter(one => one.step === step && one.state === 'done')) {
    const page = pageOf({ pages }, receipt);
    for (const key of page?.keys.slice(receipt.first, receipt.first + receipt.count) ?? [])
      words.delete(plainKey(key));
    for (const one of JSON.parse(receipt.exceptions) as Exception[]) words.set(plainKey(one.key), one);
  }
  return words;
}

/** I2: what still lay where the run had put it is back, or its receipt says why not. */
function checkNothingHeld(tied: Tied, back: After, end: AuditRow, taken: Taken, say: Say): void {
  const all = byItem(tied.events, event => event);
  for (const [name, effects] of taken) {
    const { event, ground } = effects.at(-1)!;
    if (!ground || !['transfer', 'remove'].includes(ground.do) || event.at > end.at) continue;
    const put = ownerIn(event.new, ground);
    const isHeld = (row: TextRow | null): boolean =>
      ownerIn(row, ground) === put && (row === null || ground.holds(row));
    const since = all.get(name)!.filter(({ seq }) => seq >= event.seq);
    if (!since.every(one => isHeld(one.new))) continue;
    if (!lastWords(back, ground.step).has(plainKey(event.key)))
      say('I2', `${name} is as the run had left it, and the give-back says nothing of it`);
  }
}

interface Numbered {
  number: number;
  body: End & { giveBack?: string; giveBackChain: { seq: number; hash: string } };
}

function addendaOf({ certificates }: Told): Numbered[] {
  return certificates
    .filter(({ number }) => number > 0)
    .map(({ number, body }) => ({ number, body: JSON.parse(body) as Numbered['body'] }));
}

/** I9: an addendum tells of a give-back that has ended. */
function checkAddenda(run: Told, say: Say): void {
  for (const { number, body } of addendaOf(run))
    if (body.giveBack && !run.giveBacks.some(back => back.id === body.giveBack && endOf(back)))
      say('I9', `addendum ${number} tells of the end of a give-back, and its chain does not`);
}
