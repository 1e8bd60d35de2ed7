/**
 * Worlds of look-alikes, each drawn from a seed: how Zoe's values are written where, what else there is, and
 * what happens while her offboarding waits and works.
 */
import type { Dice } from '../faults/dice.js';

/** SQL for one of the two databases, and words for whoever reads a failure. */
export interface Happening {
  what: string;
  staff?: string;
  board?: string;
}

export type Moment = 'planned' | 'moving' | 'switching';

export interface DrawnWorld {
  first: Happening[];
  then: { moment: Moment; happening: Happening }[];
}

const MAIL = 'zoe@corp.example';
/** The same address, written in other ways. */
const SPELLINGS = ['ZOE@corp.example', 'Zoe@Corp.Example', ' zoe@corp.example', 'zoe@corp.example '];
const BLANKS = ['', '   ', '\u00a0'];

export function drawWorld(dice: Dice): DrawnWorld {
  const first: Happening[] = [
    items(dice, 'memos', 'author', MAIL, [1, dice.whole(0, 4)]),
    items(dice, 'drafts', 'author', 'zoe', [1, dice.whole(0, 3)]),
    items(dice, 'pins', 'owner', MAIL, [1, dice.whole(0, 3)]),
    ...some(dice, BEFORE, 3).map(make => make(dice)),
  ];
  const moments: Moment[] = ['planned', 'planned', 'moving', 'switching'];
  const then = some(dice, MEANWHILE, 2).map(make => ({ moment: dice.pick(moments), happening: make(dice) }));
  return { first, then };
}

type Make = (dice: Dice) => Happening;

const spelled = (dice: Dice): string => dice.pick(SPELLINGS);
const text = (value: string): string => `'${value.replaceAll("'", "''")}'`;

/** Up to `most` of them, each at most once. */
function some<T>(dice: Dice, from: readonly T[], most: number): T[] {
  const left = [...from];
  return Array.from(
    { length: dice.whole(0, most) },
    () => left.splice(dice.whole(0, left.length - 1), 1)[0]!,
  );
}

function items(
  dice: Dice,
  table: 'memos' | 'drafts' | 'pins',
  column: string,
  owner: string,
  [from, count]: [number, number],
): Happening {
  const rows = Array.from({ length: count }, (_, n) => {
    const written = table !== 'drafts' && dice.chance(0.4) ? spelled(dice) : owner;
    return `(${from + n}, ${text(written)})`;
  });
  const sql = rows.length > 0 ? `insert into ${table} (id, ${column}) values ${rows.join(', ')}` : undefined;
  return { what: `${count} ${table}`, [table === 'pins' ? 'board' : 'staff']: sql };
}

/** How things can be from the beginning. */
const BEFORE: Make[] = [
  dice => ({
    what: 'the board writes her address in another way',
    board: `update members set mail = ${text(spelled(dice))} where id = 17`,
  }),
  dice => ({
    what: 'she has no address in the directory',
    staff: `update employees set mail = ${text(dice.pick(BLANKS))} where no = :zoe`,
    board: `update members set nick = 'zoe' where id = 17`,
  }),
  () => ({
    what: 'Kim has the same address',
    staff: `update employees set mail = ${text(MAIL)} where no = :kim`,
  }),
  dice => ({
    what: 'a second account of hers',
    board: `insert into members (id, name, mail) values (71, 'Zoe Z.', ${text(spelled(dice))}); insert into cards values (31, 71), (32, 71)`,
  }),
  () => ({
    what: 'a former nickname',
    staff: `insert into nicknames values ('zoe.miller', :zoe); insert into drafts values (21, 'zoe.miller'), (22, 'zoe.miller')`,
  }),
  () => ({
    what: 'a second entry of hers',
    staff: `update employees set person_no = 'P1' where no = :zoe; insert into employees (no, name, mail, person_no) values (:zoe + 9, 'Zoe (admin)', 'zoe.admin@corp.example', 'P1'); insert into memos values (31, 'zoe.admin@corp.example')`,
  }),
  dice => ({
    what: 'somebody without an address, and their work',
    board: `insert into members (id, name, mail) values (61, 'Nobody', ${text(dice.pick(BLANKS))}); insert into cards values (41, 61)`,
  }),
  () => ({
    what: "Kim's work",
    staff: `insert into memos values (41, 'kim@corp.example')`,
    board: `insert into cards values (51, 19); insert into pins values (51, 'kim@corp.example')`,
  }),
];

/** What can happen while the offboarding is under way. */
const MEANWHILE: Make[] = [
  () => ({
    what: 'her address changes everywhere',
    staff: `update employees set mail = 'zoe.new@corp.example' where no = :zoe`,
    board: `update members set mail = 'zoe.new@corp.example' where id = 17`,
  }),
  () => ({
    what: 'her address changes in the directory, and Kim gets the old one',
    staff: `update employees set mail = 'zoe.new@corp.example' where no = :zoe; update employees set mail = ${text(MAIL)} where no = :kim`,
  }),
  dice => ({
    what: 'a new account of hers',
    board: `insert into members (id, name, mail) values (72, 'Zoe, again', ${text(spelled(dice))}); insert into cards values (61, 72)`,
  }),
  () => ({
    what: 'her account becomes Kim’s',
    board: `update members set mail = 'kim@corp.example', nick = 'kim', name = 'Kim K.' where id = 17`,
  }),
  () => ({ what: 'her account is gone', board: 'delete from members where id = 17' }),
  dice => ({
    what: 'late items',
    staff: `insert into memos values (71, ${text(spelled(dice))}); insert into drafts values (71, 'zoe')`,
    board: `insert into cards values (71, 17); insert into pins values (71, ${text(spelled(dice))})`,
  }),
  () => ({
    what: 'her nickname is gone',
    staff: `delete from nicknames where nick = 'zoe'`,
  }),
  () => ({
    what: 'another entry of hers',
    staff: `update employees set person_no = 'P1' where no = :zoe; insert into employees (no, name, mail, person_no) values (:zoe + 8, 'Zoe (new)', 'zoe.two@corp.example', 'P1'); insert into memos values (81, 'zoe.two@corp.example')`,
  }),
];
