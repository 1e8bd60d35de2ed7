"""
A file system that forgets what was not synced, as a disk does when the power is cut.

    python3 forgetful.py DISK MOUNTPOINT

What lies in DISK is what a power cut leaves. Names, sizes of files that were cut shorter, and rights are there
at once, as on a file system with a journal; bytes that were written are only in this process until somebody
asks for them to be synced (fsync, fdatasync, or a file opened with O_SYNC or O_DSYNC). Killing this process is
the power cut. Needs fusepy (PyPI) and libfuse2 (Debian), and root.
"""
import os
import sys
import threading

from fuse import FUSE, FuseOSError, Operations, fuse_get_context

BLOCK = 4096


class Forgetful(Operations):
    """Unsynced bytes by file: number of a block -> its bytes; and how long the file is by now."""

    def __init__(self, disk):
        self.disk = disk
        self.dirty = {}  # inode -> {block: bytearray}
        self.length = {}  # inode -> length, where it is longer than on the disk
        self.files = {}  # handle -> (descriptor, inode, synced at every write)
        self.turn = threading.RLock()
        self.next = 1

    def at(self, path):
        return self.disk + path

    def size(self, inode, on_disk):
        return max(on_disk, self.length.get(inode, 0))

    # Names and rights: there at once.
    def getattr(self, path, fh=None):
        try:
            s = os.lstat(self.at(path))
        except OSError as error:
            raise FuseOSError(error.errno)
        names = ("st_mode", "st_nlink", "st_uid", "st_gid", "st_atime", "st_mtime", "st_ctime", "st_ino")
        found = {name: getattr(s, name) for name in names}
        with self.turn:
            found["st_size"] = self.size(s.st_ino, s.st_size)
        found["st_blocks"] = (found["st_size"] + 511) // 512
        return found

    def access(self, path, mode):
        return 0

    def readdir(self, path, fh):
        return [".", "..", *os.listdir(self.at(path))]

    def readlink(self, path):
        return os.readlink(self.at(path))

    def own(self, path):
        """What is made belongs to whoever made it."""
        uid, gid, _ = fuse_get_context()
        os.lchown(self.at(path), uid, gid)

    def mkdir(self, path, mode):
        os.mkdir(self.at(path), mode)
        self.own(path)

    def rmdir(self, path):
        os.rmdir(self.at(path))

    def symlink(self, target, source):
        os.symlink(source, self.at(target))
        self.own(target)

    def link(self, target, source):
        os.link(self.at(source), self.at(target))

    def rename(self, old, new):
        os.rename(self.at(old), self.at(new))

    def unlink(self, path):
        os.unlink(self.at(path))

    def chmod(self, path, mode):
        os.chmod(self.at(path), mode)

    def chown(self, path, uid, gid):
        os.chown(self.at(path), uid, gid)

    def utimens(self, path, times=None):
        os.utime(self.at(path), times)

    def statfs(self, path):
        s = os.statvfs(self.at(path))
        names = ("f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_favail", "f_ffree", "f_files", "f_frsize", "f_namemax")
        return {name: getattr(s, name) for name in names}

    # Bytes.
    def opened(self, path, flags, mode=0o600):
        descriptor = os.open(self.at(path), (flags & ~(os.O_WRONLY | os.O_APPEND)) | os.O_RDWR, mode)
        with self.turn:
            handle, self.next = self.next, self.next + 1
            self.files[handle] = (descriptor, os.fstat(descriptor).st_ino, bool(flags & (os.O_SYNC | os.O_DSYNC)))
            if flags & os.O_TRUNC:
                self.shorten(os.fstat(descriptor).st_ino, 0)
        return handle

    def open(self, path, flags):
        return self.opened(path, flags)

    def create(self, path, mode, fi=None):
        is_new = not os.path.lexists(self.at(path))
        handle = self.opened(path, os.O_RDWR | os.O_CREAT, mode)
        if is_new:
            # The number of a file that is gone may come again.
            self.dirty.pop(self.files[handle][1], None)
            self.length.pop(self.files[handle][1], None)
        self.own(path)
        return handle

    def release(self, path, fh):
        with self.turn:
            os.close(self.files.pop(fh)[0])
        return 0

    def block(self, descriptor, inode, number):
        """The bytes of a block as they are now; shorter at the end of the file."""
        dirty = self.dirty.get(inode, {}).get(number)
        return bytes(dirty) if dirty is not None else os.pread(descriptor, BLOCK, number * BLOCK)

    def read(self, path, size, offset, fh):
        with self.turn:
            descriptor, inode, _ = self.files[fh]
            end = min(offset + size, self.size(inode, os.fstat(descriptor).st_size))
            if end <= offset:
                return b""
            first, last = offset // BLOCK, (end - 1) // BLOCK
            blocks = [self.block(descriptor, inode, n).ljust(BLOCK, b"\0") for n in range(first, last + 1)]
            return b"".join(blocks)[offset - first * BLOCK : end - first * BLOCK]

    def write(self, path, data, offset, fh):
        with self.turn:
            descriptor, inode, synced = self.files[fh]
            dirty = self.dirty.setdefault(inode, {})
            at = 0
            while at < len(data):
                number, inside = divmod(offset + at, BLOCK)
                piece = data[at : at + BLOCK - inside]
                now = bytearray(self.block(descriptor, inode, number).ljust(BLOCK, b"\0"))
                now[inside : inside + len(piece)] = piece
                dirty[number] = now
                at += len(piece)
            self.length[inode] = max(self.length.get(inode, 0), offset + len(data))
            if synced:
                self.sync(descriptor, inode)
        return len(data)

    def shorten(self, inode, length):
        dirty = self.dirty.get(inode, {})
        for number in [n for n in dirty if n * BLOCK >= length]:
            del dirty[number]
        if length % BLOCK and length // BLOCK in dirty:
            dirty[length // BLOCK][length % BLOCK :] = bytes(BLOCK - length % BLOCK)
        self.length.pop(inode, None)

    def truncate(self, path, length, fh=None):
        with self.turn:
            s = os.stat(self.at(path))
            grown = length > self.size(s.st_ino, s.st_size)
            if not grown:
                self.shorten(s.st_ino, length)
                if s.st_size > length:
                    os.truncate(self.at(path), length)
            self.length[s.st_ino] = length

    def sync(self, descriptor, inode):
        length = self.size(inode, os.fstat(descriptor).st_size)
        for number, data in self.dirty.pop(inode, {}).items():
            os.pwrite(descriptor, bytes(data[: max(0, length - number * BLOCK)]), number * BLOCK)
        if os.fstat(descriptor).st_size < length:
            os.ftruncate(descriptor, length)
        self.length.pop(inode, None)

    def fsync(self, path, datasync, fh):
        with self.turn:
            descriptor, inode, _ = self.files[fh]
            self.sync(descriptor, inode)
        return 0

    def fsyncdir(self, path, datasync, fh):
        return 0

    def flush(self, path, fh):
        return 0


if __name__ == "__main__":
    disk, mountpoint = sys.argv[1:]
    FUSE(Forgetful(disk), mountpoint, foreground=True, nothreads=True, allow_other=True, default_permissions=True, big_writes=True)
