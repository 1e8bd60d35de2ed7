/**
 * What the name of a column says about people, without looking at a single value: the words for people and
 * for what they do, and how names are put together from them. Names are evidence and no proof: values and
 * rules of the database are heard as well (judge.ts).
 */
import { splitTable } from '../names.js';

/** Whoever stands here holds something, whatever else the schema calls by a similar name. */
const ROLES = new Set(
  `user usr owner author assignee creator editor approver reviewer requester requestor reporter responsible
   sender inviter invitee invited moderator supervisor follower followee subscriber watcher participant organizer
   organiser attendee uploader submitter committer assigner merger closer resolver opener initiator issuer
   operator administrator actor updater modifier deleter changer poster commenter voter liker mentor mentee
   recruiter interviewer salesperson salesman salesrep csm caretaker custodian signer signatory delegate
   delegator deputy substitute proxyuser impersonator grantor grantee blocker holder performer executor tester
   verifier auditor inspector maintainer contributor collaborator superuser bearer
   colleague successor standin vertreter stellvertreter predecessor subordinate buyer planner dispatcher technician consultant
   originator grader instructor host cohost
   benutzer mitarbeiter bearbeiter ersteller besitzer verantwortlicher ansprechpartner
   utilisateur usuario proprietaire responsable auteur autor utente`.split(/\s+/),
);

/**
 * People, but also what many schemas call something else by: a table of that name takes the word.
 */
const PEOPLE = new Set(
  `person people employee emp member staff agent admin manager worker partner lead coach teacher student driver
   doctor nurse individual human principal contact profile account identity player representative rep personnel
   customer client coordinator leader head captain chair
   contractor recipient receiver viewer reader writer coordinator specialist analyst engineer developer designer
   counselor guest target subject patient handler`.split(/\s+/),
);

/** Of these, what is too often no person at all for the word alone to say so. */
const VAGUE = new Set(
  `lead partner contact profile account identity customer client host head chair target subject principal
   representative rep holder guest patient bearer merger handler`.split(/\s+/),
);

/** A row of such a table is a person once more: employee, member, profile. */
export const PERSONAL = new Set(
  `employee emp member membership profile agent staff contact participant account identity worker player student
   teacher driver partner person individual human personnel rep representative salesperson collaborator attendee
   subscriber user coach consultant technician resource principal actor`.split(/\s+/),
);

/** What is said to have been done *by* somebody, *to* or *for* whom something goes. */
const TOWARDS = new Set(
  `assign assigned report reports reported delegate delegated escalate escalated transfer transferred handed
   forward forwarded routed route share shared granted lent issued checked borrowed reassigned entrusted requested
   sold responsible waiting invited loaned addressed billed covers covering acts acting deputises deputizes`.split(
    /\s+/,
  ),
);
const AS = new Set([
  'run',
  'runs',
  'running',
  'act',
  'acts',
  'acting',
  'execute',
  'executes',
  'logged',
  'login',
]);
const DONE = new Set(
  `create created write written update updated modify modified change changed delete deleted approve approved edit
   edited insert inserted add added lastmodified last owner assign assigned author user close closed`.split(
    /\s+/,
  ),
);

/** Ends of a name that only say "the id of". */
export const IDS = new Set([
  'id',
  'ids',
  'uuid',
  'uuids',
  'guid',
  'pk',
  'fk',
  'key',
  'ref',
  'no',
  'nr',
  'num',
  'number',
  'oid',
  'sid',
]);
/** Ends that say which of a person's values stands there, in a text. */
const VALUES = new Set([
  'email',
  'emails',
  'mail',
  'mails',
  'login',
  'logins',
  'username',
  'usernames',
  'name',
  'names',
  'fullname',
  'upn',
  'handle',
  'code',
  'list',
  'array',
  'json',
]);
const PLACES = /^\d+$/;

export type Said =
  /** A person, by a word that nothing else in the schema has. */
  | { says: 'person'; word: string }
  /** The rows of this table: `issue_id`. */
  | { says: 'table'; table: string; word: string }
  /** Perhaps a person: values decide. */
  | { says: 'perhaps'; word: string }
  | { says: 'nothing' };

/** The words of a name: `assignedToId`, `assigned_to_id` and `AssignedToID` are the same three. */
export function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .flatMap(word => word.replace(/(\p{L})(\d+)$/u, '$1 $2').split(' '))
    .flatMap(unglued)
    .filter(Boolean);
}

/** `userid`, `createdby`, `lastmodifieduser`: words that were written without a gap. */
function unglued(word: string): string[] {
  if (ROLES.has(word) || PEOPLE.has(word)) return [word];
  const id = /^(.{3,})(id|ids|uuid)$/.exec(word);
  if (id && (ROLES.has(id[1]!) || PEOPLE.has(id[1]!) || /by$/.test(id[1]!)))
    return [...unglued(id[1]!), id[2]!];
  const by = /^(.{3,}(?:ed|en|te|fy))by$/.exec(word);
  if (by) return [by[1]!, 'by'];
  const glued = /^(.{3,}?)(user|users|owner|author|assignee|person|employee|member)$/.exec(word);
  if (glued && DONE.has(glued[1]!)) return [glued[1]!, glued[2]!];
  return [word];
}

/** `companies` → `company`, `people` → `person`. */
export function singular(word: string): string {
  if (word.length <= 3) return word;
  if (word === 'people') return 'person';
  if (/ies$/.test(word) && word.length > 4) return `${word.slice(0, -3)}y`;
  if (/(ss|us|is)$/.test(word)) return word;
  if (/(x|ch|sh|ss|z)es$/.test(word)) return word.slice(0, -2);
  return word.endsWith('s') ? word.slice(0, -1) : word;
}

/** The bare name of a table, word by word, in the singular. */
export function tableWords(table: string): string[] {
  const words = wordsOf(splitTable(table).name);
  return words.map((word, n) => (n === words.length - 1 ? singular(word) : word));
}

/** The part of a column's name that says what stands there: without "id", "email", numbers. */
export function stemOf(column: string, text: boolean): string[] {
  const words = wordsOf(column);
  // `user_agent` is a browser.
  if (/(^|_)user_?agent/.test(column.toLowerCase())) return [];
  while (words.length > 1) {
    const last = words.at(-1)!;
    if (PLACES.test(last) || IDS.has(last) || (text && VALUES.has(last))) words.pop();
    else break;
  }
  return words.map((word, n) => (n === words.length - 1 ? singular(word) : word));
}

/**
 * Tables by their names, for columns that are named after one.
 *
 * The last words decide: `ci_runners` answers to `runner`, and to `ci_runner`.
 */
export class TableNames {
  readonly #whole = new Map<string, string>();
  readonly #tail = new Map<string, string>();

  constructor(tables: Iterable<string>, people: string) {
    for (const table of tables) {
      const words = tableWords(table);
      this.#whole.set(words.join('_'), table);
      for (let from = 1; from < words.length; from++) {
        const tail = words.slice(from).join('_');
        if (!this.#tail.has(tail)) this.#tail.set(tail, table);
      }
    }
    // Where several tables share a name, people's comes first: it is the one that must not be missed.
    const words = tableWords(people);
    for (let from = 0; from < words.length; from++) this.#whole.set(words.slice(from).join('_'), people);
  }

  /** The table that a stem names; `whole` asks for all of its name. */
  find(stem: readonly string[], whole: boolean): string | null {
    // `parent_issue` names issues, `created_by_member` names members.
    for (let from = 0; from < stem.length; from++) {
      const tail = stem.slice(from).join('_');
      const table = this.#whole.get(tail) ?? (whole ? undefined : this.#tail.get(tail));
      if (table) return table;
    }
    return null;
  }
}

/** What the name of a column says. `text`: it holds texts, so that `owner_email` says as much as `owner`. */
export function whatNameSays(column: string, text: boolean, tables: TableNames): Said {
  const stem = stemOf(column, text);
  const last = stem.at(-1);
  if (last === undefined) return { says: 'nothing' };
  const whole = wordsOf(column);
  const named = whole.length > stem.length;
  if (isBy(stem)) return { says: 'person', word: stem.join('_') };
  if (last === 'uid' && DONE.has(stem.at(-2) ?? '')) return { says: 'person', word: stem.join('_') };
  const table = tables.find(stem, ROLES.has(last) && !VAGUE.has(last));
  if (table && (named || PEOPLE.has(last) || ROLES.has(last))) return { says: 'table', table, word: last };
  if (VAGUE.has(last)) return { says: 'perhaps', word: last };
  if (ROLES.has(last) || PEOPLE.has(last)) return { says: 'person', word: last };
  if (text || !named) return { says: 'nothing' };
  // English makes words for whoever does something; so does it for things that do.
  if (/(?:er|or|ee)$/.test(last) && last.length > 4)
    return THINGS.has(last) ? { says: 'nothing' } : { says: 'person', word: last };
  return stem.length === 1 && /^(uid|from|to|by)$/.test(last)
    ? { says: 'perhaps', word: last }
    : { says: 'nothing' };
}

/** `created_by`, `assigned_to`, `by_user`, `runs_as`. */
export function isBy(stem: readonly string[]): boolean {
  const last = stem.at(-1)!;
  const before = stem.at(-2);
  if (last === 'by') return before !== undefined && !NOT_BY.has(before);
  if (last === 'to' || last === 'with' || last === 'from' || last === 'for')
    return before !== undefined && TOWARDS.has(before);
  if (last === 'charge') return before === 'in';
  if (last === 'in') return before === 'stand' || before === 'fill';
  return last === 'as' && before !== undefined && AS.has(before);
}

/** `sorted_by`, `grouped_by`: by a column and not by a person. */
const NOT_BY = new Set([
  'sort',
  'sorted',
  'order',
  'ordered',
  'group',
  'grouped',
  'superseded',
  'replaced',
  'caused',
  'triggered',
  'filter',
  'filtered',
  'partition',
  'followed',
  'divided',
  'powered',
  'limited',
  'superceded',
]);

/** Things by words that could be people's. */
const THINGS = new Set(
  `number order folder container server cluster filter layer letter header footer counter identifier provider processor
   color error vector factor sector ancestor descriptor monitor marker trigger buffer cursor timer scanner parameter
   character chapter paper offer carrier voucher poster flyer newsletter register printer computer router
   adapter wrapper runner tracker supplier vendor center meter sensor motor tower quarter semester corner floor
   transfer ledger folder parser helper indexer scheduler controller connector editor_type anchor door mirror
   master other under over later never filler spacer slider picker marker partner placeholder fee committee employee_type
   behavior behaviour flavor flavour armor tensor operator_type predictor indicator exporter importer loader builder
   compiler renderer serializer validator generator iterator accumulator aggregator collector emitter listener
   dispatcher_type handler publisher_type newspaper theater theatre river lawyer_type discover`.split(/\s+/),
);

/** Names that are measures and states; no value in them is an id, however it looks. */
export function isMeasure(column: string): boolean {
  return wordsOf(column).some(word => MEASURES.has(singular(word)));
}

const MEASURES = new Set(
  `count position status state priority version amount size level year month day week hour minute second qty
   quantity sort order rank score rating weight height width length depth total sum price cost rate percent
   probability age duration interval timeout port zip postal phone fax latitude longitude lat lng seq sequence
   revision lock attempt retry retrie limit offset index step stage sale health capacity page line row column
   x y z color bit flag mode type kind category severity visibility lft rgt counter`.split(/\s+/),
);
