/**
 * The demo's story: one offboarding from the request to the certificate, told while it happens. What is shown
 * comes from the run itself (its status, its activities' progress); only the people are played: their
 * decisions are sent from here, by name.
 *
 * It goes on from wherever the run is, so that a start after Ctrl-C or a crash finishes what the last one
 * began.
 */
import { join } from 'node:path';
import { WorkflowNotFoundError } from '@temporalio/client';
import { isEffect, type Plan, type PlanStep } from '../../domain/plan.js';
import { openAcknowledgements } from '../../domain/run.js';
import { type Tone, treeLines } from '../../domain/tree.js';
import { takers, viewOf } from '../../domain/view.js';
import { number } from '../../domain/words.js';
import { COLLEAGUES, type Colleague, emailOf } from '../../examples/demo/people.js';
import type { Report, Status } from '../../workflows/messages.js';
import type { Installation } from '../local/installation.js';
import { columns, indented, type Screen, shown } from '../local/screen.js';
import { watchSteps } from './progress.js';

export interface Told {
  /** Null when the run could not be started at all. */
  workflowId: string | null;
  runId: string | null;
  status: Status | null;
  /** Of a run that closed long ago, where its whole state cannot be read any more. */
  report: Report | null;
  /** True when the person is handed over; else `sentence` says why not. */
  done: boolean;
  /** It was so already when this start began. */
  before: boolean;
  sentence: string;
}

/** Who plays the people of the run; nobody decides about themselves. */
export interface Cast {
  leaver: Colleague;
  operator: Colleague;
  approver: Colleague;
  /** The leaver's second account in the directory, if there is one. */
  double: Colleague | undefined;
}

export function castFor(email: string): Cast {
  const leaver = COLLEAGUES.find(person => emailOf(person) === email.trim().toLowerCase());
  if (!leaver) {
    throw new Error(
      `Nobody in the demo has the address ${email}. Try ${['alice', 'tomas', 'victor', 'henrik.sato'].map(login => `${login}@demo.example`).join(', ')}; examples/demo/README.md says who they are.`,
    );
  }
  const [operator] = COLLEAGUES.filter(
    person => person.role === 'admin' && !person.alsoKnownAs && person !== leaver,
  );
  const [approver] = COLLEAGUES.filter(person => person.reviews && !person.alsoKnownAs && person !== leaver);
  return {
    leaver,
    operator: operator!,
    approver: approver!,
    double: COLLEAGUES.find(person => person.alsoKnownAs === leaver.id),
  };
}

export async function tell(
  installation: Installation,
  cast: Cast,
  screen: Screen,
  signal: AbortSignal,
): Promise<Told> {
  const story = new Story(installation, cast, screen, signal);
  const told = await story.goOn();
  return told;
}

class Story {
  private readonly run: string;
  private runId: string | null = null;
  private readonly told = new Set<string>();
  private troubleAt = Date.now();

  constructor(
    private readonly installation: Installation,
    private readonly cast: Cast,
    private readonly screen: Screen,
    private readonly signal: AbortSignal,
  ) {
    this.run = installation.offboardings.ids.offboarding(String(cast.leaver.id));
  }

  private get offboardings() {
    return this.installation.offboardings;
  }

  async goOn(): Promise<Told> {
    const { screen, cast } = this;
    const c = screen.colours;
    const found = await this.find();
    if (found === 'open') {
      screen.line();
      screen.line(
        c.bold(
          `${cast.leaver.name} is being offboarded: the last start was interrupted, and the run goes on where it was.`,
        ),
      );
    } else if (found) {
      return found;
    } else {
      const refusal = await this.ask();
      if (refusal) return { ...NOBODY, done: false, before: false, sentence: refusal };
    }
    for (;;) {
      this.signal.throwIfAborted();
      const status = await this.status();
      this.runId ??= (await this.offboardings.handle(this.run).describe()).runId;
      if (status.plan) this.inventoryAndPlan(status.plan);
      switch (status.state) {
        case 'awaiting-approval':
          await this.decisions(status);
          break;
        case 'executing':
        case 'deactivating':
          await this.execution(status);
          break;
        case 'preparing':
        case 'closing':
          await new Promise(resolve => setTimeout(resolve, LOOK_EVERY_MS));
          break;
        case 'closed':
          return this.close();
        case 'scheduled':
        case 'needs-correction':
        case 'needs-attention':
          return this.ending(status, false);
      }
    }
  }

  /** The last run of this person: open, or completed (then everything is done), or none that counts. */
  private async find(): Promise<Told | 'open' | null> {
    try {
      const description = await this.offboardings.handle(this.run).describe();
      this.runId = description.runId;
      if (description.status.name === 'RUNNING') return 'open';
      if (description.status.name !== 'COMPLETED') return null;
      const status = await this.answer().catch(() => null);
      if (status) return isDone(status) ? this.ending(status, true) : null;
      // Newer code may be unable to read an old run; what it reported at its end stays.
      const report = (await this.offboardings.result(this.run)) as Report;
      if (!isDone({ state: 'closed', outcome: report.outcome })) return null;
      return {
        ...NOBODY,
        workflowId: this.run,
        runId: this.runId,
        report,
        done: true,
        before: true,
        sentence: report.sentence,
      };
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return null;
      throw error;
    }
  }

  /**
   * The run's state now. Right after a start that follows a crash it takes some seconds; without an end,
   * somebody must look.
   */
  private async status(): Promise<Status> {
    const deadline = Date.now() + ANSWERS_WITHIN_MS;
    for (;;) {
      this.signal.throwIfAborted();
      try {
        const status = await this.answer();
        if (status.waitingOn === 'nobody' && status.state !== 'closed') await this.showTrouble();
        return status;
      } catch (error) {
        if (Date.now() < deadline) {
          await new Promise(resolve => setTimeout(resolve, LOOK_EVERY_MS));
          continue;
        }
        throw new Error(
          `${this.run} does not answer (${(error as Error).message}). If Handover was updated in the middle of this run, go back to the earlier version or start over with --fresh; ${shown(join(this.installation.stateDir, 'worker.log'))} says more.`,
        );
      }
    }
  }

  /** What is being tried again, so that nobody stares at a screen that does not move. Each reason once. */
  private async showTrouble(): Promise<void> {
    if (Date.now() - this.troubleAt < TROUBLE_EVERY_MS) return;
    this.troubleAt = Date.now();
    const { raw } = await this.offboardings.handle(this.run).describe();
    for (const { attempt, lastFailure, activityType } of raw.pendingActivities ?? []) {
      if (!lastFailure?.message || (attempt ?? 0) < 3 || !this.once(lastFailure.message)) continue;
      this.screen.note(`${activityType?.name} is tried again (attempt ${attempt}): ${lastFailure.message}`);
    }
  }

  private answer(): Promise<Status> {
    const { client, offboardings } = this.installation;
    return client.connection.withDeadline(Date.now() + ASK_FOR_MS, () =>
      offboardings.status(this.run, this.runId ?? undefined),
    );
  }

  // ---- the chapters

  private async ask(): Promise<string | null> {
    const { screen, cast } = this;
    const { leaver, operator } = cast;
    screen.title(
      1,
      `${leaver.name}, ${leaver.title}, leaves. ${operator.name}, ${operator.title}, asks for the offboarding.`,
    );
    const done = screen.busy('Looking up accounts, and reading everything that the leaver owns');
    const answer = await this.offboardings
      .request({ user: emailOf(leaver), requestedBy: emailOf(operator) })
      .finally(() => done());
    if (answer.answer === 'not-started') return `${answer.reason} ${answer.next}`;
    return null;
  }

  private async close(): Promise<Told> {
    await this.offboardings.handle(this.run, this.runId ?? undefined).result();
    const status = await this.status();
    await this.proof(status);
    return this.ending(status, false);
  }

  private once(chapter: string): boolean {
    if (this.told.has(chapter)) return false;
    this.told.add(chapter);
    return true;
  }

  private inventoryAndPlan(plan: Plan): void {
    if (!this.once(`plan ${plan.revision}`)) return;
    const { screen } = this;
    const c = screen.colours;
    const held = plan.steps.filter(step => step.phase !== 'deactivate' && step.baseline.count > 0);
    const effects = held.filter(isEffect);
    const manual = held.filter(step => step.phase === 'manual');
    const kept = held.filter(step => step.phase === 'keep');
    if (this.once('inventory')) {
      screen.line(
        indented(
          `${c.green('✓')} Read ${systemNames(plan)}: ${c.bold(number(sum(held)))} records of ${held.length} kinds refer to the leaver. Nothing was changed.`,
        ),
      );
    }
    screen.title(2, `The plan: ${number(sum(effects))} items in ${effects.length} ordered steps`);
    const rows = [...effects].sort((a, b) => b.baseline.count - a.baseline.count).slice(0, LARGEST);
    const rest = effects.length - rows.length;
    for (const line of columns(
      rows.map(step => [number(step.baseline.count), step.title, short(takers(step)).trim()]),
    )) {
      screen.line(indented(line));
    }
    if (rest > 0)
      screen.line(indented(c.dim(`and ${rest} more kinds, down to single API tokens and group memberships`)));
    screen.line(indented(`${c.bold(number(sum(kept)))} records stay untouched: ${reasons(kept)}.`));
    if (manual.length > 0) {
      screen.line(
        indented(
          `${c.bold(number(sum(manual)))} need a human look: ${manual.map(step => `${step.baseline.count} ${lower(step.title)}`).join(', ')}.`,
        ),
      );
    }
  }

  /** The people of the demo decide. Once, somebody who must not approve tries to. */
  private async decisions(status: Status): Promise<void> {
    const { screen, cast, offboardings, run } = this;
    const c = screen.colours;
    const plan = status.plan!;
    if (this.once('decisions')) {
      screen.title(3, 'People decide');
      screen.line(
        indented(
          c.dim(
            'Here the demo sends their messages. In your company they do, in the Temporal UI or by command.',
          ),
        ),
      );
    }
    const open = openAcknowledgements(status).map(item => item.subject);
    if (open.length > 0) {
      const answer = await offboardings.decide(run, 'acknowledge', {
        by: emailOf(cast.operator),
        category: open,
      });
      this.verdict(
        `${cast.operator.name} has looked at what only people can judge: ${open.length} acknowledged`,
        answer,
      );
      return;
    }
    if (status.waitingOn === 'confirmation') {
      const answer = await offboardings.decide(run, 'execute', {
        by: emailOf(cast.operator),
        plan: plan.digest,
      });
      this.verdict(`${cast.operator.name} gives the final confirmation`, answer);
      return;
    }
    const intruder = cast.double ?? cast.operator;
    if (this.once('intruder')) {
      const answer = await offboardings.decide(run, 'approve', { by: emailOf(intruder), plan: plan.digest });
      this.verdict(
        cast.double
          ? `${cast.leaver.name} tries to approve with a second account, ${emailOf(intruder)}`
          : `${intruder.name}, who asked for it, tries to approve it`,
        answer,
      );
    }
    const answer = await offboardings.decide(run, 'approve', {
      by: emailOf(cast.approver),
      plan: plan.digest,
    });
    this.verdict(
      `${cast.approver.name}, ${cast.approver.title}, approves this very plan, ${plan.digest.slice(0, 12)}`,
      answer,
    );
  }

  private verdict(what: string, answer: { verdict: string; sentence: string }): void {
    const c = this.screen.colours;
    if (answer.verdict === 'accepted') this.screen.line(indented(`${c.green('✓')} ${what}.`));
    else {
      this.screen.line(indented(`${c.red('✗')} ${what}: ${c.red(answer.verdict)}.`));
      this.screen.line(indented(c.dim(`  "${answer.sentence}"`)));
    }
  }

  private async execution(status: Status): Promise<void> {
    if (this.once('execution'))
      this.screen.title(4, 'Execution: step by step, each change only if the leaver still owns the item');
    const run = { status: () => this.status(), live: () => this.offboardings.live(this.run) };
    await watchSteps(run, status, this.screen, this.signal);
  }

  /** What the run wrote down when it proved that nothing is left. */
  private async proof(status: Status): Promise<void> {
    if (!isDone(status)) return;
    const { screen } = this;
    const c = screen.colours;
    const plan = status.plan!;
    const effects = plan.steps.filter(isEffect);
    const kept = Object.values(status.proofs).flatMap(proof => proof.kept);
    const untouched = kept.filter(one => one.untouched);
    const off = plan.systems.filter(system => status.access[system.system] === 'deactivated');
    const check = (text: string): void => screen.line(indented(`${c.green('✓')} ${text}`));
    screen.title(5, off.length > 0 ? 'Proof first, then the switch' : 'The end');
    if (off.length > 0) {
      check(
        `Every system was read again: ${c.bold('0')} of ${number(sum(effects))} items are left with the leaver${kept.length > 0 ? `; ${number(total(untouched))} of ${number(total(kept))} kept records are untouched` : ''}.`,
      );
      check(
        `Only then switched off: ${off.map(system => system.title).join(', then ')}${off.length > 1 ? ' (the directory comes last)' : ''}.`,
      );
    } else check(status.sentence);
    check(
      `Certificate ${c.bold(status.certificate?.slice(0, 12) ?? '')} closes a chain of every decision and every receipt.`,
    );
  }

  private ending(status: Status, before: boolean): Told {
    return {
      workflowId: this.run,
      runId: this.runId,
      status,
      report: null,
      done: isDone(status),
      before,
      sentence: status.sentence,
    };
  }
}

/** Nothing is left to do: also for somebody who had nothing and was switched off before. */
function isDone({ state, outcome }: Pick<Status, 'state' | 'outcome'>): boolean {
  return state === 'closed' && (outcome === 'completed' || outcome === 'nothing-to-do');
}

const NOBODY = { workflowId: null, runId: null, status: null, report: null };

const LOOK_EVERY_MS = 100;
const TROUBLE_EVERY_MS = 3_000;
// One question: with a worker there, an answer takes milliseconds.
const ASK_FOR_MS = 10_000;
// After a crash the workflow's tasks first go to the worker that died, for some ten seconds.
const ANSWERS_WITHIN_MS = 45_000;

const LARGEST = 6;

function sum(steps: readonly PlanStep[]): number {
  return steps.reduce((all, step) => all + step.baseline.count, 0);
}

function total(kept: readonly { now: number }[]): number {
  return kept.reduce((all, one) => all + one.now, 0);
}

function systemNames(plan: Plan): string {
  const names = plan.accounts
    .filter(({ accounts }) => accounts.length > 0)
    .map(({ system }) => plan.systems.find(one => one.system === system)?.title ?? system);
  return new Intl.ListFormat('en-GB').format(names);
}

function reasons(kept: readonly PlanStep[]): string {
  const by = new Map<string, number>();
  for (const step of kept) {
    const reason = (step.reason ?? 'kept').split(/[;,]/)[0]!;
    by.set(reason, (by.get(reason) ?? 0) + step.baseline.count);
  }
  return [...by]
    .sort((a, b) => b[1] - a[1])
    .slice(0, 3)
    .map(([reason]) => reason)
    .join(', ');
}

function lower(title: string): string {
  return title.charAt(0).toLowerCase() + title.slice(1);
}

function short(text: string): string {
  return text.length > 78 ? `${text.slice(0, 77)}…` : text;
}

/** The run as a tree, the kept kinds of a system in one line. */
export function condensedTree(status: Status, screen: Screen): string[] {
  const c = screen.colours;
  const plan = status.plan && {
    ...status.plan,
    steps: status.plan.systems.flatMap(({ system }) => {
      const steps = status.plan!.steps.filter(step => step.system === system);
      const kept = steps.filter(step => step.phase === 'keep' && step.baseline.count > 0);
      const [first] = kept;
      if (!first || kept.length === 1) return steps;
      const all: PlanStep = {
        ...first,
        title: `records of ${kept.length} kinds`,
        baseline: { count: sum(kept), fingerprint: '' },
        reason: reasons(kept),
      };
      return [
        ...steps.filter(step => step.phase !== 'keep' && step.phase !== 'deactivate'),
        all,
        ...steps.filter(step => step.phase === 'deactivate'),
      ];
    }),
  };
  const paint: Record<Tone, (text: string) => string> = {
    title: c.bold,
    rail: c.dim,
    mark: text => (text === '✓' ? c.green(text) : text === '✗' ? c.red(text) : text),
    words: text => text,
    done: c.dim,
    kept: c.dim,
  };
  return treeLines(viewOf({ ...status, plan })).map(line =>
    line.map(({ is, text }) => paint[is](text)).join(''),
  );
}

/** The same from a closing report, which knows less. */
export function reportTree({ steps, access, certificate }: Report, screen: Screen): string[] {
  const c = screen.colours;
  return [
    ...Object.entries(access).map(([system, words]) => `${c.dim('├─')} ${system}: ${words}`),
    ...steps
      .filter(step => step.changed > 0)
      .map(
        step =>
          `${c.dim('├─')} ${step.state === 'completed' ? c.green('✓') : c.red('✗')} ${number(step.changed)} ${step.title}: ${step.state}`,
      ),
    `${c.dim('└─')} certificate ${certificate ?? 'none'}`,
  ];
}
