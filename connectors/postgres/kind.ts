/** PostgreSQL databases as a kind of system. */
import type { Kind } from '../catalog/kind.js';
import { type Catalog, catalogSchema } from './catalog.js';
import { createPostgresConnector } from './connector.js';
import { discoverDatabase } from './discover/index.js';
import { postgresRules } from './rules.js';

export const postgres: Kind<Catalog> = {
  schema: catalogSchema,
  rules: postgresRules,
  words: { catalog: ['acknowledged'], category: ['successor_must_says'] },
  connection: { needs: ['url'] },
  connect: createPostgresConnector,
  discover: discoverDatabase,
};
