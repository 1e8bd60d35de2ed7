/** The workflow types a worker offers. */
export { archiveRun } from './archive-run.js';
export { offboardUser } from './offboard/offboard-user.js';
export { requestOffboarding } from './request-offboarding.js';
