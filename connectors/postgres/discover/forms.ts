/**
 * In which forms people stand in one column: as one of their values or another, plain or as part of something
 * (`user:1001`). A category takes one form, so that each needs a category of its own, and a form that no value
 * of theirs is equal to needs an identity that is worked out.
 */
import { splitTable, sqlName } from '../names.js';
import type { Discovered, People, PeopleValue } from './model.js';
import { DECIMAL, HASH, WRITTEN } from './tokens.js';

export interface Form {
  value: PeopleValue;
  /** What stands around the value, in two parts; null for a value that stands alone. */
  around: { before: string; behind: string } | null;
  /** What is not cared about when the values are compared. */
  fold: string[];
}

/** Forms that categories can take, and those that no identity says. */
export interface Forms {
  takes: Form[];
  others: string[];
}

/** The ways in which an id is written, and the fold that takes each away. */
const FOLDS: Readonly<Record<string, string>> = { uuid: 'uuid', '0…': 'zeros' };

export function formsOf({ parts, identity }: Discovered, people: Pick<People, 'table'>): Forms {
  const alone = parts.filter(({ path }) => path === null || path === '[]');
  if (alone.length === 0) return { takes: [{ value: identity, around: null, fold: [] }], others: [] };
  const takes: Form[] = [];
  const others: string[] = [];
  const taken = new Set<string>();
  for (const { value, frame, hits } of alone) {
    const isPlain = frame === '' || (frame !== DECIMAL && WRITTEN.includes(frame));
    const around = isPlain ? null : partsOf(frame);
    // Not every value is the person's own column, and of a hash nothing can be worked out.
    if (!isPlain && (around === null || value.table !== people.table || value.person !== null)) {
      others.push(frame);
      continue;
    }
    // `user:1001` may be what somebody's login is as it stands.
    if (around && [...hits].every(hit => taken.has(`${around.before}${hit}${around.behind}`))) continue;
    const same = takes.find(form => form.value === value && sayAround(form) === (around ? frame : ''));
    const fold = FOLDS[frame];
    if (same) {
      if (fold && !same.fold.includes(fold)) same.fold.push(fold);
    } else if (!isPlain || [...hits].some(hit => !taken.has(hit)))
      takes.push({ value, around, fold: fold ? [fold] : [] });
    if (isPlain) for (const hit of hits) taken.add(hit);
  }
  return { takes, others: [...new Set(others)] };
}

/** What stands before and behind a value in a frame; null where that cannot be said. */
export function partsOf(frame: string): Form['around'] {
  if (frame === HASH || frame === DECIMAL || frame.startsWith('base64 of ')) return null;
  const at = frame.indexOf('…');
  return at < 0 ? null : { before: frame.slice(0, at), behind: frame.slice(at + 1) };
}

/** `user:…`; empty for a value that stands alone. */
export const sayAround = ({ around }: Form): string =>
  around === null ? '' : `${around.before}…${around.behind}`;

/** The line of a catalog that works the form out from the person's row: `'user:' || users.id`. */
export function workedOut({ value, around }: Form): string {
  const column = `${sqlName(splitTable(value.table).name)}.${sqlName(value.column)}`;
  const text = (one: string): string[] => (one === '' ? [] : [`'${one.replaceAll("'", "''")}'`]);
  return [...text(around!.before), column, ...text(around!.behind)].join(' || ');
}

/** Names for forms that are worked out, none of them in `taken`, and the same for the same form. */
export class FormNames {
  readonly #names = new Map<string, string>();
  readonly forms = new Map<string, Form>();

  constructor(private readonly taken: Set<string>) {}

  nameOf(form: Form): string {
    if (form.around === null) return form.value.identity;
    const key = `${form.value.table}.${form.value.column} ${sayAround(form)}`;
    const known = this.#names.get(key);
    if (known) return known;
    const words = `${form.around.before} ${form.around.behind}`.toLowerCase().match(/[a-z]+/g) ?? [];
    const base = [form.value.identity, 'as', ...words.slice(0, 3)].join('_').replace(/_as$/, '_framed');
    let name = base;
    for (let n = 2; this.taken.has(name); n++) name = `${base}_${n}`;
    this.taken.add(name);
    this.#names.set(key, name);
    this.forms.set(name, form);
    return name;
  }
}
