/**
 * I22, nothing besides: rows that nobody named are deleted or changed only where the plan had shown them before
 * anybody approved it, and receipt and certificate tell how many it were.
 */
import type { SystemName } from '../small-world/ground.js';
import { GROUND } from '../small-world/ground.js';
import type { PlanRow, ReceiptRow, Told } from './evidence.js';
import { reportOf } from './reality.js';
import { type Besides, type Tied, transactionOf } from './tie.js';
import type { Say } from './violation.js';

interface Rows {
  table: string;
  does: string;
  count: number;
}

export function checkBesides(tied: Tied, say: Say): void {
  for (const run of tied.runs) {
    for (const receipt of run.receipts) {
      if (receipt.state === 'intended') continue;
      const name = `the receipt of ${receipt.step} page ${receipt.page}`;
      const seen = sums(tied.besides.filter(one => one.receipt === receipt));
      const told = receipt.state === 'done' ? (JSON.parse(receipt.elsewhere) as Rows[]) : [];
      // PostgreSQL counts what anybody's trigger did within the transaction, under whatever name.
      const shared = tied.events.some(event => !event.engine && event.txid === transactionOf(receipt));
      if (!shared) compare(seen, told, name, say);
      for (const one of seen) foreseen(run, receipt, one, say);
    }
    checkPlans(tied, run, say);
    checkCertificate(tied, run, say);
  }
}

function sums(besides: readonly Besides[]): Rows[] {
  const found = new Map<string, Rows>();
  for (const { event } of besides) {
    if (event.op === 'insert') continue;
    const rows = {
      table: `public.${event.table}`,
      does: event.op === 'delete' ? 'delete' : 'change',
      count: 0,
    };
    const key = `${rows.does} ${rows.table}`;
    found.set(key, { ...rows, count: (found.get(key)?.count ?? 0) + 1 });
  }
  return [...found.values()];
}

const same = (a: Pick<Rows, 'table' | 'does'>, b: Pick<Rows, 'table' | 'does'>): boolean =>
  a.table === b.table && a.does === b.does;

function compare(seen: readonly Rows[], told: readonly Rows[], name: string, say: Say): void {
  for (const one of seen) {
    const count = told.find(other => same(one, other))?.count ?? 0;
    if (count !== one.count)
      say('I22', `${name} tells ${count} of ${one.does} ${one.table}, the witness saw ${one.count}`);
  }
  for (const one of told)
    if (!seen.some(other => same(one, other)))
      say('I22', `${name} tells ${one.count} of ${one.does} ${one.table}, and nobody saw any`);
}

/** What the plan had shown, and as much as the policy lets come later. */
function foreseen(run: Told, receipt: ReceiptRow, one: Rows, say: Say): void {
  const plan = run.plans.find(({ plan: body }) => body.manifest === receipt.manifest)?.plan;
  const shown = plan?.steps.find(({ id }) => id === receipt.step)?.elsewhere?.find(other => same(one, other));
  const planned = shown?.count ?? 0;
  const { floor = 10, percent = 5 } = plan?.policy.drift ?? {};
  const most = planned + Math.max(floor, Math.floor((planned * percent) / 100));
  if (one.count > most)
    say('I22', `${receipt.step} took along ${one.count} of ${one.table}; the plan had shown ${planned}`);
}

/** What a plan shows is what there was: counted once more, in other words, where nobody else was at work there. */
function checkPlans({ before, events }: Tied, run: Told, say: Say): void {
  for (const ground of GROUND) {
    const { takesAlong, system, table, owner, step } = ground;
    if (!takesAlong) continue;
    const disturbed = events.some(
      event => event.system === system && [table, takesAlong.table].includes(event.table) && !event.engine,
    );
    const [first] = run.plans;
    if (disturbed || !first) continue;
    const leaver = accountsOf(first, system);
    const items = [...before[system][table]!.values()].filter(row => leaver.has(row[owner] ?? null));
    const along = [...before[system][takesAlong.table]!.values()].filter(row =>
      items.some(item => takesAlong.belongs(row, item)),
    );
    const planned = first.plan.steps.find(({ id, do: does }) => id === step && does === ground.do);
    if (!planned || planned.baseline.count !== items.length) continue;
    const shown = planned.elsewhere?.find(one => one.table === `public.${takesAlong.table}`)?.count ?? 0;
    if (shown !== along.length)
      say('I22', `${step}: the plan shows ${shown} of ${takesAlong.table}, there were ${along.length}`);
  }
}

function accountsOf({ plan }: PlanRow, system: SystemName): Set<string | null> {
  const there = plan.accounts.find(one => one.system === system)?.accounts ?? [];
  return new Set(there.flatMap(({ identities }) => identities.user ?? []));
}

function checkCertificate({ besides, events }: Tied, run: Told, say: Say): void {
  const report = reportOf(run);
  const ours = new Set(run.receipts.map(transactionOf));
  if (!report || events.some(event => !event.engine && ours.has(event.txid))) return;
  const steps = report.steps as { id: string; elsewhere?: { happened: Rows[] } }[];
  for (const { id, elsewhere } of steps) {
    const seen = sums(besides.filter(one => one.run === run && one.receipt.step === id));
    compare(seen, elsewhere?.happened ?? [], `the certificate of ${id}`, say);
  }
}
