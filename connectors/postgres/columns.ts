/** Columns of a row as statements write them, and as before-images keep them. */
import type { BoundCategory, SetColumn } from './binding.js';
import { type Placeholders, quote } from './names.js';

export function setColumnSql({ column, value }: SetColumn, bind: Placeholders): string {
  if (value === '$now') return `${quote(column.name)} = now()`;
  if (value === '$null') return `${quote(column.name)} = NULL`;
  return `${quote(column.name)} = ${bind.add(String(value), column.type)}`;
}

/**
 * A row as JSON of texts, so that no number or time is changed on its way; 40 columns a piece, because a call
 * takes 100 arguments.
 */
export function imageOf(c: Pick<BoundCategory, 'alias' | 'image'>): string {
  const pieces: string[] = [];
  for (let i = 0; i < c.image.length; i += 40) {
    const pairs = c.image
      .slice(i, i + 40)
      .map(column => `${literal(column.name)}, ${c.alias}.${quote(column.name)}::text`);
    pieces.push(`jsonb_build_object(${pairs.join(', ')})`);
  }
  return pieces.length > 0 ? `(${pieces.join(' || ')})` : `'{}'::jsonb`;
}

/**
 * What a change wrote where only the database knows it: an undo compares with it. NULL where the catalog says
 * it all.
 */
export function wroteOf(alias: string, assignments: readonly SetColumn[]): string {
  const image = assignments.filter(a => a.value === '$now').map(a => a.column);
  return image.length > 0 ? imageOf({ alias, image }) : 'NULL::jsonb';
}

const literal = (name: string): string => `'${name.replace(/'/g, "''")}'`;
