/** Paths into JSON documents as catalogs write them: `$.team[*].id`, `$[*]["any name"]`. */

export const EACH = Symbol('every element');
/** A key of an object, or every element of a list. */
export type Step = string | typeof EACH;

const STEP = /\.(?<name>[\p{L}_][\p{L}\p{N}_-]*)|\.?\["(?<quoted>[^"\\]+)"\]|(?<each>\[\*\])/uy;

/** The steps of a path; null where it cannot be read. */
export function stepsOf(path: string): readonly Step[] | null {
  if (!path.startsWith('$')) return null;
  const steps: Step[] = [];
  let at = 1;
  while (at < path.length) {
    STEP.lastIndex = at;
    const found = STEP.exec(path);
    if (!found) return null;
    steps.push(found.groups!.each ? EACH : (found.groups!.name ?? found.groups!.quoted!));
    at = STEP.lastIndex;
  }
  return steps.length > 0 ? steps : null;
}
