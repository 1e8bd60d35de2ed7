/** The words of discovery: what was seen of a column, and what follows from it. */
import type { Disposition } from '../../../domain/model.js';
import type { Reference } from './shape.js';

/** One of the values by which a person is known in the system. */
export interface PeopleValue {
  /** As a catalog would call it: `user`, `email`, `login`, `employee`, ... */
  identity: string;
  table: string;
  column: string;
  /** For a value in a table of its own: the column there that names the person. */
  person: string | null;
  /** `key`: the id, exactly. The others are texts, compared without regard to upper and lower case. */
  kind: 'key' | 'email' | 'login' | 'name';
  /** The table whose rows such a value names, so that a column that points there points at a person. */
  pointsAt: string | null;
  /** The catalog does not speak of it: the schema shows that people have it. */
  guessed?: boolean;
  /** It stands more than one row away from the person: `person` names no person's key. */
  far?: boolean;
}

/** Who people are, as a catalog says or as the schema looks. */
export interface People {
  table: string;
  key: string;
  values: readonly PeopleValue[];
  /** SQL that is true for rows of the table that are people; null = all. */
  when: string | null;
}

/** How sampled values of a column compare with one of the values that people are known by. */
export interface Match {
  value: PeopleValue;
  /** Different values that could have been one. */
  tried: number;
  /** Of these, values that are a person's. */
  people: number;
  /** Rows of the sample that hold one. */
  rows: number;
  /** No counter reaches so far by accident: a uuid, a large number, an e-mail. */
  telling: boolean;
  /** Where in a document: `cc[].email`. */
  paths: readonly string[];
  /** The value stands among other words. */
  inProse: boolean;
  /** What stands around each of these values, as in `user:1001`; empty for values that stand alone. */
  frame: string;
  /** The values that are a person's. */
  hits: ReadonlySet<string>;
}

/** What was seen of one column. */
export interface Seen {
  /** Rows that were read. */
  sampled: number;
  /** Of these, rows with a value. */
  filled: number;
  /** Different values among them. */
  distinct: number;
  /** The few most frequent values, where a polymorphic pair needs them. */
  values: readonly string[];
  matches: readonly Match[];
}

export const LAYERS = ['rule', 'values', 'texts', 'pair', 'document', 'second-hop', 'name'] as const;
/**
 * How a column was found: by a foreign key; by its values; by texts; as half of a polymorphic pair; inside an
 * array or JSON; by pointing at a row that points at a person; or by its name alone, since it is empty.
 */
export type Layer = (typeof LAYERS)[number];

/** One of the values that stand in a column, or at one place of its documents. */
export interface Part {
  value: PeopleValue;
  path: string | null;
  frame: string;
  hits: ReadonlySet<string>;
}

export interface Discovered {
  table: string;
  column: string;
  type: string;
  layer: Layer;
  /** Which value of a person stands there. */
  identity: PeopleValue;
  /** Of a pair: the column of classes, and which of them are people. */
  classes: { column: string; theirs: readonly string[] } | null;
  /** Everything of the column that is somebody's, where that may be more than one thing. */
  parts: readonly Part[];
  /** In one line each, strongest first. */
  evidence: string[];
  rule: Reference | null;
  /** Columns of the unique index that contains the column. */
  unique: readonly string[] | null;
  /** Estimate of the table's rows; null = nobody has counted. */
  rows: number | null;
  sampled: number;
  /** Share of sampled values that are people, 0 to 1; null where nothing was sampled. */
  share: number | null;
  /** Rows of the leaver who was named; null where nobody was, or counting would have read too much. */
  ofLeaver: number | null;
  propose: { do: Disposition | 'acknowledged'; inflow: boolean; because: string };
}

/** A column about which nothing is certain, and why. */
export interface Undecided {
  table: string;
  column: string;
  why: string;
}

/** A table that could not be looked at, and why. */
export interface Unread {
  table: string;
  why: string;
}

export interface Discovery {
  people: People;
  /** Tables that could be people as well. */
  otherPeople: readonly string[];
  columns: readonly Discovered[];
  undecided: readonly Undecided[];
  /** Nothing is certain about these, whatever the names of their columns say. */
  unread: readonly Unread[];
  tables: number;
  rowsRead: number;
  milliseconds: number;
}
