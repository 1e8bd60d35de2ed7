/**
 * What was discovered as a catalog to be read, corrected and kept: every line with the evidence for it above
 * it. What a catalog cannot say, and what could not be decided, stands there as comments.
 */
import type { Catalog } from '../catalog.js';
import { splitTable, sqlName } from '../names.js';
import { type Form, FormNames, formsOf, sayAround, workedOut } from './forms.js';
import { keyOf } from './keys.js';
import type { Discovered, Discovery, People, PeopleValue, Undecided } from './model.js';
import type { Column, Shape, Table } from './shape.js';
import { wordsOf } from './words.js';

/** A whole catalog for a system that has none. */
export function draftCatalog(system: string, discovery: Discovery, shape: Shape): string {
  const { people } = discovery;
  const { categories, acknowledged, byHand } = sorted(discovery.columns, shape, people);
  const taken = new Set<string>();
  const names = new FormNames(new Set(people.values.map(value => value.identity)));
  const drafted = categories.flatMap(one => category(one, { shape, people, taken, names }));
  return lines([
    ...wrapped(
      `Drafted by handover discover from ${count(discovery.tables, 'table')}: ${count(discovery.columns.length, 'column')} can hold a person, and ${count(discovery.undecided.length, 'column')} could not be decided. It read ${count(discovery.rowsRead, 'row')}.`,
    ),
    ...wrapped(
      'This is a proposal from rules, values and names. Read every line: which of these must move, which may go and which is history only people know. Then "handover check" tries it.',
    ),
    'version: 1',
    `system: ${plain(system)}`,
    `title: ${plain(title([system]))}`,
    'kind: postgres',
    '',
    ...headOf(discovery, shape, names),
    '',
    'categories:',
    ...(drafted.length > 0 ? drafted : ['  # Nothing was found that a category could take.', '  {}', '']),
    ...switchOf(discovery, shape),
    '',
    '# Columns that point at people and are in no category on purpose.',
    ...(acknowledged.length > 0
      ? ['acknowledged:', ...acknowledged.flatMap(one => acknowledge(one))]
      : ['acknowledged: []']),
    ...rest(byHand, discovery.undecided),
  ]);
}

/** What a catalog leaves out, as lines to be added to it. Empty where it leaves nothing out. */
export function draftDifference(
  missing: readonly Discovered[],
  undecided: readonly Undecided[],
  { shape, people, catalog }: { shape: Shape; people: People; catalog: Catalog },
): string {
  const { categories, acknowledged, byHand } = sorted(missing, shape, people);
  const taken = new Set(Object.keys(catalog.categories));
  const names = new FormNames(new Set(['user', ...Object.keys(catalog.identities)]));
  const drafted = categories.flatMap(one => category(one, { shape, people, taken, names }));
  return lines([
    ...(names.forms.size > 0
      ? ['# To be added under identities:', '', ...[...names.forms].map(workedOutLine), '']
      : []),
    ...(categories.length > 0 ? ['# To be added under categories:', '', ...drafted] : []),
    ...(acknowledged.length > 0
      ? ['# To be added under acknowledged:', '', ...acknowledged.flatMap(one => acknowledge(one))]
      : []),
    ...rest(byHand, undecided),
  ]);
}

/** The one line that classifies a column as nothing to hand over. */
export function classifyingLine({ table, column, propose }: Discovered): string {
  return `- { table: ${plain(table)}, column: ${plain(column)}, reason: ${JSON.stringify(propose.because)} }`;
}

interface Sorted {
  categories: Discovered[];
  acknowledged: Discovered[];
  /** What no category can be made of. */
  byHand: Discovered[];
}

function sorted(columns: readonly Discovered[], shape: Shape, people: People): Sorted {
  const acknowledged = columns.filter(one => one.propose.do === 'acknowledged');
  const inHead = headColumns(columns, people);
  const others = columns.filter(
    one => one.propose.do !== 'acknowledged' && !inHead.has(keyOf(one.table, one.column)),
  );
  const can = (one: Discovered): boolean => whyNoCategory(one, shape, people) === null;
  return { categories: others.filter(can), acknowledged, byHand: others.filter(one => !can(one)) };
}

interface HeadValues {
  email: PeopleValue | undefined;
  login: PeopleValue | undefined;
  /** Those that get an identity of their own. */
  others: PeopleValue[];
}

/** The values by which the head of a catalog knows people. */
function headValues(columns: readonly Discovered[], people: People): HeadValues {
  const of = (kind: PeopleValue['kind']) => people.values.find(value => value.kind === kind);
  const used = new Set(
    columns.flatMap(one => [
      one.identity.identity,
      ...formsOf(one, people).takes.flatMap(form => (form.around ? [] : [form.value.identity])),
    ]),
  );
  const others = people.values.filter(value => value.identity !== 'user' && used.has(value.identity));
  return { email: of('email'), login: of('login'), others };
}

/** Whose row a further value of a person is, is said in the head: such a row is handed to nobody. */
function headColumns(columns: readonly Discovered[], people: People): Set<string> {
  const { email, login, others } = headValues(columns, people);
  return new Set(
    [email, login, ...others].flatMap(value => (value?.person ? [keyOf(value.table, value.person)] : [])),
  );
}

function whyNoCategory(one: Discovered, shape: Shape, people: People): string | null {
  const { table: name, column: at, layer } = one;
  const table = shape.tables.get(name)!;
  const column = table.columns.find(one => one.name === at)!;
  if (table.kind !== 'table') return 'it is a foreign table, which cannot be counted reliably';
  if (column.family === 'json')
    return 'where in the document the owner stands is for people to say: owner.inside takes a path';
  if (column.array && !INSIDE.has(one.propose.do))
    return 'an owner in a list is handed over, taken out, kept or acknowledged';
  if (formsOf(one, people).takes.length === 0) return 'no identity says the form in which people stand there';
  if (one.identity.far) return 'the person is more than one row away, which no identity can say';
  if (layer === 'pair') return 'it needs a condition on the other half of the pair';
  return table.key.length === 0 ? 'its rows have no key' : null;
}

/** What becomes of an owner in a list. */
const INSIDE = new Set(['transfer', 'clear', 'acknowledge', 'keep']);

function headOf({ people, otherPeople, columns }: Discovery, shape: Shape, names: FormNames): string[] {
  const table = shape.tables.get(people.table)!;
  const { email, login, others } = headValues(columns, people);
  const own = (value: PeopleValue | undefined) =>
    value && value.person === null && value.table === people.table;
  const called = people.values.find(value => value.kind === 'name');
  const name = [called, login, email].find(own)?.column ?? people.key;
  const manager = columns.find(
    one => one.table === people.table && one.identity.identity === 'user' && MANAGER.test(one.column),
  );
  const match = (by: 'email' | 'login', value: PeopleValue): string =>
    `    - { by: ${by}, ${value.person === null ? '' : `table: ${plain(value.table)}, `}column: ${plain(value.column)}${value.person === null ? '' : `, person: ${plain(value.person)}`} }`;
  return [
    ...(otherPeople.length > 0
      ? wrapped(
          `These look like people as well: ${otherPeople.slice(0, 5).join(', ')}. --people asks for another table.`,
        )
      : []),
    'people:',
    `  table: ${plain(people.table)}`,
    `  key: ${plain(people.key)}`,
    `  name: ${plain(name)}`,
    ...(email
      ? [
          own(email)
            ? `  email: ${plain(email.column)}`
            : `  email: { table: ${plain(email.table)}, column: ${plain(email.column)}, person: ${plain(email.person!)} }`,
        ]
      : []),
    '  match:',
    ...(email ? [match('email', email)] : []),
    ...(login ? [match('login', login)] : []),
    ...(email || login ? [] : [`    - { by: id, column: ${plain(people.key)}, fold: none }`]),
    ...activeOf(table),
    ...(manager ? [`  manager: ${plain(manager.column)}`] : []),
    '  # Where this system is the directory: team (a column), human (the same value in every entry of one human',
    '  # being), roles: { operator: <condition>, approver: <condition> }.',
    ...(others.length > 0 || names.forms.size > 0
      ? [
          '',
          '# Other values by which a person is known here.',
          'identities:',
          ...others.map(identity),
          ...[...names.forms].map(workedOutLine),
        ]
      : []),
  ];
}

const identity = ({ identity: name, table, column, person }: PeopleValue): string =>
  person === null
    ? `  ${name}: { column: ${plain(column)} }`
    : `  ${name}: { table: ${plain(table)}, key: ${plain(column)}, person: ${plain(person)} }`;

const MANAGER = /^(manager|supervisor|boss|reports_?to|line_?manager)(_?(user_?)?id)?$/i;

/** Ids are compared exactly; what people type is not. */
const workedOutLine = ([name, form]: [string, Form]): string =>
  `  ${name}: { value: ${JSON.stringify(workedOut(form))}${form.value.kind === 'key' ? '' : ', fold: [case, unicode, blanks]'} }  # ${sayAround(form)}`;

interface Switch {
  condition: string;
  set: string;
  on: string;
}

/** The column that says whether somebody can sign in, if one looks like it. */
function switchIn(table: Table): Switch | null {
  const is = (column: Column, type: RegExp, name: RegExp) => type.test(column.type) && name.test(column.name);
  const find = (type: RegExp, name: RegExp) => table.columns.find(column => is(column, type, name));
  const at = (column: Column) => `${sqlName(tableName(table.name))}.${sqlName(column.name)}`;
  const on = find(/^boolean/, /^(is_?)?(active|enabled)$/i);
  if (on) return { condition: at(on), set: `{ ${plain(on.name)}: false }`, on: `not ${at(on)}` };
  const off = find(
    /^boolean/,
    /^(is_?)?(disabled|locked|blocked|suspended|deactivated|banned|inactive|archived)$/i,
  );
  if (off) return { condition: `not ${at(off)}`, set: `{ ${plain(off.name)}: true }`, on: at(off) };
  const when = find(
    /^(timestamp|date)/,
    /^(deactivated|disabled|suspended|deleted|archived|blocked|discarded)_?(at|on)$/i,
  );
  if (when)
    return {
      condition: `${at(when)} is null`,
      set: `{ ${plain(when.name)}: $now }`,
      on: `${at(when)} is not null`,
    };
  return null;
}

function activeOf(table: Table): string[] {
  const found = switchIn(table);
  if (found) return [`  active: ${JSON.stringify(found.condition)}`];
  const status = table.columns.find(({ name }) => /^(status|state)$/i.test(name));
  const hint = status ? `, probably on ${status.name}` : '';
  return [
    `  # The condition that is true for people who can sign in${hint}; as it stands, everybody can.`,
    '  active: "true"',
  ];
}

function switchOf({ people }: Discovery, shape: Shape): string[] {
  const found = switchIn(shape.tables.get(people.table)!);
  return found
    ? ['deactivate:', `  set: ${found.set}`, `  verify: ${JSON.stringify(found.on)}`]
    : [
        '# How an account is switched off: columns to set, and the condition that proves it.',
        'deactivate: { by: person, reason: "switch the account off in the application" }',
      ];
}

interface Drafting {
  shape: Shape;
  people: People;
  /** Names of categories that are in use. */
  taken: Set<string>;
  names: FormNames;
}

/** A category for each form in which people stand in the column. */
function category(one: Discovered, { shape, people, taken, names }: Drafting): string[] {
  const { table: name, column, propose } = one;
  const table = shape.tables.get(name)!;
  const list = table.columns.find(other => other.name === column)!.array;
  const words = [...wordsOf(tableName(name)), ...wordsOf(column).filter(word => !/^(id|user)$/.test(word))];
  const base =
    words
      .join('_')
      .replace(/[^a-z0-9_]/g, '')
      .replace(/^[^a-z]+/, '') || 'category';
  const label = table.columns.find(
    ({ name: label, family, array }) => family === 'text' && !array && LABEL.test(label),
  );
  const secret =
    propose.do === 'revoke' ? table.columns.filter(other => isSecret(other, table, column, label)) : [];
  const { takes, others } = formsOf(one, people);
  const left =
    others.length > 0
      ? wrapped(
          `${one.table}.${column}: people stand there as ${others.join(' and ')} as well, which no identity says: look at those rows.`,
          '  ',
        )
      : [];
  return takes.flatMap((form, n) => {
    let called = base;
    for (let n = 2; taken.has(called); n++) called = `${base.replace(/_\d+$/, '')}_${n}`;
    taken.add(called);
    const identity = names.nameOf(form);
    const owner = [
      `column: ${plain(column)}`,
      ...(identity === 'user' ? [] : [`identity: ${identity}`]),
      ...(form.fold.length > 0
        ? [`fold: ${form.fold.length === 1 ? form.fold[0] : `[${form.fold.join(', ')}]`}`]
        : []),
      ...(list ? ['inside: array'] : []),
    ];
    const how = form.around ? ` as ${sayAround(form)}` : identity === 'user' ? '' : ` by ${identity}`;
    const said = takes.length === 1 ? '' : how;
    return [
      ...(n === 0 ? [...evidence(one, '  '), ...left] : []),
      `  ${called}:`,
      `    title: ${plain(title([...tableWordsOf(name), `(${column}${said})`]))}`,
      `    do: ${propose.do}`,
      ...(propose.inflow ? ['    inflow: true'] : []),
      `    table: ${plain(name)}`,
      `    key: [${table.key.map(plain).join(', ')}]`,
      `    owner: { ${owner.join(', ')} }`,
      ...(label ? [`    label: ${plain(label.name)}`] : []),
      ...(secret.length > 0 ? [`    secret: [${secret.map(other => plain(other.name)).join(', ')}]`] : []),
      ...(propose.do === 'remove' || propose.do === 'revoke' ? cascadesOf(name, shape) : []),
      ...(propose.do === 'keep' || propose.do === 'acknowledge'
        ? [`    reason: ${JSON.stringify(propose.because)}`]
        : []),
      '',
    ];
  });
}

/** What would go or change with a row that is deleted: for people to allow, or to hand over first. */
function cascadesOf(name: string, shape: Shape): string[] {
  const found = [...shape.tables.values()].flatMap(table =>
    table.references
      .filter(one => one.table === name && one.onDelete !== 'no action' && one.onDelete !== 'restrict')
      .map(
        one => `{ table: ${plain(table.name)}, does: ${one.onDelete === 'cascade' ? 'delete' : 'change'} }`,
      ),
  );
  if (found.length === 0) return [];
  return [
    '    # Goes or changes with a row that is deleted; it is done only where it is allowed:',
    `    # cascades: [${[...new Set(found)].join(', ')}]`,
  ];
}

const LABEL = /^(title|name|subject|label|summary|display_name|full_name|description)$/i;

const isSecret = (
  { name, family }: Column,
  table: Table,
  owner: string,
  label: Column | undefined,
): boolean =>
  /token|secret|hash|digest|password|^value$|private|^key$|api_?key|session_?(key|id)|otp/i.test(name) &&
  (!table.key.includes(name) || family === 'text') &&
  name !== owner &&
  name !== label?.name;

const acknowledge = (one: Discovered): string[] => [...evidence(one, '  '), `  ${classifyingLine(one)}`];

function evidence(one: Discovered, indent: string): string[] {
  const size = one.rows === null ? 'nobody has counted its rows' : `about ${count(one.rows, 'row')}`;
  const leaver = one.ofLeaver === null ? '' : `; ${count(one.ofLeaver, 'row')} of the leaver`;
  return wrapped(
    `${one.table}.${one.column}: ${one.evidence.join('; ')}; ${size}${leaver}. ${one.propose.do}: ${one.propose.because}.`,
    indent,
  );
}

/** What no line of a catalog can say by itself: for people. */
function rest(byHand: readonly Discovered[], undecided: readonly Undecided[]): string[] {
  return [
    ...(byHand.length > 0
      ? [
          '',
          ...wrapped(
            'Found, but no category can be made of these: look at each, and take its line up under acknowledged where that is right. Until then nobody has classified them.',
          ),
          ...byHand.flatMap(one => [...evidence(one, '  '), `  # ${classifyingLine(one)}`]),
        ]
      : []),
    ...(undecided.length > 0
      ? [
          '',
          '# Could not be decided:',
          ...undecided.flatMap(one => wrapped(`${one.table}.${one.column}: ${one.why}`, '  ')),
        ]
      : []),
  ];
}

const tableName = (table: string): string => splitTable(table).name;
const tableWordsOf = (table: string): string[] => wordsOf(tableName(table));

function title(words: readonly string[]): string {
  const text = words.join(' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A scalar of YAML, quoted wherever it could be read as anything else. */
export function plain(text: string): string {
  const safe =
    /^[A-Za-z_][\w.-]*(?: [\w.()-]+)*$/.test(text) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text);
  return safe ? text : JSON.stringify(text);
}

const count = (n: number, what: string): string =>
  `${n.toLocaleString('en-US')} ${what}${n === 1 ? '' : 's'}`;

/** A comment of at most 110 columns. */
function wrapped(text: string, indent = ''): string[] {
  const found: string[] = [];
  let line = '';
  // What a database says ends no comment.
  for (const word of text.replace(/\s+/g, ' ').split(' ')) {
    if (line && indent.length + line.length + word.length + 3 > 110) {
      found.push(line);
      line = '';
    }
    line = line ? `${line} ${word}` : word;
  }
  return [...found, line].map(one => `${indent}# ${one}`);
}

const lines = (all: readonly string[]): string => (all.length > 0 ? `${all.join('\n')}\n` : '');
