// A process that owns servers, for tests that kill it. Started by tests with `node --import tsx`, told what
// to do by its argument, and prints one JSON line when everything runs. It handles Ctrl-C the way a draining
// worker does: by going on.

import { startChild } from '../../runtime/embedded/child.js';
import { startEmbedded } from '../../runtime/embedded/index.js';
import { searchAttributes } from '../../runtime/search-attributes.js';

const [what, dir] = process.argv.slice(2);
const say = (line: string): void => console.error(line);
process.on('SIGINT', () => {});

if (what === 'sleeper' || what === 'slow') {
  // `slow` takes its time to end: it ignores the signal, and gets SIGKILL a second later.
  const script = what === 'slow' ? `trap '' TERM; while :; do sleep 0.1; done` : 'exec sleep 600';
  const stop = what === 'slow' ? [{ signal: 'SIGTERM', graceMs: 1000 } as const] : [];
  const child = await startChild({
    name: 'Sleeper',
    command: 'sh',
    args: ['-c', script],
    logFile: `${dir}/sleeper.log`,
    stop,
  });
  console.log(JSON.stringify({ pids: [child.pid] }));
} else {
  const ports = { temporal: undefined, temporalUi: undefined, postgres: undefined };
  const options = {
    stateDir: dir!,
    say,
    ui: false,
    temporal: 'file',
    searchAttributes,
    postgresSettings: { fsync: 'off' },
  } as const;
  const embedded = await startEmbedded({ ...options, ...(what === 'first' ? { ports } : {}) });
  await embedded.postgres.ensureDatabase('kept');
  console.log(JSON.stringify({ temporal: embedded.temporal, postgres: embedded.postgres.url('kept') }));
}
