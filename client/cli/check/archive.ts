/**
 * Is what has closed archived: is the schedule there, does it run, and what could its looks not do? Temporal
 * deletes closed runs when its retention ends, so a look that does not come is a history that gets lost.
 */
import { isBehind } from '../../../domain/archive.js';
import { seeArchiveSchedule } from '../../../runtime/archive-schedule.js';
import { commandLine } from '../../printed.js';
import type { Reach } from '../../reach.js';
import type { Finding } from './finding.js';

const what = 'archive';

export async function checkArchive(reach: Reach): Promise<Finding[]> {
  const { config } = await reach.installation();
  const { archiveSchedule } = (await reach.offboardings()).ids;
  const client = await reach.temporal();
  const schedule = await reach.ask(() => seeArchiveSchedule(client, config));
  if (!schedule)
    return [
      {
        what,
        state: 'problem',
        says: `The schedule "${archiveSchedule}" is missing: nothing that closes is archived.`,
        mend: 'The start of a worker makes it: handover worker.',
      },
    ];
  if (schedule.paused)
    return [
      {
        what,
        state: 'problem',
        says: `The schedule "${archiveSchedule}" is paused${schedule.note ? ` ("${schedule.note}")` : ''}: nothing that closes is archived.`,
        mend: `temporal schedule toggle --unpause --schedule-id ${archiveSchedule} --namespace ${config.temporal.namespace}`,
      },
    ];
  const store = await reach.store();
  // Before the first worker there are no tables, and nothing to archive.
  if (!(await store.trail.ready())) return [];
  const last = await store.looks.last();
  const behind: Finding[] = isBehind(last, schedule.made, new Date())
    ? [
        {
          what,
          state: 'warning',
          says: last
            ? `The last look at what has closed ended at ${last.finished.toISOString()}; there should be one every five minutes.`
            : 'No look at what has closed has ended yet; there should be one every five minutes.',
          mend: `Is a worker running? ${commandLine('archive')} looks at once.`,
        },
      ]
    : [];
  const failures = await failed(reach);
  const fine: Finding = {
    what,
    state: 'fine',
    says: last
      ? `what has closed is archived: looked at ${last.finished.toISOString()}`
      : 'what closes will be archived: the first look is to come',
  };
  return behind.length + failures.length > 0 ? [...behind, ...failures] : [fine];
}

/** What earlier looks could not do. */
async function failed(reach: Reach): Promise<Finding[]> {
  const { looks, ledger } = await reach.store();
  const histories = (await looks.failures(SHOWN)).map(
    ({ workflow, why, since }): Finding => ({
      what,
      state: 'warning',
      says: `${workflow}, since ${since.toISOString()}: ${why}`,
      mend: 'Every look tries again, until Temporal forgets the run.',
    }),
  );
  const owed = (await ledger.owed()).slice(0, SHOWN).map(
    ({ offboarding, workflow, steps }): Finding => ({
      what,
      state: 'warning',
      says: `${workflow} is closed, and nobody knows yet what became of effects in ${steps.join(', ')}.`,
      mend: `Every look asks again; ${commandLine('audit', offboarding)} shows the receipts.`,
    }),
  );
  return [...histories, ...owed];
}

const SHOWN = 20;
