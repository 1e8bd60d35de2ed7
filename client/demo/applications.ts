/**
 * The demo's three applications as they come with Handover: two that are databases, a workspace and a
 * helpdesk, and one that is reached over HTTP, outreach, which runs in this process.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startOutreach } from '../../examples/demo/outreach/server.js';
import { COLLEAGUES, emailOf } from '../../examples/demo/people.js';
import { seedDemo } from '../../examples/demo/seed.js';
import { freePort } from '../../runtime/embedded/ports.js';
import type { Applications } from '../local/installation.js';

/** Where links of its catalog lead. */
const OUTREACH_PORT = 8234;

export const demoApplications: Applications = {
  config: fileURLToPath(new URL('../../examples/demo/handover.yaml', import.meta.url)),
  operator: emailOf(COLLEAGUES.find(({ role }) => role === 'admin')!),
  databases: { DEMO_WORKSPACE_URL: 'demo_workspace', DEMO_HELPDESK_URL: 'demo_helpdesk' },
  async start({ stateDir, life, say }) {
    const token = randomBytes(24).toString('base64url');
    const port = await freePort(OUTREACH_PORT, 'the demo outreach', say);
    const outreach = await startOutreach({ file: join(stateDir, 'outreach.jsonl'), port, token });
    life.closer(() => outreach.close());
    return {
      env: { DEMO_OUTREACH_BASE: outreach.base, DEMO_OUTREACH_TOKEN: token },
      pages: [{ title: 'Demo outreach', url: outreach.page }],
    };
  },
  filling: 'Filling the demo applications (only the first time)',
  async fill(env) {
    const { fresh, rows } = await seedDemo({
      workspaceUrl: env.DEMO_WORKSPACE_URL!,
      helpdeskUrl: env.DEMO_HELPDESK_URL!,
    });
    const they = 'Three demo applications: a workspace and a helpdesk (databases), and outreach (HTTP)';
    return fresh
      ? `${they}, with ${rows.toLocaleString('en-US')} rows`
      : `${they}, as the last start left them`;
  },
};
