/**
 * Catalogs and configurations with one mistake each: what is replaced in the small world's own files, and the
 * line that says so. (Every rule of a catalog has tests of its own in test/connectors.)
 */
export const CATALOGS: [title: string, from: string, to: string, says: string][] = [
  [
    'a version that is a word',
    'version: 1',
    'version: one',
    'crm.yaml:2:1 version: "one" was given, only 1 is allowed',
  ],
  [
    'a system in capitals',
    'system: crm',
    'system: CRM',
    'crm.yaml:3:1 system: "CRM" was given; allowed are lower-case letters, digits and _, starting with a letter',
  ],
  [
    'a kind that is not known',
    'kind: postgres',
    'kind: mysql',
    'crm.yaml:5:1 kind: "mysql" was given, allowed are postgres, http',
  ],
  ['an empty title', 'title: Small CRM\n', 'title: ""\n', 'crm.yaml:4:1 title: the text is empty'],
  [
    'a time without its unit',
    'lock_timeout: 300ms',
    'lock_timeout: 300',
    'crm.yaml:6:36 connect.lock_timeout: 300 was given, a text is needed',
  ],
  [
    'a table without its schema',
    '  table: public.people\n',
    '  table: people\n',
    'crm.yaml:9:3 people.table: "people" was given; a table is named as schema.table, without quotes unless a part has a dot ("crm.v2".docs)',
  ],
  ['an empty column', '  key: id\n', '  key: ""\n', 'crm.yaml:10:3 people.key: the text is empty'],
  [
    'a match by something else',
    '    - { by: login, column: login }',
    '    - { by: phone, column: phone }',
    'crm.yaml:16:9 people.match.2.by: "phone" was given, allowed are email, login, id, number',
  ],
  [
    'an empty condition',
    "  active: people.status <> 'inactive'",
    '  active: ""',
    'crm.yaml:17:3 people.active: the text is empty',
  ],
  [
    'a disposition that is not known',
    '    do: revoke',
    '    do: delete',
    'crm.yaml:67:5 categories.tokens.do: "delete" was given, allowed are transfer, remove, revoke, clear, acknowledge, keep',
  ],
  [
    'no key column',
    '    key: [account_id, field]',
    '    key: []',
    'crm.yaml:61:5 categories.fields.key: the list is empty: at least one entry is needed',
  ],
  [
    'an owner that is only a column',
    '    owner: { column: person_id }\n    label: field',
    '    owner: person_id\n    label: field',
    'crm.yaml:62:5 categories.fields.owner: "person_id" was given, a block of keys is needed',
  ],
  [
    'a key by another name',
    '    when: tokens.revoked_at is null',
    '    where: tokens.revoked_at is null',
    'crm.yaml:71:5 categories.tokens.where: unknown key where; known here are title, do, label, link, ' +
      'page, attributes, fires_at, secret, inflow, after, queues, unassigned, acts_as, successor_of, on_role_change, switch, reason, ' +
      'table, key, owner, still_runs, groups, when, version, touch, successor_must, successor_must_says, mirrors, with, unique, survives, set, cascades',
  ],
  [
    'a reason that is missing',
    '    reason: history\n',
    '',
    'crm.yaml:85:3 categories.churned: keep needs a reason: why these items stay with the leaver',
  ],
  [
    'values that are a text',
    'block:\n  set: { status: suspended }',
    'block:\n  set: suspended',
    'crm.yaml:95:3 block.set: "suspended" was given, a block of keys is needed',
  ],
  [
    'a proof that is missing',
    "  verify: people.status = 'inactive'\n",
    '',
    'crm.yaml:101:1 deactivate.verify: is missing: a text is needed',
  ],
  [
    'a guard with a slip of the pen',
    'guards:\n  last_owner',
    'guards:\n  lastowner',
    'crm.yaml:27:3 guards.lastowner: unknown key lastowner (did you mean last_owner?); known here are last_owner, protected, protected_receives',
  ],
  [
    'a column without its reason',
    'acknowledged:\n  - { table: public.remarks, column: author_id, reason: authorship }',
    'acknowledged: [public.remarks]',
    'crm.yaml:109:16 acknowledged.0: "public.remarks" was given, a block of keys is needed',
  ],
  [
    'a category in capitals',
    '  rules:\n',
    '  Rules:\n',
    'crm.yaml:31:3 categories.Rules: the name "Rules" cannot be used; allowed are lower-case letters, digits and _, starting with a letter',
  ],
  [
    'a flag that is a word',
    '    inflow: true',
    '    inflow: sometimes',
    'crm.yaml:34:5 categories.rules.inflow: "sometimes" was given, true or false is needed',
  ],
  [
    'a quoted name',
    '    table: public.tokens',
    '    table: public.to"kens',
    'crm.yaml:68:5 categories.tokens.table: "public.to\\"kens" was given; a table is named as schema.table, without quotes unless a part has a dot ("crm.v2".docs)',
  ],
];

/** An empty `from` replaces the whole file. */
export const CONFIGURATIONS: [title: string, from: string, to: string, says: string][] = [
  ['an empty file', '', '', 'handover.yaml: cannot be null: an object like {"key": "value"} is needed'],
  [
    'a version that is not known',
    'version: 1',
    'version: 2',
    'handover.yaml:2 version: cannot be 2: allowed is 1',
  ],
  [
    'a key with a slip of the pen',
    'version: 1',
    'verison: 1',
    'handover.yaml:2 version: is missing: allowed is 1',
  ],
  [
    'an installation whose name would not do in an id',
    'version: 1',
    'version: 1\ninstallation: Acme_EU',
    'handover.yaml:3 installation: cannot be "Acme_EU": an installation is named with lower-case letters, ' +
      'digits and "-", starting with a letter, in at most 40 characters, e.g. handover-eu',
  ],
  [
    'an installation that is named as all ids begin',
    'version: 1',
    'version: 1\ninstallation: offboarding',
    'handover.yaml:3 installation: cannot be "offboarding": ids begin with this word, so no installation is ' +
      'named like it; taken are offboarding, request, inquiry, archive, archive-closed, sweep, give-back',
  ],
  ['no directory', 'directory: crm\n', '', 'handover.yaml:2 directory: is missing: a text is needed'],
  [
    'a directory that is no system',
    'directory: crm',
    'directory: hr',
    'handover.yaml directory: "hr" is no system of this file; known are desk, crm.',
  ],
  [
    'a password instead of a name',
    'crm: { catalog: crm.yaml, connection: SMALL_CRM_URL }',
    'crm: { catalog: crm.yaml, connection: "postgresql://u:secret@db/crm" }',
    'handover.yaml:6 systems.crm.connection: cannot be "postgresql://…@db/crm": name an environment ' +
      'variable, e.g. CRM_URL; the URL itself never stands here',
  ],
  [
    'a system without its catalog',
    'crm: { catalog: crm.yaml, connection: SMALL_CRM_URL }',
    'crm: { connection: SMALL_CRM_URL }',
    'handover.yaml:6 systems.crm.catalog: is missing: a text is needed',
  ],
  [
    'a system without a connection',
    'crm: { catalog: crm.yaml, connection: SMALL_CRM_URL }',
    'crm: { catalog: crm.yaml }',
    'handover.yaml:6 systems.crm.connection: is missing: name the environment variable that holds its URL, or the parts of its connection under connect',
  ],
  [
    'a system with two connections',
    'crm: { catalog: crm.yaml, connection: SMALL_CRM_URL }',
    'crm: { catalog: crm.yaml, connection: SMALL_CRM_URL, connect: { url: SMALL_CRM_URL } }',
    'handover.yaml:6 systems.crm.connection: cannot be "SMALL_CRM_URL": say either connection or connect',
  ],
  [
    'a token instead of the name of one',
    'crm: { catalog: crm.yaml, connection: SMALL_CRM_URL }',
    'crm: { catalog: crm.yaml, connect: { url: SMALL_CRM_URL, token: "a-secret" } }',
    'handover.yaml:6 systems.crm.connect.token: cannot be what stands there: name an environment variable, e.g. CRM_TOKEN, or { file: path }; the value itself never stands here',
  ],
  [
    'a system with a blank in its name',
    '  crm: {',
    '  "CRM 1": {',
    'handover.yaml:6 systems.CRM 1: cannot be {"catalog":"crm.yaml","connection":"SMALL_CRM_URL"}: a ' +
      'system is named with lower-case letters, digits and _, starting with a letter, as its catalog is',
  ],
  [
    'batches of nothing',
    '  batch: 4',
    '  batch: 0',
    'handover.yaml:10 policy.batch: cannot be 0: at least 1 is allowed',
  ],
  [
    'batches of a word',
    '  batch: 4',
    '  batch: many',
    'handover.yaml:10 policy.batch: cannot be "many": a number is needed',
  ],
  [
    'a policy by another name',
    '  batch: 4',
    '  batches: 4',
    'handover.yaml:10 policy: has no key "batches"; known are approvals, nothingLeft, confirmation, decisions, ' +
      'requesterMayApprove, successorMayApproveAlone, drift, coverage, observedWithinMinutes, looksAfterMinutes, rounds, waiting, clocks, sweep, batch',
  ],
  [
    'a sweep now and then',
    '  sweep: off',
    '  sweep: sometimes',
    'handover.yaml:13 policy.sweep: cannot be "sometimes": it is "off", or a rhythm: ' +
      '{ rhythm: [{ everyDays: 1, forDays: 7 }], returns: 3 }',
  ],
  [
    'a sweep without a rhythm',
    '  sweep: off',
    '  sweep: { rhythm: [] }',
    'handover.yaml:13 policy.sweep.rhythm: cannot be []: at least 1 is allowed',
  ],
  [
    'a sweep without a pause',
    '  sweep: off',
    '  sweep: { rhythm: [{ everyDays: 0, forDays: 7 }] }',
    'handover.yaml:13 policy.sweep.rhythm.0.everyDays: cannot be 0: more than 0 is allowed',
  ],
  [
    'a sweep with another word',
    '  sweep: off',
    '  sweep: { every: 1 }',
    'handover.yaml:13 policy.sweep: has no key "every"; known are rhythm, returns',
  ],
  [
    'more than everything',
    'percent: 5',
    'percent: 500',
    'handover.yaml:11 policy.drift.percent: cannot be 500: at most 100 is allowed',
  ],
  [
    'a pool of nobody',
    'policy:',
    'successors: [{ rule: { round-robin: [] } }]\npolicy:',
    'handover.yaml:8 successors.0.rule.round-robin: cannot be []: a pool needs at least one person',
  ],
  [
    'a rule for teams',
    'policy:',
    'successors: [{ teams: sales, rule: manager }]\npolicy:',
    'handover.yaml:8 successors.0: has no key "teams"; known are team, system, category, rule',
  ],
  [
    'everybody as an operator',
    'policy:',
    'roles: { operators: everybody }\npolicy:',
    'handover.yaml:8 roles.operators: cannot be "everybody": it is "directory", or a list of e-mail addresses',
  ],
  [
    'no store',
    'store: { connection: HANDOVER_STORE_URL }',
    '',
    'handover.yaml:2 store: is missing: an object like {"key": "value"} is needed',
  ],
  [
    'systems that are a list',
    'systems:',
    'systems: [crm]\nx:',
    'handover.yaml:4 systems: cannot be ["crm"]: an object like {"key": "value"} is needed',
  ],
  [
    'a policy that is a text',
    'policy:',
    'policy: yes please\nx:',
    'handover.yaml:8 policy: cannot be "yes please": an object like {"key": "value"} is needed',
  ],
  [
    'two directories',
    'directory: crm',
    'directory: crm\ndirectory: desk',
    'handover.yaml: Map keys must be unique at line 4, column 1:',
  ],
];
