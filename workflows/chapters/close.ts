/** The end of every run: access as it was asked for, the certificate, the report. */
import type { Run } from '../../domain/run.js';
import type { Desk } from '../desk.js';
import type { Report } from '../messages.js';
import { attempt, quick } from '../proxies.js';
import { blockNote } from './gates.js';

export async function close(desk: Desk): Promise<Report> {
  const { run } = desk;
  if (run.outcome === 'cancelled') await endCancelled(desk);
  for (const [id, progress] of Object.entries(run.steps)) {
    if (progress.state === 'queued' || progress.state === 'running')
      desk.change({ steps: { ...run.steps, [id]: { ...progress, state: 'not-run' } } });
  }
  const closed = await attempt(() =>
    quick.closeRun.executeWithOptions({ summary: `Certificate: ${run.outcome}` }, [
      { run, outcome: run.outcome!, sentence: run.sentence },
    ]),
  );
  if (closed.ok) desk.change({ certificate: closed.value.certificate });
  else desk.change({ sentence: `${run.sentence} The certificate could not be written: ${closed.sentence}` });
  return reportOf(run);
}

async function endCancelled(desk: Desk): Promise<void> {
  const { run } = desk;
  const { by, access } = run.cancellation!;
  if (access === 'restore') {
    for (const account of run.plan?.accounts ?? []) {
      if (run.access[account.system] !== 'blocked') continue;
      const restored = await attempt(() =>
        quick.restoreAccess.executeWithOptions({ summary: `Give sign-in back in ${account.system}` }, [
          { offboardingId: run.offboardingId, account, turn: 1 },
        ]),
      );
      if (restored.ok && restored.value.access === 'open') desk.change({ access: { ...run.access, [account.system]: 'open' } });
    }
  }
  const done = Object.values(run.steps).reduce((sum, step) => sum + step.changed, 0);
  const who = by ? `by ${by.name}` : 'in Temporal';
  desk.change({
    sentence: `Cancelled ${who}. ${done > 0 ? `${done} items had been handed over and stay there.` : 'Nothing was handed over.'}${blockNote(desk)}`,
  });
}

function reportOf(run: Run): Report {
  return {
    outcome: run.outcome!,
    sentence: run.sentence,
    offboardingId: run.offboardingId,
    certificate: run.certificate,
    access: run.access,
    steps: (run.plan?.steps ?? []).flatMap(step => {
      const progress = run.steps[step.id];
      return progress
        ? {
            id: step.id,
            title: step.title,
            state: progress.state,
            changed: progress.changed,
            remaining: progress.remaining,
            message: progress.message,
          }
        : [];
    }),
    findings: run.findings,
  };
}
