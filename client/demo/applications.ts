/** The demo's two applications, a workspace and a helpdesk, as they come with Handover. */
import { fileURLToPath } from 'node:url';
import { seedDemo } from '../../examples/demo/seed.js';
import type { Applications } from '../local/installation.js';

export const demoApplications: Applications = {
  config: fileURLToPath(new URL('../../examples/demo/handover.yaml', import.meta.url)),
  filling: 'Filling the demo applications (only the first time)',
  async fill(env) {
    const { fresh, rows } = await seedDemo({
      workspaceUrl: env.DEMO_WORKSPACE_URL!,
      helpdeskUrl: env.DEMO_HELPDESK_URL!,
    });
    return fresh
      ? `Two demo applications, a workspace and a helpdesk, filled with ${rows.toLocaleString('en-US')} rows`
      : 'Two demo applications, as the last start left them';
  },
};
