/**
 * Commands as they are printed: whoever copies one gets what was meant. `…` stands for what only a person can
 * say, such as who they are; nothing else needs a change. Every field of every decision has its option here;
 * the test holds them against the rules.
 */

import type { NextMessage } from '../domain/next.js';
import type { decisionSchemas } from '../domain/request.js';

/** What is left to a person to fill in. */
export const FILL_IN = '…';

type Fields<N extends keyof typeof decisionSchemas> = (typeof decisionSchemas)[N]['shape'];
/** The words of a field's value. */
type Words = (value: unknown) => string[];

const by: Words = value => ['--by', word(value)];
const note: Words = value => ['--note', sentence(value)];
const reason: Words = value => ['--reason', sentence(value)];
const itself: Words = value => [word(value)];
const after =
  (option: string): Words =>
  value => [option, word(value)];

/** Per decision, in the order in which a person reads them: what it is about, who says it, the rest. */
const WORDS: { [N in keyof typeof decisionSchemas]: { [F in keyof Fields<N>]-?: Words } } = {
  approve: { plan: itself, step: after('--step'), keys: after('--keys'), by, note },
  reject: { plan: itself, by, note },
  execute: { plan: itself, by, note },
  acknowledge: { category: subjects, by, note },
  amend: {
    by,
    successor: value => ['--successor', rule(value)],
    successors: value =>
      value === null
        ? ['--successors', 'null']
        : eachOf(value).flatMap(([step, who]) => ['--successors', successorOf(step, who)]),
    overrides: value =>
      typeof value === 'string' ? ['--overrides', word(value)] : nested('--override', value),
    identities: value => nested('--identity', value),
    mode: after('--mode'),
    departure: after('--departure'),
    effectiveAt: after('--at'),
    handoverAt: after('--handover-at'),
    giveBackAt: after('--give-back-at'),
    systems: value => [value].flat().flatMap(system => ['--system', word(system)]),
    note,
  },
  pause: { by, note },
  resume: { by, note },
  retry: { by, note },
  skip: { step: itself, by, reason, note },
  finish: { by, reason, note },
  cancel: { by, access: after('--access'), note },
};

/** The command that sends a message to a run. */
export function decisionLine(run: string, { message, json }: Pick<NextMessage, 'message' | 'json'>): string {
  const fields = Object.entries(WORDS[message] as Record<string, Words>);
  const words = fields.flatMap(([field, say]) => (json[field] === undefined ? [] : say(json[field])));
  return ['handover', message, word(run), ...words].join(' ');
}

/** A command of these words: `commandLine('status', 'offboarding/17', '--watch')`. */
export function commandLine(...words: string[]): string {
  return ['handover', ...words.map(word)].join(' ');
}

/** The same for a checkout, where nobody has put `handover` on the path. */
export function checkoutLine(...words: string[]): string {
  return ['npm run handover --', ...words.map(word)].join(' ');
}

/**
 * One word as a shell reads it: keys may hold blanks or quotes, or be JSON. An empty one is left to fill in.
 */
function word(value: unknown): string {
  const text = value === '' ? FILL_IN : String(value);
  return text === FILL_IN || /^[\w@%+=:,./…-]+$/.test(text) ? text : quoted(text);
}

/** What people say in their own words, quoted also while it is still to be said. */
function sentence(value: unknown): string {
  return quoted(value === '' ? FILL_IN : String(value));
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Few by name; of many, all that is open. */
function subjects(value: unknown): string[] {
  const all = [value].flat();
  return all.length > 3 ? ['--all'] : all.map(word);
}

function rule(value: unknown): string {
  return word(typeof value === 'string' || value === null ? value : JSON.stringify(value));
}

function successorOf(step: string, who: unknown): string {
  if (who === '') return `${word(step)}=${FILL_IN}`;
  return word(typeof who === 'string' || who === null ? `${step}=${who}` : JSON.stringify({ [step]: who }));
}

/**
 * `system:name=id` each, also where a name has several; as one JSON object where a name holds the very marks
 * that this is made of.
 */
function nested(option: string, value: unknown): string[] {
  if (value === null) return [option, 'null'];
  if (eachOf(value).some(([, inside]) => inside === null)) return [option, word(JSON.stringify(value))];
  const all = eachOf(value).flatMap(([first, inside]) =>
    eachOf(inside).flatMap(([name, whoever]) =>
      [whoever].flat().map(who => ({ first, name, who: who === '' ? FILL_IN : who })),
    ),
  );
  const plain = all.every(
    ({ first, name, who }) => (typeof who === 'string' || who === null) && !/[:={"]/.test(first + name + who),
  );
  if (!plain) return [option, word(JSON.stringify(value))];
  return all.flatMap(({ first, name, who }) => [option, word(`${first}:${name}=${who}`)]);
}

function eachOf(value: unknown): [string, unknown][] {
  return Object.entries(value as Record<string, unknown>);
}
