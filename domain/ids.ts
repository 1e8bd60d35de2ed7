/**
 * Every id by which Temporal knows something of ours, made in one place. An installation has a name, and two
 * of them may share a namespace: an id says whose it is, and searches go by what it begins with. The default
 * installation's ids have no name in front, so that they stay short.
 */

export const DEFAULT_INSTALLATION = 'handover';

export interface Ids {
  installation: string;
  /** One open run per person: the id is the lock. */
  offboarding(directoryId: string): string;
  /** What the ids of all offboardings of this installation begin with, and of no other. */
  offboardings: string;
  request(uuid: string): string;
  /** What looks after an offboarding for stragglers: one for each that has switched somebody off. */
  sweep(offboardingId: string): string;
  /** What the ids of all sweeps of this installation begin with, and of no other. */
  sweeps: string;
  /** What gives back after a cover: one for each offboarding that asks for it. */
  giveBack(offboardingId: string): string;
  /** What the ids of all of these of this installation begin with, and of no other. */
  giveBacks: string;
  /** A look at what has closed that somebody asked for. */
  look(uuid: string): string;
  /** A question of the gateway's that a worker answers. */
  inquiry(uuid: string): string;
  /** The schedule of the archiver, and what the ids of the workflows that it starts begin with. */
  archiveSchedule: string;
}

export function idsOf(installation: string): Ids {
  const own = installation === DEFAULT_INSTALLATION ? '' : `${installation}/`;
  return {
    installation,
    offboarding: directoryId => `${own}offboarding/${directoryId}`,
    offboardings: `${own}offboarding/`,
    sweep: offboardingId => `${own}sweep/${offboardingId}`,
    sweeps: `${own}sweep/`,
    giveBack: offboardingId => `${own}give-back/${offboardingId}`,
    giveBacks: `${own}give-back/`,
    request: uuid => `${own}request/${uuid}`,
    look: uuid => `${own}archive/${uuid}`,
    inquiry: uuid => `${own}inquiry/${uuid}`,
    archiveSchedule: `${own}archive-closed`,
  };
}

/** What ids of the default installation begin with: another one of this name would own them as well. */
const TAKEN = ['offboarding', 'request', 'inquiry', 'archive', 'archive-closed', 'sweep', 'give-back'];

/** Names are in ids and in searches, so they are plain. Says which may be used; null = this one may. */
export function wrongInstallation(name: string): string | null {
  if (!/^[a-z][a-z0-9-]{0,39}$/.test(name))
    return 'an installation is named with lower-case letters, digits and "-", starting with a letter, in at most 40 characters, e.g. handover-eu';
  return TAKEN.includes(name)
    ? `ids begin with this word, so no installation is named like it; taken are ${TAKEN.join(', ')}`
    : null;
}

/** Whose offboarding, or what comes after one, a workflow id names; null = it is no id of these. */
export function installationOf(workflowId: string): string | null {
  if (kindOf(idsOf(DEFAULT_INSTALLATION), workflowId)) return DEFAULT_INSTALLATION;
  const [name = ''] = workflowId.split('/', 1);
  return wrongInstallation(name) === null && kindOf(idsOf(name), workflowId) ? name : null;
}

/** What can be listed, shown and decided about. */
export type Kind = 'offboarding' | 'sweep' | 'give-back';

/** What a workflow id of this installation names; null = none of these, or another one's. */
export function kindOf(
  { offboardings, sweeps, giveBacks }: Pick<Ids, 'offboardings' | 'sweeps' | 'giveBacks'>,
  workflowId: string,
): Kind | null {
  if (workflowId.startsWith(offboardings)) return 'offboarding';
  if (workflowId.startsWith(sweeps)) return 'sweep';
  return workflowId.startsWith(giveBacks) ? 'give-back' : null;
}

/** The offboarding that this comes after, by its id; null = it comes after none. */
export function comesAfter(
  ids: Pick<Ids, 'offboardings' | 'sweeps' | 'giveBacks'>,
  workflowId: string,
): string | null {
  const kind = kindOf(ids, workflowId);
  if (kind === 'sweep') return workflowId.slice(ids.sweeps.length);
  return kind === 'give-back' ? workflowId.slice(ids.giveBacks.length) : null;
}

/** With its article, as a sentence needs it. */
export const A_KIND: Record<Kind, string> = {
  offboarding: 'an offboarding',
  sweep: 'a sweep',
  'give-back': 'a give-back',
};

/** Says so where a workflow id is of another installation; null = it is not. */
export function foreignId({ installation }: Ids, workflowId: string): string | null {
  const whose = installationOf(workflowId);
  if (whose === null || whose === installation) return null;
  const what = A_KIND[kindOf(idsOf(whose), workflowId)!];
  return `${workflowId} is ${what} of the installation "${whose}", and this one is "${installation}".`;
}

/** Says so where a store is another installation's; null = it is this one's, or nobody's yet. */
export function foreignStore(installation: string, kept: string | null): string | null {
  if (kept === null || kept === installation) return null;
  return `This store is that of the installation "${kept}", and the configuration says "installation: ${installation}": two installations never share a store. Name another database, or set the name back.`;
}
