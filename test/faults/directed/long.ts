/** The short form takes a sample of what the long one goes through in full: `HANDOVER_FAULTS=long`. */
export const LONG = process.env.HANDOVER_FAULTS === 'long';

/** Every `n`th of a list, with its first and last; all of it in the long form. */
export function sample<T>(list: readonly T[], n: number): T[] {
  return LONG ? [...list] : list.filter((_, at) => at % n === 0 || at === list.length - 1);
}
