/** The page of Demo outreach: who is there, what they hold, and what has happened. Everything is escaped. */
import { type Item, KINDS, type Kind, type Member, type Outreach } from './application.js';

/** Shown at most; the rest is counted. */
const ROWS = 200;

/** @param of the id of a member, to show what they hold */
export function page(outreach: Outreach, of: string | null): string {
  const member = of === null ? undefined : outreach.members.get(of);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Demo outreach</title><style>${STYLE}</style></head><body>
<h1><a href="/">Demo outreach</a></h1>
<p>An application of the demo that Handover reaches over HTTP. Reload to see what changed.</p>
${member ? holdings(outreach, member) : everybody(outreach)}
${history(outreach)}
</body></html>
`;
}

function everybody(outreach: Outreach): string {
  const rows = [...outreach.members.values()].map(one =>
    row([
      `<a href="/?of=${escaped(encodeURIComponent(one.id))}">${escaped(one.name)}</a>`,
      status(one),
      String(one.sessions),
      ...KINDS.map(kind => String(held(outreach, kind, one).length)),
    ]),
  );
  return table(['who', 'access', 'sessions', ...KINDS], rows);
}

function holdings(outreach: Outreach, member: Member): string {
  const lists = KINDS.map(kind => {
    const items = held(outreach, kind, member);
    const rows = items
      .slice(0, ROWS)
      .map(item =>
        row([
          escaped(item.id),
          escaped(item.name),
          escaped(item.status),
          item.owners.map(id => escaped(outreach.nameOf(id))).join(', '),
        ]),
      );
    const more = items.length > ROWS ? `<p>and ${items.length - ROWS} more</p>` : '';
    return `<h3>${items.length} ${kind}</h3>${items.length > 0 ? table(['id', 'name', 'status', 'owners'], rows) : ''}${more}`;
  });
  return `<h2>${escaped(member.name)}: ${status(member)}, ${member.sessions} sessions</h2>${lists.join('\n')}`;
}

function history({ history: all }: Outreach): string {
  const last = all.slice(-ROWS).reverse();
  const rows = last.map(({ at, says }) => row([escaped(at.slice(11, 19)), escaped(says)]));
  return `<h2>${all.length} changes</h2>${all.length > 0 ? table(['at (UTC)', 'what'], rows) : ''}`;
}

const held = ({ items }: Outreach, kind: Kind, { id }: Member): Item[] =>
  [...items[kind].values()].filter(({ owners }) => owners.includes(id));

const status = ({ status: is }: Member): string => `<b class="${is}">${is}</b>`;

const row = (cells: readonly string[]): string =>
  `<tr>${cells.map(cell => `<td>${cell}</td>`).join('')}</tr>`;

const table = (head: readonly string[], rows: readonly string[]): string =>
  `<table><tr>${head.map(cell => `<th>${escaped(cell)}</th>`).join('')}</tr>${rows.join('\n')}</table>`;

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, one => `&#${one.charCodeAt(0)};`);
}

const STYLE = `body{font:15px/1.4 system-ui,sans-serif;margin:2em auto;max-width:60em;padding:0 1em}
a{color:inherit}table{border-collapse:collapse}td,th{padding:.15em .8em;text-align:left;border-bottom:1px solid #ddd}
.active{color:#176b2c}.suspended{color:#9a5b00}.off{color:#a11}`;
