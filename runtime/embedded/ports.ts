// Free ports on the loopback address. A wanted port that is taken is no problem: another one is used and
// said.

import { createServer } from 'node:net';
import getPort from 'get-port';

export const LOOPBACK = '127.0.0.1';

/** @param what as the message names it: "PostgreSQL", "the Temporal UI". */
export async function freePort(
  wanted: number | undefined,
  what: string,
  say: (line: string) => void,
): Promise<number> {
  if (wanted === undefined) return getPort({ host: LOOPBACK });
  // A server that was just killed holds its port for a moment longer; moving would break everybody who knows
  // the address.
  for (let attempt = 1; attempt <= 4; attempt++) {
    if (await isFree(wanted)) return wanted;
    await new Promise(resolve => setTimeout(resolve, 100));
  }
  const port = await getPort({ host: LOOPBACK });
  say(`Port ${wanted} is taken: ${what} uses ${port}.`);
  return port;
}

// Not get-port, which refuses for half a minute to hand out a port that it has handed out before in this
// process.
function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: LOOPBACK, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
