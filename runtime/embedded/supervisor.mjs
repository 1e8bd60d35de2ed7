// Runs one server for its owner and ends it when the owner is gone, however the owner went.
//
//   node supervisor.mjs '<json order>'        order: see SupervisorOrder in child.ts
//
// The owner starts this in a session of its own, so Ctrl-C in the terminal reaches the owner alone: it can
// drain its worker while the servers still answer. The owner's end of our standard input is the lifeline. The
// kernel closes it when the owner exits, crashes or is killed with SIGKILL, and nothing has to be cleaned up
// by hand.
//
// Plain JavaScript: it must start in tens of milliseconds and without a loader.
// Reports to the owner are JSON lines on standard output: {"pid":1} then {"exit":{"code":0,"signal":null}}.

import { spawn } from 'node:child_process';

/** @type {import('./child.js').SupervisorOrder} */
const order = JSON.parse(process.argv[2] ?? '{}');

const report = message => {
  process.stdout.write(`${JSON.stringify(message)}\n`);
};

// An owner that is gone reads no reports: that is no reason to die before the server has been ended.
process.stdout.on('error', () => {});
for (const signal of ['SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGPIPE']) process.on(signal, () => {});

const child = spawn(order.command, order.args, {
  cwd: order.cwd,
  uid: order.uid,
  gid: order.gid,
  // A process group of its own, so that the last SIGKILL also reaches what the server started.
  detached: true,
  // The owner hands us the log file as standard error; the server writes there and never blocks on a busy
  // owner.
  stdio: ['ignore', 2, 2],
});

let running = true;
let ending = false;

child.once('spawn', () => report({ pid: child.pid }));
child.once('error', error => finish({ error: error.message }));
child.once('exit', (code, signal) => finish({ exit: { code, signal } }));

process.stdin.on('error', end).on('end', end).on('close', end).resume();
process.on('SIGTERM', end);

/** Signal by signal, each with its grace time, then SIGKILL for the whole group. */
async function end() {
  if (ending) return;
  ending = true;
  for (const step of order.stop) {
    if (!running) return;
    child.kill(step.signal);
    await new Promise(resolve => setTimeout(resolve, step.graceMs));
  }
  if (running) killGroup();
}

function killGroup() {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
}

function finish(message) {
  running = false;
  report(message);
  // Exit only when the report is written, or the owner would learn of the exit without its reason.
  process.stdout.end(() => process.exit(0));
  setTimeout(() => process.exit(0), 500);
}
