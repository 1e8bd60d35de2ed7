// The health check of a worker's container: its sign of life (workers/main.ts) must be young. Plain
// JavaScript, because it starts every few seconds.
import { statSync } from 'node:fs';

const LIMIT_SECONDS = 35;
const file = process.env.HANDOVER_HEALTH_FILE;
try {
  const age = (Date.now() - statSync(file ?? '').mtimeMs) / 1000;
  if (age <= LIMIT_SECONDS) process.exit(0);
  console.error(`The worker's last sign of life is ${Math.round(age)} s old.`);
} catch {
  console.error(
    file ? `The worker has given no sign of life yet (${file}).` : 'HANDOVER_HEALTH_FILE is not set.',
  );
}
process.exit(1);
