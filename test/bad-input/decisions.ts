/**
 * Decisions that nobody can act on, each with the sentence it gets: first those that cannot be read, then
 * those that can be read and do not fit the run, which waits for its approval, or the person.
 */
const long = (length: number): string => 'x'.repeat(length);
/** Some plan; a test puts the run's own in its place. */
export const PLAN = 'a1b2c3d4e5f6';

export const DECISIONS: [name: string, title: string, given: unknown, sentence: string][] = [
  [
    'approve',
    'nothing',
    undefined,
    '"approve" takes one JSON object such as {"by": "you@example.com", "plan": "<digest>"}; given was nothing.',
  ],
  [
    'approve',
    'null',
    null,
    '"approve" takes one JSON object such as {"by": "you@example.com", "plan": "<digest>"}; given was null.',
  ],
  [
    'approve',
    'a text',
    'yes',
    '"approve" takes one JSON object such as {"by": "you@example.com", "plan": "<digest>"}; given was "yes".',
  ],
  [
    'approve',
    'a list',
    [{ by: 'priya' }],
    '"approve" takes one JSON object such as {"by": "you@example.com", "plan": "<digest>"}; given was [{"by":"priya"}].',
  ],
  [
    'approve',
    'a number',
    1,
    '"approve" takes one JSON object such as {"by": "you@example.com", "plan": "<digest>"}; given was 1.',
  ],
  [
    'approve',
    'an empty object',
    {},
    'Cannot read "approve": "by" is missing: say who: an e-mail, a login or "id:<directory id>"; ' +
      '"plan" is missing: give the plan\'s digest as the status shows it (digits and a-f), at least its ' +
      'first 12 characters.',
  ],
  [
    'approve',
    'no plan',
    { by: 'priya' },
    'Cannot read "approve": "plan" is missing: give the plan\'s digest as the status shows it (digits and a-f), at least its first 12 characters.',
  ],
  [
    'approve',
    'a short plan',
    { by: 'priya', plan: 'abc' },
    'Cannot read "approve": "plan" cannot be "abc": give the plan\'s digest as the status shows it ' +
      '(digits and a-f), at least its first 12 characters.',
  ],
  [
    'approve',
    'a plan in capitals',
    { by: 'priya', plan: 'A1B2C3D4E5F6' },
    'Cannot read "approve": "plan" cannot be "A1B2C3D4E5F6": give the plan\'s digest as the status ' +
      'shows it (digits and a-f), at least its first 12 characters.',
  ],
  [
    'approve',
    'a plan that is a number',
    { by: 'priya', plan: 123456789012 },
    'Cannot read "approve": "plan" cannot be 123456789012: give the plan\'s digest as the status shows ' +
      'it (digits and a-f), at least its first 12 characters.',
  ],
  [
    'approve',
    'the revision instead of the digest',
    { by: 'priya', plan: PLAN, revision: 1 },
    'Cannot read "approve": it has no key "revision"; known are by, plan, step, keys, note.',
  ],
  [
    'approve',
    'an empty step',
    { by: 'priya', plan: PLAN, step: '' },
    'Cannot read "approve": "step" cannot be "": name the step, such as "crm/open_tasks".',
  ],
  [
    'approve',
    'an empty name',
    { by: '', plan: PLAN },
    'Cannot read "approve": "by" cannot be "": say who: an e-mail, a login or "id:<directory id>".',
  ],
  [
    'approve',
    'a name that is an object',
    { by: { email: 'priya' }, plan: PLAN },
    'Cannot read "approve": "by" cannot be {"email":"priya"}: say who: an e-mail, a login or "id:<directory id>".',
  ],
  [
    'reject',
    'a note that is a list',
    { by: 'priya', plan: PLAN, note: ['no'] },
    'Cannot read "reject": "note" cannot be ["no"]: a text is needed.',
  ],
  [
    'reject',
    'no name',
    { plan: PLAN },
    'Cannot read "reject": "by" is missing: say who: an e-mail, a login or "id:<directory id>".',
  ],
  [
    'acknowledge',
    'no category',
    { by: 'olivia' },
    'Cannot read "acknowledge": "category" is missing: name a category such as "crm/mailbox", or a list of them.',
  ],
  [
    'acknowledge',
    'no categories',
    { by: 'olivia', category: [] },
    'Cannot read "acknowledge": "category" cannot be []: name at least one category.',
  ],
  [
    'acknowledge',
    'a category that is true',
    { by: 'olivia', category: true },
    'Cannot read "acknowledge": "category" cannot be true: name a category such as "crm/mailbox", or a list of them.',
  ],
  [
    'acknowledge',
    'a list with null in it',
    { by: 'olivia', category: ['crm/approvals', null] },
    'Cannot read "acknowledge": "category.1" cannot be null: name the step, such as "crm/open_tasks".',
  ],
  [
    'acknowledge',
    'categories by another name',
    { by: 'olivia', categories: ['crm/approvals'] },
    'Cannot read "acknowledge": "category" is missing: name a category such as "crm/mailbox", or a ' +
      'list of them; it has no key "categories"; known are by, category, note.',
  ],
  [
    'amend',
    'a date in words',
    { by: 'olivia', effectiveAt: 'tomorrow' },
    'Cannot read "amend": "effectiveAt" cannot be "tomorrow": write a date like 2026-12-24 (the end of that day), or a moment like 2026-12-24T18:00[Europe/Berlin] or 2026-12-24T18:00:00+01:00, or "now".',
  ],
  [
    'amend',
    'a key of the request that cannot be amended',
    { by: 'olivia', user: 'bob' },
    'Cannot read "amend": it has no key "user"; known are by, successor, successors, overrides, ' +
      'identities, mode, departure, effectiveAt, handoverAt, giveBackAt, systems, note.',
  ],
  [
    'amend',
    'a digest of overrides without its kind',
    { by: 'olivia', overrides: '0'.repeat(64) },
    `Cannot read "amend": "overrides" cannot be "${'0'.repeat(64)}": name a successor per category and ` +
      'item: {"crm/open_tasks": {"4711": "bob@example.com"}}, or a set that lies in the store: "sha256:" and ' +
      'the 64 digits (0-9, a-f) of its digest.',
  ],
  [
    'amend',
    'an unknown mode',
    { by: 'olivia', mode: 'off' },
    'Cannot read "amend": "mode" cannot be "off": allowed are "execute-and-deactivate", "execute-only", "preview".',
  ],
  [
    'amend',
    'an empty pool',
    { by: 'olivia', successors: { 'crm/accounts': { 'round-robin': [] } } },
    'Cannot read "amend": "successors.crm/accounts.round-robin" cannot be []: a pool needs at least one person.',
  ],
  [
    'amend',
    'a successor left blank',
    { by: 'olivia', successor: '' },
    'Cannot read "amend": "successor" cannot be "": say who: an e-mail, a login, "id:<directory id>", "manager", "queue:<name>", "group:<name>" or "unassigned".',
  ],
  [
    'amend',
    'systems that are true',
    { by: 'olivia', systems: true },
    'Cannot read "amend": "systems" cannot be true: a list like ["one", "two"] is needed.',
  ],
  [
    'execute',
    'a plan that is null',
    { by: 'olivia', plan: null },
    'Cannot read "execute": "plan" cannot be null: give the plan\'s digest as the status shows it ' +
      '(digits and a-f), at least its first 12 characters.',
  ],
  [
    'pause',
    'a reason, which it does not take',
    { by: 'olivia', reason: 'lunch' },
    'Cannot read "pause": it has no key "reason"; known are by, note.',
  ],
  ['resume', 'a list', [], '"resume" takes one JSON object such as {"by": "you@example.com"}; given was [].'],
  [
    'retry',
    'a name of 400 letters',
    { by: long(400) },
    'Cannot read "retry": "by" cannot be ' +
      '"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…: at most 320 ' +
      'characters are allowed.',
  ],
  [
    'retry',
    'steps, which it does not take',
    { by: 'olivia', steps: ['crm/accounts'] },
    'Cannot read "retry": it has no key "steps"; known are by, note.',
  ],
  [
    'skip',
    'no reason',
    { by: 'olivia', step: 'crm/accounts' },
    'Cannot read "skip": "reason" is missing: say in a few words why the items may stay.',
  ],
  [
    'skip',
    'a reason of one letter',
    { by: 'olivia', step: 'crm/accounts', reason: 'x' },
    'Cannot read "skip": "reason" cannot be "x": say in a few words why the items may stay.',
  ],
  [
    'skip',
    'no step',
    { by: 'olivia', reason: 'they are done' },
    'Cannot read "skip": "step" is missing: name the step, such as "crm/open_tasks".',
  ],
  [
    'finish',
    'a reason of white space',
    { by: 'olivia', reason: '     ' },
    'Cannot read "finish": "reason" cannot be "     ": say in a few words why the run ends here.',
  ],
  [
    'finish',
    'a megabyte of reason',
    { by: 'olivia', reason: long(1_000_000) },
    'Cannot read "finish": it is 1,000,027 long, at most 100,000 characters travel inline.',
  ],
  [
    'cancel',
    'an access that is not known',
    { by: 'olivia', access: 'revoke' },
    'Cannot read "cancel": "access" cannot be "revoke": allowed are "keep", "restore".',
  ],
  [
    'cancel',
    'an access that is true',
    { by: 'olivia', access: true },
    'Cannot read "cancel": "access" cannot be true: allowed are "keep", "restore".',
  ],
  [
    'aprove',
    'a name with a slip of the pen',
    { by: 'priya', plan: PLAN },
    'There is no message "aprove". Known are: approve, reject, acknowledge, amend, execute, pause, resume, retry, skip, finish, cancel.',
  ],
  [
    'undo',
    'a name that is not known yet',
    { by: 'olivia' },
    'There is no message "undo". Known are: approve, reject, acknowledge, amend, execute, pause, resume, retry, skip, finish, cancel.',
  ],
  [
    'constructor',
    'a name that every object has',
    { by: 'olivia' },
    'There is no message "constructor". Known are: approve, reject, acknowledge, amend, execute, pause, resume, retry, skip, finish, cancel.',
  ],
];

/** These can be read: who sends them and when decides. `PLAN` stands for the plan of the run. */
export const REFUSALS: [name: string, title: string, given: Record<string, unknown>, sentence: string][] = [
  [
    'approve',
    'by nobody we know',
    { by: 'nobody', plan: PLAN },
    'Nobody in Small CRM has the login "nobody". Check the spelling, or name the person as "id:<directory id>".',
  ],
  [
    'approve',
    'by the leaver',
    { by: 'alice', plan: PLAN },
    'Nobody decides anything about their own offboarding: ask a colleague to send it.',
  ],
  [
    'approve',
    'by the leaver under a second account',
    { by: 'alice-admin', plan: PLAN },
    'Nobody decides anything about their own offboarding: ask a colleague to send it.',
  ],
  [
    'approve',
    'by the requester, who is no approver',
    { by: 'olivia', plan: PLAN },
    '"approve" is for approvers; Olivia Owner is not one. Ask somebody who is, or have the role given in the configuration.',
  ],
  [
    'approve',
    'by somebody who was switched off',
    { by: 'ines', plan: PLAN },
    'Ines Idle is not active in the directory and cannot decide.',
  ],
  [
    'approve',
    'of another plan',
    { by: 'priya', plan: 'ffffffffffff' },
    'That decision is for plan <digest>…; the plan is now revision 1, <digest>…. Look at it and decide again.',
  ],
  [
    'approve',
    'of a skip that nobody asked for',
    { by: 'priya', plan: PLAN, step: 'crm/accounts' },
    'Nobody has asked to skip "crm/accounts".',
  ],
  [
    'reject',
    'by an operator',
    { by: 'oscar', plan: PLAN },
    '"reject" is for approvers; Oscar Operator is not one. Ask somebody who is, or have the role given in the configuration.',
  ],
  [
    'acknowledge',
    'of what is not there',
    { by: 'olivia', category: 'crm/mailbox' },
    'There is nothing called "crm/mailbox" to acknowledge; open are "crm/approvals".',
  ],
  [
    'acknowledge',
    'by an approver',
    { by: 'priya', category: 'crm/approvals' },
    '"acknowledge" is for operators; Priya Approver is not one. Ask somebody who is, or have the role given in the configuration.',
  ],
  [
    'execute',
    'where no confirmation is wanted',
    { by: 'olivia', plan: PLAN },
    'This policy wants no second confirmation: the approvals start the run.',
  ],
  ['resume', 'of a run that is not paused', { by: 'olivia' }, 'The run is not paused.'],
  [
    'retry',
    'of a run that has not begun',
    { by: 'olivia' },
    '"retry" does not fit now: the plan waits for acknowledgements and approval.',
  ],
  [
    'skip',
    'of a step that has not failed',
    { by: 'olivia', step: 'crm/accounts', reason: 'they are done' },
    '"skip" does not fit now: the plan waits for acknowledgements and approval.',
  ],
  [
    'finish',
    'of a run that has not begun',
    { by: 'olivia', reason: 'enough of it' },
    '"finish" does not fit now: the plan waits for acknowledgements and approval.',
  ],
];
