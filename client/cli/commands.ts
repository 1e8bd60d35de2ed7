/** Every command there is, in the help's order, with what the help of all of them says of it. */

export interface Summary {
  /** Its arguments, as the help shows them. */
  takes: string;
  says: string;
}

export const COMMANDS = {
  start: { takes: '<user>', says: 'ask for the offboarding of a person' },
  list: { takes: '', says: 'the runs and what comes after them, newest first' },
  status: { takes: '<run>', says: 'one run as a tree: its steps, what it waits for, what fits now' },
  items: {
    takes: '<run|user> <category>',
    says: 'what a person holds in one category now, with the successor of each item',
  },
  approve: {
    takes: '<run> [digest]',
    says: 'agree with one plan, as an approver; with --step, with a skip',
  },
  reject: { takes: '<run> [digest]', says: 'close the run without any change, as an approver' },
  execute: { takes: '<run> [digest]', says: 'the final confirmation, where the policy wants one' },
  acknowledge: { takes: '<run> [category...]', says: 'say that you have seen what must be done by hand' },
  amend: {
    takes: '<run>',
    says: 'change successors, overrides, identities, mode, departure or date: a new plan',
  },
  pause: { takes: '<run>', says: 'stop after the batch in hand' },
  resume: { takes: '<run>', says: 'go on after a pause' },
  retry: { takes: '<run>', says: 'prepare again, or run again what is not done yet' },
  skip: {
    takes: '<run> <step>',
    says: 'leave the items of a failed step with the leaver, once an approver agrees',
  },
  finish: { takes: '<run>', says: 'close a parked run as completed-partially' },
  cancel: { takes: '<run>', says: 'stop at the next safe boundary' },
  login: { takes: '', says: 'log in at a gateway, so that what you decide there is proved to be yours' },
  logout: { takes: '', says: 'end a login, here and at the identity provider' },
  audit: {
    takes: '<run>',
    says: 'the trail of one offboarding as a timeline, held against every digest',
  },
  moved: { takes: '<run>', says: 'what moved to whom, item by item, and what was left alone and why' },
  certificate: { takes: '<run>', says: 'the closing document of an offboarding, with its addenda' },
  sweep: {
    takes: '<run>',
    says: 'what has landed on somebody since they were switched off, and what is asked about it',
  },
  archive: {
    takes: '[run]',
    says: 'store the histories of what has closed now, instead of within five minutes',
  },
  'who-owned': { takes: '<item>', says: 'who owned an item, when it moved, to whom, and who decided it' },
  owns: {
    takes: '<person>',
    says: 'does this person still own work? Exit code 0: nothing is left; 5: something is',
  },
  purge: {
    takes: '<run>',
    says: 'take what an offboarding says about people away for good; its digests stay',
  },
  check: {
    takes: '',
    says: 'try everything that the configuration names, and say how to mend what is wrong',
  },
  discover: {
    takes: '<system>',
    says: 'find every column that can hold a person, and draft a catalog or what one leaves out',
  },
  try: {
    takes: '<system> <what>',
    says: 'one part of a catalog on the live system: calls, answers, and what was understood',
  },
  worker: {
    takes: '',
    says: 'run a worker for a Temporal server and a PostgreSQL of your own; start as many as you like',
  },
  gateway: { takes: '', says: 'run the HTTP service for approval tools and operators' },
  'try-webhook': {
    takes: '<name> <body>',
    says: 'say what a webhook with this body would start or decide; nothing is sent',
  },
  dev: {
    takes: '',
    says: 'start Temporal, PostgreSQL and a worker on this machine, for your own handover.yaml or the demo',
  },
  demo: {
    takes: '',
    says: 'start everything on this machine and offboard Alice, step by step; a second start goes on from there',
  },
} satisfies Record<string, Summary>;

export type CommandName = keyof typeof COMMANDS;
