/**
 * The life of a command that starts servers: work until it is done or somebody ends it, then close everything
 * in reverse order, and leave no process behind. Ctrl-C works at any moment, also while something is still
 * starting.
 *
 * Exit codes: what the work answered; 130 / 143 / 129 when a signal cut the work short; 0 when it only stayed
 * up for people to look around (`atRest`); 1 when something failed, with a sentence.
 */
import { type Screen, screenOn } from './screen.js';

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
// npm hands Ctrl-C on although the terminal has already sent it to us: a second one within this time is the
// same one.
const SAME_KEYPRESS_MS = 800;
// Each: a worker and servers end in about a second, and supervisors end the servers without us if we must go
// before that.
const CLOSE_WITHIN_MS = 5_000;

export interface Life {
  /** Aborted when it is time to end, whatever the reason. */
  readonly signal: AbortSignal;
  /**
   * To be closed at the end, last one first. Register before starting: a start that is under way is waited
   * for as well.
   */
  closer(close: () => Promise<unknown>): void;
  /** Ends everything because something broke; the sentence is what people get to read. */
  fail(sentence: string): void;
  /** Nothing is under way any more: from here on, Ctrl-C is the ordinary end. */
  atRest(): void;
  /** Settles when it is time to end. */
  readonly ended: Promise<void>;
}

interface Ending {
  code: number;
  sentence?: string;
}

/**
 * Runs the work and then ends the process. `say` is told what is going on at the end, `cry` why it failed.
 */
async function live(
  work: (life: Life) => Promise<number>,
  { say, cry }: { say: (line: string) => void; cry: (sentence: string) => void },
): Promise<never> {
  const controller = new AbortController();
  const closers: (() => Promise<unknown>)[] = [];
  let resting = false;
  let ending: Ending | undefined;
  let began = 0;
  const end = (how: Ending): void => {
    if (ending) return;
    ending = how;
    began = Date.now();
    controller.abort(new Error('this process is ending'));
  };
  const ended = new Promise<void>(resolve =>
    controller.signal.addEventListener('abort', () => resolve(), { once: true }),
  );

  for (const [name, code] of Object.entries(SIGNALS)) {
    process.on(name, () => {
      if (ending && Date.now() - began > SAME_KEYPRESS_MS) process.exit(code);
      end({ code: resting ? 0 : code });
    });
  }
  // Somebody reads only the first lines of what we print (`| head`): that is an end like any other.
  process.stdout.on('error', () => end({ code: 0 }));
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => end({ code: 1, sentence: sentenceOf(error) }));
  }

  const life: Life = {
    signal: controller.signal,
    closer: close => void closers.unshift(close),
    fail: sentence => end({ code: 1, sentence }),
    atRest: () => {
      resting = true;
    },
    ended,
  };
  const worked = work(life).then(
    code => end({ code }),
    error => end({ code: 1, sentence: sentenceOf(error) }),
  );
  await Promise.race([worked, ended]);
  const { code, sentence } = ending!;
  if (sentence) cry(sentence);
  say(resting || code === 0 ? 'Stopping the worker and the servers.' : 'Ending: stopping what was started.');
  for (const close of closers) await within(CLOSE_WITHIN_MS, close());
  process.exit(code);
}

/** The same on the terminal, where demo and dev speak. */
export function onScreen(work: (life: Life, screen: Screen) => Promise<number>): Promise<never> {
  const screen = screenOn();
  return live(life => work(life, screen), {
    say: line => {
      screen.line(screen.colours.dim(line));
      screen.hush();
    },
    cry: sentence => screen.line(`\n${screen.colours.red(sentence)}`),
  });
}

async function within(ms: number, closing: Promise<unknown>): Promise<void> {
  await Promise.race([closing.catch(() => {}), new Promise(resolve => setTimeout(resolve, ms))]);
}

/** What people should read of an error: its message, and the stack only where nobody wrote a sentence. */
function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const programming =
    error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError;
  return programming && error.stack ? error.stack : error.message;
}
