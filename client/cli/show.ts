/** A run on the screen: the tree, and the commands that fit now. */

import { type GiveBackStatus, giveBackView } from '../../domain/give-back-view.js';
import { type SweepStatus, sweepView } from '../../domain/sweep-view.js';
import { type Piece, treeLines } from '../../domain/tree.js';
import { type View, viewOf } from '../../domain/view.js';
import { minuteOf } from '../../domain/words.js';
import type { Status } from '../../workflows/messages.js';
import { clean } from '../clean.js';
import { commandLine, decisionLine } from '../printed.js';
import type { LiveRun } from '../which-run.js';
import type { Colours, Terminal } from './terminal.js';

export function showRun(terminal: Terminal, run: Ended, status: Status): void {
  show(terminal, run, status, viewOf(status));
}

export function showSweep(terminal: Terminal, run: Ended, sweep: SweepStatus): void {
  show(terminal, run, sweep, sweepView(sweep));
}

export function showGiveBack(terminal: Terminal, run: Ended, back: GiveBackStatus): void {
  show(terminal, run, back, giveBackView(back));
}

function show(terminal: Terminal, run: Ended, status: Shown, view: View): void {
  for (const line of treeLines(view))
    terminal.say(line.map(piece => painted(piece, terminal.colours)).join(''));
  const ended = endedInTemporal(run);
  if (ended) terminal.say(terminal.colours.yellow(ended));
  showRefusals(terminal, status);
  if (!ended) showNext(terminal, status);
}

type Ended = Pick<LiveRun, 'workflowId' | 'status' | 'kind'>;

/** What a run and what comes after it have in common on the screen. */
type Shown = Pick<Status, 'workflowId' | 'refused' | 'next'>;

/** A run that ended without its own doing: its state is the last one it had. */
export function endedInTemporal({ kind, status, workflowId }: Ended): string | null {
  if (status === 'RUNNING' || status === 'COMPLETED') return null;
  const word = status.toLowerCase().replaceAll('_', ' ');
  if (kind === 'sweep')
    return `This sweep was ended in Temporal (${word}): nothing is looked for any more. What it did is in "${commandLine('audit', workflowId)}".`;
  if (kind === 'give-back')
    return `This give-back was ended in Temporal (${word}): what the cover holds stays there. What it did is in "${commandLine('audit', workflowId)}".`;
  return `This run was ended in Temporal (${word}): nothing more happens in it. Start anew with "handover start"; what it did is in "${commandLine('audit', workflowId)}".`;
}

function showRefusals(terminal: Terminal, status: Shown): void {
  if (status.refused.length === 0) return;
  terminal.say('Refused messages:');
  for (const refusal of status.refused.slice(-5)) {
    const time = minuteOf(refusal.at);
    terminal.say(
      clean(`  ${time} ${refusal.message}${refusal.by ? ` by ${refusal.by}` : ''}: ${refusal.reason}`),
    );
  }
}

export function showNext(terminal: Terminal, status: Shown): void {
  if (status.next.length === 0) return;
  terminal.say('What fits now:');
  for (const next of status.next) {
    terminal.say(`  ${terminal.colours.cyan(clean(decisionLine(status.workflowId, next)))}`);
    terminal.say(`      ${terminal.colours.dim(clean(next.why))}`);
  }
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
