/**
 * Fills the demo's two databases, once: `node --import tsx deploy/seed-demo.ts` with DEMO_WORKSPACE_URL
 * and DEMO_HELPDESK_URL.
 */
import { seedDemo } from '../examples/demo/seed.js';
import { connectionUrl } from '../runtime/config.js';

const seeded = await seedDemo({
  workspaceUrl: connectionUrl('DEMO_WORKSPACE_URL', 'the demo workspace'),
  helpdeskUrl: connectionUrl('DEMO_HELPDESK_URL', 'the demo helpdesk'),
});
console.log(seeded.fresh ? `Filled with ${seeded.rows} rows.` : 'Filled before: left as it is.');
