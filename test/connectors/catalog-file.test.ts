import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { loadCatalog, readCatalog } from '../../connectors/catalog/file.js';
import { headShape } from '../../connectors/catalog/head.js';
import { KINDS } from '../../connectors/registry.js';
import { failureOf } from './fixture.js';

const GOOD = `version: 1
system: crm
title: CRM
kind: postgres
people:
  table: public.users
  key: id
  name: name
  match:
    - { by: email, column: email }
  active: users.active
categories:
  tasks:
    title: Open tasks
    do: transfer
    table: public.tasks
    key: [id]
    owner:
      column: owner_id
    when: tasks.status <> 'done'
`;

/** Each case: what is put in the place of what, and every line that must be said. */
const CASES: [name: string, from: string | RegExp, to: string, lines: string[]][] = [
  [
    'an unknown key at the top',
    'title: CRM',
    'title: CRM\nsytem: x',
    [
      'crm.yaml:4:1 sytem: unknown key sytem; known here are version, system, title, kind, run_against, connect, settings, absence, people, identities, guards, categories, block, unblock, deactivate, reactivate, acknowledged',
    ],
  ],
  [
    'an unknown key in people, with the nearest known one',
    '  key: id\n',
    '  key: id\n  mangaer: boss\n',
    [
      'crm.yaml:8:3 people.mangaer: unknown key mangaer (did you mean manager?); known here are table, key, name, email, when, match, active, blocked, manager, team, human, roles',
    ],
  ],
  [
    'an unknown key in a category',
    '    key: [id]',
    '    key: [id]\n    lable: title',
    [
      'crm.yaml:18:5 categories.tasks.lable: unknown key lable (did you mean label?); known here are title, do, label, link, page, attributes, fires_at, secret, inflow, after, queues, unassigned, acts_as, successor_of, on_role_change, switch, reason, table, key, owner, still_runs, groups, when, version, touch, successor_must, successor_must_says, mirrors, with, unique, survives, set, cascades',
    ],
  ],
  [
    'an unknown key in an owner',
    '      column: owner_id',
    '      column: owner_id\n      colum: owner_id',
    [
      'crm.yaml:20:7 categories.tasks.owner.colum: unknown key colum; known here are column, identity, fold, inside',
    ],
  ],
  [
    'an unknown key that is near to nothing',
    '    key: [id]',
    '    key: [id]\n    zzzzzz: 1',
    [
      'crm.yaml:18:5 categories.tasks.zzzzzz: unknown key zzzzzz; known here are title, do, label, link, page, attributes, fires_at, secret, inflow, after, queues, unassigned, acts_as, successor_of, on_role_change, switch, reason, table, key, owner, still_runs, groups, when, version, touch, successor_must, successor_must_says, mirrors, with, unique, survives, set, cascades',
    ],
  ],
  [
    'a missing key',
    '  active: users.active\n',
    '',
    ['crm.yaml:5:1 people.active: is missing: a text is needed'],
  ],
  [
    'a missing block',
    /people:[\s\S]*?(?=categories)/,
    '',
    ['crm.yaml:1:1 people: is missing: a block of keys is needed'],
  ],
  ['a wrong version', 'version: 1', 'version: 2', ['crm.yaml:1:1 version: 2 was given, only 1 is allowed']],
  [
    'a wrong kind',
    'kind: postgres',
    'kind: mysql',
    ['crm.yaml:4:1 kind: "mysql" was given, allowed are postgres, http'],
  ],
  [
    'a system name with capitals',
    'system: crm',
    'system: CRM',
    [
      'crm.yaml:2:1 system: "CRM" was given; allowed are lower-case letters, digits and _, starting with a letter',
    ],
  ],
  [
    'a title that is a number',
    'title: CRM',
    'title: 7',
    ['crm.yaml:3:1 title: 7 was given, a text is needed'],
  ],
  [
    'an unknown disposition, with the nearest known one',
    'do: transfer',
    'do: tranfer',
    [
      'crm.yaml:15:5 categories.tasks.do: "tranfer" was given, allowed are transfer, remove, revoke, clear, acknowledge, keep (did you mean transfer?)',
    ],
  ],
  [
    'a disposition far from all',
    'do: transfer',
    'do: xyz',
    [
      'crm.yaml:15:5 categories.tasks.do: "xyz" was given, allowed are transfer, remove, revoke, clear, acknowledge, keep',
    ],
  ],
  [
    'a category name with a blank',
    '  tasks:',
    '  open tasks:',
    [
      'crm.yaml:13:3 categories.open tasks: the name "open tasks" cannot be used; allowed are lower-case letters, digits and _, starting with a letter',
    ],
  ],
  [
    'a table without its schema',
    'table: public.tasks',
    'table: tasks',
    [
      'crm.yaml:16:5 categories.tasks.table: "tasks" was given; a table is named as schema.table, without quotes unless a part has a dot ("crm.v2".docs)',
    ],
  ],
  [
    'a table with a quote in its name',
    'table: public.tasks',
    'table: public.ta"sks',
    [
      'crm.yaml:16:5 categories.tasks.table: "public.ta\\"sks" was given; a table is named as schema.table, without quotes unless a part has a dot ("crm.v2".docs)',
    ],
  ],
  [
    'a table of the system',
    'table: public.tasks',
    'table: pg_catalog.pg_class',
    [
      'crm.yaml:16:5 categories.tasks.table: pg_catalog.pg_class is a table of the database system itself, which is never touched',
    ],
  ],
  [
    'a table of the information schema',
    'table: public.tasks',
    'table: information_schema.tables',
    [
      'crm.yaml:16:5 categories.tasks.table: information_schema.tables is a table of the database system itself, which is never touched',
    ],
  ],
  [
    'a table name of more than 63 bytes',
    'table: public.tasks',
    'table: public.ääääääääääääääääääääääääääääääää',
    [
      'crm.yaml:16:5 categories.tasks.table: "public.ääääääääääääääääääääääääääääääää" was given; PostgreSQL allows names of at most 63 bytes',
    ],
  ],
  [
    'a column with a quote',
    'column: owner_id',
    "column: 'owner\"; drop table users; --'",
    [
      'crm.yaml:19:7 categories.tasks.owner.column: "owner\\"; drop table users; --" was given; a column is named without quotes',
    ],
  ],
  [
    'a column name of more than 63 bytes',
    'column: owner_id',
    'column: oooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooo',
    [
      'crm.yaml:19:7 categories.tasks.owner.column: "oooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooo" was given; PostgreSQL allows names of at most 63 bytes',
    ],
  ],
  [
    'an empty key',
    'key: [id]',
    'key: []',
    ['crm.yaml:17:5 categories.tasks.key: the list is empty: at least one entry is needed'],
  ],
  [
    'a key that is no list',
    'key: [id]',
    'key: id',
    ['crm.yaml:17:5 categories.tasks.key: "id" was given, a list is needed'],
  ],
  [
    'a key with the same column twice',
    'key: [id]',
    'key: [id, id]',
    ['crm.yaml:17:5 categories.tasks.key: a column is named twice'],
  ],
  [
    'an owner that is a text',
    /owner:\n\s+column: owner_id/,
    'owner: owner_id',
    ['crm.yaml:18:5 categories.tasks.owner: "owner_id" was given, a block of keys is needed'],
  ],
  [
    'an owner identity that is not defined',
    '      column: owner_id',
    '      column: owner_id\n      identity: emploee',
    ['crm.yaml:20:7 categories.tasks.owner.identity: there is no identity emploee; known are user'],
  ],
  [
    'an empty condition',
    "when: tasks.status <> 'done'",
    "when: ''",
    ['crm.yaml:20:5 categories.tasks.when: the text is empty'],
  ],
  [
    'a condition with a semicolon',
    "when: tasks.status <> 'done'",
    'when: "true; drop table tasks"',
    [
      'crm.yaml:20:5 categories.tasks.when: the condition cannot be used: a semicolon is not allowed: it must be one expression',
    ],
  ],
  [
    'a condition with a comment',
    "when: tasks.status <> 'done'",
    'when: "true -- all"',
    [
      'crm.yaml:20:5 categories.tasks.when: the condition cannot be used: comments are not allowed in it (write them as # in the YAML file)',
    ],
  ],
  [
    'a condition that leaves its parentheses',
    "when: tasks.status <> 'done'",
    'when: "true) or (true"',
    [
      'crm.yaml:20:5 categories.tasks.when: the condition cannot be used: there is a ) without its opening bracket',
    ],
  ],
  [
    'a condition with an open bracket',
    "when: tasks.status <> 'done'",
    'when: "(true"',
    ['crm.yaml:20:5 categories.tasks.when: the condition cannot be used: a bracket is not closed'],
  ],
  [
    'a condition with an open string',
    "when: tasks.status <> 'done'",
    'when: "tasks.status = \'done"',
    ['crm.yaml:20:5 categories.tasks.when: the condition cannot be used: a string is not closed'],
  ],
  [
    'a condition with a parameter',
    "when: tasks.status <> 'done'",
    'when: "tasks.id = $1"',
    [
      'crm.yaml:20:5 categories.tasks.when: the condition cannot be used: $ is not allowed: there are no parameters and no dollar-quoted strings here',
    ],
  ],
  [
    'a condition that writes',
    "when: tasks.status <> 'done'",
    'when: "exists (delete from public.tasks)"',
    [
      'crm.yaml:20:5 categories.tasks.when: the condition cannot be used: the word delete is not allowed: a condition only reads (quote it if it is a column: "delete")',
    ],
  ],
  [
    'a condition that locks',
    "when: tasks.status <> 'done'",
    'when: "exists (select from public.users for update)"',
    [
      'crm.yaml:20:5 categories.tasks.when: the condition cannot be used: row locks (FOR ...) are not allowed',
    ],
  ],
  [
    'a setting that is no setting of the application',
    'kind: postgres',
    'kind: postgres\nsettings: { search_path: public }',
    [
      'crm.yaml:5:13 settings.search_path: the name "search_path" cannot be used; allowed are settings of the application, like app.user',
    ],
  ],
  [
    'a path that cannot be read',
    '      column: owner_id',
    '      column: owner_id\n      inside: { json: team.id }',
    [
      'crm.yaml:20:17 categories.tasks.owner.inside.json: "team.id" was given; a path looks like $.assignees[*] or $.owner.id',
    ],
  ],
  [
    'a pattern without the id',
    '      column: owner_id',
    '      column: owner_id\n      inside: { text: "@user" }',
    [
      'crm.yaml:20:17 categories.tasks.owner.inside.text: "@user" was given; a pattern names the id once, like @user:{id}',
    ],
  ],
  [
    'a text that would be written',
    '      column: owner_id',
    '      column: owner_id\n      inside: { text: "@{id}" }',
    [
      'crm.yaml:15:5 categories.tasks.do: transfer was given; with owners inside a text allowed are acknowledge, keep',
    ],
  ],
  [
    'an owner inside a list, and a unique index',
    '      column: owner_id',
    '      column: owner_id\n      inside: array\n    unique: [id]',
    ['crm.yaml:21:5 categories.tasks.unique: unique has no meaning where the owner stands inside a column'],
  ],
  [
    'an owner inside a list, and a copy of it in another table',
    '      column: owner_id',
    '      column: owner_id\n      inside: array\n    mirrors: [{ table: public.notes, owner: who, join: { task: id } }]',
    ['crm.yaml:21:5 categories.tasks.mirrors: mirrors has no meaning where the owner stands inside a column'],
  ],
  [
    'an owner inside a list that is the key as well',
    '    key: [id]\n    owner:\n      column: owner_id',
    '    key: [id, owner_ids]\n    owner:\n      column: owner_ids\n      inside: array',
    ['crm.yaml:20:7 categories.tasks.owner.inside: owner_ids is part of the key, which a change would alter'],
  ],
  [
    'a key that stands twice, in a block within a list',
    '    - { by: email, column: email }',
    '    - { by: email, column: email, column: mail }',
    ['crm.yaml:10:35 Map keys must be unique'],
  ],
  [
    'more categories than anybody is asked about',
    /categories:[\s\S]*/,
    `categories: {${Array.from({ length: 1_001 }, (_, n) => `c${n}: {}`).join(', ')}}\n`,
    ['crm.yaml:12:1 categories: there are 1001, and 1000 are the most'],
  ],
  [
    'a check of what does nothing by itself',
    '    key: [id]',
    '    key: [id]\n    still_runs: tasks.enabled',
    [
      "crm.yaml:18:5 categories.tasks.still_runs: it is about what acts in the person's name: acts_as: true is missing",
    ],
  ],
  [
    'what acts for somebody who is gone, and is kept',
    '    do: transfer',
    '    do: keep\n    reason: x\n    acts_as: true',
    [
      'crm.yaml:15:5 categories.tasks.do: what acts in the name of somebody who is gone is not kept: hand it over, stop it, or let people acknowledge it',
    ],
  ],
  [
    'a successor of nothing',
    '    key: [id]',
    '    key: [id]\n    successor_of: taks',
    ['crm.yaml:18:5 categories.tasks.successor_of: there is no other category taks; known are '],
  ],
  [
    'a switch that changes nothing',
    'categories:',
    'deactivate: { verify: "true" }\ncategories:',
    [
      'crm.yaml:12:1 deactivate.set: at least one column is needed, or also_set, also_insert, also_delete with kept',
    ],
  ],
  [
    'a block that gives back',
    'categories:',
    'deactivate: { restore: true, set: { active: false }, verify: "true" }\ncategories:',
    [
      'crm.yaml:12:15 deactivate.restore: only unblock and reactivate give back: there is nothing to restore here',
    ],
  ],
  [
    'a row about nobody',
    'categories:',
    'deactivate: { also_insert: [{ table: public.off, values: { kind: x } }], verify: "true" }\ncategories:',
    [
      'crm.yaml:12:50 deactivate.also_insert.0.values: no column of public.off is $user, so that the row would be about nobody',
    ],
  ],
  [
    'a mirror that belongs to nothing',
    '    key: [id]',
    '    key: [id]\n    mirrors: [{ table: public.copies, owner: user_id }]',
    [
      'crm.yaml:18:15 categories.tasks.mirrors.0: join or when is missing: which rows there belong to a row here',
    ],
  ],
  [
    'a condition over two tables of one name',
    '    key: [id]',
    '    key: [id]\n    mirrors: [{ table: old.tasks, owner: user_id, when: "true" }]',
    [
      'crm.yaml:18:51 categories.tasks.mirrors.0.when: old.tasks and public.tasks have the same bare name, so that a condition cannot tell them apart: say it with join',
    ],
  ],
  [
    'rows that go with what is never deleted',
    '    key: [id]',
    '    key: [id]\n    with: [{ table: public.copies, join: { task_id: id } }]',
    [
      'crm.yaml:18:5 categories.tasks.with: with is for rows that go together with a deleted one, and no row of this category is deleted: it belongs to remove and revoke without set, and to transfer with unique',
    ],
  ],
  [
    'a change of role for what moves anyway',
    '    key: [id]',
    '    key: [id]\n    on_role_change: remove',
    [
      'crm.yaml:18:5 categories.tasks.on_role_change: on_role_change has no meaning with do: transfer; it belongs to remove, revoke, clear',
    ],
  ],
  [
    'what needs an active account, after the switch',
    '    key: [id]',
    '    key: [id]\n    switch: { needs: active, when: after }',
    [
      'crm.yaml:18:15 categories.tasks.switch.needs: after the switch the account is not active any more: when: before',
    ],
  ],
  [
    'what needs an inactive account, before the switch',
    '    key: [id]',
    '    key: [id]\n    switch: { needs: inactive }',
    ['crm.yaml:18:15 categories.tasks.switch.needs: until the switch the account is active: when: after'],
  ],
  [
    'what goes along with a switch, which a database has no room for',
    '    key: [id]',
    '    key: [id]\n    switch: { when: with }',
    [
      'crm.yaml:18:15 categories.tasks.switch.when: nothing is handed to a switch in a database: before, or after where only that works',
    ],
  ],
  [
    'a deadline that counts from nothing',
    '    key: [id]',
    '    key: [id]\n    switch: { within: 30 days }',
    [
      'crm.yaml:18:15 categories.tasks.switch.within: a deadline counts from the switch: when: after is missing',
    ],
  ],
  [
    'a deadline in hours',
    '    key: [id]',
    '    key: [id]\n    switch: { when: after, within: 12h }',
    ['crm.yaml:18:28 categories.tasks.switch.within: "12h" was given; days are needed, such as 30 days'],
  ],
  [
    'a match by something unknown',
    'by: email',
    'by: phone',
    ['crm.yaml:10:9 people.match.0.by: "phone" was given, allowed are email, login, id, number'],
  ],
  [
    'a match table without person',
    '{ by: email, column: email }',
    '{ by: email, column: address, table: public.emails }',
    [
      "crm.yaml:10:7 people.match.0: the table public.emails needs person: the column in it that holds the person's key",
    ],
  ],
  [
    'a category that nothing can be called',
    'categories:',
    'categories:\n  __proto__: { title: X }',
    ['crm.yaml:13:3 categories.__proto__: no name that anything can have'],
  ],
  [
    'an identity called user',
    'categories:',
    'identities: { user: { column: uid } }\ncategories:',
    ['crm.yaml:12:15 identities.user: user is always the key of people.table: choose another name'],
  ],
  [
    'an identity of neither shape',
    'categories:',
    'identities: { employee: { table: public.employees, key: id, persn: user_id } }\ncategories:',
    [
      'crm.yaml:12:15 identities.employee.person: is missing: a text is needed',
      'crm.yaml:12:61 identities.employee.persn: unknown key persn (did you mean person?); known here are table, key, person, when, current, fold',
    ],
  ],
  [
    'an e-mail of neither shape',
    '  name: name',
    '  name: name\n  email: 5',
    ['crm.yaml:9:3 people.email: 5 was given, a text or a block of keys is needed'],
  ],
  [
    'an after that names no category',
    '    key: [id]',
    '    key: [id]\n    after: [taks]',
    [
      'crm.yaml:18:13 categories.tasks.after.0: there is no category taks (did you mean tasks?); known are tasks',
    ],
  ],
  [
    'an after that names itself',
    '    key: [id]',
    '    key: [id]\n    after: [crm/tasks]',
    ['crm.yaml:18:13 categories.tasks.after.0: a category cannot come after itself'],
  ],
  [
    'unique on a category that is not transferred',
    'do: transfer',
    'do: remove\n    unique: [project]',
    ['crm.yaml:16:5 categories.tasks.unique: unique has no meaning with do: remove; it belongs to transfer'],
  ],
  [
    'set on a category that is transferred',
    '    key: [id]',
    '    key: [id]\n    set: { status: x }',
    [
      'crm.yaml:18:5 categories.tasks.set: set has no meaning with do: transfer; it belongs to remove, revoke, clear',
    ],
  ],
  [
    'mirrors on a category that is removed',
    'do: transfer',
    'do: remove\n    mirrors: [{ table: public.x, owner: y, join: { a: b } }]',
    [
      'crm.yaml:16:5 categories.tasks.mirrors: mirrors has no meaning with do: remove; it belongs to transfer, clear',
    ],
  ],
  [
    'a set that leaves the rows with the leaver',
    /do: transfer[\s\S]*$/,
    'do: revoke\n    table: public.tokens\n    key: [id]\n    owner: { column: user_id }\n    set: { revoked: true }\n',
    [
      'crm.yaml:19:5 categories.tasks.set: rows stay with the leaver after this set: say with when which rows still count, or set user_id too',
    ],
  ],
  [
    'a keep without a reason',
    'do: transfer',
    'do: keep',
    ['crm.yaml:13:3 categories.tasks: keep needs a reason: why these items stay with the leaver'],
  ],
  [
    'touch of the owner',
    '    key: [id]',
    '    key: [id]\n    touch: { owner_id: 3 }',
    ['crm.yaml:18:14 categories.tasks.touch.owner_id: owner_id is the owner, which touch cannot set'],
  ],
  [
    'touch of a list',
    '    key: [id]',
    '    key: [id]\n    touch: { updated_at: [now] }',
    [
      'crm.yaml:18:14 categories.tasks.touch.updated_at: a list was given, a text or a number or true or false is needed',
    ],
  ],
  [
    'a secret that would be shown',
    '    key: [id]',
    '    key: [id]\n    label: token\n    secret: [token]',
    ['crm.yaml:18:5 categories.tasks.label: token is secret and would be shown here'],
  ],
  [
    'a secret that an expression would show',
    '    key: [id]',
    '    key: [id]\n    label: { value: upper(tasks.token) }\n    secret: [token]',
    ['crm.yaml:18:5 categories.tasks.label: token is secret and would be shown here'],
  ],
  [
    'a secret that a link would show',
    '    key: [id]',
    '    key: [id]\n    link: https://crm.example.com/{token}\n    secret: [token]',
    ['crm.yaml:18:5 categories.tasks.link: token is secret and would be shown here'],
  ],
  [
    'a secret that would be kept because it outlives a merge',
    '    key: [id]',
    '    key: [id]\n    unique: [project]\n    survives: { pin: [a, b] }\n    secret: [pin]',
    [
      'crm.yaml:19:17 categories.tasks.survives.pin: pin is secret, and what outlives a merge is kept for an undo',
    ],
  ],
  [
    'a condition of groups that is two, over a table of the database system',
    '    key: [id]',
    '    key: [id]\n    groups: { table: pg_catalog.pg_roles, key: oid, name: rolname, when: true; true }',
    [
      'crm.yaml:18:68 categories.tasks.groups.when: the condition cannot be used: a semicolon is not allowed: it must be one expression',
      'crm.yaml:18:15 categories.tasks.groups.table: pg_catalog.pg_roles is a table of the database system itself, which is never touched',
    ],
  ],
  [
    'a link with another scheme',
    '    key: [id]',
    '    key: [id]\n    link: javascript:alert(1)',
    [
      'crm.yaml:18:5 categories.tasks.link: "javascript:alert(1)" was given; a link starts with https:// or http://',
    ],
  ],
  [
    'a page that is no address',
    '    key: [id]',
    '    key: [id]\n    page: crm/tasks',
    [
      'crm.yaml:18:5 categories.tasks.page: "crm/tasks" was given; an address that starts with https:// or http:// is needed',
    ],
  ],
  [
    'a link with an open brace',
    '    key: [id]',
    '    key: [id]\n    link: https://crm/{id',
    ['crm.yaml:18:5 categories.tasks.link: a { or } has no partner; columns stand in the link as {column}'],
  ],
  [
    'a block that cannot be undone',
    'categories:',
    'block: { set: { s: 2 }, verify: users.s = 2 }\ncategories:',
    [
      'crm.yaml:12:1 block: a block must be reversible: unblock is missing',
      'crm.yaml:12:1 block: people.blocked is missing: the condition that is true while the block is in place',
    ],
  ],
  [
    'a switch that sets the key',
    'categories:',
    'deactivate: { set: { id: 2 }, verify: users.s = 2 }\ncategories:',
    ['crm.yaml:12:22 deactivate.set.id: id is the key of people, which is never changed'],
  ],
  [
    'a switch that sets nothing',
    'categories:',
    'deactivate: { set: {}, verify: users.s = 2 }\ncategories:',
    [
      'crm.yaml:12:15 deactivate.set: at least one column is needed, or also_set, also_insert, also_delete with kept',
    ],
  ],
  [
    'sessions of an unknown identity',
    'categories:',
    'deactivate: { set: { s: 2 }, verify: users.s = 2, also_delete: [{ table: public.sessions, column: uid, identity: login }] }\ncategories:',
    ['crm.yaml:12:104 deactivate.also_delete.0.identity: there is no identity login; known are user'],
  ],
  [
    'a time-out without a unit',
    'categories:',
    'connect: { lock_timeout: 5 }\ncategories:',
    ['crm.yaml:12:12 connect.lock_timeout: 5 was given, a text is needed'],
  ],
  [
    'a time-out in an unknown unit',
    'categories:',
    'connect: { lock_timeout: 5 hours }\ncategories:',
    ['crm.yaml:12:12 connect.lock_timeout: "5 hours" was given; allowed are times like 500ms, 10s or 2min'],
  ],
  [
    'a key that is written twice',
    'title: CRM',
    'title: CRM\ntitle: CRM again',
    ['crm.yaml:4:1 Map keys must be unique'],
  ],
  [
    'broken YAML',
    'key: [id]',
    'key: [id',
    ['crm.yaml:18:5 Flow sequence in block collection must be sufficiently indented and end with a ]'],
  ],
  [
    'a tab as indentation',
    '  name: name',
    '\tname: name',
    [
      'crm.yaml:8:1 Tabs are not allowed as indentation',
      'crm.yaml:8:8 Nested mappings are not allowed in compact mappings',
      'crm.yaml:8:8 Implicit keys need to be on a single line',
      'crm.yaml:11:1 All mapping items must start at the same column',
    ],
  ],
  [
    'a list instead of a catalog',
    /[\s\S]*/,
    '- 1\n',
    ['crm.yaml:1:1: a list was given, a block of keys is needed'],
  ],
  ['an empty file', /[\s\S]*/, '\n', ['crm.yaml:1:1: nothing was given, a block of keys is needed']],
  [
    'an acknowledged column without a reason',
    'categories:',
    'acknowledged: [{ table: public.x, column: y }]\ncategories:',
    ['crm.yaml:12:16 acknowledged.0.reason: is missing: a text is needed'],
  ],
];

describe('a malformed catalog is refused with file, line, key and what is allowed', () => {
  for (const [name, from, to, lines] of CASES) {
    test(name, () => {
      const text = GOOD.replace(from, to);
      expect(text).not.toBe(GOOD);
      const reading = readCatalog(text, 'crm.yaml', KINDS);
      expect(reading.ok ? 'no mistake' : reading.mistakes).toEqual(lines);
    });
  }

  test('all mistakes are said at once, in one failure', async () => {
    const dir = await mkdtemp(`${tmpdir()}/catalog-`);
    await writeFile(
      `${dir}/a.yaml`,
      GOOD.replace('title: CRM', 'tittle: CRM').replace('do: transfer', 'do: move'),
    );
    const failure = await failureOf(loadCatalog(`${dir}/a.yaml`, KINDS));
    expect(failure.kind).toBe('configuration');
    expect(failure.message.split('\n')).toHaveLength(4);
    expect((await failureOf(loadCatalog(`${dir}/b.yaml`, KINDS))).message).toContain('cannot be read');
    await rm(dir, { recursive: true });
  });

  test('so is a file that is none, one without end, and one in another encoding', async () => {
    const dir = await mkdtemp(`${tmpdir()}/catalog-`);
    const refused = async (name: string, bytes?: Uint8Array): Promise<string> => {
      if (bytes) await writeFile(`${dir}/${name}`, bytes);
      const { kind, message } = await failureOf(loadCatalog(`${dir}/${name}`, KINDS));
      expect(kind).toBe('configuration');
      return message;
    };
    try {
      expect(await refused('')).toMatch(/cannot be read: it is no regular file$/);
      expect(await refused('long.yaml', Buffer.alloc(1_048_577, '#'))).toMatch(
        /cannot be read: it has 1048577 bytes, and 1048576 are the most that is read$/,
      );
      expect(await refused('latin.yaml', Buffer.from(GOOD.replace('CRM', 'Küche'), 'latin1'))).toMatch(
        /cannot be read: it is not written in UTF-8: save it in that encoding$/,
      );
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});

describe('a good catalog', () => {
  test('has a digest that order, comments and spelled-out defaults do not change, and any change of meaning does', () => {
    const digest = (text: string) => {
      const reading = readCatalog(text, 'crm.yaml', KINDS);
      if (!reading.ok) throw new Error(reading.mistakes.join('\n'));
      return reading.file.digests.whole;
    };
    expect(digest(GOOD)).toMatch(/^[0-9a-f]{64}$/);
    expect(digest(GOOD.replace('title: CRM\nkind: postgres', 'kind: postgres # the CRM\ntitle: CRM'))).toBe(
      digest(GOOD),
    );
    expect(digest(GOOD.replace('    key: [id]', '    key: [id]\n    inflow: false'))).toBe(digest(GOOD));
    expect(digest(GOOD.replace("'done'", "'closed'"))).not.toBe(digest(GOOD));
  });

  test('has a digest of what it does, which words do not change and every change of an effect does', () => {
    const text = GOOD.replace(
      '    key: [id]',
      '    key: [id]\n    page: https://crm/tasks\n    label: title',
    ).replace(
      'categories:',
      'acknowledged: [{ table: public.log, column: user_id, reason: history }]\ncategories:',
    );
    const digests = (changed: string) => {
      expect(changed).not.toBe(text);
      const reading = readCatalog(changed, 'crm.yaml', KINDS);
      if (!reading.ok) throw new Error(reading.mistakes.join('\n'));
      return reading.file.digests;
    };
    const before = digests(`${text} `);
    for (const [from, to] of [
      ['title: CRM', 'title: Our CRM'],
      ['title: Open tasks', 'title: Things to do'],
      ['label: title', 'label: subject'],
      ['page: https://crm/tasks', 'page: https://crm.example/tasks'],
      ['reason: history', 'reason: who wrote what'],
      [
        '{ table: public.log, column: user_id, reason: history }',
        '{ table: public.notes, column: author, reason: x }',
      ],
      ['key: [id]', 'key: [id]\n    reason: nobody else can'],
      ['key: [id]', 'key: [id]\n    link: https://crm/tasks/{id}'],
    ] as const) {
      const after = digests(text.replace(from, to));
      expect(after.does, to).toBe(before.does);
      expect(after.whole, to).not.toBe(before.whole);
    }
    for (const [from, to] of [
      ["'done'", "'closed'"],
      ['do: transfer', 'do: clear'],
      ['key: [id]', 'key: [id]\n    after: [desk/tickets]'],
      ['key: [id]', 'key: [id]\n    inflow: true'],
      ['key: [id]', 'key: [id]\n    secret: [token]'],
      ['active: users.active', 'active: users.enabled'],
      ['categories:', 'deactivate: { set: { active: false }, verify: not users.active }\ncategories:'],
      ['categories:', 'deactivate: { by: person }\ncategories:'],
      ['categories:', 'connect: { lock_timeout: 1s }\ncategories:'],
    ] as const) {
      const after = digests(text.replace(from, to));
      expect(after.does, to).not.toBe(before.does);
    }
  });

  test('tells what it does as a text that gives the digest, without its words', () => {
    const reading = readCatalog(GOOD, 'crm.yaml', KINDS);
    if (!reading.ok) throw new Error(reading.mistakes.join('\n'));
    const { body, does } = reading.file.digests;
    expect(createHash('sha256').update(body).digest('hex')).toBe(does);
    expect(JSON.parse(body)).toMatchObject({ system: 'crm', categories: { tasks: { do: 'transfer' } } });
    expect(body).not.toContain('Open tasks');
  });

  test('knows where its parts stand', () => {
    const reading = readCatalog(GOOD, 'systems/crm.yaml', KINDS);
    if (!reading.ok) throw new Error(reading.mistakes.join('\n'));
    expect(reading.file.where(['categories', 'tasks', 'owner', 'column'])).toBe(
      'systems/crm.yaml:19:7 categories.tasks.owner.column',
    );
    expect(reading.file.where(['categories', 'tasks', 'label'])).toBe(
      'systems/crm.yaml:13:3 categories.tasks.label',
    );
    expect(reading.file.where(['people', 'match', 0, 'column'])).toBe(
      'systems/crm.yaml:10:20 people.match.0.column',
    );
  });
});

describe('who carries a verb out', () => {
  const withVerb = (verb: string) =>
    readCatalog(GOOD.replace('categories:', `${verb}\ncategories:`), 'crm.yaml', KINDS);

  test('is the system where the catalog says how, and a person or nobody where it says so', () => {
    const read = (verb: string) => {
      const reading = withVerb(verb);
      if (!reading.ok) throw new Error(reading.mistakes.join('\n'));
      return reading.catalog.deactivate;
    };
    expect(read('deactivate: { set: { active: false }, verify: not users.active }')?.by).toBe('system');
    expect(
      read('deactivate: { by: person, page: https://crm/users, reason: only the console can }'),
    ).toMatchObject({
      by: 'person',
    });
    expect(read('deactivate: { by: nobody, reason: accounts stay }')?.by).toBe('nobody');
  });

  test.each([
    [
      'by somebody unknown',
      'deactivate: { by: robot, set: { active: false }, verify: not users.active }',
      ['crm.yaml:12:15 deactivate.by: "robot" was given, allowed are system, person, nobody'],
    ],
    [
      'by a person, with what only the system can do',
      'deactivate: { by: person, set: { active: false } }',
      ['crm.yaml:12:27 deactivate.set: unknown key set; known here are by, page, reason'],
    ],
    [
      'by nobody, without a reason',
      'deactivate: { by: nobody }',
      ['crm.yaml:12:1 deactivate.reason: is missing: a text is needed'],
    ],
  ])('%s: said with its place', (_name, verb, lines) => {
    const reading = withVerb(verb);
    expect(reading.ok ? 'no mistake' : reading.mistakes).toEqual(lines);
  });
});

describe('catalogs of several kinds', () => {
  const kinds = {
    postgres: KINDS.postgres,
    minutes: { ...KINDS.postgres, schema: z.strictObject(headShape('minutes')) as never },
  };

  test('are read by the schema of their own kind', () => {
    const reading = readCatalog(GOOD.replace('kind: postgres', 'kind: minutes'), 'crm.yaml', kinds);
    expect(reading.ok ? [] : reading.mistakes).toEqual([
      'crm.yaml:5:1 people: unknown key people; known here are version, system, title, kind, run_against',
      'crm.yaml:12:1 categories: unknown key categories; known here are version, system, title, kind, run_against',
    ]);
  });

  test('of a kind that does not exist are told which there are', () => {
    const reading = readCatalog(GOOD.replace('kind: postgres', 'kind: postgre'), 'crm.yaml', kinds);
    expect(reading.ok ? [] : reading.mistakes).toEqual([
      'crm.yaml:4:1 kind: "postgre" was given, allowed are postgres, minutes (did you mean postgres?)',
    ]);
    const none = readCatalog(GOOD.replace('kind: postgres\n', ''), 'crm.yaml', kinds);
    expect(none.ok ? [] : none.mistakes).toEqual([
      'crm.yaml:1:1 kind: is missing: allowed are postgres, minutes',
    ]);
  });
});
