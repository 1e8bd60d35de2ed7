// What vitest's results say, over all test runs of `.ci/run`.
//   failed FILE        the test files of one run that failed, a line each
//   summary DIR        what failed, by name and with its first line; what passed only when it ran again; the counts
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';

const [command, path] = process.argv.slice(2);
const read = file => JSON.parse(readFileSync(file, 'utf8'));

// A file that does not even load has no tests to count: it counts as one that failed.
const unloaded = file => file.status === 'failed' && file.assertionResults.length === 0;
const hasFailed = file => unloaded(file) || file.assertionResults.some(({ status }) => status === 'failed');
const nameOf = file => relative(process.cwd(), file.name);
const failuresOf = file =>
  unloaded(file)
    ? [`${nameOf(file)}: ${firstLine(file.message)}`]
    : file.assertionResults
        .filter(({ status }) => status === 'failed')
        .map(
          ({ fullName, failureMessages }) => `${nameOf(file)}: ${fullName}: ${firstLine(failureMessages[0])}`,
        );
const firstLine = text => (text ?? '').split('\n')[0].slice(0, 300);

if (command === 'failed') {
  for (const file of read(path).testResults.filter(hasFailed)) console.log(nameOf(file));
} else {
  const runs = readdirSync(path).filter(file => file.endsWith('.json'));
  const again = new Map(
    runs
      .filter(file => file.endsWith('.again.json'))
      .flatMap(file =>
        read(join(path, file)).testResults.map(result => [
          `${basename(file, '.again.json')} ${result.name}`,
          result,
        ]),
      ),
  );
  const count = { passed: 0, failed: 0, skipped: 0 };
  for (const run of runs.filter(file => !file.endsWith('.again.json'))) {
    for (const first of read(join(path, run)).testResults) {
      const second = again.get(`${basename(run, '.json')} ${first.name}`);
      const file = second ?? first;
      for (const line of failuresOf(first)) {
        console.log(`${hasFailed(file) ? 'FAILED' : 'FAILED ONCE, passed alone'}  ${line}`);
      }
      if (unloaded(file)) count.failed++;
      for (const { status } of file.assertionResults)
        count[count[status] === undefined ? 'skipped' : status]++;
    }
  }
  console.log(
    `${count.passed} passed, ${count.failed} failed${count.skipped ? `, ${count.skipped} skipped` : ''}`,
  );
}
