// Keeps the servers that tests need running between test runs, for a fast inner loop:
//
//   node --import tsx test/support/keep-servers.ts        prints two export lines for the shell that runs the tests
//
// Stays up until Ctrl-C, SIGTERM, or the end of its standard input where that is a terminal or a pipe (so it
// may also run in the background with < /dev/null).

import { fstatSync } from 'node:fs';
import { startTestServers } from './start-test-servers.js';

const servers = await startTestServers(line => console.error(line));
console.log(`export HANDOVER_TEST_TEMPORAL=${servers.temporal}`);
console.log(`export HANDOVER_TEST_POSTGRES=${servers.postgres}`);

await new Promise<void>(resolve => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve());
  const input = fstatSync(0);
  if (process.stdin.isTTY || input.isFIFO() || input.isSocket())
    process.stdin.on('end', resolve).on('close', resolve).resume();
  else setInterval(() => {}, 60_000);
});
await servers.stop();
process.exit(0);
