/** A disk that forgets what was not synced, and is cut off the power: forgetful.py, mounted by FUSE. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Disk {
  /** Where it is mounted. */
  path: string;
  /** What was written up to now into the files that lie in it is kept, as if the disk had come round to it. */
  sync(): Promise<void>;
  /** What was not synced is gone, and whoever has files open there reads and writes no more. */
  cut(): Promise<void>;
  /** Mounted again, with what is left. */
  again(): Promise<void>;
  remove(): Promise<void>;
}

const SCRIPT = fileURLToPath(new URL('./forgetful.py', import.meta.url));

/** @param python where fusepy is installed (PYTHONPATH) */
export async function forgetfulDisk(python: string): Promise<Disk> {
  const dir = await mkdtemp(join(tmpdir(), 'handover-power-cut-'));
  const [disk, path] = [join(dir, 'disk'), join(dir, 'mounted')];
  await Promise.all([disk, path].map(each => mkdir(each)));
  // PostgreSQL runs as another user, who must be able to pass through and to write.
  await chmod(dir, 0o755);
  await Promise.all([disk, path].map(each => chmod(each, 0o777)));
  let daemon: ChildProcess;
  const mount = async (): Promise<void> => {
    daemon = spawn('python3', [SCRIPT, disk, path], {
      env: { ...process.env, PYTHONPATH: python },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    for (let n = 0; n < 100; n++) {
      if ((await readFile('/proc/mounts', 'utf8')).includes(` ${path} `)) return;
      await new Promise(resolve => setTimeout(resolve, 100));
    }
    throw new Error(
      'The forgetful disk could not be mounted: it needs /dev/fuse, libfuse2, fusepy and root.',
    );
  };
  const unmount = (): void => {
    execFileSync('fusermount', ['-u', '-z', path], { stdio: 'ignore' });
  };
  const cut = async (): Promise<void> => {
    const gone = new Promise(resolve => daemon.once('exit', resolve));
    daemon.kill('SIGKILL');
    await gone;
    unmount();
  };
  await mount();
  return {
    path,
    async sync() {
      for (const name of await readdir(path)) {
        const file = await open(join(path, name));
        await file.sync().finally(() => file.close());
      }
    },
    cut,
    again: mount,
    async remove() {
      await cut().catch(() => {});
      await rm(dir, { recursive: true, force: true });
    },
  };
}
