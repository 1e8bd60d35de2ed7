/**
 * When two values of an identity are the same although they are written differently: an application may not
 * care about upper and lower case, about the form of an umlaut, or about leading zeros, and PostgreSQL's `=`
 * does. A fold names what is not cared about; a database folds in the same way (connectors/postgres/fold.ts).
 */

/**
 * `case`: upper and lower case. `unicode`: one form of every character (NFKC),
 * without those that nobody sees. `blanks`: blanks around the
 * value. `zeros`: leading zeros, a plus sign and `.0`, as numbers are written. `uuid`: the
 * ways to write one (braces, `urn:uuid:`, without hyphens).
 */
export const FOLDS = ['case', 'unicode', 'blanks', 'zeros', 'uuid'] as const;
export type Fold = (typeof FOLDS)[number];

/** What people do not care about in addresses and logins, unless their catalog says otherwise. */
export const AS_PEOPLE_WRITE: readonly Fold[] = ['case', 'unicode', 'blanks'];

/**
 * What a text may hold and nobody sees: soft hyphens, zero-width characters, marks of direction and variation
 * (Unicode's Default_Ignorable_Code_Point, as far as it has 16 bits).
 */
export const UNSEEN: readonly string[] = [
  [0x00ad, 0x00ad],
  [0x034f, 0x034f],
  [0x061c, 0x061c],
  [0x115f, 0x1160],
  [0x17b4, 0x17b5],
  [0x180b, 0x180f],
  [0x200b, 0x200f],
  [0x202a, 0x202e],
  [0x2060, 0x206f],
  [0x3164, 0x3164],
  [0xfe00, 0xfe0f],
  [0xfeff, 0xfeff],
  [0xffa0, 0xffa0],
  [0xfff0, 0xfff8],
].flatMap(([first, last]) =>
  Array.from({ length: last! - first! + 1 }, (_, n) => String.fromCharCode(first! + n)),
);
const unseen = new RegExp(`[${UNSEEN.join('')}]`, 'g');

/** The value as it is compared: two that fold to the same text are the same. */
export function folded(value: string, folds: readonly Fold[]): string {
  const has = (fold: Fold): boolean => folds.includes(fold);
  let text = has('unicode') ? value.normalize('NFKC').replace(unseen, '') : value;
  if (has('blanks')) text = text.trim();
  if (has('case')) text = text.toLowerCase();
  if (has('uuid')) {
    const bare = text
      .toLowerCase()
      .replace(/^urn:uuid:/, '')
      .replace(/[{}-]/g, '');
    if (/^[0-9a-f]{32}$/.test(bare)) text = bare;
  }
  if (!has('zeros')) return text;
  return text.replace(/^\+?0*(?=.)/s, '').replace(/^(\d+)\.0+$/, '$1');
}

/** Nobody is called nothing: an empty value, or one of blanks alone, identifies nobody. */
export function isBlank(value: string | null | undefined): boolean {
  return value === null || value === undefined || value.trim() === '';
}

/**
 * What people write where they have nothing to write: nobody's number, however many have it. An address or a
 * login may be called so, and identifies nobody where several have it.
 */
export function isPlaceholder(value: string): boolean {
  return /^(?:n\/?a|none|null|nil|unknown|undefined|tbd|x+|0+|9{3,}|[-?._*#]+)$/.test(
    folded(value, AS_PEOPLE_WRITE),
  );
}

/** In which respect two values differ that only all folds together make the same: "upper and lower case". */
export function sayDifference(one: string, other: string): string {
  const needed = FOLDS.filter(
    fold =>
      folded(
        one,
        FOLDS.filter(each => each !== fold),
      ) !==
      folded(
        other,
        FOLDS.filter(each => each !== fold),
      ),
  );
  return needed.length > 0 ? needed.map(fold => WORDS[fold]).join(' and ') : 'how they are written';
}

const WORDS: Record<Fold, string> = {
  case: 'upper and lower case',
  unicode: 'the form of its characters',
  blanks: 'blanks around it',
  zeros: 'how a number is written',
  uuid: 'how a uuid is written',
};
