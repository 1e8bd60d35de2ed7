/** One column of `schema.table`, as a key of maps. */
export const keyOf = (table: string, column: string): string => `${table}.${column}`;
