/** Is the store there, new enough, and are its tables those of this program? */
import { foreignStore } from '../../../domain/ids.js';
import { migrations as allMigrations } from '../../../store/database.js';
import { type Standing, sayUnbound } from '../../../store/roles.js';
import type { Reach } from '../../reach.js';
import type { Finding } from './finding.js';

export async function checkStore(reach: Reach): Promise<Finding[]> {
  const what = 'store';
  const { config } = await reach.installation();
  const store = await reach.store();
  const where = `the database that ${config.store.connection} names`;
  try {
    const { version, migrations, mayCreate, standing } = await store.about();
    const answers: Finding = { what, state: 'fine', says: `PostgreSQL ${version} answers at ${where}` };
    if (Number.parseInt(version, 10) < 14)
      return [
        {
          what,
          state: 'problem',
          says: `PostgreSQL ${version} is too old for the store.`,
          mend: 'Use version 14 or newer.',
        },
      ];
    if (!migrations) {
      return mayCreate
        ? [
            answers,
            {
              what,
              state: 'warning',
              says: 'It has no tables of Handover yet.',
              mend: 'The first worker makes them: handover worker.',
            },
          ]
        : [
            {
              what,
              state: 'problem',
              says: `The role may not create the schema "handover" in ${where}.`,
              mend: 'grant create on database … to the role.',
            },
          ];
    }
    const tables = await migrationsOf(migrations);
    // Tables of another version may say nothing of it yet.
    const kept = tables.state === 'fine' ? await store.installation() : null;
    const foreign = foreignStore(config.installation, kept);
    return [
      answers,
      tables,
      ...boundOf(standing, config.store.owner),
      ...(foreign ? [{ what, state: 'problem' as const, says: foreign }] : []),
    ];
  } catch (error) {
    return [
      {
        what,
        state: 'problem',
        says: `${where} does not answer: ${(error as Error).message || (error as { code?: string }).code}`,
        mend: `Look at the address, the password and whether it runs; the connection is the value of ${config.store.connection}.`,
      },
    ];
  }
}

/** Can the database refuse workers to change what was written? */
function boundOf(standing: Standing | null, owner: string): Finding[] {
  const what = 'store';
  if (!standing) return [];
  if (standing.unbound === null)
    return [
      { what, state: 'fine', says: 'workers may add to the evidence, and neither change nor remove it' },
    ];
  return [
    {
      what,
      state: 'warning',
      says: sayUnbound(standing),
      mend: `Give workers a role of their own, and set ${owner} to the owner's connection where the tables are made (docs/deploying.md).`,
    },
  ];
}

async function migrationsOf(done: string[]): Promise<Finding> {
  const here = await allMigrations();
  const missing = here.filter(name => !done.includes(name));
  const newer = done.filter(name => !here.includes(name));
  if (newer.length > 0)
    return {
      what: 'store',
      state: 'problem',
      says: `The store is newer than this program: it has ${newer.join(', ')}.`,
      mend: 'Use the version of Handover that the workers run.',
    };
  if (missing.length > 0)
    return {
      what: 'store',
      state: 'warning',
      says: `The store lacks ${missing.join(', ')}.`,
      mend: 'The next start of a worker brings it up to date.',
    };
  return { what: 'store', state: 'fine', says: 'its tables are up to date' };
}
