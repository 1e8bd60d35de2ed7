// Schemathesis as a child: it reads the gateway's own description, and sends what that allows and what it does
// not. Where it comes from: test/schemathesis/install.sh.

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

const PLACE = process.env.HANDOVER_SCHEMATHESIS ?? join(homedir(), '.cache/handover-schemathesis');
const PROGRAM = join(PLACE, 'bin/schemathesis');

/** So many cases for each operation and phase. */
const CASES = process.env.HANDOVER_CASES ?? '25';

export interface Fuzzing {
  url: string;
  /** Null = anonymous. */
  token: string | null;
  /** What is really there, mixed with what is drawn: open runs, closed ones, people. */
  known: { open: string[]; closed: string[]; people: string[]; plans: string[] };
}

export interface Fuzzed {
  code: number | null;
  said: string;
  requests: number;
}

/** Throws a sentence where it is not on this machine. */
export async function fuzz({ url, token, known }: Fuzzing): Promise<Fuzzed> {
  const folder = mkdtempSync(join(tmpdir(), 'handover-schemathesis-'));
  writeFileSync(join(folder, 'schemathesis.toml'), settings(known));
  const report = join(folder, 'events.ndjson');
  const child = spawn(
    PROGRAM,
    [
      ...['run', `${url}/openapi.json`, '--max-examples', CASES],
      ...['--continue-on-failure', '--no-color', '--output-truncate', 'true', '--request-timeout', '30'],
      ...['--report', 'ndjson', '--report-ndjson-path', report, '--generation-database', 'none'],
      ...(process.env.HANDOVER_SEED ? ['--seed', process.env.HANDOVER_SEED] : []),
      ...(token ? ['--header', `Authorization: Bearer ${token}`] : []),
    ],
    { cwd: folder, env: { PATH: process.env.PATH, HOME: folder }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', piece => (said += piece));
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('close', resolve);
      child.on('error', () =>
        reject(new Error(`There is no ${PROGRAM}: run test/schemathesis/install.sh, which needs Python.`)),
      );
    });
    return { code, said, requests: requestsIn(readFileSync(report, 'utf8')) };
  } finally {
    if (process.env.HANDOVER_KEEP) console.error(folder);
    else rmSync(folder, { recursive: true });
  }
}

function requestsIn(events: string): number {
  return events.split('"status_code"').length - 1;
}

function settings({ open, closed, people, plans }: Fuzzing['known']): string {
  const dictionary = (name: string, values: string[]): string =>
    `[dictionaries.${name}]\nvalues = ${JSON.stringify(values)}\n`;
  const often = (name: string): string => `{ dictionary = "${name}", probability = 0.7 }`;
  return `
${dictionary('runs', [...open, ...closed])}
${dictionary('closed', closed)}
${dictionary('people', people)}
${dictionary('plans', plans)}
${dictionary('webhooks', ['signed', 'known'])}
# Nothing can hold a NUL, and no schema says so: test/gateway/hostile.test.ts sends some.
[generation]
allow-x00 = false

[parameters]
"path.run" = ${often('runs')}
"body.user" = ${often('people')}
"body.plan" = ${often('plans')}
"path.name" = { dictionary = "webhooks", probability = 0.7 }

# It may also be refused for its length alone, before anything of it is read.
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429, 431]

# What no schema says: which token counts (400, by OpenID's specification), which day there is (2026-02-30) and
# which are over, which fields a mapping wants of a webhook (422).
[[operations]]
include-operation-id = ["receiveLogout", "startOffboarding", "amend", "receiveWebhook"]
checks.positive_data_acceptance.enabled = false

# A stream of an open run goes on for minutes.
[[operations]]
include-operation-id = "followOffboarding"
parameters = { "path.run" = { dictionary = "closed", probability = 0.7 } }
`;
}
