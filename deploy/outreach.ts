/**
 * The demo's third application, which speaks HTTP: `node --import tsx deploy/outreach.ts`, with
 * DEMO_OUTREACH_BASE (http://127.0.0.1:8234/api), DEMO_OUTREACH_TOKEN and DEMO_OUTREACH_FILE, where it keeps
 * what it holds. It listens on the loopback address, as everything without TLS must.
 */
import { startOutreach } from '../examples/demo/outreach/server.js';

const { env } = process;
const need = (value: string | undefined, name: string, what: string): string => {
  if (!value) throw new Error(`The environment variable ${name} is not set; it holds ${what}.`);
  return value;
};

const outreach = await startOutreach({
  file: need(env.DEMO_OUTREACH_FILE, 'DEMO_OUTREACH_FILE', 'the file of the demo outreach'),
  port: Number(new URL(need(env.DEMO_OUTREACH_BASE, 'DEMO_OUTREACH_BASE', 'where it answers')).port),
  token: need(env.DEMO_OUTREACH_TOKEN, 'DEMO_OUTREACH_TOKEN', 'what its callers sign in with'),
});
console.log(`Demo outreach answers at ${outreach.base}.`);
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => void outreach.close().then(() => process.exit(0)));
