/**
 * What people decided since the story last looked, as an event. One place for all states; the lifecycle says
 * whether it fits.
 */
import type { RunState } from '../../../domain/model.js';
import { blockedSystems, doneSoFar, notSwitchedOff, type Run, type Turn } from '../../../domain/run.js';
import { expirySentence } from '../../../domain/waiting.js';
import { close, type Desk, type Happening } from '../desk.js';

/** Null = nobody decided anything that the story must take up. */
export function decided(desk: Desk): Happening | null {
  const { run } = desk;
  const { turn } = run;
  switch (turn?.kind) {
    case undefined:
      return null;
    case 'retry':
      return { event: 'retried', says: 'Trying again what is not done yet.' };
    case 'prepare':
      return { event: 'anew', says: PREPARING[run.state] ?? 'Making a new revision of the plan.' };
    case 'expire':
      return close('expired', `${expirySentence(run)} ${doneSoFar(run)}${blockNote(run)}`);
    case 'finish':
      return finished(run, turn);
    case 'reject': {
      const why = `Rejected by ${turn.by.name}${turn.note ? `: ${turn.note}` : ''}.`;
      return close('rejected', `${why} ${doneSoFar(run)}${blockNote(run)}`);
    }
    case 'cancel':
      // Who and what becomes of a block is said once that is done.
      return close('cancelled', 'Cancelled.');
  }
}

const PREPARING: Partial<Record<RunState, string>> = {
  'needs-correction': 'Preparing again.',
  'needs-attention': 'Making a plan for what is left.',
};

function finished(run: Run, { by, reason }: Extract<Turn, { kind: 'finish' }>): Happening {
  const active = notSwitchedOff(run);
  const off =
    active.length > 0 ? `Not switched off: ${active.join(', ')}.` : 'The leaver is switched off everywhere.';
  return close('completed-partially', `Closed by ${by.name} with steps left: ${reason}. ${off}`);
}

/** A cancellation that comes after the switch takes nothing of it back, and says so. */
export function offNote({ access }: Pick<Run, 'access'>): string {
  const off = Object.keys(access).filter(system => access[system] === 'deactivated');
  return off.length > 0 ? ` Switched off already in ${off.join(', ')}.` : '';
}

/** Rejection, expiry and cancellation may keep a block, and say so. */
export function blockNote(run: Run): string {
  const blocked = blockedSystems(run);
  return blocked.length > 0 ? ` Sign-in stays blocked in ${blocked.join(', ')}.` : '';
}
