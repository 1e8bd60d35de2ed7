#!/usr/bin/env node
// The command line. The sources are TypeScript and run as they are: tsx translates them while they load,
// whatever the current folder.
import { register } from 'tsx/esm/api';

register({ tsconfig: false });
const { main } = await import('../client/cli/main.ts');
const code = await main(process.argv.slice(2));
// Set, not exit(): what is still on its way to a pipe must arrive.
if (code !== 0) process.exitCode = code;
