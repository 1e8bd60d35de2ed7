/**
 * Runs that were started by earlier code go on under this code: every recorded history replays with the
 * workflows as they are now. A workflow that was changed on purpose does not, or this test could never fail.
 */
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DECISIONS } from '../../domain/request.js';
import { payloadConverterPath } from '../../runtime/temporal.js';
import { bundled, workflowBundle } from '../../workers/bundle.js';
import { bundleCache } from '../support/world.js';
import { type Recorded, recorded } from './histories.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const histories = recorded();

/** What replay objects to, by path; empty = every history replays. */
async function objections(
  codePath: string,
  chosen: readonly Recorded[] = histories,
): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const results = Worker.runReplayHistories(
    { workflowBundle: { codePath }, dataConverter: { payloadConverterPath }, replayName: 'recorded' },
    chosen.map(({ workflowId, history }) => ({ workflowId, history: structuredClone(history) })),
  );
  const seen: string[] = [];
  for await (const { runId, error } of results) {
    const { path } = chosen.find(one => runOf(one) === runId)!;
    seen.push(path);
    if (error) found[path] = error.message;
  }
  expect(seen.sort()).toEqual(chosen.map(one => one.path).sort());
  return found;
}

/** Two executions of one offboarding have the same workflow id. */
function runOf({ history }: Recorded): unknown {
  const started = history.events[0]?.workflowExecutionStartedEventAttributes;
  return (started as { originalExecutionRunId: string }).originalExecutionRunId;
}

describe('the recordings', () => {
  test('are there for every path that the promise names', () => {
    expect(histories.map(one => one.path)).toEqual(
      expect.arrayContaining([
        'happy',
        'parked-and-retried',
        'rejected',
        'cancelled-by-message',
        'cancelled-by-temporal',
        'amended',
        'corrected',
        'unplanned',
        'unplanned-and-cancelled',
        'scheduled',
        'skipped-and-approved',
        'finished',
        'paused-and-resumed',
        'confirmed',
        'execute-only',
        'preview',
        'nothing-to-do',
        'refused',
        'went-on',
        'went-on-and-ended',
        'archive-closed',
        'sweep',
        'give-back',
        'front-door-started',
        'front-door-already-running',
        'front-door-not-started',
        'front-door-unreadable',
      ]),
    );
  });

  test('call every activity that there is, and carry every decision', async () => {
    const text = JSON.stringify(histories);
    const index = await readFile(join(ROOT, 'activities/index.ts'), 'utf8');
    const activities = [...index.matchAll(/(\w+): bind\(deps, \w+\)/g)].map(match => match[1]!);
    expect(activities.length).toBeGreaterThan(10);
    const called = (name: string): boolean => text.includes(`"activityType":{"name":"${name}"}`);
    // The first is asked where a worker died while the run was to stop: test/e2e/messages has it happen. The
    // second looks for what people do by hand, which nobody has to here: test/http/around-the-switch. The last
    // is of a workflow that lives for seconds.
    expect(activities.filter(name => !called(name))).toEqual(['stepsSoFar', 'lookIfDone', 'answerInquiry']);
    const carried = new Set(
      [...text.matchAll(/"input":\{"header":\{[^}]*\},"name":"(\w+)"|"name":"(\w+)","args"/g)].map(
        m => m[1] ?? m[2],
      ),
    );
    expect(DECISIONS.filter(name => !carried.has(name))).toEqual([]);
  });

  test('come from a real server: it notes which of its features a history used', () => {
    for (const { path, history } of histories)
      expect(JSON.stringify(history), path).toMatch(/"(coreUsedFlags|langUsedFlags|sdkName)"/);
  });

  test('hold nothing of the machine that recorded them', () => {
    const text = JSON.stringify(histories);
    expect(text).not.toMatch(/canary|password|\d+@(?!recorder)[\w-]+"/);
    expect(text).not.toContain(ROOT);
  });
});

describe('replay', () => {
  test('every recorded history replays with the workflows as they are now', async () => {
    expect(await objections(await workflowBundle(bundleCache))).toEqual({});
  });
});

/** Changes that would leave open runs stuck; each is one edit of a copy of the workflows. */
const CHANGES: { name: string; file: string; from: RegExp; to: string; breaks: string }[] = [
  {
    name: 'an activity by another name',
    file: 'workflows/offboard/chapters/prepare.ts',
    from: /quick\.resolveAccounts\b/,
    to: '(quick as any).findAccounts',
    breaks: 'preview',
  },
  {
    name: 'a call that is gone',
    file: 'workflows/offboard/offboard-user.ts',
    from: /await certify\(desk\)/,
    to: '({} as Report)',
    breaks: 'happy',
  },
  {
    name: 'two calls in another order',
    file: 'workflows/offboard/offboard-user.ts',
    from: /(await live\(desk\);)\s*(const report = await certify\(desk\);)/,
    to: '$2 $1',
    breaks: 'rejected',
  },
  {
    name: 'a timer that was not there',
    file: 'workflows/offboard/chapters/gates.ts',
    from: /(export async function approval\(desk: Desk\): Promise<Happening> \{)/,
    to: '$1 await desk.wait(() => false, { ms: 1 });',
    breaks: 'amended',
  },
];

describe('a deliberately changed workflow', () => {
  let copy: string;
  beforeAll(async () => {
    copy = await mkdtemp(join(tmpdir(), 'handover-replay-'));
    for (const folder of ['workflows', 'domain', 'activities', 'runtime', 'package.json', 'tsconfig.json'])
      await cp(join(ROOT, folder), join(copy, folder), { recursive: true });
    await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  });
  afterAll(() => rm(copy, { recursive: true, force: true }));

  const built = async (name: string): Promise<string> => {
    const { code } = await bundleWorkflowCode({
      ...bundled(copy),
      logger: new DefaultLogger('ERROR'),
    });
    const path = join(copy, `${name.replaceAll(' ', '-')}.js`);
    await writeFile(path, code);
    return path;
  };

  test('an unchanged copy replays, so what follows is due to the change', async () => {
    expect(await objections(await built('unchanged'))).toEqual({});
  });

  test.each(CHANGES)('$name is found', async ({ name, file, from, to, breaks }) => {
    const path = join(copy, file);
    const source = await readFile(path, 'utf8');
    const changed = source.replace(from, to);
    expect(changed, `${file} no longer says what this change replaces`).not.toBe(source);
    await writeFile(path, changed);
    try {
      const chosen = histories.filter(one => one.path === breaks);
      expect(chosen).toHaveLength(1);
      expect((await objections(await built(name), chosen))[breaks]).toMatch(/[Nn]on-?determinis/);
    } finally {
      await writeFile(path, source);
    }
  });
});
