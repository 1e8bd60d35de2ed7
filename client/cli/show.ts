/** A run on the screen: the tree, and the commands that fit now. */
import type { NextMessage } from '../../domain/next.js';
import { type Piece, treeLines } from '../../domain/tree.js';
import { viewOf } from '../../domain/view.js';
import type { Status } from '../../workflows/messages.js';
import type { LiveRun } from './runs.js';
import { type Colours, clean, type Terminal } from './terminal.js';

export function showRun(terminal: Terminal, run: LiveRun, status: Status): void {
  for (const line of treeLines(viewOf(status))) terminal.say(line.map(piece => painted(piece, terminal.colours)).join(''));
  const ended = endedInTemporal(run);
  if (ended) terminal.say(terminal.colours.yellow(ended));
  showRefusals(terminal, status);
  if (!ended) showNext(terminal, status);
}

/** A run that ended without its own doing: its state is the last one it had. */
export function endedInTemporal({ status, workflowId }: LiveRun): string | null {
  if (status === 'RUNNING' || status === 'COMPLETED') return null;
  const word = status.toLowerCase().replaceAll('_', ' ');
  return `This run was ended in Temporal (${word}): nothing more happens in it. Start anew with "handover start"; what it did is in "handover audit ${workflowId}".`;
}

function showRefusals(terminal: Terminal, status: Status): void {
  if (status.refused.length === 0) return;
  terminal.say('Refused messages:');
  for (const refusal of status.refused.slice(-5)) {
    const time = refusal.at.slice(0, 16).replace('T', ' ');
    terminal.say(clean(`  ${time} ${refusal.message}${refusal.by ? ` by ${refusal.by}` : ''}: ${refusal.reason}`));
  }
}

export function showNext(terminal: Terminal, status: Status): void {
  if (status.next.length === 0) return;
  terminal.say('What fits now:');
  for (const next of status.next) {
    terminal.say(`  ${terminal.colours.cyan(clean(commandOf(status.workflowId, next)))}`);
    terminal.say(`      ${terminal.colours.dim(clean(next.why))}`);
  }
}

/** The command that sends a message. Dots stand for what a person fills in. */
export function commandOf(run: string, { message, json }: NextMessage): string {
  const parts = ['handover', message, run];
  const { plan, category, step, reason, note, access, effectiveAt, successor, successors } = json;
  const subjects = [category ?? []].flat() as string[];
  parts.push(...(subjects.length > 3 ? ['--all'] : subjects));
  if (plan !== undefined) parts.push(String(plan));
  if (step !== undefined) parts.push(...(message === 'skip' ? [String(step)] : ['--step', String(step)]));
  parts.push('--by', '…');
  if (effectiveAt !== undefined) parts.push('--at', String(effectiveAt));
  if (successor !== undefined) parts.push('--successor', '…');
  for (const name of Object.keys((successors as object | undefined) ?? {})) parts.push('--successors', `${name}=…`);
  if (access !== undefined) parts.push('--access', String(access));
  if (reason !== undefined) parts.push('--reason', '"…"');
  if (note !== undefined) parts.push('--note', '"…"');
  return parts.join(' ');
}

const PAINT: Record<string, keyof Colours> = {
  '✓': 'green',
  '✗': 'red',
  '▸': 'cyan',
  '–': 'yellow',
  '○': 'yellow',
  '!': 'yellow',
};

/** Only the marks are coloured. */
function painted({ is, text }: Piece, colours: Colours): string {
  const paint = is === 'mark' ? PAINT[text] : undefined;
  return paint ? (colours[paint] as (text: string) => string)(clean(text)) : clean(text);
}
