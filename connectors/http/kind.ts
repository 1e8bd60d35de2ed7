/** Systems that speak HTTP as a kind of system. */
import type { Kind } from '../catalog/kind.js';
import { partsOf } from './auth.js';
import { catalogSchema, type HttpCatalog } from './catalog.js';
import { httpConnector } from './connector.js';
import { httpRules, partsIn } from './rules.js';
import { tryHttp } from './try.js';

export const http: Kind<HttpCatalog> = {
  schema: catalogSchema,
  rules: httpRules,
  words: { category: ['successor_must_says'] },
  connection: { needs: ['base'] },
  alsoNeeds: catalog => [...partsOf(catalog.auth), ...partsIn(catalog)],
  connect: httpConnector,
  try: tryHttp,
};
