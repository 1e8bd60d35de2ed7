/** What a catalog of the made-up system may say. */
import { z } from 'zod';
import { absence, categoryShape, headShape, name, verbShape } from '../../../connectors/catalog/head.js';

const field = z.enum(['key', 'owner', 'label']);

export const catalogSchema = z.strictObject({
  ...headShape('memory'),
  connect: z
    .strictObject({
      /** Items of one page of a list. */
      page: z.int().min(1).default(3),
      /** Items that one bulk call takes. */
      bulk: z.int().min(1).default(4),
      /**
       * From the moment that stands in a mark: an effect that is not sent by half of it is not sent any more,
       * and a call has landed by its end, or never will.
       */
      lands_within_ms: z.int().min(0).default(1_000),
    })
    .prefault({}),
  absence,
  /** True where this system says who people are. */
  directory: z.boolean().default(false),
  categories: z.record(name, z.strictObject({ ...categoryShape(field), hint: z.string().optional() })),
  ...verbShape({}),
});

export type MemoryCatalog = z.infer<typeof catalogSchema>;
