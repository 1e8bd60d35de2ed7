// The catalogs of the demo as data: what they say about every promise, without a database.

import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadCatalog } from '../../connectors/catalog/file.js';
import { http } from '../../connectors/http/kind.js';
import { postgres } from '../../connectors/postgres/kind.js';

import { catalogPath, readConfig } from '../../runtime/config.js';
import { CATEGORIES_BY_PROMISE } from './coverage.js';

const config = readConfig(fileURLToPath(new URL('../../examples/demo/handover.yaml', import.meta.url)));
const workspace = (await loadCatalog(catalogPath(config, 'workspace'), { postgres })).catalog;
const helpdesk = (await loadCatalog(catalogPath(config, 'helpdesk'), { postgres })).catalog;
const outreach = (await loadCatalog(catalogPath(config, 'outreach'), { http })).catalog;
const categories = new Map(
  [workspace, helpdesk].flatMap(catalog =>
    Object.entries(catalog.categories).map(([name, spec]) => [`${catalog.system}/${name}`, spec]),
  ),
);
const overHttp = new Map(
  Object.entries(outreach.categories).map(([name, spec]) => [`outreach/${name}`, spec]),
);

describe('the demo catalogs', () => {
  it('stand under the names by which the configuration knows them', () => {
    expect([workspace.system, helpdesk.system, outreach.system]).toEqual(Object.keys(config.systems));
    expect(config.directory).toBe(workspace.system);
  });

  it.each(Object.entries(CATEGORIES_BY_PROMISE))('cover %s', (_promise, needed) => {
    expect(needed.filter(category => !categories.has(category))).toEqual([]);
  });

  it('have no category that nobody asked for', () => {
    const asked = new Set(Object.values(CATEGORIES_BY_PROMISE).flat());
    expect([...categories.keys()].filter(category => !asked.has(category))).toEqual([]);
  });

  it.each(['transfer', 'remove', 'revoke', 'acknowledge', 'keep'] as const)(
    'show the disposition %s',
    disposition => {
      expect([...categories.values()].map(spec => spec.do)).toContain(disposition);
    },
  );

  it('show every key of a category once at least', () => {
    const shown = (test: (spec: (typeof workspace.categories)[string]) => boolean): boolean =>
      [...categories.values()].some(test);
    expect(shown(spec => spec.mirrors.length > 0)).toBe(true);
    expect(shown(spec => spec.unique !== undefined)).toBe(true);
    expect(shown(spec => spec.key.length > 1)).toBe(true);
    expect(shown(spec => spec.version !== undefined)).toBe(true);
    expect(shown(spec => Object.keys(spec.touch).length > 0)).toBe(true);
    expect(shown(spec => spec.fires_at !== undefined && spec.do === 'transfer')).toBe(true);
    expect(shown(spec => Object.keys(spec.queues).length > 0)).toBe(true);
    expect(shown(spec => spec.unassigned)).toBe(true);
    expect(shown(spec => spec.secret.length > 0)).toBe(true);
    expect(shown(spec => spec.owner.identity !== 'user')).toBe(true);
    expect(shown(spec => spec.after.some(other => other.includes('/')))).toBe(true);
  });

  it('handle inflow before anything else, in both systems', () => {
    expect(Object.values(workspace.categories).some(spec => spec.inflow)).toBe(true);
    expect(Object.values(helpdesk.categories).some(spec => spec.inflow)).toBe(true);
  });

  it('block, deactivate and give back, and guard the last owner and service accounts', () => {
    for (const catalog of [workspace, helpdesk, outreach]) {
      expect(catalog).toMatchObject({
        block: expect.anything(),
        unblock: expect.anything(),
        deactivate: expect.anything(),
        reactivate: expect.anything(),
        guards: { last_owner: expect.anything() },
      });
    }
    for (const catalog of [workspace, helpdesk]) expect(catalog.guards.protected).toEqual(expect.any(String));
  });

  it('link every item that a person must deal with', () => {
    expect(
      [...categories, ...overHttp]
        .filter(([, spec]) => spec.do !== 'keep' && spec.link === undefined)
        .map(([id]) => id),
    ).toEqual([]);
  });

  it('only order categories that exist', () => {
    const known = (system: string, other: string): boolean =>
      categories.has(other.includes('/') ? other : `${system}/${other}`);
    const unknown = [workspace, helpdesk].flatMap(catalog =>
      Object.values(catalog.categories).flatMap(spec =>
        spec.after.filter(other => !known(catalog.system, other)),
      ),
    );
    expect(unknown).toEqual([]);
  });
});

describe('the standing rules of the demo', () => {
  it('name categories and systems that exist, and end with a rule for everything', () => {
    expect(
      config.successors
        .map(rule => rule.category)
        .filter(category => category !== undefined && !categories.has(category) && !overHttp.has(category)),
    ).toEqual([]);
    expect(config.successors.at(-1)).toEqual({ rule: 'manager' });
  });

  it('match on attributes, queues and "unassigned" that the catalogs offer', () => {
    for (const { category, rule } of config.successors) {
      const spec = category === undefined ? undefined : categories.get(category);
      if (typeof rule === 'object' && 'match' in rule)
        expect(spec?.attributes).toHaveProperty(rule.match.attribute);
      if (typeof rule === 'string' && rule.startsWith('queue:'))
        expect(spec?.queues).toHaveProperty(rule.slice('queue:'.length));
      if (rule === 'unassigned') expect(spec?.unassigned).toBe(true);
    }
  });
});
