/** The workflow types a worker offers. */
export { archiveClosed } from './archive-closed.js';
export { giveBack } from './give-back.js';
export { inquire } from './inquire.js';
export { offboardUser } from './offboard/offboard-user.js';
export { requestOffboarding } from './request-offboarding.js';
export { sweepStragglers } from './sweep-stragglers.js';
