"""A PostgreSQL server of the tests' own: a folder and a port that end with it."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import tempfile

from ports import free_port

PROGRAMS = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), default=None)


class Postgres:
    """A server on this machine, until `stop`."""

    def __init__(self) -> None:
        assert PROGRAMS, "PostgreSQL is not installed"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="xpkce-postgres-"))
        if os.getuid() == 0:  # It refuses to run as root.
            shutil.chown(self.folder, "postgres", "postgres")
        self.folder.chmod(0o700)
        self._run("initdb", "-U", "xp", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
        try:
            self._start()
        except subprocess.CalledProcessError:
            self._start()  # Somebody took the port.

    def _start(self) -> None:
        port = free_port()
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        self._run("pg_ctl", "-w", "-l", str(self.folder / "log"), "-o", f"{options} -F", "start")
        self.port, self.databases = port, 0

    def database(self) -> str:
        """Returns the address of a new database."""
        self.databases += 1
        name = f"of_test_{self.databases}"
        address = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "xp"]
        subprocess.run([str(PROGRAMS / "createdb"), *address, name], check=True, timeout=60)
        return f"postgres://xp@127.0.0.1:{self.port}/{name}?sslmode=disable"

    def stop(self) -> None:
        self._run("pg_ctl", "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(PROGRAMS / program), "-D", str(self.folder / "cluster"), *arguments]
        if os.getuid() == 0:
            user = ["--reuid=postgres", "--regid=postgres", "--clear-groups", "--reset-env"]
            command = ["setpriv", *user, *command]
        output = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(command, check=True, cwd=self.folder, timeout=60, **output)
