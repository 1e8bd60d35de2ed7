/**
 * What of a column is somebody's although the catalog uses the column: another place of its documents, another
 * of a person's values, another class of a pair. A category that takes one of them leaves the others where
 * they are.
 */
import type { Classified, Use } from '../classified.js';
import { stepsOf } from '../paths.js';
import { partsOf } from './forms.js';
import { keyOf } from './keys.js';
import type { Discovered } from './model.js';
import { DECIMAL, WRITTEN } from './tokens.js';

export interface Left {
  place: string;
  evidence: string;
}

/** Empty where the catalog says what becomes of all of it, or of the rest. */
export function leftOf(one: Discovered, { owners, acknowledged }: Classified): Left[] {
  const place = keyOf(one.table, one.column);
  const uses = owners.get(place);
  if (!uses || acknowledged.has(place)) return [];
  return [
    ...withDecimals(one, place),
    ...framed(one, uses, place),
    ...otherPaths(one, uses, place),
    ...otherValues(one, uses, place),
    ...otherClasses(one, uses, place),
  ];
}

/** 1001.0 is equal to no id, whatever it means. */
const withDecimals = ({ parts }: Discovered, place: string): Left[] =>
  parts.some(({ frame }) => frame === DECIMAL)
    ? [
        {
          place: `${place} (as ${DECIMAL})`,
          evidence: 'some ids of people stand there with decimals, which no category matches',
        },
      ]
    : [];

/** Something stands around every value, as in `user:1001`: equal to none of a person's as it is. */
function framed({ parts }: Discovered, uses: readonly Use[], place: string): Left[] {
  if (uses.some(({ identity, value }) => identity === null && value === null)) return [];
  const taken = takenBy(parts, uses);
  const frames = parts.flatMap(({ frame, path, hits }) => {
    // How a number or a uuid is written is no frame: a fold may take it away.
    if (path !== null || !frame || WRITTEN.includes(frame)) return [];
    if (uses.some(({ value }) => value !== null && mayMake(value, frame))) return [];
    const around = partsOf(frame);
    // `user:1001` may be what somebody's login is as it stands.
    const isTaken = (hit: string) => around !== null && taken.has(`${around.before}${hit}${around.behind}`);
    return [...hits].every(isTaken) ? [] : [frame];
  });
  return [...new Set(frames)].map(frame => ({
    place: `${place} (as ${frame})`,
    evidence: `people stand there as ${frame}, which is equal to no value of theirs: an identity with a value of that form takes them`,
  }));
}

function otherPaths({ parts }: Discovered, uses: readonly Use[], place: string): Left[] {
  const paths = uses.flatMap(({ path }) => (path === null ? [] : [stepsIn(path)]));
  if (paths.length === 0) return [];
  const found = parts.flatMap(({ path }) => (path === null ? [] : [pathOf(path)]));
  return [...new Set(found)]
    .filter(path => !paths.includes(stepsIn(path)))
    .map(path => ({
      place: `${place} ${path}`,
      evidence: `people stand at ${path}, which no category takes`,
    }));
}

/** `routing[].assignee`, as a catalog says it. */
const pathOf = (path: string): string =>
  `$.${path.replaceAll('[]', '[*]').replaceAll('{}', '.*')}`.replace('$.[', '$[');

const stepsIn = (path: string): string => JSON.stringify(stepsOf(path) ?? path);

function otherValues({ parts }: Discovered, uses: readonly Use[], place: string): Left[] {
  // What is worked out for every person cannot be told from what is not.
  if (uses.some(({ identity, path, value }) => path !== null || (identity === null && !isFramed(value))))
    return [];
  const taken = takenBy(parts, uses);
  return parts
    .filter(part => part.path === null && !part.frame && !isUsed(part, uses))
    .filter(({ hits }) => [...hits].some(hit => !taken.has(hit)))
    .map(({ value }) => ({
      place: `${place} (${value.identity})`,
      evidence: `it holds ${value.table}.${value.column} of people as well, which no category of it matches`,
    }));
}

const isUsed = ({ value }: Pick<Discovered['parts'][number], 'value'>, uses: readonly Use[]): boolean =>
  uses.some(({ identity }) => identity === keyOf(value.table, value.column));

/** May an identity that is worked out so be in this frame? One that calls a function may make anything. */
function mayMake(value: string, frame: string): boolean {
  const around = partsOf(frame);
  if (around === null || /\w\s*\(/.test(value)) return true;
  const written = [...value.matchAll(/'((?:[^']|'')*)'/g)].map(([, text]) =>
    text!.replaceAll("''", "'").toLowerCase(),
  );
  return [around.before, around.behind].every(text => text === '' || written.some(one => one.includes(text)));
}

/** `'user:' || users.id` is no value that stands alone; what a function makes, or several columns, may be. */
const isFramed = (value: string | null): boolean =>
  value !== null &&
  !/\w\s*\(/.test(value) &&
  (/^\s*'[^']+'\s*[|]{2}/.test(value) || /[|]{2}\s*'[^']+'\s*$/.test(value));

/** Values that a category matches as they stand. */
function takenBy(parts: Discovered['parts'], uses: readonly Use[]): Set<string> {
  const alone = parts.filter(part => part.path === null && !part.frame && isUsed(part, uses));
  return new Set(alone.flatMap(({ hits }) => [...hits]));
}

function otherClasses({ classes }: Discovered, uses: readonly Use[], place: string): Left[] {
  // A category without a condition on the other half takes them all.
  if (!classes || uses.some(({ when }) => !when?.includes(classes.column))) return [];
  return classes.theirs
    .filter(name => !uses.some(({ when }) => when!.includes(`'${name}'`)))
    .map(name => ({
      place: `${place} (${classes.column} ${JSON.stringify(name)})`,
      evidence: `rows whose ${classes.column} is ${JSON.stringify(name)} are people's as well, and no category's condition takes them`,
    }));
}
