/**
 * Invariants that the store must keep: the ledger says what happened item by item, only what was approved
 * moved, the chain holds.
 */
import { createHash } from 'node:crypto';
import { GROUND, type SystemName } from '../small-world/ground.js';
import type { AuditRow, PageRow, PlanRow, ReceiptRow, Told } from './evidence.js';
import { type Certificate, plainKey, reportOf } from './reality.js';
import { type Effect, leaverIn, nameOf, type Tied } from './tie.js';
import type { Say } from './violation.js';

/** I6: who is said to have got how much, under which plan and approved by whom, by the witness and the trail. */
function checkUnder(report: Certificate, run: Told, effects: readonly Effect[], say: Say): void {
  for (const { plan, digest } of run.plans)
    for (const { id, do: does, successors } of plan.steps) {
      const seen = effects.filter(
        one => one.run === run && one.ground?.step === id && one.plan?.digest === digest,
      );
      const said = report.steps.find(step => step.id === id)?.under.find(one => one.digest === digest);
      const what = `the certificate says of ${id} under plan ${plan.revision}`;
      if (does !== 'transfer' || (seen.length === 0 && !said)) continue;
      if ((said?.changed ?? 0) !== seen.length)
        say('I6', `${what}: ${said?.changed ?? 0} changed, the witness saw ${seen.length}`);
      const owner = GROUND.find(({ step }) => step === id)!.owner;
      const by = [...approversOf(run, digest).values()].sort().join(', ');
      if (said && said.approvedBy.toSorted().join(', ') !== by)
        say('I6', `${what}: approved by ${said.approvedBy.join(', ')}, the trail says ${by}`);
      for (const personId of new Set(successors.map(one => one.personId))) {
        const values = successors.filter(one => one.personId === personId).map(({ value }) => value);
        // What was merged left no row with the successor's value.
        const got = seen.filter(({ event }) => event.new && values.includes(event.new[owner] ?? null)).length;
        const items = said?.successors.find(one => one.personId === personId)?.items ?? 0;
        const merged = seen.filter(({ event }) => event.op === 'delete').length;
        if (items < got || items > got + merged)
          say('I6', `${what}: ${personId} got ${items}, the witness saw ${got}`);
      }
    }
}

/** Whose approvals of a plan still counted in the end: directory id → name. */
export function approversOf(run: Pick<Told, 'audit'>, digest: string): Map<string, string> {
  const names = new Map<string, string>();
  for (const { kind, body } of run.audit.map(row => ({ kind: row.kind, body: JSON.parse(row.body) }))) {
    if (kind === 'notice' && body.recount?.plan === digest)
      for (const id of body.recount.lost) names.delete(id);
    if (kind === 'decision' && body.message === 'approve' && body.plan === digest && !body.payload.step)
      names.set(body.decider.id, body.decider.name);
  }
  return names;
}

/**
 * I6: what the witness saw of a transaction is exactly the page's keys without the receipt's exceptions, both
 * ways.
 */
export function checkLedger({ effects, runs }: Tied, say: Say): void {
  const byReceipt = new Map<ReceiptRow, Tied['effects']>();
  for (const effect of effects)
    byReceipt
      .set(effect.receipt, byReceipt.get(effect.receipt) ?? [])
      .get(effect.receipt)!
      .push(effect);
  for (const run of runs) {
    for (const receipt of run.receipts) {
      const name = `the receipt of ${receipt.step} page ${receipt.page}`;
      if (receipt.state === 'intended') say('I6', `${name} is still intended`);
      if (receipt.digest !== receiptDigest(receipt)) say('I9', `${name} does not give its digest`);
      checkImages(run, receipt, name, say);
      const seen = byReceipt.get(receipt) ?? [];
      if (receipt.state === 'aborted') {
        for (const effect of seen)
          say('I6', `${name} came to nothing, and the witness saw ${nameOf(effect.event)} move`);
        continue;
      }
      if (receipt.manifest === receipt.offboarding) {
        const people = seen.filter(
          effect => effect.event.table === 'people' || effect.event.table === 'agents',
        );
        if (people.length !== receipt.changed)
          say('I6', `${name} says ${receipt.changed} accounts, the witness saw ${people.length}`);
        continue;
      }
      const page = run.pages.find(
        one => one.manifest === receipt.manifest && one.step === receipt.step && one.page === receipt.page,
      );
      if (!page) {
        say('I6', `${name} has no page in the manifest`);
        continue;
      }
      checkReceipt(run, receipt, page, seen, name, say);
    }
    const report = reportOf(run);
    for (const step of report?.steps ?? []) {
      const moved = effects.filter(effect => effect.run === run && effect.ground?.step === step.id).length;
      if (step.changed !== undefined && step.changed !== moved && !step.id.endsWith('/deactivate'))
        say('I6', `the certificate says ${step.changed} of ${step.id}, the witness saw ${moved}`);
    }
    // What was done after a reset stands in the certificate of the second ending.
    if (report && run.certificates.length === 1) checkUnder(report, run, effects, say);
  }
}

export function checkReceipt(
  run: Told,
  receipt: ReceiptRow,
  page: PageRow,
  seen: readonly Effect[],
  name: string,
  say: Say,
): void {
  checkItems(receipt, page, seen, name, say);
  if (
    receipt.merged !==
    seen.filter(effect => effect.event.op === 'delete' && effect.ground?.do === 'transfer').length
  )
    say('I6', `${name} counts ${receipt.merged} merged, the witness saw another number`);
  if (receipt.per_taker.length > 0 && receipt.per_taker.reduce((sum, n) => sum + n, 0) !== receipt.changed)
    say('I6', `${name}: its items per successor do not add up to ${receipt.changed}`);
  receipt.takers.forEach((taker, n) => {
    const went = seen.filter(
      ({ event, ground }) => event.op === 'update' && event.new![ground!.owner] === taker,
    ).length;
    if (
      receipt.merged === 0 &&
      GROUND.find(one => one.step === receipt.step)?.do === 'transfer' &&
      receipt.per_taker[n] !== went
    )
      say('I6', `${name} says ${receipt.per_taker[n]} for ${taker}, the witness saw ${went}`);
  });
  const leaver = leaverIn(run, receipt.step.split('/')[0] as SystemName);
  for (const owner of receipt.owners) if (!leaver.has(owner)) say('I6', `${name} says they were ${owner}'s`);
  if (receipt.owners.length === 0) say('I6', `${name} does not say whose they were`);
}

/** What a receipt claims is what the witness saw of it, item by item; what it excepts is on its page, with a reason. */
export function checkItems(
  receipt: ReceiptRow,
  page: PageRow,
  seen: readonly Effect[],
  name: string,
  say: Say,
): void {
  const exceptions = JSON.parse(receipt.exceptions) as { key: string; kind: string; why: string }[];
  const excepted = new Set(exceptions.map(exception => plainKey(exception.key)));
  const keys = page.keys.slice(receipt.first, receipt.first + receipt.count).map(plainKey);
  const claimed = new Set(keys.filter(key => !excepted.has(key)));
  const moved = new Set(seen.map(effect => plainKey(effect.event.key)));
  for (const key of claimed) if (!moved.has(key)) say('I6', `${name} claims ${key}, and nobody saw it move`);
  for (const effect of seen)
    if (!claimed.has(plainKey(effect.event.key)))
      say('I6', `${nameOf(effect.event)} moved, and ${name} does not claim it`);
  const onPage = new Set(keys);
  for (const key of excepted)
    if (!onPage.has(key)) say('I6', `${name} excepts ${key}, which is not on its page`);
  for (const exception of exceptions)
    if (!exception.why) say('I6', `${name} excepts ${exception.key} without a reason`);
  if (receipt.changed !== moved.size)
    say('I6', `${name} counts ${receipt.changed}, the witness saw ${moved.size}`);
}

/**
 * I8: what moved stood in an approved manifest, or came later under the limit and is reported; and I7:
 * somebody approved that plan.
 */
export function checkApprovedSet({ effects, runs, before, events }: Tied, say: Say): void {
  for (const run of runs) {
    for (const { digest, plan, body } of run.plans) {
      if (sha256(body) !== digest) say('I9', `plan ${digest.slice(0, 12)} does not give its digest`);
      const mine = effects.filter(effect => effect.plan?.digest === digest);
      for (const step of plan.steps) {
        const pages = run.pages.filter(page => page.manifest === plan.manifest && page.step === step.id);
        const approved = pages.filter(page => page.origin === 'approved');
        const known = new Set(approved.flatMap(page => page.keys.map(plainKey)));
        if (step.do !== 'keep' && step.phase !== 'deactivate' && known.size !== step.baseline.count)
          say('I8', `${step.id}: the plan says ${step.baseline.count}, its manifest holds ${known.size}`);
        const ground = GROUND.find(one => one.step === step.id);
        if (ground) {
          const was = new Set([...before[ground.system][ground.table]!.keys()].map(plainKey));
          const came = new Set(
            events
              .filter(event => !event.engine && event.table === ground.table)
              .map(event => plainKey(event.key)),
          );
          for (const key of known)
            if (!was.has(key) && !came.has(key))
              say('I8', `${step.id}: the manifest names ${key}, which never was`);
        }
        const arrived = new Set(
          pages.filter(page => page.origin === 'arrived').flatMap(page => page.keys.map(plainKey)),
        );
        const limit = Math.max(
          plan.policy.drift.floor,
          Math.floor((step.baseline.count * plan.policy.drift.percent) / 100),
        );
        if (arrived.size > limit)
          say('I8', `${step.id}: ${arrived.size} came later and were moved; the policy allows ${limit}`);
        for (const page of pages.filter(one => one.origin === 'again'))
          for (const key of page.keys.map(plainKey))
            if (!known.has(key) && !arrived.has(key))
              say('I8', `${step.id}: ${key} is tried again, but nobody ever approved it`);
        for (const { event, ground: moved } of mine)
          if (moved?.step === step.id && !known.has(plainKey(event.key)) && !arrived.has(plainKey(event.key)))
            say('I8', `${nameOf(event)} moved, but it is not in the manifest`);
        const told = reportOf(run)?.steps.find(one => one.id === step.id)?.arrived ?? 0;
        // What came late under an earlier plan is told as long as the step did not have to run again.
        if (
          reportOf(run) &&
          run.plans.at(-1)!.digest === digest &&
          told !== arrived.size &&
          told !== arrivedInAll(run, step.id)
        )
          say('I8', `${step.id}: ${arrived.size} came later, the report says ${told}`);
      }
      if (mine.length > 0) checkApprovals(run, digest, plan.policy, plan.policy.approvals, say);
    }
    const switched = effects.filter(effect => effect.run === run && effect.verb === 'deactivate');
    if (switched.length === 0) continue;
    const { digest, plan } = run.plans.at(-1)!;
    const { policy } = plan;
    // Nothing but the switch, of somebody who holds nothing: then a policy may want nobody's approval.
    const isIdle = plan.steps.every(
      step => step.phase === 'deactivate' || step.do === 'keep' || step.baseline.count === 0,
    );
    const unasked = isIdle && run.pages.length === 0 && policy.nothingLeft === 'deactivates';
    checkApprovals(run, digest, policy, unasked ? 0 : policy.approvals, say);
  }
}

function arrivedInAll(run: Told, step: string): number {
  return run.pages
    .filter(page => page.step === step && page.origin === 'arrived')
    .reduce((sum, page) => sum + page.keys.length, 0);
}

function checkApprovals(
  run: Told,
  digest: string,
  policy: PlanRow['plan']['policy'],
  needed: number,
  say: Say,
): void {
  const decisions = run.audit
    .filter(row => row.kind === 'decision')
    .map(
      row =>
        JSON.parse(row.body) as {
          message: string;
          accepted: boolean;
          plan: string | null;
        },
    )
    .filter(body => body.accepted && body.plan === digest);
  if (policy.confirmation && !decisions.some(body => body.message === 'execute'))
    say('I7', `plan ${digest.slice(0, 12)} was carried out without the confirmation that its policy wants`);
  // Whatever else must be there before a plan is carried out belongs here as well.
  const people = approversOf(run, digest);
  if (people.size < needed)
    say(
      'I7',
      `plan ${digest.slice(0, 12)} was carried out with ${people.size} of ${needed} recorded approvals`,
    );
  if (people.has(run.leaver)) say('I7', `plan ${digest.slice(0, 12)} was approved by the leaver`);
}

const GENESIS = '0'.repeat(64);

/** I9: the chain holds, every effect is in the trail, and the trail names no effect that was not. */
export function checkAudit({ runs, effects }: Tied, say: Say): void {
  for (const run of runs) {
    checkChain(run, say);
    const bodies = (kind: string): Record<string, unknown>[] =>
      run.audit.filter(row => row.kind === kind).map(row => JSON.parse(row.body) as Record<string, unknown>);
    for (const { digest } of run.plans)
      if (!bodies('planned').some(body => body.digest === digest))
        say('I9', `plan ${digest.slice(0, 12)} is not in the trail`);
    for (const { system, catalog } of run.plans.flatMap(({ plan }) => plan.systems)) {
      const kept = run.catalogs.find(one => one.digest === catalog && one.system === system);
      if (!kept || sha256(kept.body) !== catalog)
        say('I9', `what the catalog of ${system} did is not there any more, or was changed`);
    }
    // A step that was broken off has no entry of its own: then the closing entry lists its receipts, and
    // until then the ledger alone.
    const ends = new Set(
      bodies('closed').flatMap(body =>
        (body.receipts as { digest: string }[]).map(receipt => receipt.digest),
      ),
    );
    const steps = new Set(
      run.audit
        .filter(row => row.kind.startsWith('step-'))
        .map(row => (JSON.parse(row.body) as { step: string }).step),
    );
    const isClosed = bodies('closed').length > 0;
    for (const effect of effects.filter(one => one.run === run && one.ground))
      if (isClosed && !steps.has(effect.ground!.step) && !ends.has(effect.receipt.digest))
        say('I9', `${nameOf(effect.event)} moved, and the trail does not know ${effect.ground!.step}`);
    for (const system of new Set(
      effects.filter(one => one.run === run && one.verb === 'deactivate').map(one => one.event.system),
    ))
      if (!bodies('deactivated').some(body => body.system === system))
        say('I9', `the leaver was switched off in ${system}, and the trail does not know it`);
    for (const body of bodies('deactivated'))
      if (
        body.changed &&
        !effects.some(one => one.run === run && one.verb === 'deactivate' && one.event.system === body.system)
      )
        say('I9', `the trail says that the leaver was switched off in ${body.system}, and nobody saw it`);
    for (const closed of bodies('closed')) {
      checkListed(closed.receipts as Listed[], run.receipts, 'the closing entry', say);
    }
    checkEnd(run, say);
    for (const certificate of run.certificates)
      if (sha256(certificate.body) !== certificate.digest)
        say('I9', `certificate ${certificate.number} does not give its digest`);
  }
}

type Listed = Pick<ReceiptRow, 'step' | 'page' | 'part' | 'state' | 'sure' | 'mark' | 'changed' | 'digest'>;

/** An entry that ends something lists every receipt as it is, and none besides. */
export function checkListed(
  listed: readonly Listed[],
  receipts: readonly ReceiptRow[],
  entry: string,
  say: Say,
): void {
  const same = (a: Listed, b: ReceiptRow): boolean =>
    a.step === b.step &&
    a.page === b.page &&
    a.part === b.part &&
    a.mark === b.mark &&
    a.changed === b.changed &&
    a.digest === b.digest &&
    // What nobody could settle before the close has an end by now.
    (a.state === 'intended' || (a.state === b.state && a.sure === b.sure));
  for (const receipt of receipts)
    if (!listed.some(one => same(one, receipt)))
      say('I9', `${entry} does not list the receipt of ${receipt.step} page ${receipt.page}`);
  for (const one of listed)
    if (!receipts.some(receipt => same(one, receipt)))
      say('I9', `${entry} lists ${one.step} page ${one.page}, and there is no such receipt`);
}

/** What may stand behind a closing entry: it counts for nothing, or tells what became of something listed there. */
const AFTER_THE_END = new Set(['refusal', 'flood', 'notice', 'purged', 'settled', 'addendum']);

/**
 * Closed means closed: nothing decided afterwards under the run that has ended, a certificate for each ending
 * and none besides, and the pages of its manifests as they were sealed.
 */
function checkEnd(run: Told, say: Say): void {
  checkPages(run, say);
  const ends = run.audit.filter(({ kind }) => kind === 'closed');
  const last = ends.at(-1);
  if (!last) return;
  const [, ended] = last.subject.split(' ');
  for (const { seq, kind, subject } of run.audit)
    if (seq > last.seq && !AFTER_THE_END.has(kind) && (subject.split(' ')[1] === ended || kind === 'planned'))
      say('I9', `entry ${seq} (${subject}) stands behind the end of its run`);
  ends.forEach((_, n) => {
    if (!run.certificates.some(({ number }) => number === n))
      say('I9', `there is no certificate ${n} of an ending`);
  });
  for (const { number } of run.certificates)
    if (
      number >= ends.length &&
      !run.audit.some(one => one.kind === 'addendum' && one.subject.split(' ')[1] === String(number))
    )
      say('I9', `certificate ${number} belongs to no ending`);
  const { manifests } = JSON.parse(last.body) as {
    manifests: { manifest: string; pages: number; digest: string | null }[];
  };
  for (const { manifest, pages, digest } of manifests) {
    const own = run.pages.filter(page => page.manifest === manifest);
    const seal = own.length === 0 ? null : sha256(own.map(page => page.digest).join('\n'));
    if (own.length !== pages || seal !== digest)
      say('I9', `the pages of manifest ${manifest} are not those that the closing entry seals`);
  }
}

export function checkPages({ pages }: Pick<Told, 'pages'>, say: Say): void {
  for (const page of pages)
    if (sha256(`${page.told}\n${page.keys_told}\n${page.assignment_told}`) !== page.digest)
      say('I9', `page ${page.page} of ${page.step} does not give its digest`);
}

export function checkChain(run: Pick<Told, 'audit' | 'head'>, say: Say): void {
  let previous = GENESIS;
  run.audit.forEach((row: AuditRow, n) => {
    const name = `entry ${row.seq} (${row.subject})`;
    if (row.seq !== n + 1) say('I9', `${name} stands where entry ${n + 1} should`);
    if (sha256(`${row.salt}\n${row.body}`) !== row.body_digest) say('I9', `the body of ${name} was changed`);
    if (row.previous !== previous) say('I9', `${name} does not follow from the one before`);
    if (
      sha256(
        JSON.stringify([row.seq, row.subject, row.kind, row.at.toISOString(), row.body_digest, row.previous]),
      ) !== row.hash
    )
      say('I9', `${name} does not give its hash`);
    previous = row.hash;
  });
  const head = run.head ?? { seq: 0, hash: GENESIS };
  if (head.seq !== run.audit.length || head.hash !== previous)
    say('I9', 'the chain does not end where its head says');
}

/** What an undo needs lies in rows of its own, which the receipt names by their digests. */
export function checkImages(run: Pick<Told, 'images'>, receipt: ReceiptRow, name: string, say: Say): void {
  if (receipt.before_images === null) return;
  const rows = run.images.filter(row => row.images === receipt.before_images);
  if (sha256(rows.map(row => row.digest).join('\n')) !== receipt.before_images)
    say('I9', `the rows as they were before ${name} do not give their name`);
  for (const row of rows)
    if (sha256(`${row.salt}\n${row.body}`) !== row.digest)
      say('I9', `a row as it was before ${name} was changed`);
}

export function receiptDigest(r: ReceiptRow): string {
  return sha256(
    canonical([
      r.offboarding,
      r.manifest,
      r.step,
      r.page,
      r.part,
      r.first,
      r.count,
      r.did,
      JSON.parse(r.accounts) as unknown,
      r.takers,
      r.mark,
      r.changed,
      r.merged,
      r.per_taker,
      r.owners,
      r.owner_of,
      JSON.parse(r.exceptions) as unknown,
      JSON.parse(r.elsewhere) as unknown,
      r.before_images,
    ]),
  );
}

/** JSON with sorted keys and without blanks. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`;
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
