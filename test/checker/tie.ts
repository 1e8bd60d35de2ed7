/**
 * Ties what the witness saw to what the ledger says, by transaction id: which run changed this row, in which
 * step, by which page.
 */
import { GROUND, type Ground, PEOPLE, type SystemName } from '../small-world/ground.js';
import type { After, Event, Evidence, PageRow, PlanRow, ReceiptRow, Told } from './evidence.js';
import type { Say } from './violation.js';

export interface Effect {
  event: Event;
  run: Told;
  receipt: ReceiptRow;
  /** The category that was changed; null for a switch of an account. */
  ground: Ground | null;
  /** `block`, `unblock`, `deactivate`, `reactivate`; null for items. */
  verb: string | null;
  plan: PlanRow | null;
  page: PageRow | null;
}

export interface Tied extends Evidence {
  effects: Effect[];
  /** What happened in a transaction of the engine's to rows that its receipt does not name, whoever did it. */
  besides: Besides[];
  /** What sweeps changed: plan and page are the sweep's own. */
  swept: SweptEffect[];
  sweptBesides: Besides[];
  /** What give-backs changed: plan and page are the give-back's own. */
  returned: ReturnedEffect[];
}

export type SweptEffect = Effect & { sweep: After };
export type ReturnedEffect = Effect & { back: After };

export type Besides = Pick<Effect, 'event' | 'run' | 'receipt' | 'ground' | 'plan'>;

export function tie(evidence: Evidence, say: Say): Tied {
  const byTransaction = new Map<bigint, Origin[]>();
  for (const run of evidence.runs)
    for (const origin of [
      { run },
      ...run.sweeps.map(sweep => ({ run, sweep })),
      ...run.giveBacks.map(back => ({ run, back })),
    ] satisfies Omit<Origin, 'receipt'>[])
      for (const receipt of recordOf(origin).receipts) {
        const txid = transactionOf(receipt);
        byTransaction.set(txid, [...(byTransaction.get(txid) ?? []), { ...origin, receipt }]);
      }
  for (const [txid, receipts] of byTransaction)
    if (receipts.length > 1) say('I6', `transaction ${txid} stands in ${receipts.length} receipts`);
  const tied: Tied = { ...evidence, effects: [], besides: [], swept: [], sweptBesides: [], returned: [] };
  for (const event of evidence.events.filter(one => one.engine)) {
    const found = byTransaction.get(event.txid)?.[0];
    if (!found || found.receipt.step.split('/')[0] !== event.system) {
      say('I6', `${nameOf(event)} was changed by the engine, and no receipt says so`);
      continue;
    }
    const { run, sweep, back, receipt } = found;
    const from = recordOf(found);
    const verb = receipt.manifest === receipt.offboarding ? receipt.step.split('/')[1]! : null;
    const ground = verb === null ? (GROUND.find(one => one.step === receipt.step) ?? null) : null;
    const tables =
      verb === null ? [ground?.table] : [PEOPLE[event.system].table, ...PEOPLE[event.system].alsoDeletes];
    const plan = planOf(from, receipt);
    if (!tables.includes(event.table)) {
      if (!back) (sweep ? tied.sweptBesides : tied.besides).push({ event, run, receipt, ground, plan });
      if (back || event.op !== 'delete' || ground?.takesAlong?.table !== event.table)
        say(
          'I15',
          `${nameOf(event)} was changed in the transaction of ${receipt.step}, which has no business there`,
        );
      continue;
    }
    const effect = { event, run, receipt, ground, verb, plan, page: pageOf(from, receipt) };
    if (sweep) tied.swept.push({ ...effect, sweep });
    else if (back) tied.returned.push({ ...effect, back });
    else tied.effects.push(effect);
  }
  return tied;
}

/** Who did something, in which transaction; a sweep and a give-back do it for the run that they come after. */
interface Origin {
  run: Told;
  sweep?: After;
  back?: After;
  receipt: ReceiptRow;
}

function recordOf({ run, sweep, back }: Omit<Origin, 'receipt'>): Told | After {
  return sweep ?? back ?? run;
}

export function pageOf(
  { pages }: { pages: readonly PageRow[] },
  { manifest, step, page }: Pick<ReceiptRow, 'manifest' | 'step' | 'page'>,
): PageRow | null {
  return pages.find(one => one.manifest === manifest && one.step === step && one.page === page) ?? null;
}

function planOf({ plans }: Pick<Told, 'plans'>, { manifest }: ReceiptRow): PlanRow | null {
  return plans.find(one => one.plan.manifest === manifest) ?? null;
}

export function nameOf(event: Event): string {
  return `${event.system}.${event.table} ${event.key}`;
}

/** The witness knows transactions by their number alone. */
export function transactionOf({ mark }: ReceiptRow): bigint {
  return BigInt(/^transaction (\d+)/.exec(mark)![1]!);
}

/** The values that stand for this run's leaver in the owner columns of a system: one for each account. */
export function leaverIn(run: Told, system: SystemName): Set<string | null> {
  const there = run.plans.at(-1)?.plan.accounts.find(one => one.system === system);
  if (!there) return new Set(run.known[system]);
  return new Set(there.accounts.flatMap(account => account.identities.user ?? []));
}
