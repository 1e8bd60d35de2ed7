/** How a run is shown to people: as a tree in a terminal, as Markdown in the Temporal UI. Pure text; the same words everywhere. */
import { isOver } from './lifecycle.js';
import type { StepState } from './model.js';
import { isEffect, type PlanStep } from './plan.js';
import type { DecisionName } from './request.js';
import { failedSteps, isWaived, items, openAcknowledgements, quorum, type Run, type StepProgress } from './run.js';

export const MARK: Record<StepState, string> = {
  queued: '·',
  running: '▸',
  completed: '✓',
  failed: '✗',
  skipped: '–',
  'not-run': '○',
};

export interface NextMessage {
  message: DecisionName;
  json: Record<string, unknown>;
  why: string;
}

/** Messages that fit now, ready to paste: `by` and what else is empty is left to fill in. */
export function nextMessages(run: Run): NextMessage[] {
  const resume: NextMessage = { message: 'resume', json: { by: '' }, why: 'goes on' };
  return run.pausedBy && !isOver(run.state) ? [resume, ...fitting(run)] : fitting(run);
}

function fitting(run: Run): NextMessage[] {
  const by = '';
  const plan = run.plan?.digest.slice(0, 12);
  switch (run.state) {
    case 'awaiting-approval': {
      const open = openAcknowledgements(run).map(item => item.subject);
      const messages: NextMessage[] = [];
      if (open.length > 0)
        messages.push({
          message: 'acknowledge',
          json: { by, category: open.length === 1 ? open[0] : open },
          why: 'seen, and handled or left as it is',
        });
      if (run.plan && !quorum(run, run.plan.policy).met)
        messages.push({ message: 'approve', json: { by, plan }, why: 'by an approver who neither asked for it nor leaves' });
      else if (run.plan?.policy.confirmation && open.length === 0)
        messages.push({ message: 'execute', json: { by, plan }, why: 'the final confirmation' });
      messages.push({ message: 'reject', json: { by, plan, note: '' }, why: 'closes the run without any change' });
      return messages;
    }
    case 'scheduled':
      return [
        { message: 'amend', json: { by, effectiveAt: 'now' }, why: 'to run it now, or at another date' },
        Object.values(run.access).includes('blocked')
          ? {
              message: 'cancel',
              json: { by, access: 'restore' },
              why: 'the person stays and may sign in again ("keep" leaves the block)',
            }
          : { message: 'cancel', json: { by }, why: 'the person stays' },
      ];
    case 'needs-correction':
      return [
        { message: 'amend', json: { by, successor: '' }, why: 'settle what is listed above' },
        { message: 'retry', json: { by }, why: 'look again after mending it elsewhere' },
      ];
    case 'needs-attention': {
      const open = openAcknowledgements(run).map(item => item.subject);
      const waiting = Object.values(run.waivers).filter(waiver => !waiver.approvedBy);
      const skippable = failedSteps(run).find(id => run.steps[id]?.leftover);
      return [
        ...(open.length > 0
          ? [{ message: 'acknowledge' as const, json: { by, category: open }, why: 'new items came after it was acknowledged' }]
          : []),
        ...waiting.map(waiver => ({
          message: 'approve' as const,
          json: { by, plan, step: waiver.step, keys: waiver.leftover.digest.slice(0, 12) },
          why: `approves the skip, which leaves ${items(waiver.leftover.count)}: ${waiver.reason}`,
        })),
        { message: 'retry', json: { by }, why: 'runs again only what is not done yet' },
        ...(skippable
          ? [
              {
                message: 'skip' as const,
                json: { by, step: skippable, reason: '' },
                why: `leaves ${items(run.steps[skippable]!.leftover!.count)} with the leaver, once approved`,
              },
            ]
          : []),
        { message: 'amend', json: { by, ...amendable(run) }, why: 'a new plan for what is left, to be approved again' },
        { message: 'finish', json: { by, reason: '' }, why: 'closes the run as completed-partially' },
      ];
    }
    case 'executing':
    case 'deactivating':
      return run.pausedBy ? [] : [{ message: 'pause', json: { by }, why: 'stops after the current batch' }];
    case 'preparing':
    case 'closing':
    case 'closed':
      return [];
  }
}

/** The transfer that failed, with its successor left blank; any other trouble may need any other change. */
function amendable(run: Run): Record<string, unknown> {
  const failed = run.plan?.steps.find(step => step.do === 'transfer' && run.steps[step.id]?.state === 'failed');
  return failed ? { successors: { [failed.id]: '' } } : { successor: '' };
}

/** The run as a tree, one string per line, no colours. Texts from other systems cannot steer the terminal. */
export function tree(run: Run): string[] {
  return treeOf(run).map(oneLine);
}

function treeOf(run: Run): string[] {
  const lines = [`Offboarding of ${run.leaver.name}: ${run.state}${run.outcome ? ` (${run.outcome})` : ''}${planName(run)}`];
  if (run.sentence) lines.push(`  ${run.sentence}`);
  if (run.pausedBy) lines.push(`  Paused by ${run.pausedBy.name}.`);
  for (const finding of run.findings) lines.push(`  ! ${finding.message}`);
  const systems = run.plan?.systems ?? [];
  systems.forEach((system, n) => {
    const last = n === systems.length - 1;
    lines.push(`${last ? '└─' : '├─'} ${system.title}: ${accessWords(run, system.system)}`);
    const steps = shownSteps(run, system.system);
    steps.forEach((step, s) => {
      lines.push(`${last ? '   ' : '│  '}${s === steps.length - 1 ? '└─' : '├─'} ${stepLine(run, step)}`);
    });
  });
  return lines;
}

/** Steps worth a line: what holds or held something, what went wrong, and the deactivation. */
function shownSteps(run: Run, system: string): PlanStep[] {
  return (run.plan?.steps ?? []).filter(step => {
    if (step.system !== system) return false;
    const progress = run.steps[step.id];
    if (run.shown[step.id]) return true;
    return step.phase === 'deactivate' || step.baseline.count > 0 || (progress?.changed ?? 0) > 0 || progress?.state === 'failed';
  });
}

function stepLine(run: Run, step: PlanStep): string {
  const progress = run.steps[step.id];
  if (step.phase === 'manual') {
    const acknowledged = run.acknowledgements[step.id];
    return `${acknowledged ? '✓' : '·'} ${number(run.shown[step.id]?.count ?? step.baseline.count)} ${step.title}: ${acknowledged ? `acknowledged by ${acknowledged.by.name}` : 'to be acknowledged'}${due(step)}`;
  }
  if (step.phase === 'keep')
    return `  ${number(step.baseline.count)} ${step.title}: kept${step.reason ? ` (${step.reason})` : ''}`;
  const state = progress?.state ?? 'queued';
  const mark = MARK[state];
  if (step.phase === 'deactivate') return `${mark} ${step.title}: ${state}${progress?.message ? ` (${progress.message})` : ''}`;
  const what = `${number(step.baseline.count)} ${step.title}${takers(step)}`;
  const counted = progress && isEffect(step) ? outcomeWords(progress) : '';
  const waiver = state === 'skipped' ? run.waivers[step.id] : undefined;
  const says = waiver
    ? `${items(waiver.leftover.count)} left with the leaver, approved by ${waiver.approvedBy?.name}: ${waiver.reason}`
    : progress?.message;
  return `${mark} ${what}: ${state}${counted}${due(step)}${says ? `: ${says}` : ''}`;
}

/** "→ Bob 12, Carol 11", or what is done where nobody takes over. */
export function takers(step: PlanStep): string {
  if (step.do !== 'transfer') return ` (${step.do})`;
  const named = step.successors.map((successor, n) => ({ successor, count: step.counts[n] ?? 0 })).filter(one => one.count > 0);
  if (named.length === 0) return '';
  if (named.length === 1) return ` → ${named[0]!.successor.label}`;
  const said = named.slice(0, 4).map(one => `${one.successor.label} ${number(one.count)}`);
  return ` → ${said.join(', ')}${named.length > 4 ? ` and ${named.length - 4} more` : ''}`;
}

function outcomeWords(progress: StepProgress): string {
  const words: string[] = [];
  if (progress.changed > 0) words.push(`${number(progress.changed)} done`);
  if (progress.arrived > 0) words.push(`${number(progress.arrived)} came later`);
  if (progress.taken > 0) words.push(`${number(progress.taken)} taken by others`);
  if (progress.gone > 0) words.push(`${number(progress.gone)} gone`);
  // What was refused at first and then went through is done.
  if (progress.failed > 0 && progress.state !== 'completed') words.push(`${number(progress.failed)} refused`);
  if (progress.remaining) words.push(`${number(progress.remaining)} left`);
  return words.length > 0 ? ` (${words.join(', ')})` : '';
}

function due(step: PlanStep): string {
  return step.firesAt ? `, first acts ${step.firesAt.slice(0, 16).replace('T', ' ')}` : '';
}

const ACCESS_WORDS: Record<Run['access'][string], string> = {
  unknown: 'access not known yet',
  absent: 'no account',
  open: 'access open',
  blocked: 'access blocked',
  deactivated: 'switched off',
  'was-inactive': 'inactive already',
};

export function accessWords(run: Run, system: string): string {
  const words = ACCESS_WORDS[run.access[system] ?? 'unknown'];
  const problem = run.access[system] === 'open' ? run.blockProblems[system] : undefined;
  return problem ? `${words}, could not be blocked: ${problem}` : words;
}

function planName(run: Run): string {
  return run.plan ? `, plan ${run.plan.revision} ${run.plan.digest.slice(0, 12)}` : '';
}

export function number(value: number): string {
  return value.toLocaleString('en-US');
}

/**
 * The operators' screen in the Temporal UI: Markdown, half a page wide, where a new line within a paragraph is a new line and blocks
 * stand far apart. What to send comes first. The JSON of a message is a line of its own: it wraps, and three clicks select it whole.
 */
export function details(run: Run): string {
  const parts = [`### ${plain(run.leaver.name)}: ${run.state}${run.outcome ? ` (${run.outcome})` : ''}`, plain(run.sentence)];
  if (run.pausedBy) parts.push(`**Paused** by ${plain(run.pausedBy.name)}.`);
  // Whoever has just sent it looks here: the UI says "successful" when a message was delivered, not when it was accepted.
  const [last, ...earlier] = run.refused.slice(-5).reverse();
  if (last && !isOver(run.state)) parts.push(`**Refused** ${refused(last)}`);
  if (run.findings.length > 0) parts.push(run.findings.map(finding => `- ⚠ ${plain(finding.message)}`).join('\n'));
  const next = nextMessages(run);
  if (next.length > 0) {
    parts.push('**What to send now**, with *More Actions*, *Send an Update* or *Send a Signal*, and your e-mail in `by`:');
    for (const message of next) parts.push(`**${message.message}**: ${plain(message.why)}\n${code(toPaste(message.json))}`);
  }
  if (run.plan) {
    parts.push(
      `**Plan ${run.plan.revision}** \`${run.plan.digest.slice(0, 12)}\` · ${run.plan.mode}${run.plan.modeReason ? ` (${plain(run.plan.modeReason)})` : ''} · ${run.plan.departure}${run.plan.effectiveAt ? ` · ${run.plan.effectiveAt}` : ''}`,
    );
    for (const system of run.plan.systems) parts.push(...systemDetails(run, system));
    if (run.approvals.length > 0)
      parts.push(`Approved by ${run.approvals.map(approval => plain(approval.by.name)).join(', ')} (claimed, not verified).`);
    const waived = Object.values(run.waivers);
    if (waived.length > 0)
      parts.push(
        waived
          .map(
            waiver =>
              `- skip ${waiver.step}: ${plain(waiver.reason)} (${isWaived(run, waiver.step) ? `approved by ${plain(waiver.approvedBy!.name)}` : 'not approved yet'})`,
          )
          .join('\n'),
      );
  }
  const below = isOver(run.state) && last ? [last, ...earlier] : earlier;
  if (below.length > 0) parts.push('**Refused earlier**', below.map(refusal => `- ${refused(refusal)}`).join('\n'));
  return parts.join('\n\n');
}

/** Where a hand is needed, then the steps in their order, then what stays as it is, in one line. */
function systemDetails(run: Run, system: { system: string; title: string }): string[] {
  const shown = shownSteps(run, system.system);
  const manual = shown.filter(step => step.phase === 'manual');
  const kept = shown.filter(step => step.phase === 'keep');
  const steps = shown.filter(step => step.phase !== 'manual' && step.phase !== 'keep');
  const lines = [
    ...manual.map(step => `${plain(unmarked(stepLine(run, step)))}${step.page ? ` ([open](${step.page}))` : ''}`),
    ...steps.map(step => plain(unmarked(stepLine(run, step)))),
    ...(kept.length > 0
      ? [
          `kept: ${kept.map(step => plain(`${number(step.baseline.count)} ${step.title}${step.reason ? ` (${step.reason})` : ''}`)).join(', ')}`,
        ]
      : []),
  ];
  const heading = `**${plain(system.title)}**: ${plain(accessWords(run, system.system))}`;
  return lines.length > 0 ? [heading, lines.map(line => `- ${line}`).join('\n')] : [heading];
}

/** A list has marks of its own: one for "queued" as well would only be in the way, and nearly every line begins as that. */
function unmarked(line: string): string {
  return line
    .replace(/^· /, '')
    .replace(/: queued(?=$|, first acts)/, '')
    .trim();
}

function refused(refusal: Run['refused'][number]): string {
  const when = refusal.at.slice(0, 16).replace('T', ' ');
  return `${when} ${plain(refusal.message)}${refusal.by ? ` by ${plain(refusal.by)}` : ''}: ${plain(refusal.reason)}`;
}

/** One line that may break after its commas and nowhere else. */
function toPaste(json: Record<string, unknown>): string {
  return JSON.stringify(json, null, 1)
    .replace(/(?<=[{[])\n\s*|\n\s*(?=[}\]])/g, '')
    .replace(/\n\s*/g, ' ');
}

function code(text: string): string {
  const fence = '`'.repeat(1 + Math.max(0, ...(text.match(/`+/g) ?? []).map(ticks => ticks.length)));
  return `${fence}${text}${fence}`;
}

/** Names and titles come from other systems: they must not become Markdown or HTML. */
function plain(text: string): string {
  return oneLine(text).replace(/[\\`*_[\]<>#|~&]/g, character => `\\${character}`);
}

function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028-\u202e\u2066-\u2069]+/gu, ' ');
}
