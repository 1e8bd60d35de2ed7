import { part } from '../names.js';

/** One column of `schema.table`, as a key of maps and as messages call it. */
export const keyOf = (table: string, column: string): string => `${table}.${part(column)}`;
