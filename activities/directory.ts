/** Looks people up in the directory: by what they are called, and never by a guess. */
import type { Directory, PersonQuery } from '../connectors/connector.js';
import { HandoverFailure } from '../domain/failure.js';
import type { Person } from '../domain/model.js';
import { whenAbandoned } from './attempt.js';
import type { Deps } from './deps.js';

/** `id:17`, an e-mail (anything with an @) or a login. */
export function queryOf(who: string): PersonQuery {
  if (who.startsWith('id:')) return { by: 'id', value: who.slice(3) };
  return who.includes('@') ? { by: 'email', value: who } : { by: 'login', value: who };
}

export async function findOne(
  deps: Deps,
  who: string,
): Promise<{ person: Person } | { sentence: string; many: boolean }> {
  const directory = await directoryOf(deps);
  const query = queryOf(who);
  const found = await directory.findPeople(query, whenAbandoned());
  if (found.length === 1) return { person: found[0]! };
  const how = SAYS[query.by];
  if (found.length === 0) {
    return {
      many: false,
      sentence: `Nobody in ${directory.title} has the ${how} "${query.value}". Check the spelling, or name the person as "id:<directory id>".`,
    };
  }
  const candidates = found
    .map(person => `${person.name} (id:${person.id}${person.active ? '' : ', inactive'})`)
    .join(', ');
  return {
    many: true,
    sentence: `"${query.value}" fits ${found.length} people in ${directory.title}: ${candidates}. Name one of them by id.`,
  };
}

/** The same, where a name that the directory cannot even be asked for says nothing about others beside it. */
export async function whoIs(deps: Deps, who: string): ReturnType<typeof findOne> {
  return findOne(deps, who).catch((error: unknown) => {
    if (!(error instanceof HandoverFailure) || error.kind !== 'rejected') throw error;
    return { many: false, sentence: error.message };
  });
}

export const SAYS: Record<PersonQuery['by'], string> = {
  id: 'id',
  email: 'e-mail',
  login: 'login',
  number: 'person number',
};

/** The system that says who people are. */
export async function directoryOf(deps: Deps): Promise<Directory & { title: string }> {
  const { title, directory } = await deps.systems.get(deps.systems.directory);
  if (!directory)
    throw new HandoverFailure('configuration', `${title} cannot say who people are: it is no directory.`);
  return { ...directory, title };
}
