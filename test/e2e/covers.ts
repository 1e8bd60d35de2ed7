/** A cover as a test sees it: what comes after its run, and what people decide about that. */
import type { GiveBackStatus } from '../../domain/give-back-view.js';
import type { Status } from '../../workflows/messages.js';
import type { Who } from '../small-world/cast.js';
import { handOver, mail, type Started } from '../small-world/drive.js';
import type { SmallWorld } from '../small-world/world.js';

/** Far enough that nothing happens by itself. */
export const LATER = '2030-03-31T18:00[Europe/Berlin]';

export interface Back {
  id: string;
  status(): Promise<GiveBackStatus>;
  until(is: (back: GiveBackStatus) => boolean): Promise<GiveBackStatus>;
  send(name: string, by: Who, more?: Record<string, unknown>): Promise<{ verdict: string; sentence: string }>;
  /** Approves the plan as it stands. */
  agree(by?: Who): Promise<GiveBackStatus>;
  result(): Promise<GiveBackStatus>;
}

/** Alice is away and Maya covers: the run goes to its end, and what comes after it waits. */
export async function cover(
  small: SmallWorld,
  request: Record<string, unknown> = {},
): Promise<Started & { status: Status; back: Back }> {
  const done = await handOver(small, { mode: 'execute-only', giveBackAt: LATER, ...request });
  return { ...done, back: backOf(small, done.offboardingId) };
}

export function backOf(small: SmallWorld, offboardingId: string): Back {
  const { offboardings } = small.world;
  const id = offboardings.ids.giveBack(offboardingId);
  small.started.add(id);
  const handle = offboardings.handle(id);
  const status = () => handle.query<GiveBackStatus>('status');
  const until: Back['until'] = async is => {
    const end = Date.now() + 40_000;
    for (;;) {
      const now = await status();
      if (is(now)) return now;
      if (Date.now() > end) throw new Error(`It never came to that: ${JSON.stringify(now)}`);
      await new Promise(resolve => setTimeout(resolve, 150));
    }
  };
  const send: Back['send'] = async (name, by, more = {}) => {
    const answer = await offboardings.decide(id, name, { by: mail(small, by), ...more });
    return answer as { verdict: string; sentence: string };
  };
  return {
    id,
    status,
    until,
    send,
    async agree(by = 'priya') {
      const { back } = await until(({ state }) => state === 'awaiting-approval');
      const answer = await send('approve', by, { plan: back!.digest });
      if (answer.verdict !== 'accepted') throw new Error(answer.sentence);
      return status();
    },
    result: () => handle.result() as Promise<GiveBackStatus>,
  };
}

/** Item → who has it now. */
export async function ownersIn(
  small: SmallWorld,
  table: 'accounts' | 'assignment_rules',
  column: string,
): Promise<Map<string, string>> {
  const { rows } = await small.db.crm.query(`select id::text, ${column}::text as owner from ${table}`);
  return new Map(rows.map(row => [row.id as string, row.owner as string]));
}

/** Keys of the accounts that moved between two looks, in order. */
export function movedBetween(
  before: ReadonlyMap<string, string>,
  now: ReadonlyMap<string, string>,
): string[] {
  return [...before.keys()].filter(key => now.get(key) !== before.get(key));
}

/** Somebody takes an account over, past Handover. */
export async function takeOver(small: SmallWorld, key: string, who: Who): Promise<void> {
  await small.db.crm.query('update accounts set owner_id = $2 where id = $1', [key, small.cast[who].id]);
}
