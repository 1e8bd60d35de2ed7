/**
 * Every state that a run can be in, and how it gets there; and how a run in any state is brought to its end
 * by its people.
 */
import { expect } from 'vitest';
import type { Status } from '../../../workflows/messages.js';
import {
  acknowledgeAll,
  agree,
  atRest,
  decide,
  mail,
  must,
  planned,
  type Started,
  start,
  waitFor,
} from '../../small-world/drive.js';
import { refuse } from '../../small-world/mischief.js';
import type { SmallWorld } from '../../small-world/world.js';
import type { Gates } from './gates.js';
import { agreed } from './scenes.js';

export interface Reached {
  run: Started;
  /** What stood in the way is mended; held activities stay held until `gates.openAll()`. */
  mend: () => Promise<void>;
}

type Reach = (small: SmallWorld, gates: Gates) => Promise<Reached>;
const nothing = async (): Promise<void> => {};

function heldAt(name: string, side: 'before' | 'after', nth: number): Reach {
  return async (small, gates) => {
    const gate = gates.close(name, side, nth);
    const run = await agreed(small);
    await gate.arrived;
    return { run, mend: nothing };
  };
}

export const STATES = {
  preparing: async (small, gates) => {
    const gate = gates.close('look', 'before');
    const run = await start(small);
    await gate.arrived;
    return { run, mend: nothing };
  },
  'needs-correction': async small => {
    const run = await start(small, { successor: mail(small, 'ines') });
    expect(await planned(small, run)).toMatchObject({ state: 'needs-correction' });
    return { run, mend: nothing };
  },
  'awaiting-approval': async small => {
    const run = await start(small);
    expect(await planned(small, run)).toMatchObject({ state: 'awaiting-approval' });
    return { run, mend: nothing };
  },
  scheduled: async small => {
    const run = await start(small, { effectiveAt: '2090-01-01' });
    await planned(small, run);
    await agree(small, run);
    await waitFor(small, run, one => one.state === 'scheduled');
    return { run, mend: nothing };
  },
  'executing, before the second group': heldAt('runSteps', 'before', 2),
  'executing, the second group done and not reported': heldAt('runSteps', 'after', 2),
  'needs-attention': async small => {
    const mischief = await refuse(small.db.crm, 'fields');
    const run = await agreed(small);
    await waitFor(small, run, one => one.state === 'needs-attention');
    return { run, mend: () => mischief.mend() };
  },
  'deactivating, before the first switch': heldAt('deactivate', 'before', 1),
  'deactivating, one system off and not reported': heldAt('deactivate', 'after', 1),
  'deactivating, before the last switch': heldAt('deactivate', 'before', 2),
  'closing, before the certificate': heldAt('closeRun', 'before', 1),
  'closing, the certificate written and not reported': heldAt('closeRun', 'after', 1),
} satisfies Record<string, Reach>;

export type StateName = keyof typeof STATES;

/** What people would do next, whatever the run waits for, until it is closed. */
export async function driveToEnd(small: SmallWorld, run: Started, timeoutMs?: number): Promise<Status> {
  for (let turn = 0; turn < 12; turn++) {
    const status = await atRest(small, run, timeoutMs);
    switch (status.state) {
      case 'closed':
        await small.world.offboardings.result(run.run);
        return status;
      case 'needs-correction':
        await must(small, run, 'amend', 'oscar', { successor: 'manager' });
        await waitFor(
          small,
          run,
          one => one.state !== 'needs-correction' || one.decided > status.decided + 1,
        );
        break;
      case 'scheduled':
        await must(small, run, 'amend', 'oscar', { effectiveAt: '2020-01-01' });
        await waitFor(small, run, one => one.state !== 'scheduled');
        break;
      case 'needs-attention':
        await must(small, run, 'retry', 'oscar');
        break;
      default: {
        await acknowledgeAll(small, run);
        const { plan, state, approvals } = await small.world.offboardings.status(run.run);
        // After a reset an approval may have been sent again by Temporal itself.
        if (state === 'awaiting-approval' && approvals.length === 0)
          await decide(small, run, 'approve', 'priya', { plan: plan!.digest });
        await waitFor(
          small,
          run,
          one => one.state !== 'awaiting-approval' || one.revision !== status.revision,
        );
      }
    }
  }
  throw new Error('The run came to no end.');
}

/** What Alice still holds in categories that a plan moves. */
export async function stillHeld(small: SmallWorld): Promise<number> {
  const { crm, desk } = small.db;
  const id = small.cast.alice.id;
  const one = await crm.query(
    `select (select count(*) from assignment_rules where assignee_id = $1 and active)
          + (select count(*) from accounts where owner_id = $1 and status = 'active')
          + (select count(*) from fields where person_id = $1) + (select count(*) from tokens where person_id = $1 and revoked_at is null) as n`,
    [id],
  );
  const other = await desk.query(
    `select (select count(*) from tickets where assignee_id = 17 and status = 'open') + (select count(*) from watchers where agent_id = 17)
          + (select count(*) from team_members where agent_id = 17) as n`,
  );
  return Number(one.rows[0].n) + Number(other.rows[0].n);
}
