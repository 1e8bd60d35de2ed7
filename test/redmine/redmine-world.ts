// A running, seeded Redmine and who is who in it. Made once per test file: it takes about a minute.

import { createTestDatabase } from '../support/servers.js';
import { prepareRedmine } from './redmine.js';
import { type Rest, restAs } from './rest.js';
import { type SeededByConsole, type SeededByRest, seedByRest, seededByConsole } from './seed.js';
import { type Snapshot, takeSnapshot } from './snapshot.js';

export interface RedminePerson {
  id: number;
  login: string;
  email: string;
}

export interface RedmineWorld
  extends Pick<SeededByConsole, 'people' | 'projects' | 'roles' | 'statuses' | 'trackers'>,
    SeededByRest {
  /** Redmine's own database, as a superuser. */
  databaseUrl: string;
  baseUrl: string;
  /** API key of Olivia, an administrator who stays. */
  adminKey: string;
  /** Redmine as Olivia sees it. */
  rest: Rest;
  leaver: RedminePerson & { apiKey: string };
  /** Project id as text → the one person who may take the leaver's issues there. Nobody may everywhere. */
  successorsPerProject: Record<string, RedminePerson & { project: string }>;
  person(login: string): RedminePerson;
  /**
   * What REST says about everybody's work right now: taken before a run and compared by the judge afterwards.
   */
  snapshot(): Promise<Snapshot>;
  stop(): Promise<void>;
}

const SUCCESSORS = {
  website: 'bob',
  webshop: 'bob',
  mobile: 'carol',
  billing: 'dave',
  infra: 'erin',
  research: 'frank',
  legacy: 'grace',
  attic: 'heidi',
};

export async function startRedmineWorld(): Promise<RedmineWorld> {
  const database = await createTestDatabase('redmine');
  const undo: (() => Promise<void>)[] = [database.drop];
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const instance = await prepareRedmine(database.url);
    undo.push(instance.remove);
    await instance.migrate();
    const printed = await instance.runner(new URL('./seed.rb', import.meta.url).pathname);
    const seeded = seededByConsole.parse(JSON.parse(printed.trim().split('\n').at(-1)!));
    const redmine = await instance.serve();
    undo.push(redmine.stop);
    const byRest = await seedByRest(redmine.baseUrl, seeded);

    const { people, projects, roles, statuses, trackers, apiKeys } = seeded;
    const person = (login: string): RedminePerson => {
      const id = people[login];
      if (id === undefined) throw new Error(`Nobody in this Redmine is called ${login}`);
      return { id, login, email: `${login}@example.com` };
    };
    const rest = restAs(redmine.baseUrl, apiKeys.olivia!);
    return {
      ...byRest,
      people,
      projects,
      roles,
      statuses,
      trackers,
      databaseUrl: database.url,
      baseUrl: redmine.baseUrl,
      adminKey: apiKeys.olivia!,
      rest,
      leaver: { ...person('alice'), apiKey: apiKeys.alice! },
      successorsPerProject: Object.fromEntries(
        Object.entries(SUCCESSORS).map(([project, login]) => [
          String(projects[project]),
          { ...person(login), project },
        ]),
      ),
      person,
      snapshot: () => takeSnapshot(rest, people.alice!),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
