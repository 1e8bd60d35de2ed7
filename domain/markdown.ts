/**
 * A view as the operators' screen in the Temporal UI: Markdown, half a page wide, where a new line within a
 * paragraph is a new line and blocks stand far apart. What to send comes first. The JSON of a message is a
 * line of its own: it wraps, and three clicks select it whole.
 */
import type { Refusal } from './people.js';
import type { Run } from './run.js';
import { accountWords, MARK, observedWords } from './tree.js';
import { type PlanView, type StepView, type SystemView, type View, viewOf } from './view.js';
import { minuteOf, number, oneLine } from './words.js';

export function details(run: Run): string {
  return markdown(viewOf(run));
}

export function markdown(view: View): string {
  const { state, over, outcome, next, plan } = view;
  const parts = [`### ${plain(view.short)}: ${state}${outcome ? ` (${outcome})` : ''}`, plain(view.sentence)];
  if (view.pausedBy !== null) parts.push(`**Paused** by ${plain(view.pausedBy)}.`);
  if (view.waits !== null) parts.push(plain(view.waits));
  if (view.clocks !== null) parts.push(plain(view.clocks));
  // Whoever has just sent it looks here: the UI says "successful" when a message was delivered, not when it
  // was accepted.
  const [last, ...earlier] = view.refused;
  if (last && !over) parts.push(`**Refused** ${refused(last)}`);
  for (const lines of [view.alerts, view.findings])
    if (lines.length > 0) parts.push(lines.map(line => `- ⚠ ${plain(line)}`).join('\n'));
  if (next.length > 0) {
    parts.push(
      '**What to send now**, with *More Actions*, *Send an Update* or *Send a Signal*, and your e-mail in `by`:',
    );
    for (const message of next)
      parts.push(`**${message.message}**: ${plain(message.why)}\n${code(toPaste(message.json))}`);
  }
  if (plan) parts.push(planLine(plan));
  if (view.requested !== null) parts.push(requestLine(view.requested));
  if (view.notes.length > 0) parts.push(view.notes.map(note => `- ${plain(note)}`).join('\n'));
  if (plan) {
    for (const system of view.systems) parts.push(...systemParts(system));
    parts.push(...approvalParts(view), ...skipParts(view));
  }
  const below = over && last ? [last, ...earlier] : earlier;
  if (below.length > 0)
    parts.push('**Refused earlier**', below.map(refusal => `- ${refused(refusal)}`).join('\n'));
  return parts.join('\n\n');
}

function planLine({ revision, digest, mode, modeReason, departure, dates }: PlanView): string {
  const why = modeReason ? ` (${plain(modeReason)})` : '';
  const when = dates ? ` · ${dates}` : '';
  return `**Plan ${revision}** \`${digest}\` · ${mode}${why} · ${departure}${when}`;
}

function requestLine({ name, identity, note }: NonNullable<View['requested']>): string {
  return `Requested by ${plain(name)} (${howKnown(identity)})${note === null ? '.' : `: ${plain(note)}`}`;
}

/** Whoever reads it must not take a mere name for a proof. */
function howKnown(identity: string): string {
  return identity === 'claimed' ? 'claimed, not verified' : plain(identity);
}

function approvalParts({ approvals }: View): string[] {
  if (approvals.length === 0) return [];
  const identities = new Set(approvals.map(({ identity }) => identity));
  const [only] = identities;
  const names = approvals.map(
    ({ name, identity }) => `${plain(name)}${identities.size > 1 ? ` (${plain(identity)})` : ''}`,
  );
  const how = identities.size > 1 ? '' : ` (${howKnown(only!)})`;
  return [`Approved by ${names.join(', ')}${how}.`];
}

function skipParts({ skips }: View): string[] {
  if (skips.length === 0) return [];
  const lines = skips.map(({ step, reason, approvedBy }) => {
    const how = approvedBy === null ? 'not approved yet' : `approved by ${plain(approvedBy)}`;
    return `- skip ${step}: ${plain(reason)} (${how})`;
  });
  return [lines.join('\n')];
}

/** Where a hand is needed, then the steps in their order, then what stays as it is, in one line. */
function systemParts(system: SystemView): string[] {
  const { title, access, coverage, steps } = system;
  const kept = steps.flatMap(step =>
    step.kind === 'kept'
      ? `${number(step.count)} ${step.title}${step.reason ? ` (${step.reason})` : ''}`
      : [],
  );
  const lines = [
    ...system.doubts.map(doubt => plain(`⚠ ${doubt}`)),
    ...steps.filter(step => step.kind === 'manual').map(knownLine),
    ...steps
      .filter(step => step.kind !== 'manual' && step.kind !== 'kept')
      .flatMap(step => [knownLine(step), ...step.besides.map(words => plain(`↳ ${words}`))]),
    ...(kept.length > 0 ? [`kept: ${kept.map(plain).join(', ')} · observed`] : []),
    plain(coverage),
    ...(system.danger === null ? [] : [plain(system.danger)]),
  ];
  const heading = `**${plain(title)}**${plain(accountWords(system))}: ${plain(access)}${observedWords(system)}`;
  return [heading, lines.map(line => `- ${line}`).join('\n')];
}

function knownLine(step: StepView): string {
  return `${stepLine(step)}${step.evidence ? ` · ${step.evidence}` : ''}`;
}

/**
 * A list has marks of its own: one for "queued" as well would only be in the way, and nearly every line
 * begins as that.
 */
function stepLine(step: StepView): string {
  const due = step.firesAt ? `, first acts ${step.firesAt}` : '';
  switch (step.kind) {
    case 'manual': {
      const said = step.settled ?? 'to be acknowledged';
      const mark = step.settled === null ? '' : '✓ ';
      const why = step.reason ? ` (${step.reason})` : '';
      const line = plain(`${mark}${number(step.count)} ${step.title}: ${said}${due}${why}`);
      return `${line}${step.page ? ` ([open](${step.page}))` : ''}`;
    }
    case 'kept':
      return plain(`${number(step.count)} ${step.title}${due}`);
    case 'switch': {
      const state =
        step.state === 'queued' && !step.says ? '' : `: ${step.state}${step.says ? ` (${step.says})` : ''}`;
      return plain(`${step.state === 'queued' ? '' : `${MARK[step.state]} `}${step.title}${state}`);
    }
    case 'effect': {
      const quiet = step.state === 'queued' && !step.counted && !step.says;
      const state = quiet ? '' : `: ${step.state}${step.counted ? ` (${step.counted})` : ''}`;
      const mark = step.state === 'queued' ? '' : `${MARK[step.state]} `;
      const says = step.says ? `: ${step.says}` : '';
      return plain(`${mark}${number(step.count)} ${step.title}${step.takers}${state}${due}${says}`);
    }
  }
}

function refused(refusal: Refusal): string {
  const when = minuteOf(refusal.at);
  const by = refusal.by ? ` by ${plain(refusal.by)}` : '';
  return `${when} ${plain(refusal.message)}${by}: ${plain(refusal.reason)}`;
}

/** One line that may break after its commas and nowhere else. */
function toPaste(json: unknown): string {
  if (Array.isArray(json)) return `[${json.map(toPaste).join(', ')}]`;
  if (typeof json !== 'object' || json === null) return JSON.stringify(json);
  const entries = Object.entries(json).filter(([, value]) => value !== undefined);
  return `{${entries.map(([key, value]) => `${JSON.stringify(key)}: ${toPaste(value)}`).join(', ')}}`;
}

function code(text: string): string {
  const fence = '`'.repeat(1 + Math.max(0, ...(text.match(/`+/g) ?? []).map(ticks => ticks.length)));
  return `${fence}${text}${fence}`;
}

/** Names and titles come from other systems: they must not become Markdown or HTML. */
function plain(text: string): string {
  return oneLine(text).replace(/[\\`*_[\]<>#|~&]/g, character => `\\${character}`);
}
