/**
 * How long people are waited for, in days: the shipped figures, and what a policy says for one kind of wait. And
 * how long what is urgent may take.
 */

export interface Patience {
  /** After so many days whoever is asked is reminded, and again after as many. */
  remindAfterDays: number;
  /** After so many days others are told as well, and again after as many. */
  escalateAfterDays: number;
}

/** What holds where no configuration says otherwise. */
export const DEFAULT_PATIENCE = { remindAfterDays: 3, escalateAfterDays: 14, expiresAfterDays: 90 };

export const WAITS_FOR_PEOPLE = [
  'correction',
  'acknowledgement',
  'approval',
  'confirmation',
  'attention',
  'resume',
] as const;
export type WaitForPeople = (typeof WAITS_FOR_PEOPLE)[number];

/** A policy's `waiting`: for all waits, and otherwise for some of them. */
export type PatienceOfWaits = Patience & { expiresAfterDays: number } & {
  [W in WaitForPeople]?: Partial<Patience> | undefined;
};

/** How long people are waited for in this kind of wait. */
export function patienceFor(waiting: PatienceOfWaits, on: WaitForPeople): Patience {
  return {
    remindAfterDays: waiting[on]?.remindAfterDays ?? waiting.remindAfterDays,
    escalateAfterDays: waiting[on]?.escalateAfterDays ?? waiting.escalateAfterDays,
  };
}

export type ClockName = 'access' | 'hand-over' | 'switch-off';

/** A policy's `clocks`: when each is late, counted from when the departure took effect. */
export interface ClockLimits {
  blockedWithinMinutes: number;
  handedOverWithinDays: number;
  deactivatedWithinDays: number;
}

export const DEFAULT_CLOCKS: ClockLimits = {
  blockedWithinMinutes: 15,
  handedOverWithinDays: 14,
  deactivatedWithinDays: 30,
};
