/** Reads what commands print for people to copy, and turns it into words as a shell would. */
import { execFileSync } from 'node:child_process';

/** Every command that stands on a line of its own. */
export function commandsIn(out: string): string[] {
  return out.split('\n').flatMap(line => line.match(/^ +(handover .+)$/)?.[1] ?? []);
}

/** A command line's words by a real shell, without the program's own name. */
export function wordsOf(line: string): string[] {
  const [program, ...words] = execFileSync('sh', ['-c', `printf '%s\\0' ${line}`], { encoding: 'utf8' })
    .split('\0')
    .slice(0, -1);
  if (program !== 'handover') throw new Error(`No command of ours: ${line}`);
  return words;
}

/**
 * What only a person can say: who they are, to whom, and why. Nothing else of a printed command may be
 * changed.
 */
export function filledIn(line: string, { by, successor }: { by: string; successor: string }): string {
  return line
    .replace('--by …', `--by ${by}`)
    .replace(/(--successors? (?:\S+=)?)…/g, `$1${successor}`)
    .replace(/'…'/g, "'as agreed'");
}
