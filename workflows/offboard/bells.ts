/**
 * Tells people, reminds them, escalates, and ends what nobody answers, beside the story: `domain/waiting.ts`
 * says when and to whom, durable timers wait for it, and the trail keeps that it rang.
 */
import { CancellationScope, condition } from '@temporalio/workflow';
import { nextBombBell, sayBombs, toldOfBombs } from '../../domain/bombs.js';
import { missedSentence, nextClockBell } from '../../domain/clocks.js';
import { DAY_MS } from '../../domain/request.js';
import type { Run, Waiting } from '../../domain/run.js';
import { type Bell, bellSentence, nextBell, toldOf } from '../../domain/waiting.js';
import type { Inbox } from '../inbox.js';

/** What a bell may do to the run. */
export interface Ringing {
  note: Inbox['note'];
  /** Somebody was told; this is the wait from now on. */
  rang(waiting: Waiting): void;
  /** Nobody decided in time. */
  expired(): void;
}

/** A timer is set anew at least this often, so that a clock set right never waits for a wrong one. */
const LONGEST_TIMER_MS = 30 * DAY_MS;

/** Rings until the workflow completes. @param whenChanged asks a question about the run only where it changed */
export function ringBells(
  run: Run,
  whenChanged: (question: () => boolean) => () => boolean,
  ringing: Ringing,
): void {
  const loop = async (): Promise<void> => {
    for (;;) {
      await condition(whenChanged(() => nextBell(run) !== null && run.turn?.kind !== 'expire'));
      const bell = nextBell(run)!;
      const other = whenChanged(() => JSON.stringify(nextBell(run)) !== JSON.stringify(bell));
      if (await isTime(bell, SUMMARY[bell.notice], other)) ring(run, bell, ringing);
    }
  };
  void CancellationScope.nonCancellable(loop);
}

/**
 * Says what a sudden departure has not got done in time, until the workflow completes: whoever sees to it is told
 * when it is missed, and others again and again until it is done.
 */
export function ringClocks(
  run: Run,
  whenChanged: (question: () => boolean) => () => boolean,
  { note, missed }: { note: Inbox['note']; missed(clocks: NonNullable<Run['missed']>): void },
): void {
  const loop = async (): Promise<void> => {
    for (;;) {
      await condition(whenChanged(() => nextClockBell(run) !== null));
      const bell = nextClockBell(run)!;
      const other = whenChanged(() => JSON.stringify(nextClockBell(run)) !== JSON.stringify(bell));
      const { clock, again } = bell;
      if (!(await isTime(bell, `Is it done in time: ${clock.clock}`, other))) continue;
      note({
        notice: again === 0 ? 'late' : 'escalation',
        on: clock.clock,
        state: run.state,
        audience: ['operators', 'requester', ...(again === 0 ? [] : ['approvers'])],
        sentence: missedSentence(run, clock),
        since: clock.from,
      });
      missed({ ...run.missed, [clock.clock]: again + 1 });
    }
  };
  void CancellationScope.nonCancellable(loop);
}

/**
 * Says a day before what acts by itself while the run waits and it is still the leaver's, until the workflow
 * completes.
 */
export function ringBombs(
  run: Run,
  whenChanged: (question: () => boolean) => () => boolean,
  { note, told }: { note: Inbox['note']; told(bombs: NonNullable<Run['bombsTold']>): void },
): void {
  const loop = async (): Promise<void> => {
    for (;;) {
      await condition(whenChanged(() => nextBombBell(run) !== null));
      const bell = nextBombBell(run)!;
      const other = whenChanged(() => JSON.stringify(nextBombBell(run)) !== JSON.stringify(bell));
      if (!(await isTime(bell, 'Is it moved before it acts by itself?', other))) continue;
      note({
        notice: 'bomb',
        on: run.waiting?.on ?? run.state,
        state: run.state,
        audience: ['operators', 'requester', 'approvers'],
        sentence: sayBombs(run, bell.bombs).join(' '),
        since: run.since,
      });
      told(toldOfBombs(run, bell));
    }
  };
  void CancellationScope.nonCancellable(loop);
}

/** False where the run waits for something else by then, or the timer was only a piece of the time. */
async function isTime(bell: { at: number }, summary: string, other: () => boolean): Promise<boolean> {
  const ms = bell.at - Date.now();
  if (ms <= 0) return true;
  return !(await condition(other, Math.min(ms, LONGEST_TIMER_MS), { summary })) && Date.now() >= bell.at;
}

const SUMMARY: Record<Bell['notice'], string> = {
  waits: 'Tells people what is waited for',
  reminder: 'Reminds people, if nobody decides',
  escalation: 'Tells others, if nobody decides',
  expiry: 'Expires, if nobody decides',
};

function ring(run: Run, bell: Bell, { note, rang, expired }: Ringing): void {
  const waiting = run.waiting!;
  note({
    notice: bell.notice,
    on: waiting.on,
    state: run.state,
    audience: [...bell.audience],
    sentence: bellSentence(run, bell, Date.now()),
    since: waiting.since,
  });
  if (bell.notice === 'expiry') return expired();
  rang(toldOf(waiting, bell));
}
