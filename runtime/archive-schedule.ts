/**
 * The schedule that starts the archiver. A worker makes it where it is missing; only `register` changes one
 * that exists, so that whoever paused or changed it keeps what they did.
 */
import {
  type Client,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  type ScheduleOptions,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import { LOOK_EVERY_MS } from '../domain/archive.js';
import { idsOf } from '../domain/ids.js';

/** The type of the workflow that it starts. */
const ARCHIVE_CLOSED = 'archiveClosed';

export interface Scheduled {
  installation: string;
  temporal: { taskQueue: string };
}

/** Makes it, or leaves the one that is there as it is. True = it was made. */
export async function ensureArchiveSchedule(client: Client, where: Scheduled): Promise<boolean> {
  try {
    await client.schedule.create(optionsOf(where));
    return true;
  } catch (error) {
    if (error instanceof ScheduleAlreadyRunning) return false;
    throw error;
  }
}

/** Makes it, or makes the one that is there as it should be; a pause stays. */
export async function renewArchiveSchedule(client: Client, where: Scheduled): Promise<'made' | 'renewed'> {
  if (await ensureArchiveSchedule(client, where)) return 'made';
  const { scheduleId, ...options } = optionsOf(where);
  await client.schedule.getHandle(scheduleId).update(({ state }) => ({ ...options, state }));
  return 'renewed';
}

export interface ScheduleSeen {
  paused: boolean;
  /** What whoever paused it said. */
  note: string | null;
  made: Date;
}

/** Null = there is none. */
export async function seeArchiveSchedule(
  client: Client,
  { installation }: Pick<Scheduled, 'installation'>,
): Promise<ScheduleSeen | null> {
  try {
    const { state, info } = await client.schedule.getHandle(idsOf(installation).archiveSchedule).describe();
    return { paused: state.paused, note: state.note || null, made: info.createdAt };
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return null;
    throw error;
  }
}

function optionsOf({ installation, temporal: { taskQueue } }: Scheduled) {
  const { archiveSchedule } = idsOf(installation);
  return {
    scheduleId: archiveSchedule,
    spec: { intervals: [{ every: LOOK_EVERY_MS }] },
    policies: {
      // A look goes through everything: two beside each other would do the same.
      overlap: ScheduleOverlapPolicy.SKIP,
      // What was missed while the server was down is found by the next look.
      catchupWindow: '1 minute',
    },
    action: {
      type: 'startWorkflow',
      workflowType: ARCHIVE_CLOSED,
      workflowId: archiveSchedule,
      taskQueue,
      args: [{}],
      staticSummary: 'Keeps the histories of what has closed',
    },
  } satisfies ScheduleOptions;
}
