/**
 * The policy: who must approve, and how far the world may move before people are asked again. It is read from
 * the configuration when a plan is made and pinned in it, so that a later edit never changes what was
 * approved.
 */
import { z } from 'zod';
import { DEFAULT_CLOCKS, DEFAULT_PATIENCE, WAITS_FOR_PEOPLE, type WaitForPeople } from './patience.js';

const days = z.number().positive().max(3650);
/** How long people are waited for before they are reminded, and before somebody else is told. In days. */
const patience = z
  .strictObject({ remindAfterDays: days.optional(), escalateAfterDays: days.optional() })
  .optional();
const patiencePerWait = Object.fromEntries(WAITS_FOR_PEOPLE.map(on => [on, patience])) as Record<
  WaitForPeople,
  typeof patience
>;

const coverage = z.enum(['required', 'advisory']);

export const policySchema = z.strictObject({
  /** How many different approvers a plan needs. */
  approvals: z.number().int().min(1).max(10).default(1),
  /**
   * Is somebody who holds nothing switched off without anybody's approval? Without a word: no one is. What
   * comes to them meanwhile is put to people, and what is to be acknowledged is so all the same.
   */
  nothingLeft: z.enum(['asks', 'deactivates']).optional(),
  /** A second message, `execute`, after the approvals (the final confirmation of a wizard). */
  confirmation: z.boolean().default(false),
  /**
   * Does a decision count when its sender merely says who they are (`claimed`), or only where a signed
   * statement or Temporal itself proves it (`verified`)? Without a word: verified where the configuration
   * names the keys of a gateway or Temporal's principals, since only then anything can be proved.
   */
  decisions: z.enum(['claimed', 'verified']).default('claimed'),
  /** May the person who asked for the run approve it as well? Four eyes say no. */
  requesterMayApprove: z.boolean().default(false),
  /** May somebody who gains items be the only approver? */
  successorMayApproveAlone: z.boolean().default(false),
  /** New items follow the approved rule while they stay under max(floor, percent of the baseline). */
  drift: z
    .strictObject({
      floor: z.number().int().min(0).default(10),
      percent: z.number().min(0).max(100).default(5),
    })
    .prefault({}),
  /**
   * May somebody be switched off while a place that can hold a person is in no catalog? `required`: no.
   * `advisory`: yes, and the certificate says so. For all systems, or by system (the others: required).
   */
  coverage: z
    .union([coverage, z.record(z.string(), coverage)], {
      error: 'it is "required", "advisory", or one of the two by system: { crm: advisory }',
    })
    .default('required'),
  /**
   * What was seen longer ago than this does not count when somebody is switched off: it is looked at again
   * before. Where the switch itself is looked into before it is final, that look is the one that counts.
   */
  observedWithinMinutes: z.number().positive().max(1440).default(15),
  /**
   * What people do by hand and the system shows is looked for after so many minutes, and then each time after
   * twice as long, up to four hours; 1 where nothing is said.
   */
  looksAfterMinutes: z.number().positive().max(240).optional(),
  /** Moves of a category's late arrivals before a step is parked. */
  rounds: z.number().int().min(1).max(10).default(3),
  /** How long a run waits for people. For one kind of wait it may be said otherwise, under its name. */
  waiting: z
    .strictObject({
      remindAfterDays: days.default(DEFAULT_PATIENCE.remindAfterDays),
      escalateAfterDays: days.default(DEFAULT_PATIENCE.escalateAfterDays),
      /** After so many days a question or a plan that nobody decided on expires. Never a silent approval. */
      expiresAfterDays: days.default(DEFAULT_PATIENCE.expiresAfterDays),
      ...patiencePerWait,
    })
    .prefault({}),
  /** When the clocks of a sudden departure are late, from when it took effect. */
  clocks: z
    .strictObject({
      blockedWithinMinutes: z.number().positive().max(10_080).default(DEFAULT_CLOCKS.blockedWithinMinutes),
      handedOverWithinDays: days.default(DEFAULT_CLOCKS.handedOverWithinDays),
      deactivatedWithinDays: days.default(DEFAULT_CLOCKS.deactivatedWithinDays),
    })
    .prefault({}),
  /**
   * How often, and for how long after the switch, what still lands on the leaver is looked for; `off`: never.
   * `returns`: how often the same item may come back before it is left alone and people are told.
   */
  sweep: z
    .union(
      [
        z.literal('off'),
        z.strictObject({
          rhythm: z
            .array(z.strictObject({ everyDays: days, forDays: days }))
            .min(1)
            .max(10)
            .default([
              { everyDays: 1, forDays: 7 },
              { everyDays: 7, forDays: 90 },
            ]),
          returns: z.number().int().min(1).max(100).default(3),
        }),
      ],
      { error: 'it is "off", or a rhythm: { rhythm: [{ everyDays: 1, forDays: 7 }], returns: 3 }' },
    )
    .prefault({}),
  /**
   * Keys of one page, and so of one batch at most. Measured: larger gains nothing, smaller pays more round
   * trips.
   */
  batch: z.number().int().min(1).max(10_000).default(10_000),
});

export type Policy = z.infer<typeof policySchema>;

/** The greatest age of an observation that still counts at a switch, in milliseconds. */
export function mostAge({ observedWithinMinutes }: Pick<Policy, 'observedWithinMinutes'>): number {
  return observedWithinMinutes * 60_000;
}
