/** docs/systems.md says what the catalogs say: HANDOVER_UPDATE_GOLDEN=1 writes it anew. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { loadCatalog } from '../../connectors/catalog/file.js';
import { type Head, isBlockOff } from '../../connectors/catalog/head.js';
import { KINDS } from '../../connectors/registry.js';

const FOLDER = fileURLToPath(new URL('../../systems/', import.meta.url));
const PAGE = fileURLToPath(new URL('../../docs/systems.md', import.meta.url));
const SWITCHES = ['block', 'unblock', 'deactivate', 'reactivate'] as const;
const ENDINGS = ['sessions', 'tokens', 'memberships', 'licence', 'erase'] as const;
const DISPOSITIONS = ['transfer', 'remove', 'revoke', 'clear', 'acknowledge', 'keep'] as const;

const INTRO = `# Systems

What the catalogs of [systems/](../systems/README.md) can do, verb by verb: by the **system** itself, by a
**person** with a link to the place, or by **nobody**; what else ends with an account may end with the
**switch** itself, and a block may be the switch; where nothing is said there is nothing of the kind, or
it is a category. \`erase\` is only said: no offboarding does it. This page is made from the catalogs
(\`test/golden/systems-page.test.ts\`).

`;

async function page(): Promise<string> {
  const catalogs: [string, Head][] = [];
  for (const file of readdirSync(FOLDER)
    .filter(name => name.endsWith('.yaml'))
    .sort())
    catalogs.push([file, (await loadCatalog(`${FOLDER}${file}`, KINDS)).catalog]);
  const by = (catalog: Head, verb: (typeof SWITCHES)[number]): string =>
    (verb === 'unblock' && isBlockOff(catalog) ? 'switch' : catalog[verb]?.by) ??
    (catalog.kind === 'postgres' ? 'person' : 'nobody');
  const ends = (catalog: Head, verb: (typeof ENDINGS)[number]): string =>
    (catalog as Partial<Record<typeof verb, { by: string }>>)[verb]?.by ?? '';
  const counts = (catalog: Head, one: (typeof DISPOSITIONS)[number]): string => {
    const count = Object.values(catalog.categories).filter(spec => spec.do === one).length;
    return count === 0 ? '' : String(count);
  };
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const head = ['catalog', 'kind', ...SWITCHES, ...ENDINGS, ...DISPOSITIONS, 'run against'];
  const table = [
    row(head),
    row(head.map(() => '---')),
    ...catalogs.map(([file, catalog]) =>
      row([
        `[${catalog.title}](../systems/${file})`,
        catalog.kind,
        ...SWITCHES.map(verb => by(catalog, verb)),
        ...ENDINGS.map(verb => ends(catalog, verb)),
        ...DISPOSITIONS.map(one => counts(catalog, one)),
        catalog.run_against ?? 'the demo',
      ]),
    ),
  ];
  const lists = catalogs.map(([, catalog]) => {
    const lines = Object.values(catalog.categories).map(spec => `- ${spec.title}: ${spec.do}`);
    return `## ${catalog.title}, over ${catalog.kind}\n\n${lines.join('\n')}\n`;
  });
  return `${INTRO}${table.join('\n')}\n\nNumbers are categories.\n\n${lists.join('\n')}`;
}

test('the page on systems is what the catalogs say', async () => {
  const made = await page();
  if (process.env.HANDOVER_UPDATE_GOLDEN) writeFileSync(PAGE, made);
  expect(readFileSync(PAGE, 'utf8')).toBe(made);
});
