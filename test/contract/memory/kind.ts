/**
 * The made-up system as a kind: what its catalogs may say, which rules hold between their parts, and how it is spoken to. Tests hand
 * it to the registry's functions beside the real kinds; no product code knows it.
 */
import { z } from 'zod';
import { absence, categoryShape, headShape, name, verbShape } from '../../../connectors/catalog/head.js';
import type { Kind } from '../../../connectors/catalog/kind.js';
import { onlyFor } from '../../../connectors/catalog/rules.js';
import { KINDS } from '../../../connectors/registry.js';
import { memoryConnector } from './connector.js';

const field = z.enum(['key', 'owner', 'label']);

export const catalogSchema = z.strictObject({
  ...headShape('memory'),
  connect: z
    .strictObject({
      /** Items of one page of a list. */
      page: z.int().min(1).default(3),
      /** Items that one bulk call takes. */
      bulk: z.int().min(1).default(4),
      /** A call whose answer was lost has landed by then, or never will. */
      lands_within_ms: z.int().min(0).default(60),
    })
    .prefault({}),
  absence,
  /** True where this system says who people are. */
  directory: z.boolean().default(false),
  categories: z.record(name, z.strictObject({ ...categoryShape(field), hint: z.string().optional() })),
  ...verbShape({}),
});

export type MemoryCatalog = z.infer<typeof catalogSchema>;

export const memory: Kind<MemoryCatalog> = {
  schema: catalogSchema,
  rules(catalog, report) {
    for (const [category, spec] of Object.entries(catalog.categories)) {
      onlyFor(spec, ['transfer', 'remove', 'acknowledge', 'keep'], report, (...keys) => ['categories', category, ...keys], {
        do: spec.do,
      });
    }
  },
  words: { category: ['hint'] },
  connection: { needs: ['name'] },
  connect: memoryConnector,
};

export const KINDS_WITH_MEMORY = { ...KINDS, memory };
