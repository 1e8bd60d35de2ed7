/** Successors, overrides and the rest of a request as options: what `start` and `amend` share. */

import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { Command } from '@commander-js/extra-typings';
import { isReference, type Overrides } from '../../domain/overrides.js';
import { own } from '../../domain/own.js';
import { placed, readOverrides } from '../overrides.js';
import { Problem } from '../problem.js';
import { collect, type Session } from './command.js';

export interface OrderOptions {
  successor?: string | undefined;
  successors?: string[] | undefined;
  override?: string[] | undefined;
  overrides?: string | undefined;
  identity?: string[] | undefined;
  mode?: string | undefined;
  unplanned?: true | undefined;
  planned?: true | undefined;
  at?: string | undefined;
  handoverAt?: string | undefined;
  giveBackAt?: string | undefined;
  system?: string[] | undefined;
  note?: string | undefined;
}

export function withOrderOptions<A extends unknown[], O extends Record<string, unknown>>(
  command: Command<A, O>,
) {
  return command
    .option(
      '--successor <who>',
      'who takes over: an e-mail, "manager", "unassigned", "queue:<name>", "group:<name>", "id:<id>", or a rule as JSON',
    )
    .option(
      '--successors <step=who>',
      'per system or system/category, repeatable; or all of them as one JSON object',
      collect,
    )
    .option(
      '--override <step:key=who>',
      'a successor for one item, repeatable: workspace/open_tasks:4711=bob@example.com; or all of them as one JSON object',
      collect,
    )
    .option(
      '--overrides <file.csv>',
      'the same for many items, a line each, with a header: step,key,successor',
    )
    .option(
      '--identity <system:name=id>',
      'which account is meant where several fit, repeatable, also where several are this person’s: helpdesk:agent=17; or all of them as one JSON object',
      collect,
    )
    .option('--mode <mode>', 'execute-and-deactivate, execute-only or preview')
    .option('--unplanned', 'block sign-in first, clean up afterwards')
    .option('--planned', 'the opposite of --unplanned')
    .option(
      '--at <when>',
      'when access ends: 2026-12-24 (its end), 2026-12-24T18:00[Europe/Berlin]; "now" in amend',
    )
    .option('--handover-at <when>', 'when items move, where that is earlier; "now": once approved')
    .option('--give-back-at <when>', 'of a cover (--mode execute-only): when what moved is given back')
    .option('--system <name>', 'only this system, repeatable', collect)
    .option('--note <text>', 'what others should know');
}

/**
 * The keys of a request or an amendment; what was not said is left out, and so is a file of overrides, which
 * is still to be read. Values are judged by the request's own rules.
 */
export function orderOf(options: OrderOptions): Record<string, unknown> {
  if (options.planned && options.unplanned)
    throw new Problem('usage', 'Say either --planned or --unplanned.');
  if (options.override && options.overrides !== undefined)
    throw new Problem('usage', 'Say either --override or --overrides: a file holds all of them.');
  const departure = options.unplanned ? 'unplanned' : options.planned ? 'planned' : undefined;
  const order = {
    successor: options.successor === undefined ? undefined : ruleOf(options.successor, '--successor'),
    successors: options.successors && successorsOf(options.successors),
    overrides:
      options.overrides === undefined
        ? options.override && nested(options.override, '--override', 'system/category:key=who')
        : overridesFile(options) === undefined
          ? options.overrides
          : undefined,
    identities: options.identity && nested(options.identity, '--identity', 'system:identity=id', true),
    mode: options.mode,
    departure,
    effectiveAt: options.at,
    handoverAt: options.handoverAt,
    giveBackAt: options.giveBackAt,
    systems: options.system,
    note: options.note,
  };
  return Object.fromEntries(Object.entries(order).filter(([, value]) => value !== undefined));
}

/** The file that `--overrides` names; it also takes the name that a set has in the store, and `null`. */
export function overridesFile({ overrides }: OrderOptions): string | undefined {
  return overrides === undefined || overrides === TAKEN_BACK || isReference(overrides)
    ? undefined
    : overrides;
}

/** The overrides of such a file, as a request says them. */
export async function overridesOf({ reach, terminal }: Session, file: string): Promise<Overrides | string> {
  const content = await readFile(resolve(terminal.io.cwd, file)).catch((error: Error) => {
    throw new Problem('usage', `The file of --overrides cannot be read: ${error.message}.`, { cause: error });
  });
  return placed(readOverrides(basename(file), content), () => reach.store());
}

/**
 * The fields of an amendment: as in a request, and the word `null` in place of a value takes back what was
 * said.
 */
export function amendmentOf(
  options: OrderOptions & { departure?: string | undefined },
): Record<string, unknown> {
  const { departure, ...others } = options;
  const isTaken = ([option, value]: [string, unknown]): boolean =>
    option in FIELD_OF && [value].flat().join() === TAKEN_BACK;
  const taken = Object.entries(others).filter(isTaken);
  const left = Object.fromEntries(Object.entries(others).filter(one => !isTaken(one))) as OrderOptions;
  const order = orderOf(left);
  for (const field of ['successors', 'overrides', 'identities'])
    if (typeof order[field] === 'object')
      order[field] = withNulls(order[field] as Record<string, unknown>, field === 'successors' ? 1 : 2);
  if (departure !== undefined) order.departure = departure === TAKEN_BACK ? null : departure;
  return { ...order, ...Object.fromEntries(taken.map(([option]) => [FIELD_OF[option], null])) };
}

const TAKEN_BACK = 'null';

/** What can be taken back whole, by its option. */
const FIELD_OF: Record<string, string> = {
  successor: 'successor',
  successors: 'successors',
  override: 'overrides',
  overrides: 'overrides',
  identity: 'identities',
  mode: 'mode',
  at: 'effectiveAt',
  handoverAt: 'handoverAt',
  giveBackAt: 'giveBackAt',
  system: 'systems',
};

function withNulls(values: Record<string, unknown>, depth: number): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      if (value === TAKEN_BACK) return [name, null];
      const inside = depth > 1 && typeof value === 'object' && value !== null;
      return [name, inside ? withNulls(value as Record<string, unknown>, depth - 1) : value];
    }),
  );
}

function successorsOf(given: string[]): Record<string, unknown> {
  const all = new Map<string, unknown>();
  for (const one of given) {
    if (one.trimStart().startsWith('{')) {
      for (const [step, who] of Object.entries(json(one, '--successors'))) all.set(step, who);
    } else {
      const equals = one.indexOf('=');
      if (equals < 1) {
        throw new Problem(
          'usage',
          `--successors takes "system/category=who" or a JSON object; given was "${one}". With JSON, put it in single quotes.`,
        );
      }
      all.set(one.slice(0, equals).trim(), ruleOf(one.slice(equals + 1).trim(), '--successors'));
    }
  }
  return Object.fromEntries(all);
}

/**
 * `first:second=value`, where `second` may hold anything: item keys contain colons and equals signs. With
 * `several`, what is said again is said as well; else the last word counts.
 */
function nested(
  given: string[],
  option: string,
  form: string,
  several = false,
): Record<string, Record<string, string | string[]>> {
  const all = new Map<string, Record<string, string | string[]>>();
  for (const one of given) {
    if (one.trimStart().startsWith('{')) {
      for (const [first, inside] of Object.entries(json(one, option)))
        all.set(first, inside as Record<string, string | string[]>);
      continue;
    }
    const colon = one.indexOf(':');
    const equals = one.lastIndexOf('=');
    const value = one.slice(equals + 1).trim();
    if (colon < 1 || equals <= colon + 1 || value === '')
      throw new Problem('usage', `${option} takes "${form}"; given was "${one}".`);
    const first = one.slice(0, colon).trim();
    const second = one.slice(colon + 1, equals);
    const inside = all.get(first) ?? {};
    const said = several ? own(inside, second) : undefined;
    all.set(first, { ...inside, [second]: said === undefined ? value : [...[said].flat(), value] });
  }
  return Object.fromEntries(all);
}

/** A person by name, or a rule such as {"round-robin": "team"}. */
function ruleOf(text: string, option: string): unknown {
  return text.startsWith('{') ? json(text, option) : text;
}

function json(text: string, option: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw new Problem('usage', `The JSON of ${option} cannot be read: ${(error as Error).message}.`);
  }
}
