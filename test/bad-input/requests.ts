/**
 * Requests that nobody can act on, each with the sentence it gets. Read them as an operator would: each says
 * what was given and what is allowed.
 */
const ok = { user: 'alice', requestedBy: 'olivia' };
const long = (length: number): string => 'x'.repeat(length);
const items = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [String(n), 'bob']));

export const REQUESTS: [title: string, given: unknown, sentence: string][] = [
  [
    'nothing',
    undefined,
    'A request is one JSON object such as {"user": "alice@example.com", "requestedBy": ' +
      '"olivia@example.com", "successor": "manager"}; given was nothing.',
  ],
  [
    'null',
    null,
    'A request is one JSON object such as {"user": "alice@example.com", "requestedBy": ' +
      '"olivia@example.com", "successor": "manager"}; given was null.',
  ],
  [
    'a text',
    'alice',
    'A request is one JSON object such as {"user": "alice@example.com", "requestedBy": ' +
      '"olivia@example.com", "successor": "manager"}; given was "alice".',
  ],
  [
    'a number',
    42,
    'A request is one JSON object such as {"user": "alice@example.com", "requestedBy": "olivia@example.com", "successor": "manager"}; given was 42.',
  ],
  [
    'a list',
    [ok],
    'A request is one JSON object such as {"user": "alice@example.com", "requestedBy": ' +
      '"olivia@example.com", "successor": "manager"}; given was ' +
      '[{"user":"alice","requestedBy":"olivia"}].',
  ],
  [
    'true',
    true,
    'A request is one JSON object such as {"user": "alice@example.com", "requestedBy": ' +
      '"olivia@example.com", "successor": "manager"}; given was true.',
  ],
  [
    'a text that holds JSON',
    JSON.stringify(ok),
    'A request is one JSON object such as {"user": "alice@example.com", "requestedBy": ' +
      '"olivia@example.com", "successor": "manager"}; given was ' +
      '"{\\"user\\":\\"alice\\",\\"requestedBy\\":\\"olivia\\"}".',
  ],
  [
    'an empty object',
    {},
    'Cannot read the request: "user" is missing: say who: an e-mail, a login or "id:<directory id>"; ' +
      '"requestedBy" is missing: say who: an e-mail, a login or "id:<directory id>".',
  ],
  [
    'no user',
    { requestedBy: 'olivia' },
    'Cannot read the request: "user" is missing: say who: an e-mail, a login or "id:<directory id>".',
  ],
  [
    'no requester',
    { user: 'alice' },
    'Cannot read the request: "requestedBy" is missing: say who: an e-mail, a login or "id:<directory id>".',
  ],
  [
    'an empty user',
    { ...ok, user: '' },
    'Cannot read the request: "user" cannot be "": say who: an e-mail, a login or "id:<directory id>".',
  ],
  [
    'a user of white space',
    { ...ok, user: ' \t ' },
    'Cannot read the request: "user" cannot be " \\t ": say who: an e-mail, a login or "id:<directory id>".',
  ],
  [
    'a user that is null',
    { ...ok, user: null },
    'Cannot read the request: "user" cannot be null: say who: an e-mail, a login or "id:<directory id>".',
  ],
  [
    'a user that is a list',
    { ...ok, user: ['alice', 'bob'] },
    'Cannot read the request: "user" cannot be ["alice","bob"]: say who: an e-mail, a login or "id:<directory id>".',
  ],
  [
    'a user that is a number',
    { ...ok, user: 17 },
    'Cannot read the request: "user" cannot be 17: say who: an e-mail, a login or "id:<directory id>".',
  ],
  [
    'a user of 400 letters',
    { ...ok, user: long(400) },
    'Cannot read the request: "user" cannot be ' +
      '"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…: at most 320 ' +
      'characters are allowed.',
  ],
  [
    'a key with a slip of the pen',
    { ...ok, sucessor: 'bob' },
    'Cannot read the request: it has no key "sucessor"; known are user, requestedBy, successor, ' +
      'successors, overrides, mode, departure, effectiveAt, handoverAt, giveBackAt, systems, identities, note.',
  ],
  [
    'keys of another tool',
    { ...ok, email: 'a@x', dry_run: true, transferTo: 'bob' },
    'Cannot read the request: it has no key "email", "dry_run", "transferTo"; known are user, ' +
      'requestedBy, successor, successors, overrides, mode, departure, effectiveAt, handoverAt, giveBackAt, systems, identities, ' +
      'note.',
  ],
  [
    'seven unknown keys',
    { ...ok, a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7 },
    'Cannot read the request: it has no key "a", "b", "c", "d", "e" and 2 more; known are user, ' +
      'requestedBy, successor, successors, overrides, mode, departure, effectiveAt, handoverAt, giveBackAt, systems, identities, ' +
      'note.',
  ],
  [
    'a key that every object has',
    JSON.parse('{"user":"alice","requestedBy":"olivia","__proto__":{"mode":"preview"}}'),
    'Cannot read the request: "__proto__" is no name that anything can have.',
  ],
  [
    'a NUL in a name',
    { user: 'alice\0', requestedBy: 'olivia' },
    'Cannot read the request: it has a NUL character in it (\\u0000), which no database can keep.',
  ],
  [
    'an unknown mode',
    { ...ok, mode: 'delete' },
    'Cannot read the request: "mode" cannot be "delete": allowed are "execute-and-deactivate", "execute-only", "preview".',
  ],
  [
    'a mode in capitals',
    { ...ok, mode: 'PREVIEW' },
    'Cannot read the request: "mode" cannot be "PREVIEW": allowed are "execute-and-deactivate", "execute-only", "preview".',
  ],
  [
    'a mode that is a list',
    { ...ok, mode: ['preview'] },
    'Cannot read the request: "mode" cannot be ["preview"]: allowed are "execute-and-deactivate", "execute-only", "preview".',
  ],
  [
    'an unknown departure',
    { ...ok, departure: 'sudden' },
    'Cannot read the request: "departure" cannot be "sudden": allowed are "planned", "unplanned".',
  ],
  [
    'a departure that is true',
    { ...ok, departure: true },
    'Cannot read the request: "departure" cannot be true: allowed are "planned", "unplanned".',
  ],
  [
    'a date in words',
    { ...ok, effectiveAt: 'next friday' },
    'Cannot read the request: "effectiveAt" cannot be "next friday": write a date like 2026-12-24 (the end of that day), or a moment like 2026-12-24T18:00[Europe/Berlin] or 2026-12-24T18:00:00+01:00.',
  ],
  [
    'a date that does not exist',
    { ...ok, effectiveAt: '2026-02-30' },
    'Cannot read the request: "effectiveAt" cannot be "2026-02-30": write a date like 2026-12-24 (the end of that day), or a moment like 2026-12-24T18:00[Europe/Berlin] or 2026-12-24T18:00:00+01:00.',
  ],
  [
    'a date the other way round',
    { ...ok, effectiveAt: '24.12.2026' },
    'Cannot read the request: "effectiveAt" cannot be "24.12.2026": write a date like 2026-12-24 (the end of that day), or a moment like 2026-12-24T18:00[Europe/Berlin] or 2026-12-24T18:00:00+01:00.',
  ],
  [
    'a moment with its zone in words',
    { ...ok, effectiveAt: '2026-12-24T18:00:00 CET' },
    'Cannot read the request: "effectiveAt" cannot be "2026-12-24T18:00:00 CET": write a date like 2026-12-24 (the end of that day), or a moment like 2026-12-24T18:00[Europe/Berlin] or 2026-12-24T18:00:00+01:00.',
  ],
  [
    'a moment in seconds',
    { ...ok, effectiveAt: 1798131600 },
    'Cannot read the request: "effectiveAt" cannot be 1798131600: write a date like 2026-12-24 (the end of that day), or a moment like 2026-12-24T18:00[Europe/Berlin] or 2026-12-24T18:00:00+01:00.',
  ],
  [
    '"now", which only an amendment knows',
    { ...ok, effectiveAt: 'now' },
    'Cannot read the request: "effectiveAt" cannot be "now": write a date like 2026-12-24 (the end of that day), or a moment like 2026-12-24T18:00[Europe/Berlin] or 2026-12-24T18:00:00+01:00.',
  ],
  [
    'an empty successor',
    { ...ok, successor: '' },
    'Cannot read the request: "successor" cannot be "": say who: an e-mail, a login, "id:<directory id>", "manager", "queue:<name>", "group:<name>" or "unassigned".',
  ],
  [
    'a successor that is null',
    { ...ok, successor: null },
    'Cannot read the request: "successor" cannot be null: a successor is an e-mail, a login, ' +
      '"id:<directory id>", "manager", "queue:<name>", "group:<name>" or "unassigned", or one of {"round-robin": ' +
      '["..."]}, {"least-loaded": ["..."]}, {"first-of": ["..."]}, {"match": {"attribute": "...", "map": ' +
      '{"...": "..."}}}.',
  ],
  [
    'two successors',
    { ...ok, successor: ['bob', 'carol'] },
    'Cannot read the request: "successor" cannot be ["bob","carol"]: a successor is an e-mail, a ' +
      'login, "id:<directory id>", "manager", "queue:<name>", "group:<name>" or "unassigned", or one of {"round-robin": ' +
      '["..."]}, {"least-loaded": ["..."]}, {"first-of": ["..."]}, {"match": {"attribute": "...", "map": ' +
      '{"...": "..."}}}.',
  ],
  [
    'a rule that is not known',
    { ...ok, successor: { random: ['bob'] } },
    'Cannot read the request: "successor" cannot be {"random":["bob"]}: a successor is an e-mail, a ' +
      'login, "id:<directory id>", "manager", "queue:<name>", "group:<name>" or "unassigned", or one of {"round-robin": ' +
      '["..."]}, {"least-loaded": ["..."]}, {"first-of": ["..."]}, {"match": {"attribute": "...", "map": ' +
      '{"...": "..."}}}.',
  ],
  [
    'nobody to ask first',
    { ...ok, successor: { 'first-of': [] } },
    'Cannot read the request: "successor.first-of" cannot be []: name at least one person.',
  ],
  [
    'two rules at once',
    { ...ok, successor: { 'round-robin': ['bob'], 'least-loaded': ['bob'] } },
    'Cannot read the request: "successor" cannot be {"round-robin":["bob"],"least-loaded":["bob"]}: a ' +
      'successor is an e-mail, a login, "id:<directory id>", "manager", "queue:<name>", "group:<name>" or "unassigned", ' +
      'or one of {"round-robin": ["..."]}, {"least-loaded": ["..."]}, {"first-of": ["..."]}, {"match": ' +
      '{"attribute": "...", "map": {"...": "..."}}}.',
  ],
  [
    'an empty pool',
    { ...ok, successor: { 'round-robin': [] } },
    'Cannot read the request: "successor.round-robin" cannot be []: a pool needs at least one person.',
  ],
  [
    'a pool that is a person',
    { ...ok, successor: { 'least-loaded': 'bob' } },
    'Cannot read the request: "successor.least-loaded" cannot be "bob": a pool is a list of people such as ["bob@example.com"], or "team".',
  ],
  [
    'a pool with a number in it',
    { ...ok, successor: { 'round-robin': ['bob', 7] } },
    'Cannot read the request: "successor.round-robin.1" cannot be 7: say who: an e-mail, a login, ' +
      '"id:<directory id>", "manager", "queue:<name>", "group:<name>" or "unassigned".',
  ],
  [
    'a match without a map',
    { ...ok, successor: { match: { attribute: 'region' } } },
    'Cannot read the request: "successor.match.map" is missing: say who takes which value: {"emea": "bob@example.com"}.',
  ],
  [
    'a match to a number',
    { ...ok, successor: { match: { attribute: 'region', map: { emea: 1 } } } },
    'Cannot read the request: "successor.match.map.emea" cannot be 1: say who: an e-mail, a login, ' +
      '"id:<directory id>", "manager", "queue:<name>", "group:<name>" or "unassigned".',
  ],
  [
    'a match with a slip of the pen',
    { ...ok, successor: { match: { attribute: 'region', map: {}, othrwise: 'bob' } } },
    'Cannot read the request: "successor.match" has no key "othrwise"; known are attribute, map, otherwise.',
  ],
  [
    'successors that are a list',
    { ...ok, successors: ['bob'] },
    'Cannot read the request: "successors" cannot be ["bob"]: name a successor per category or system: {"crm/open_tasks": "bob@example.com"}.',
  ],
  [
    'successors that are a person',
    { ...ok, successors: 'bob' },
    'Cannot read the request: "successors" cannot be "bob": name a successor per category or system: {"crm/open_tasks": "bob@example.com"}.',
  ],
  [
    'a category without a successor',
    { ...ok, successors: { 'crm/accounts': {} } },
    'Cannot read the request: "successors.crm/accounts" cannot be {}: a successor is an e-mail, a ' +
      'login, "id:<directory id>", "manager", "queue:<name>", "group:<name>" or "unassigned", or one of {"round-robin": ' +
      '["..."]}, {"least-loaded": ["..."]}, {"first-of": ["..."]}, {"match": {"attribute": "...", "map": ' +
      '{"...": "..."}}}.',
  ],
  [
    'overrides without a step',
    { ...ok, overrides: { 'crm/accounts': 'bob' } },
    'Cannot read the request: "overrides.crm/accounts" cannot be "bob": name a successor per item: {"4711": "bob@example.com"}.',
  ],
  [
    'an override to nobody',
    { ...ok, overrides: { 'crm/accounts': { '1': '' } } },
    'Cannot read the request: "overrides.crm/accounts.1" cannot be "": say who: an e-mail, a login, ' +
      '"id:<directory id>", "manager", "queue:<name>", "group:<name>" or "unassigned".',
  ],
  [
    '201 overrides',
    { ...ok, overrides: { 'crm/accounts': items(201) } },
    'Cannot read the request: "overrides" cannot be ' +
      '{"crm/accounts":{"0":"bob","1":"bob","2":"bob","3":"bob","4":"bob","5":"bob","6"…: at most 200 ' +
      'overrides travel inline: give a file of them (--overrides), or use a match rule.',
  ],
  [
    'a digest of overrides that is too short',
    { ...ok, overrides: 'sha256:0123456789ab' },
    'Cannot read the request: "overrides" cannot be "sha256:0123456789ab": name a successor per category and ' +
      'item: {"crm/open_tasks": {"4711": "bob@example.com"}}, or a set that lies in the store: "sha256:" and ' +
      'the 64 digits (0-9, a-f) of its digest.',
  ],
  [
    'overrides as a number',
    { ...ok, overrides: 17 },
    'Cannot read the request: "overrides" cannot be 17: name a successor per category and item: ' +
      '{"crm/open_tasks": {"4711": "bob@example.com"}}.',
  ],
  [
    'no systems',
    { ...ok, systems: [] },
    'Cannot read the request: "systems" cannot be []: name at least one system, or leave the key out for all of them.',
  ],
  [
    'systems as a text',
    { ...ok, systems: 'crm' },
    'Cannot read the request: "systems" cannot be "crm": a list like ["one", "two"] is needed.',
  ],
  [
    'a system that is a number',
    { ...ok, systems: ['crm', 2] },
    'Cannot read the request: "systems.1" cannot be 2: a text is needed.',
  ],
  [
    'identities without a name',
    { ...ok, identities: { crm: '17' } },
    'Cannot read the request: "identities.crm" cannot be "17": give ids as texts, per system and identity: {"crm": {"user": "17"}}.',
  ],
  [
    'an identity that is a number',
    { ...ok, identities: { crm: { user: 17 } } },
    'Cannot read the request: "identities.crm.user" cannot be 17: give ids as texts, per system and identity: {"crm": {"user": "17"}}.',
  ],
  [
    'an empty identity',
    { ...ok, identities: { crm: { user: '' } } },
    'Cannot read the request: "identities.crm.user" cannot be "": give ids as texts, per system and identity: {"crm": {"user": "17"}}.',
  ],
  [
    'an identity that is a list with nothing in it',
    { ...ok, identities: { crm: { user: [''] } } },
    'Cannot read the request: "identities.crm.user.0" cannot be "": give ids as texts, per system and identity: {"crm": {"user": "17"}}.',
  ],
  [
    'an override of an item that nothing can be called',
    { ...ok, overrides: JSON.parse('{"crm/accounts": {"__proto__": "bob@small.example"}}') },
    'Cannot read the request: "overrides.crm/accounts.__proto__" is no name that anything can have.',
  ],
  [
    'a note that is an object',
    { ...ok, note: { text: 'x' } },
    'Cannot read the request: "note" cannot be {"text":"x"}: a text is needed.',
  ],
  [
    'a note of 3,000 letters',
    { ...ok, note: long(3000) },
    'Cannot read the request: "note" cannot be ' +
      '"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…: at most 2,000 ' +
      'characters are allowed.',
  ],
  [
    'a megabyte',
    { ...ok, note: long(1_000_000) },
    'Cannot read the request: it is 1,000,049 long, at most 100,000 characters travel inline.',
  ],
];
