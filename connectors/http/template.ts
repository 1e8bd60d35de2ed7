/**
 * Fills in what a catalog leaves open in a call: `{from}`, `{to}`, `{key}`, `{page}`, or `{/pointer}` for a
 * part of the item. There is no expression language. In an address a value is percent-encoded; in JSON a text
 * that is nothing but a placeholder becomes the value itself, `{to:number}` as a number.
 */
import { HandoverFailure } from '../../domain/failure.js';
import { Digits } from './json.js';
import { textAt, valueAt } from './pointer.js';

/** `null` is written as null, or as nothing in an address; `undefined` leaves its parameter or key out. */
export type Value = string | null | undefined | readonly string[] | { raw: unknown };

export interface Values {
  readonly [name: string]: Value;
}

/** What placeholders stand for: by name, and the item that `{/pointer}` reads. */
export interface Filling {
  values: Values;
  item?: unknown;
}

const PLACEHOLDER = /\{([^{}\s"]+)\}/g;
const WHOLE = /^\{([^{}\s"]+)\}$/;

/** The placeholders of a template, without `:number`, wherever they stand in it; keys are not looked at. */
export function placeholdersIn(template: unknown): string[] {
  if (typeof template === 'string')
    return [...template.matchAll(PLACEHOLDER)].map(match => nameIn(match[1]!).name);
  if (typeof template !== 'object' || template === null) return [];
  return Object.values(template).flatMap(placeholdersIn);
}

/** An address below the base. A parameter whose only value is left out goes with it. */
export function fillPath(template: string, filling: Filling): string {
  const [path = '', ...queries] = template.split('?');
  const text = (value: Value): string => {
    const plain = asPlain(value);
    // An address would walk up from there, encoded or not, and mean another one.
    if (plain === '.' || plain === '..')
      throw new HandoverFailure('rejected', 'an id is "." or "..", which no address can hold');
    return encodeURIComponent(plain);
  };
  const fill = (part: string): string =>
    part.replace(PLACEHOLDER, (_, name: string) => text(given(name, filling)));
  if (queries.length === 0) return fill(path);
  const parameters = queries.join('?').split('&');
  const kept = parameters.filter(parameter => {
    const whole = WHOLE.exec(parameter.slice(parameter.indexOf('=') + 1));
    return !whole || given(whole[1]!, filling) !== undefined;
  });
  const query = kept.map(fill).join('&');
  return query === '' ? fill(path) : `${fill(path)}?${query}`;
}

/** A text as it is: a header, or a field of a form. */
export function fillText(template: string, filling: Filling): string {
  return template.replace(PLACEHOLDER, (_, name: string) => asPlain(given(name, filling)));
}

/** A body, ready for `writeJson`. */
export function fillJson(template: unknown, filling: Filling): unknown {
  if (typeof template === 'string') {
    const whole = WHOLE.exec(template);
    return whole ? asJson(whole[1]!, filling) : fillText(template, filling);
  }
  if (Array.isArray(template)) return template.map(one => fillJson(one, filling));
  if (typeof template !== 'object' || template === null) return template;
  return Object.fromEntries(
    Object.entries(template).map(([key, value]) => [key, fillJson(value, filling)] as const),
  );
}

function asJson(placeholder: string, filling: Filling): unknown {
  const { name, number } = nameIn(placeholder);
  if (name.startsWith('/') && !number) return valueAt(filling.item, name);
  const value = given(placeholder, filling);
  if (value === null || value === undefined) return value;
  if (isRaw(value)) return value.raw;
  if (!number) return value;
  return typeof value === 'string' ? asNumber(name, value) : value.map(one => asNumber(name, one));
}

function asNumber(name: string, text: string): Digits {
  if (!/^-?(0|[1-9]\d*)$/.test(text))
    throw new HandoverFailure(
      'configuration',
      `{${name}:number} stands for a number, and what is to be sent is none`,
    );
  return new Digits(text);
}

function given(placeholder: string, { values, item }: Filling): Value {
  const { name } = nameIn(placeholder);
  if (name.startsWith('/')) return textAt(item, name);
  if (!Object.hasOwn(values, name))
    throw new HandoverFailure('configuration', `{${name}} is not known where it stands`);
  return values[name];
}

function nameIn(placeholder: string): { name: string; number: boolean } {
  const number = placeholder.endsWith(':number');
  return { name: number ? placeholder.slice(0, -':number'.length) : placeholder, number };
}

function asPlain(value: Value): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value;
  return isRaw(value) ? String(value.raw) : value.join(',');
}

const isRaw = (value: object | string): value is { raw: unknown } =>
  typeof value === 'object' && 'raw' in value;
