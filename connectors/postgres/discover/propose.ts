/**
 * What probably should become of a column that holds people, and why: a proposal, for somebody who knows the
 * application to confirm.
 */
import type { Discovered, PeopleValue } from './model.js';
import type { Table } from './shape.js';
import { singular, tableWords, wordsOf } from './words.js';

type Proposal = Discovered['propose'];

const SECRETS =
  /^(token|session|credential|password|otp|totp|webauthn|passkey|apikey|oauth|secret|remember|refresh|grant|authentication|mfa|pat|cookie|jwt)$/;
const HISTORY =
  /^(log|audit|history|journal|version|event|activity|trail|revision|archive|snapshot|changeset|change|statistic|stat|metric)$/;
const INFLOW =
  /^(rule|routing|rotation|assignment|autoassign|escalation|trigger|schedule|oncall|roster|queue)$/;
const AUTHORSHIP =
  /^(creator|author|editor|updater|uploader|submitter|committer|initiator|issuer|actor|deleter|modifier|closer|merger|resolver|opener|poster|commenter|originator)$/;
const PERSONAL_THINGS =
  /^(setting|preference|pref|bookmark|favorite|favourite|star|vote|like|reaction|notification|draft|read|unread|filter|recent)$/;

const FOLLOWERS = /^(watcher|follower|subscriber|viewer|reader|cc|participant|attendee|guest)$/;

export function propose(
  table: Table,
  column: string,
  identity: PeopleValue,
  unique: readonly string[] | null,
): Proposal {
  const words = tableWords(table.name).map(singular);
  const last = words.at(-1)!;
  const stem = wordsOf(column);
  const say = (is: Proposal['do'], because: string, inflow = false): Proposal => ({
    do: is,
    inflow,
    because,
  });
  const scalar = table.columns.find(one => one.name === column);
  if (scalar?.array && identity.kind === 'key' && !words.some(word => HISTORY.test(word)))
    return stem.some(word => FOLLOWERS.test(singular(word)))
      ? say('clear', 'a list of people who only look on')
      : say('transfer', "a list of people, in which somebody must take the leaver's place");
  if (scalar && (scalar.array || scalar.family === 'json'))
    return say('acknowledge', 'it stands inside a list or a document, where people must look themselves');
  if (identity.person !== null && identity.pointsAt && identity.kind === 'key' && last === 'role')
    return say('acknowledged', 'it goes with the row of the person that it hangs on');
  if (words.some(word => SECRETS.test(word)) || /^(access|api|ssh|gpg|personal)_.*key$/.test(words.join('_')))
    return say('revoke', `${table.name} holds ways in`);
  if (words.some(word => HISTORY.test(word)))
    return say('keep', `${table.name} is history: it says who did what`);
  if (
    stem.includes('by') ||
    AUTHORSHIP.test(singular(stem.find(word => AUTHORSHIP.test(singular(word))) ?? ''))
  )
    return say('keep', `${column} says who did it, which stays true`);
  if (unique && unique.length === 1)
    return say('acknowledged', `a person has one row of ${table.name}, which belongs to the account`);
  if (words.some(word => PERSONAL_THINGS.test(word)))
    return say('acknowledged', `${table.name} are things of the person's own`);
  if (unique && words.some(word => INFLOW.test(word)))
    return say('remove', `a unique index over ${unique.join(', ')}: a membership that gives new work`, true);
  if (unique) return say('remove', `a unique index over ${unique.join(', ')}: a membership`);
  if (isJoin(table)) return say('remove', `${table.name} only joins two things: a membership`);
  if (words.some(word => INFLOW.test(word))) return say('transfer', `${table.name} gives out new work`, true);
  return say('transfer', 'somebody must go on with it');
}

/** Nothing but ids and times. */
function isJoin({ columns }: Table): boolean {
  const rest = columns.filter(
    ({ name, family }) =>
      !/(^|_)(id|uuid)$/i.test(name) && !/(_at|_on|_time|date|timestamp)$/i.test(name) && family !== 'other',
  );
  return (
    columns.length <= 6 && rest.length === 0 && columns.filter(one => /_id$/i.test(one.name)).length >= 2
  );
}
