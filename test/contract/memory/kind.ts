/**
 * The made-up system as a kind: which rules hold between the parts of its catalogs, and how it is spoken to.
 * Tests hand it to the registry's functions beside the real kinds; no product code knows it.
 */
import type { Kind } from '../../../connectors/catalog/kind.js';
import { notDone, onlyFor, type Path } from '../../../connectors/catalog/rules.js';
import { KINDS } from '../../../connectors/registry.js';
import { catalogSchema, type MemoryCatalog } from './catalog.js';
import { memoryConnector } from './connector.js';

export const memory: Kind<MemoryCatalog> = {
  schema: catalogSchema,
  rules(catalog, report) {
    for (const [category, spec] of Object.entries(catalog.categories)) {
      const at = (...keys: Path): Path => ['categories', category, ...keys];
      onlyFor(spec, ['transfer', 'remove', 'acknowledge', 'keep'], report, at, { do: spec.do });
      notDone(spec, 'memory', ['link', 'fires_at', 'secret'], report, at);
    }
  },
  words: { category: ['hint'] },
  connection: { needs: ['name'] },
  connect: memoryConnector,
};

export const KINDS_WITH_MEMORY = { ...KINDS, memory };
