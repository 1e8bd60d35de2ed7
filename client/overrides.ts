/**
 * Overrides in a file: CSV with a line per item, checked as a whole before anything is sent. Few of them
 * travel inline; more are put in the store and named by their digest.
 */
import { CsvError, type Options, parse } from 'csv-parse/sync';
import { mistakesOf } from '../domain/mistake.js';
import { countOf, MOST_INLINE, type Overrides, referenceTo } from '../domain/overrides.js';
import { overrideRow } from '../domain/request.js';
import type { Store } from '../store/store.js';
import { Problem } from './problem.js';

const MOST_BYTES = 10_000_000;
const MOST_ROWS = 100_000;
/** Each is looked up when the plan is made, and the plan names them all. */
const MOST_TAKERS = 500;
/** More mistakes than this are counted, not listed. */
const MOST_MISTAKES = 5;

const COLUMNS: Record<string, 'step' | 'key' | 'successor'> = {
  step: 'step',
  'system/category': 'step',
  key: 'key',
  successor: 'successor',
};
const HEADER =
  'the first line names the columns, separated by commas: step (or system/category), key, successor';

interface Row {
  /** The line that it ends in; a quoted field may hold several. */
  line: number;
  fields: string[];
}

/**
 * The overrides of a CSV file: UTF-8, a header, fields quoted where they hold commas or quotes. `name` is how
 * the file is called in sentences. @throws Problem (`usage`) with the first mistakes, one a line
 */
export function readOverrides(name: string, content: Buffer): Overrides {
  const refuse = (sentence: string): never => {
    throw new Problem('usage', sentence);
  };
  if (content.length > MOST_BYTES)
    refuse(`${name} has ${number(content.length)} bytes; at most ${number(MOST_BYTES)} are allowed.`);
  const [header, ...rows] = rowsOf(name, textOf(name, content));
  const columns = header?.fields.map(field => COLUMNS[field.trim().toLowerCase()]) ?? [];
  if ([...columns].sort().join() !== 'key,step,successor')
    refuse(`${name}:${header?.line ?? 1}: ${HEADER}; given was "${header?.fields.join(',') ?? ''}".`);
  if (rows.length === 0) refuse(`${name} names no items: below its header there is a line for each.`);
  if (rows.length > MOST_ROWS)
    refuse(`${name} names more than ${number(MOST_ROWS)} items: use a "match" rule for so many.`);

  const lines = new Map<string, Map<string, number>>();
  const overrides: Overrides = {};
  const mistakes: string[] = [];
  for (const { line, fields } of rows) {
    const says = (mistake: string) => mistakes.push(`${name}:${line}: ${mistake}`);
    if (fields.length !== columns.length) {
      says(`it has ${fields.length} fields, and the header names ${columns.length}.`);
      continue;
    }
    const given = Object.fromEntries(columns.map((column, n) => [column, fields[n]]));
    const row = overrideRow.safeParse(given);
    if (!row.success) {
      for (const mistake of mistakesOf(row.error.issues, given, overrideRow))
        says(`"${mistake.path.join('.')}" ${mistake.says}.`);
      continue;
    }
    const { step, key, successor } = row.data;
    if (step === '__proto__' || key === '__proto__') {
      says('"__proto__" is no name that anything can have.');
      continue;
    }
    const seen = lines.get(step) ?? new Map<string, number>();
    const earlier = seen.get(key);
    if (earlier !== undefined) {
      says(`"${key}" of ${step} stands in line ${earlier} already.`);
      continue;
    }
    lines.set(step, seen.set(key, line));
    if (!Object.hasOwn(overrides, step)) overrides[step] = {};
    overrides[step]![key] = successor;
  }
  if (mistakes.length > 0) refuse(several(mistakes));
  const takers = new Set(Object.values(overrides).flatMap(items => Object.values(items)));
  if (takers.size > MOST_TAKERS)
    refuse(`${name} names ${takers.size} different successors; at most ${MOST_TAKERS} are allowed.`);
  return overrides;
}

/** As a request says them: inline, or by the digest under which they now lie in the store. */
export async function placed(
  overrides: Overrides,
  store: () => Promise<Pick<Store, 'overrides'>>,
): Promise<Overrides | string> {
  if (countOf(overrides) <= MOST_INLINE) return overrides;
  return referenceTo(await (await store()).overrides.save(overrides));
}

function textOf(name: string, content: Buffer): string {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    return decoder.decode(content);
  } catch {
    throw new Problem(
      'usage',
      `${name}:${lineOfOddByte(content)}: this is not UTF-8. Save the file as UTF-8.`,
    );
  }
}

/** A line break is one byte in UTF-8, and never part of another character. */
function lineOfOddByte(content: Buffer): number {
  let line = 1;
  for (let from = 0; from < content.length; line++) {
    const end = content.indexOf('\n', from);
    const bytes = content.subarray(from, end < 0 ? content.length : end);
    if (!bytes.equals(Buffer.from(bytes.toString('utf8')))) break;
    if (end < 0) break;
    from = end + 1;
  }
  return line;
}

function rowsOf(name: string, text: string): Row[] {
  const options = {
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    record_delimiter: ['\r\n', '\n', '\r'],
    // The header, and one more than is allowed.
    to: MOST_ROWS + 2,
  } satisfies Options;
  try {
    const records = parse(text, options) as unknown as { record: string[]; info: { lines: number } }[];
    return records.map(({ record, info }) => ({ line: info.lines, fields: record }));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const says = error.message.replace(/\s+/g, ' ');
    throw new Problem('usage', `${name}:${String(error.lines)}: this is no CSV: ${says}.`);
  }
}

function several(mistakes: readonly string[]): string {
  const more = mistakes.length - MOST_MISTAKES;
  const said = mistakes.slice(0, MOST_MISTAKES);
  return [
    ...said,
    ...(more > 0 ? [`And ${number(more)} more. Nothing was sent.`] : ['Nothing was sent.']),
  ].join('\n');
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}
