/**
 * Follows a run until it closes or waits: bars for the running steps on a terminal, a line per change in a
 * pipe, a JSON object per change with --json.
 */
import { MultiBar, type SingleBar } from 'cli-progress';
import type { Outcome } from '../../domain/model.js';
import { MARK } from '../../domain/tree.js';
import { number } from '../../domain/words.js';
import type { Status } from '../../workflows/messages.js';
import { clean } from '../clean.js';
import { follow } from '../follow.js';
import type { LiveProgress } from '../runs.js';
import type { LiveRun } from '../which-run.js';
import type { Session } from './command.js';
import { EXIT, type ExitCode } from './exit.js';
import { endedInTemporal, showRun } from './show.js';
import { shorten, type Terminal } from './terminal.js';

const EVERY_MS = { terminal: 400, pipe: 700 };

export async function watch({ reach, terminal }: Session, started: LiveRun): Promise<number> {
  const screen = screenFor(terminal);
  let seen = false;
  try {
    for await (const sight of follow(reach, started, terminal.isTTY ? EVERY_MS.terminal : EVERY_MS.pipe)) {
      if ('trouble' in sight) {
        screen.trouble(sight.trouble);
        continue;
      }
      const { run, status, live } = sight;
      const exit = exitOf(status, run);
      // What was over before we came is in the tree; programs get it as the one object there is.
      if (exit === null || seen || terminal.wantsJson) screen.show(status, live);
      seen = true;
      if (exit === null) continue;
      screen.end();
      terminal.say();
      showRun(terminal, run, status);
      return exit;
    }
    return EXIT.unexpected;
  } finally {
    screen.end();
  }
}

function screenFor(terminal: Terminal): Screen {
  if (terminal.wantsJson) return new JsonScreen(terminal);
  return terminal.isTTY ? new BarScreen(terminal) : new LineScreen(terminal);
}

/** How a watch ends; null = it goes on. */
export function exitOf(status: Status, run: LiveRun): ExitCode | null {
  if (status.state === 'closed')
    return status.outcome && REACHED.has(status.outcome) ? EXIT.done : EXIT.closedOtherwise;
  if (endedInTemporal(run)) return EXIT.closedOtherwise;
  return status.waitingOn === 'nobody' ? null : EXIT.waiting;
}

const REACHED = new Set<Outcome>(['completed', 'previewed', 'nothing-to-do']);

interface Screen {
  show(status: Status, live: LiveProgress | null): void;
  trouble(sentence: string): void;
  end(): void;
}

interface Counted {
  changed: number;
  of: number;
}

/**
 * What a step has done in the whole run, of all that it will have done: a heartbeat counts only what one activity
 * does, and a plan that was made anew only what is left.
 */
export function countOf(
  { plan, steps }: Pick<Status, 'plan' | 'steps'>,
  id: string,
  live: LiveProgress | null,
): Counted {
  const { changed = 0, remaining = null } = steps[id] ?? {};
  const now = live?.steps[id];
  if (now) return { changed: changed + now.changed, of: changed + now.of };
  const planned = plan?.steps.find(step => step.id === id)?.baseline.count ?? 0;
  return { changed, of: changed + (remaining ?? planned) };
}

class JsonScreen implements Screen {
  #last = '';
  constructor(private readonly terminal: Terminal) {}
  show(status: Status, live: LiveProgress | null): void {
    const { workflowId, state, outcome, sentence, waitingOn, steps, access, next } = status;
    const value = {
      workflowId,
      state,
      outcome,
      sentence,
      waitingOn,
      access,
      steps: Object.fromEntries(
        Object.entries(steps).map(([id, step]) => [
          id,
          {
            state: step.state,
            message: step.message,
            ...(step.state === 'running' ? countOf(status, id, live) : { changed: step.changed }),
          },
        ]),
      ),
      next,
    };
    const text = JSON.stringify(value);
    if (text !== this.#last) this.terminal.json({ at: new Date().toISOString(), ...value });
    this.#last = text;
  }
  trouble(): void {}
  end(): void {}
}

/** Says every change once, and how far running steps are every few seconds. */
class LineScreen implements Screen {
  readonly #said = new Map<string, string>();
  #counted = 0;
  constructor(private readonly terminal: Pick<Terminal, 'say' | 'warn'>) {}
  show(status: Status, live: LiveProgress | null): void {
    for (const [subject, line] of changes(status)) this.#once(subject, line);
    if (Date.now() - this.#counted < 5_000) return;
    this.#counted = Date.now();
    for (const [id, step] of Object.entries(status.steps)) {
      const { changed, of } = countOf(status, id, live);
      if (step.state === 'running' && of > 0)
        this.#once(`${id} count`, `${MARK.running} ${id}: ${number(changed)} of ${number(of)}`);
    }
  }
  trouble(sentence: string): void {
    if (this.#said.get('trouble') !== sentence) this.terminal.warn(`${clean(sentence)} Still looking.`);
    this.#said.set('trouble', sentence);
  }
  end(): void {}
  #once(subject: string, line: string): void {
    if (this.#said.get(subject) === line) return;
    this.#said.set(subject, line);
    this.terminal.say(`${new Date().toISOString().slice(11, 19)} ${clean(line)}`);
  }
}

/** What is worth a line when it changes, by subject. */
function changes(status: Status): [string, string][] {
  const lines: [string, string][] = [
    ['run', `${status.state}${status.outcome ? ` (${status.outcome})` : ''}: ${status.sentence}`],
  ];
  for (const [id, step] of Object.entries(status.steps)) {
    const nothing = step.state === 'completed' && step.changed === 0 && !id.endsWith('/deactivate');
    if (step.state === 'queued' || nothing) continue;
    const done = step.changed > 0 && step.state !== 'running' ? `, ${number(step.changed)} done` : '';
    lines.push([
      id,
      `${MARK[step.state]} ${id}: ${step.state}${done}${step.message ? `: ${step.message}` : ''}`,
    ]);
  }
  return lines;
}

/** A bar per running step, and the lines of what is over above them. */
class BarScreen implements Screen {
  readonly #bars: MultiBar;
  readonly #running = new Map<string, SingleBar>();
  readonly #lines: LineScreen;
  #ended = false;
  constructor(private readonly terminal: Terminal) {
    this.#bars = new MultiBar({
      stream: terminal.io.stdout as unknown as NodeJS.WritableStream,
      format: `${terminal.colours.cyan('{bar}')} {done} of {all}  {step}`,
      barsize: 24,
      barCompleteChar: '█',
      barIncompleteChar: '░',
      hideCursor: true,
      clearOnComplete: true,
      linewrap: false,
      emptyOnZero: true,
    });
    // Lines go through the bars, which draw themselves again below them.
    this.#lines = new LineScreen({
      say: (line = '') => this.#bars.log(`${line}\n`),
      warn: line => terminal.warn(line),
    });
  }
  show(status: Status, live: LiveProgress | null): void {
    this.#lines.show({ ...status, steps: withoutRunning(status.steps) }, null);
    const running = Object.entries(status.steps).filter(([, step]) => step.state === 'running');
    for (const [id, bar] of this.#running) {
      if (running.some(([other]) => other === id)) continue;
      this.#bars.remove(bar);
      this.#running.delete(id);
    }
    for (const [id] of running) {
      const { changed, of } = countOf(status, id, live);
      const payload = {
        step: shorten(clean(titleOf(status, id)), Math.max(20, this.terminal.columns - 50)),
        done: number(changed),
        all: number(of),
      };
      const bar = this.#running.get(id) ?? this.#bars.create(Math.max(1, of), 0, payload);
      this.#running.set(id, bar);
      bar.setTotal(Math.max(1, of));
      bar.update(changed, payload);
    }
    this.#bars.update();
  }
  trouble(sentence: string): void {
    this.#bars.log(`${clean(sentence)} Still looking.\n`);
  }
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const bar of this.#running.values()) this.#bars.remove(bar);
    this.#bars.update();
    this.#bars.stop();
  }
}

function withoutRunning(steps: Status['steps']): Status['steps'] {
  return Object.fromEntries(Object.entries(steps).filter(([, step]) => step.state !== 'running'));
}

function titleOf(status: Status, id: string): string {
  return status.plan?.steps.find(step => step.id === id)?.title ?? id;
}
