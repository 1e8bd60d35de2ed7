/** People as decisions see them: who takes part, what they may do, and who says that it was them. */

/** Somebody who takes part in a run. `human` is the same for two directory entries of one human being. */
export interface Participant {
  id: string;
  name: string;
  human: string;
}

/** A decider as the directory knows them now. */
export interface Decider extends Participant {
  active: boolean;
  operator: boolean;
  approver: boolean;
}

/**
 * Who says that a decision came from this person: only its sender (`claimed`), or something that proves it.
 */
export type Identity = { kind: 'claimed' } | { kind: 'verified'; by: string };

/** Somebody who decided something, and how that is known. */
export interface Signer extends Participant {
  identity: Identity;
}

/** "claimed", "verified by the gateway". */
export function identityWords(identity: Identity): string {
  return identity.kind === 'claimed' ? 'claimed' : `verified by ${identity.by}`;
}

/** A message that was refused, as people are shown it. */
export interface Refusal {
  at: string;
  message: string;
  by: string | null;
  reason: string;
}

/** Why this person may not ask for this offboarding; null = they may. */
export function mayRequest(leaver: Participant, requester: Decider): string | null {
  if (leaver.human === requester.human)
    return 'Nobody offboards themselves: ask a colleague to send the request.';
  if (!requester.active)
    return `${requester.name} is not active in the directory and cannot ask for an offboarding.`;
  if (!requester.operator) return `${requester.name} may not ask for an offboarding: that is for operators.`;
  return null;
}
