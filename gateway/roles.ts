/**
 * Who may call what. The gateway decides who gets in; whether somebody may decide about a run is judged again
 * by the workers, who know the run: a role here never makes anybody an approver there.
 */
import { Problem } from '../client/problem.js';
import { type Decider, isSame, type Participant } from '../domain/people.js';
import type { DecisionName } from '../domain/request.js';
import type { Run } from '../domain/run.js';

export const ROLES = ['viewer', 'operator', 'approver', 'administrator'] as const;
export type Role = (typeof ROLES)[number];

/** Somebody at the door, whom a token, a login or a signature has let in. */
export interface Caller {
  /** Names the credential, for logs: `token "laptop"`. Never the credential itself. */
  name: string;
  /** How they were recognised, in words that follow "through". */
  how: string;
  /** As the directory knows them; null = a tool that is nobody. */
  person: string | null;
  /** `directory`: whatever the directory gives them. */
  roles: readonly Role[] | 'directory';
  /**
   * Asks whoever let them in once more, unless it said yes so short ago. Throws `Stranger` where it would not now,
   * and a `Problem` where it does not answer.
   */
  again?: (atMostMs: number) => Promise<void>;
}

/** Somebody whom no worker could look up just now. */
export interface Unseen extends Caller {
  person: string;
}

/** The same with what the directory says; `as` is null for a tool. */
export interface Known extends Omit<Caller, 'roles'> {
  as: Decider | null;
  roles: readonly Role[];
}

/** Everybody who is given a role may look. */
const VIEWING: readonly Role[] = ROLES;
const OPERATING: readonly Role[] = ['operator', 'administrator'];
const APPROVING: readonly Role[] = ['approver', 'administrator'];

/** Operation → who may. What is not in here is open to nobody. */
export const ACCESS = {
  whoAmI: VIEWING,
  listOffboardings: VIEWING,
  showOffboarding: VIEWING,
  followOffboarding: VIEWING,
  listItems: VIEWING,
  listPlans: VIEWING,
  listMoved: VIEWING,
  showCertificate: VIEWING,
  downloadAudit: OPERATING.concat('approver'),
  startOffboarding: OPERATING,
  checkDeactivation: VIEWING,
  deactivate: OPERATING,
  approve: APPROVING,
  reject: APPROVING,
  acknowledge: OPERATING,
  amend: OPERATING,
  execute: OPERATING,
  pause: OPERATING,
  resume: OPERATING,
  retry: OPERATING,
  skip: OPERATING,
  finish: OPERATING,
  cancel: OPERATING,
} as const satisfies Record<DecisionName, readonly Role[]> & Record<string, readonly Role[]>;
export type Operation = keyof typeof ACCESS;

/** Why this caller may not do that at all; null = they may. */
export function forbidden(who: Known, operation: Operation): string | null {
  if (who.as?.barred) return `${who.as.name} ${who.as.barred}: nothing is shown or decided.`;
  const allowed: readonly Role[] = ACCESS[operation];
  if (who.roles.some(role => allowed.includes(role))) return null;
  const have = who.roles.length > 0 ? `has the role ${who.roles.join(', ')}` : 'has no role here';
  return `${who.as?.name ?? who.name} ${have}; "${operation}" is for ${allowed.join(', ')}.`;
}

/**
 * Nobody sees or decides anything about their own offboarding: they would know of it before they are told,
 * and could lock themselves out in the middle of it.
 */
export function ownRun(who: Known, run: { leaver: Participant; humans?: Run['humans'] }): string | null {
  if (!who.as || !isSame(run.humans ?? {}, who.as, run.leaver)) return null;
  return OWN_RUN;
}

export const OWN_RUN =
  'This offboarding is not shown to you, and nothing about it can be decided by you: ask a colleague.';

/** The person in whose name something is started or decided. */
export function personOf(who: Known): Decider {
  if (who.as) return who.as;
  throw new Problem(
    'refused',
    `The ${who.name} belongs to no person, and nothing is started or decided in nobody's name: give it a "person" in the file of tokens.`,
  );
}

/** What the directory gives somebody, as roles here. */
export function rolesOf(person: Decider): Role[] {
  return [
    ...(person.operator ? (['operator'] as const) : []),
    ...(person.approver ? (['approver'] as const) : []),
  ];
}
