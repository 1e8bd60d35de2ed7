/**
 * What an answer means. A catalog's table is asked from the top, the first line that fits wins: errors come
 * inside a 200, throttles as a 403, and refusals as a 422 with an empty list. What no line names is judged as
 * HTTP means it.
 */

import { millisecondsOf } from '../duration.js';
import { type Condition, isSo, type Scalar } from './condition.js';
import { textAt } from './pointer.js';

export const OUTCOMES = [
  /** Done, as far as the system says. */
  'ok',
  /** It was so already. */
  'unchanged',
  /** Taken up, and not done yet. */
  'pending',
  /** Somebody else changed the item since we read it: it is read again. */
  'changed',
  /** The item is not there. */
  'gone',
  /** A page behind the last one. */
  'end',
  /** This item is refused. */
  'rejected',
  /** All of this is refused, until somebody has dealt with what stands in the way. */
  'blocked',
  'throttled',
  'transient',
  'credential',
] as const;
export type OutcomeKind = (typeof OUTCOMES)[number];

export interface Wait {
  header?: string | undefined;
  at?: string | undefined;
  fixed?: string | undefined;
  /** How the value counts: from now, or as a moment (seconds since 1970). */
  unit: 's' | 'ms' | 'epoch';
}

export interface OutcomeRule {
  status?: number | readonly number[] | undefined;
  header?: { name: string; equals?: Scalar | undefined; holds?: string | undefined } | undefined;
  at?: string | undefined;
  equals?: Condition['equals'];
  holds?: string | undefined;
  exists?: boolean | undefined;
  is: OutcomeKind;
  wait?: Wait | undefined;
  /** Where the answer keeps its code. */
  code?: string | undefined;
  /** What it means to people, in the catalog's words. */
  says?: string | undefined;
}

/** An answer, read whole. */
export interface Answer {
  status: number;
  headers: Readonly<Record<string, string>>;
  /** Parsed JSON; undefined where there was none. */
  body: unknown;
}

export interface Outcome {
  kind: OutcomeKind;
  /** Milliseconds until we may come again, where the system says. */
  waitMs: number | null;
  /** As a sentence calls it: `409 edit_conflict: it is being edited`. Never the system's own words. */
  says: string;
}

export function outcomeOf(answer: Answer, rules: readonly OutcomeRule[], now = Date.now()): Outcome {
  const rule = rules.find(one => fits(one, answer)) ?? byStatus(answer);
  const code = rule.code === undefined ? null : codeAt(answer.body, rule.code);
  const said = [String(answer.status), ...(code === null ? [] : [code])].join(' ');
  const wait = rule.wait ?? (rule.is === 'throttled' ? RETRY_AFTER : undefined);
  return {
    kind: rule.is,
    waitMs: wait ? waitOf(answer, wait, now) : null,
    says: rule.says === undefined ? said : `${said}: ${rule.says}`,
  };
}

const RETRY_AFTER: Wait = { header: 'Retry-After', unit: 's' };

function fits({ status, header, at, equals, holds, exists }: OutcomeRule, answer: Answer): boolean {
  if (status !== undefined && ![status].flat().includes(answer.status)) return false;
  if (header !== undefined) {
    const value = answer.headers[header.name.toLowerCase()];
    if (value === undefined) return false;
    if (header.equals !== undefined && value !== String(header.equals)) return false;
    if (header.holds !== undefined && !value.toLowerCase().includes(header.holds.toLowerCase())) return false;
  }
  return at === undefined || isSo(answer.body, { at, equals, holds, exists });
}

function byStatus({ status, headers }: Answer): OutcomeRule {
  const is = (kind: OutcomeKind): OutcomeRule => ({ is: kind });
  if (status === 202) return is('pending');
  if (status >= 200 && status < 300) return is('ok');
  if (status === 429) return is('throttled');
  if (status === 503 && headers['retry-after'] !== undefined) return is('throttled');
  if (status >= 500 || status === 408 || status === 425) return is('transient');
  if (status === 401) return is('credential');
  if (status === 404 || status === 410) return is('gone');
  if (status === 409 || status === 412 || status === 428) return is('changed');
  return is('rejected');
}

/** A word of the system's that names no person: letters, digits, `_`, `.` and `-`. */
function codeAt(body: unknown, pointer: string): string | null {
  const text = textAt(body, pointer);
  return text !== null && /^[\w.-]{1,60}$/.test(text) ? text : null;
}

function waitOf(answer: Answer, { header, at, fixed, unit }: Wait, now: number): number | null {
  if (fixed !== undefined) return millisecondsOf(fixed);
  const text = header !== undefined ? answer.headers[header.toLowerCase()] : textAt(answer.body, at ?? '');
  if (text === undefined || text === null || text.trim() === '') return null;
  const number = Number(text);
  if (!Number.isFinite(number)) {
    const moment = Date.parse(text);
    return Number.isNaN(moment) ? null : Math.max(0, moment - now);
  }
  const ms = unit === 'epoch' ? number * 1_000 - now : unit === 's' ? number * 1_000 : number;
  return Math.min(Math.max(0, ms), LONGEST_MS);
}

/** Whoever asks for more than a day is asked again after one. */
const LONGEST_MS = 86_400_000;
