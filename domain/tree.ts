/** A view as a tree for a terminal: lines of pieces, so that colours need no second look at the text. */
import type { StepState } from './model.js';
import type { Run } from './run.js';
import { type StepView, type SystemView, type View, viewOf } from './view.js';
import { number, oneLine } from './words.js';

export const MARK: Record<StepState, string> = {
  queued: '·',
  running: '▸',
  completed: '✓',
  failed: '✗',
  skipped: '–',
  'not-run': '○',
};

/** What a piece of a line is; a screen gives it a colour. */
export type Tone = 'title' | 'rail' | 'mark' | 'words' | 'done' | 'kept';

export interface Piece {
  is: Tone;
  text: string;
}

/** The run as a tree, one string per line, no colours. Texts from other systems cannot steer the terminal. */
export function tree(run: Run): string[] {
  return treeLines(viewOf(run)).map(line => line.map(piece => piece.text).join(''));
}

export function treeLines(view: View): Piece[][] {
  const { plan } = view;
  const state = `${view.state}${view.outcome ? ` (${view.outcome})` : ''}`;
  const lines: Piece[][] = [
    [piece('title', `${view.title}: ${state}${plan ? `, plan ${plan.revision} ${plan.digest}` : ''}`)],
  ];
  if (view.sentence) lines.push([piece('words', `  ${view.sentence}`)]);
  if (view.requested !== null) {
    const { name, identity, note } = view.requested;
    const said = note === null ? '.' : `: ${note}`;
    lines.push([piece('words', `  Requested by ${name} (${identity})${said}`)]);
  }
  if (view.pausedBy !== null) lines.push([piece('words', `  Paused by ${view.pausedBy}.`)]);
  if (view.waits !== null) lines.push([piece('words', `  ${view.waits}`)]);
  if (view.clocks !== null) lines.push([piece('words', `  ${view.clocks}`)]);
  for (const line of [...view.alerts, ...view.findings])
    lines.push([rail('  '), piece('mark', '!'), piece('words', ` ${line}`)]);
  for (const note of view.notes) lines.push([rail('  '), piece('mark', 'i'), piece('words', ` ${note}`)]);
  view.systems.forEach((system, n) => {
    const last = n === view.systems.length - 1;
    lines.push([
      rail(last ? '└─ ' : '├─ '),
      piece('words', `${system.title}${accountWords(system)}: ${system.access}${observedWords(system)}`),
    ]);
    const below = [
      ...system.doubts.map(doubt => [piece('mark', '!'), piece('words', ` ${doubt}`)]),
      [piece('kept', `  ${system.coverage}`)],
      ...(system.danger === null ? [] : [[piece('kept', `  ${system.danger}`)]]),
      ...system.steps.flatMap(step => [
        [...stepPieces(step), ...(step.evidence ? [piece('rail', ` · ${step.evidence}`)] : [])],
        ...step.besides.map(words => [piece('mark', '  ↳'), piece('words', ` ${words}`)]),
      ]),
    ];
    below.forEach((pieces, s) => {
      const end = s === below.length - 1;
      lines.push([rail(`${last ? '   ' : '│  '}${end ? '└─' : '├─'} `), ...pieces]);
    });
  });
  return lines;
}

/** Which accounts these are. */
export function accountWords({ accounts }: SystemView): string {
  return accounts.length > 0 ? ` (${accounts.join('; ')})` : '';
}

/** ", observed 2026-11-26 17:21" */
export function observedWords({ observed }: SystemView): string {
  return observed === null ? '' : `, observed ${observed}`;
}

function stepPieces(step: StepView): Piece[] {
  const due = step.firesAt ? `, first acts ${step.firesAt}` : '';
  switch (step.kind) {
    case 'manual': {
      const said = step.settled ?? 'to be acknowledged';
      const why = step.reason ? ` (${step.reason})` : '';
      const what = `${number(step.count)} ${step.title}: ${said}${due}${why}`;
      return [piece('mark', step.settled === null ? '·' : '✓'), piece('words', ` ${what}`)];
    }
    case 'kept': {
      const why = step.reason ? ` (${step.reason})` : '';
      return [piece('kept', `  ${number(step.count)} ${step.title}: kept${due}${why}`)];
    }
    case 'switch': {
      const says = step.says ? ` (${step.says})` : '';
      const words = ` ${step.title}: ${step.state}${says}`;
      return [piece('mark', MARK[step.state]), piece('words', words)];
    }
    case 'effect': {
      const counted = `: ${step.state}${step.counted ? ` (${step.counted})` : ''}`;
      const tone = step.state === 'completed' && step.counted ? 'done' : 'words';
      return [
        piece('mark', MARK[step.state]),
        piece('words', ` ${number(step.count)} ${step.title}${step.takers}`),
        piece(tone, counted),
        piece('words', `${due}${step.says ? `: ${step.says}` : ''}`),
      ];
    }
  }
}

function rail(text: string): Piece {
  return { is: 'rail', text };
}

function piece(is: Tone, text: string): Piece {
  return { is, text: oneLine(text) };
}
