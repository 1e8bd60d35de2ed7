/**
 * Golden pictures of whole runs: what a terminal and the Temporal UI show at each rest, as text files to be
 * read in reviews.
 *
 *   HANDOVER_UPDATE_GOLDEN=1 npx vitest run test/golden      draws them anew; read the difference before it is committed
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { GiveBack } from '../../domain/give-back.js';
import { giveBackDetails, giveBackView } from '../../domain/give-back-view.js';
import { details } from '../../domain/markdown.js';
import type { Run } from '../../domain/run.js';
import type { Sweep } from '../../domain/sweep.js';
import { sweepDetails, sweepView } from '../../domain/sweep-view.js';
import { tree, treeLines } from '../../domain/tree.js';
import type { View } from '../../domain/view.js';

const FOLDER = fileURLToPath(new URL('./pictures/', import.meta.url));

export class Album {
  private readonly pages: string[] = [];

  constructor(readonly name: string) {}

  /** Draws the run as it is at this moment. */
  add(title: string, run: Run): void {
    this.#page(title, tree(run), details(run));
  }

  addSweep(title: string, sweep: Sweep): void {
    this.#page(title, linesOf(sweepView(sweep)), sweepDetails(sweep));
  }

  addGiveBack(title: string, back: GiveBack): void {
    this.#page(title, linesOf(giveBackView(back)), giveBackDetails(back));
  }

  #page(title: string, lines: readonly string[], inTemporal: string): void {
    const rule = '─'.repeat(Math.max(3, 100 - title.length));
    this.pages.push(
      `── ${title} ${rule}\n\n${lines.join('\n')}\n\n${inTemporal.replace(/^/gm, '    ').trimEnd()}`,
    );
  }

  /** Compares with what is kept, or keeps it where the flag says so. */
  compare(): void {
    const drawn = `${stable(this.pages.join('\n\n'))}\n`;
    const file = `${FOLDER}${this.name}.txt`;
    if (process.env.HANDOVER_UPDATE_GOLDEN) {
      mkdirSync(FOLDER, { recursive: true });
      writeFileSync(file, drawn);
      return;
    }
    expect(
      drawn,
      `${this.name}: if this is as it should be, draw it anew (see test/golden/pictures.ts)`,
    ).toBe(readFileSync(file, 'utf8'));
  }
}

function linesOf(view: View): string[] {
  return treeLines(view).map(line => line.map(({ text }) => text).join(''));
}

/** Ids, digests and moments differ from run to run; nothing else may. */
export function stable(text: string): string {
  return (
    text
      .replace(/[ \t]+$/gm, '')
      .replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, '<uuid>')
      .replace(/\b202\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?/g, '<time>')
      .replace(/\bafter \d+ (s|min|h|days)\b/g, 'after <spell>')
      // A digest may happen to be all digits; ids are longer.
      .replace(/\b[0-9a-f]{12}\b/g, '<digest>')
      .replace(/\b\d{13,}\b/g, '<id>')
  );
}
