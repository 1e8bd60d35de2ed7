/**
 * Looks, beside the story, whether somebody has done by hand what the run waits for, and closes what it was to
 * acknowledge: `domain/watch.ts` says when to look. A look is a timer and an activity, and whatever becomes of
 * it holds the story up by nothing.
 */
import { CancellationScope, condition } from '@temporalio/workflow';
import { isDeactivation } from '../../domain/plan.js';
import { type Acknowledgement, openAcknowledgements, type Run } from '../../domain/run.js';
import { blindness, looked, nextLook } from '../../domain/watch.js';
import type { Inbox } from '../inbox.js';
import { ask, watching } from '../proxies.js';

export interface Watching {
  note: Inbox['note'];
  change(news: Partial<Run>): void;
  /** Why it cannot be seen; null = it can. */
  blind(sentence: string | null): void;
}

/** Looks until the workflow completes. @param whenChanged asks a question about the run only where it changed */
export function watchHands(
  run: Run,
  whenChanged: (question: () => boolean) => () => boolean,
  watching: Watching,
): void {
  const loop = async (): Promise<void> => {
    for (;;) {
      await condition(whenChanged(() => run.watch !== undefined));
      const watch = run.watch!;
      const other = whenChanged(() => run.watch !== watch);
      const ms = nextLook(watch, run.plan!.policy) - Date.now();
      const summary = 'Looks whether it was done by hand';
      if (ms > 0 && (await condition(other, ms, { summary }))) continue;
      await look(run, watching);
    }
  };
  void CancellationScope.nonCancellable(loop);
}

async function look(run: Run, { note, change, blind }: Watching): Promise<void> {
  const { subjects } = run.watch!;
  const input = { plan: run.plan!.digest, subjects };
  const answer = await ask(watching.lookIfDone, `Was it done by hand: ${subjects.join(', ')}`, input);
  const problem = answer.ok ? answer.value.problem : answer.sentence;
  // A new plan, or a person, was faster.
  if (run.plan?.digest !== input.plan) return;
  const now = new Date().toISOString();
  if (run.watch) {
    const watch = looked(run.watch, now, problem);
    change({ watch });
    blind(blindness(watch, problem));
  }
  const open = openAcknowledgements(run).map(({ subject }) => subject);
  const done = (answer.ok ? answer.value.done : []).filter(subject => open.includes(subject));
  if (!answer.ok || done.length === 0) return;
  const seen: Acknowledgement = {
    by: null,
    at: now,
    manifest: run.plan.manifest,
    frozen: answer.value.nothing,
    count: 0,
  };
  for (const on of done)
    note({
      notice: 'seen-done',
      on,
      state: run.state,
      audience: ['operators'],
      sentence: `${on} was seen done in the system: nobody has to acknowledge it.`,
      since: run.since,
    });
  const off = done.filter(isDeactivation).map(id => id.slice(0, id.indexOf('/')));
  change({
    acknowledgements: { ...run.acknowledgements, ...Object.fromEntries(done.map(one => [one, seen])) },
    held: { ...run.held, ...Object.fromEntries(done.map(one => [one, 0])) },
    access: { ...run.access, ...Object.fromEntries(off.map(system => [system, 'deactivated' as const])) },
  });
}
