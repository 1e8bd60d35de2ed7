// The gateway's health check in a container: does it answer? Exit code 0 or 1.
const answer = await fetch('http://127.0.0.1:8642/health').catch(() => null);
process.exit(answer?.ok ? 0 : 1);
