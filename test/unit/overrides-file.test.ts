/** A file of overrides is read as people and spreadsheets write it, and its mistakes are told by their lines. */
import { describe, expect, test } from 'vitest';
import { placed, readOverrides } from '../../client/overrides.js';
import { countOf, isReference } from '../../domain/overrides.js';
import { parseDecision, parseRequest } from '../../domain/request.js';

const read = (text: string | Buffer) => readOverrides('file.csv', Buffer.from(text));
const problem = (text: string | Buffer): string => {
  try {
    read(text);
  } catch (error) {
    return (error as Error).message;
  }
  return 'no mistake';
};
const header = 'step,key,successor\n';
const rows = (n: number, who = (_: number) => 'bob') =>
  Array.from({ length: n }, (_, i) => `crm/a,${i},${who(i)}\n`).join('');

describe('a file of overrides', () => {
  test('says per step and key who takes an item, in any order of columns', () => {
    expect(
      read('key,successor,system/category\n4711,bob@example.com,crm/a\n17,queue:second,desk/b\n'),
    ).toEqual({
      'crm/a': { 4711: 'bob@example.com' },
      'desk/b': { 17: 'queue:second' },
    });
  });

  test('may come from a spreadsheet: a byte-order mark, CRLF, quotes, blank lines, no last line break', () => {
    const text =
      '\uFEFFStep , Key,Successor\r\n\r\ncrm/a,"[""47:11"",""d=e""]",Zoë\r\ncrm/a," 7 ", bob \r\ncrm/b,7,bob';
    expect(read(text)).toEqual({
      'crm/a': { '["47:11","d=e"]': 'Zoë', ' 7 ': 'bob' },
      'crm/b': { 7: 'bob' },
    });
  });

  test.each([
    [
      'nothing',
      '',
      'file.csv:1: the first line names the columns, separated by commas: step (or system/category), key, successor; given was "".',
    ],
    ['no header', 'crm/a,1,bob\n', 'given was "crm/a,1,bob".'],
    ['semicolons', 'step;key;successor\ncrm/a;1;bob\n', 'given was "step;key;successor".'],
    ['a column too many', 'step,key,successor,why\n', 'given was "step,key,successor,why".'],
    ['a column twice', 'step,system/category,key,successor\n', 'file.csv:1: the first line names'],
    ['only a header', header, 'file.csv names no items: below its header there is a line for each.'],
  ])('with %s is refused', (_what, text, says) => {
    expect(problem(text)).toContain(says);
  });

  test.each([
    ['crm/a,1', 'file.csv:3: it has 2 fields, and the header names 3.'],
    [
      'crm/a,1,',
      'file.csv:3: "successor" cannot be "": say who: an e-mail, a login, "id:<directory id>", "manager", "queue:<name>", "group:<name>" or "unassigned".',
    ],
    ['crm/a,,bob', 'file.csv:3: "key" cannot be "": give the item\'s key.'],
    [',1,bob', 'file.csv:3: "step" cannot be "": name the step, such as "crm/open_tasks".'],
    [`crm/a,${'x'.repeat(321)},bob`, 'at most 320 characters are allowed.'],
    ['crm/a,0,eve', 'file.csv:3: "0" of crm/a stands in line 2 already.'],
    ['__proto__,1,bob', 'file.csv:3: "__proto__" is no name that anything can have.'],
    ['crm/a,__proto__,bob', 'file.csv:3: "__proto__" is no name that anything can have.'],
    ['crm/a,"1"x,bob', 'file.csv:3: this is no CSV: Invalid Closing Quote'],
    ['crm/a,"1,bob', 'this is no CSV: Quote Not Closed'],
  ])('with the line %s is refused as a whole', (line, says) => {
    expect(problem(`${header}crm/a,0,bob\n${line}\n`)).toContain(says);
  });

  test('lists five mistakes and counts the rest', () => {
    const said = problem(`${header}${'crm/a,1\n'.repeat(8)}crm/a,2,bob\n`).split('\n');
    expect(said.slice(0, 5).map(line => line.slice(0, 11))).toEqual(
      [2, 3, 4, 5, 6].map(n => `file.csv:${n}:`),
    );
    expect(said.slice(5)).toEqual(['And 3 more. Nothing was sent.']);
  });

  test('that is no UTF-8 is refused with its line', () => {
    const latin = Buffer.concat([
      Buffer.from(`${header}crm/a,1,Zoë\n`),
      Buffer.from('crm/a,2,Zoë\n', 'latin1'),
    ]);
    expect(problem(latin)).toBe('file.csv:3: this is not UTF-8. Save the file as UTF-8.');
  });

  test('has its bounds: rows, bytes, people', () => {
    expect(countOf(read(header + rows(100_000)))).toBe(100_000);
    expect(problem(header + rows(100_001))).toBe(
      'file.csv names more than 100,000 items: use a "match" rule for so many.',
    );
    expect(problem(Buffer.alloc(10_000_001, 'x'))).toBe(
      'file.csv has 10,000,001 bytes; at most 10,000,000 are allowed.',
    );
    expect(problem(header + rows(501, i => `p${i}`))).toBe(
      'file.csv names 501 different successors; at most 500 are allowed.',
    );
  });
});

describe('what a request says of them', () => {
  const digest = 'ab'.repeat(32);
  const store = async () => ({ overrides: { save: async () => digest, find: async () => null } });
  const asked = { user: 'alice', requestedBy: 'olivia' };

  test('200 travel inline, more are named by their digest', async () => {
    expect(await placed(read(header + rows(200)), store)).toEqual(read(header + rows(200)));
    const reference = await placed(read(header + rows(201)), store);
    expect(reference).toBe(`sha256:${digest}`);
    expect(isReference(reference as string)).toBe(true);
    expect(parseRequest({ ...asked, overrides: reference })).toMatchObject({
      ok: true,
      value: { overrides: reference },
    });
    expect(parseDecision('amend', { by: 'olivia', overrides: reference })).toMatchObject({ ok: true });
  });
});
