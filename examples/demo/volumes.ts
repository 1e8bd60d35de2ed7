/**
 * How much there is of everything: Alice's share and everybody else's. `scaled` makes a smaller world for
 * tests and a larger one for measurements; what is rare stays, so that Alice holds something of every kind at
 * any size.
 */

const HERS_AND_THEIRS = {
  activeCompanies: [640, 6_300],
  churnedCompanies: [45, 900],
  accountManaged: [410, 6_100],
  contacts: [1_900, 12_000],
  customFields: [380, 3_400],
  followed: [520, 3_500],
  openTasks: [6_000, 16_000],
  doneTasks: [3_400, 14_600],
  openOpportunities: [820, 3_600],
  closedOpportunities: [310, 3_300],
  openLeads: [260, 2_600],
  disqualifiedLeads: [60, 1_100],
  emailConversations: [900, 5_200],
  notes: [450, 3_300],
  activities: [1_500, 11_000],
  openConversations: [4_200, 9_000],
  snoozedConversations: [310, 700],
  closedConversations: [2_600, 9_500],
  internalNotes: [1_100, 5_500],
  auditEvents: [900, 6_000],
} satisfies Record<string, [number, number]>;

/** Bound to people or processes rather than to the size of the business: these do not grow. */
const FIXED = {
  taskSteps: [24, 156],
  emailSteps: [9, 71],
  lifecycleTasks: [14, 76],
  automations: [6, 54],
  assignmentRules: [8, 42],
  approvalSteps: [5, 35],
  pendingApprovals: [17, 123],
  decidedApprovals: [60, 540],
  scheduledEmails: [38, 262],
  dashboards: [11, 149],
  insightViews: [16, 184],
  customerViews: [21, 219],
  callbacks: [64, 436],
  pastCallbacks: [120, 980],
  drafts: [12, 138],
  unreadMentions: [45, 455],
  readMentions: [200, 1_400],
  triggers: [5, 25],
} satisfies Record<string, [number, number]>;

/** [Alice's, everybody else's]. */
export type Volumes = Record<keyof typeof HERS_AND_THEIRS | keyof typeof FIXED, [number, number]>;

const sum = (table: Record<string, [number, number]>): number =>
  Object.values(table).reduce((n, [hers, theirs]) => n + hers + theirs, 0);

/** Volumes for about `items` items in all; the world of the docs when it is left out. */
export function scaled(items?: number): Volumes {
  const factor = items === undefined ? 1 : Math.max(0, items - sum(FIXED)) / sum(HERS_AND_THEIRS);
  const size = (n: number): number => Math.max(3, Math.round(n * factor));
  const grown = Object.entries(HERS_AND_THEIRS).map(([kind, [hers, theirs]]) => [
    kind,
    [size(hers), size(theirs)],
  ]);
  return {
    ...FIXED,
    ...(Object.fromEntries(grown) as Record<keyof typeof HERS_AND_THEIRS, [number, number]>),
  };
}
