/**
 * Shows the steps of a run while they happen: a bar per system on a terminal, plain lines now and then where
 * nobody watches live.
 */
import { MultiBar, type SingleBar } from 'cli-progress';
import { isEffect, type PlanStep } from '../../domain/plan.js';
import { takers } from '../../domain/view.js';
import { number } from '../../domain/words.js';
import type { Status } from '../../workflows/messages.js';
import { indented, type Screen } from '../local/screen.js';
import type { LiveProgress } from '../runs.js';

const EVERY_MS = 150;
// A log is read later: a line a second tells enough.
const LINE_EVERY_MS = 1000;

/** Returns when the steps are over: the run is closed, or waits for people. */
export async function watchSteps(
  run: { status(): Promise<Status>; live(): Promise<LiveProgress | null> },
  first: Status,
  screen: Screen,
  signal: AbortSignal,
): Promise<Status> {
  const display = screen.live ? bars(first, screen) : lines(screen);
  try {
    for (let status = first; ; status = await run.status()) {
      signal.throwIfAborted();
      const moving = status.state === 'executing' || status.state === 'deactivating';
      const live = moving ? await run.live().catch(() => null) : null;
      display.show(progressOf(status, live), status);
      if (!moving) return status;
      await new Promise(resolve => setTimeout(resolve, EVERY_MS));
    }
  } finally {
    display.end();
  }
}

interface SystemProgress {
  system: string;
  title: string;
  items: number;
  done: number;
  steps: number;
  finished: number;
  now: string;
}

interface Display {
  show(progress: SystemProgress[], status: Status): void;
  end(): void;
}

function progressOf(status: Status, live: LiveProgress | null): SystemProgress[] {
  const plan = status.plan!;
  return plan.systems.flatMap(({ system, title }) => {
    const steps = plan.steps.filter(
      step => step.system === system && isEffect(step) && step.baseline.count > 0,
    );
    if (steps.length === 0) return [];
    const settled = (step: PlanStep): boolean =>
      ['completed', 'skipped'].includes(status.steps[step.id]?.state ?? '');
    const done = steps.reduce(
      (sum, step) => sum + (settled(step) ? step.baseline.count : (live?.steps[step.id]?.changed ?? 0)),
      0,
    );
    const current =
      steps.find(step => step.id === live?.current) ??
      steps.find(step => status.steps[step.id]?.state === 'running');
    const items = steps.reduce((sum, step) => sum + step.baseline.count, 0);
    const finished = steps.filter(settled).length;
    const now =
      finished === steps.length ? 'all steps completed' : current ? `${current.title}${takers(current)}` : '';
    return { system, title, items, done: Math.min(done, items), steps: steps.length, finished, now };
  });
}

function bars(first: Status, screen: Screen): Display {
  const c = screen.colours;
  const multi = new MultiBar({
    format: `   {title}  ${c.cyan('{bar}')}  {done} of {items}  ${c.dim('{now}')}`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 24,
    hideCursor: true,
    linewrap: false,
    // Ctrl-C is ours: it ends the worker and the servers in order.
    gracefulExit: false,
    emptyOnZero: true,
    stream: process.stdout,
  });
  const known = new Map<string, SingleBar>();
  const width = Math.max(...(first.plan?.systems ?? []).map(system => system.title.length));
  return {
    show(progress) {
      for (const one of progress) {
        const payload = {
          title: one.title.padEnd(width),
          done: number(one.done).padStart(number(one.items).length),
          items: number(one.items),
          now: one.now,
        };
        const bar = known.get(one.system) ?? multi.create(one.items, 0, payload);
        known.set(one.system, bar);
        bar.update(one.done, payload);
      }
    },
    end: () => multi.stop(),
  };
}

function lines(screen: Screen): Display {
  let last = '';
  let at = 0;
  const print = (progress: SystemProgress[]): void => {
    for (const one of progress) {
      const line = `${one.title}: ${number(one.done)} of ${number(one.items)} items, ${one.finished} of ${one.steps} steps${one.now && one.finished < one.steps ? `; now ${one.now}` : ''}`;
      if (one.done > 0 && !last.includes(`${line}\n`)) screen.line(indented(line));
      last += `${line}\n`;
    }
  };
  return {
    show(progress, status) {
      const over = status.state !== 'executing' && status.state !== 'deactivating';
      if (!over && Date.now() - at < LINE_EVERY_MS) return;
      at = Date.now();
      print(progress);
    },
    end: () => {},
  };
}
