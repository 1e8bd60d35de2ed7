#!/usr/bin/env node
// The command line. The sources are TypeScript and run as they are: tsx translates them while they load,
// whatever the current folder.
import { readFileSync } from 'node:fs';

const args = process.argv.slice(2);
if (
  args.length === 1 &&
  ['--help', '-h', 'help'].includes(args[0]) &&
  (process.stdout.columns ?? 110) >= 110
) {
  // Written down by `npm run write:help`: who only asks what there is need not wait for sources to be translated.
  process.stdout.write(readFileSync(new URL('./help.txt', import.meta.url)));
} else {
  const { register } = await import('tsx/esm/api');
  register({ tsconfig: false });
  const { main } = await import('../client/cli/main.ts');
  const code = await main(args);
  // Set, not exit(): what is still on its way to a pipe must arrive.
  if (code !== 0) process.exitCode = code;
}
