"""A real temporary repository to play with."""

import subprocess
from pathlib import Path

IDENTITY = {
    "GIT_AUTHOR_NAME": "A Person",
    "GIT_AUTHOR_EMAIL": "person@example.org",
    "GIT_COMMITTER_NAME": "A Person",
    "GIT_COMMITTER_EMAIL": "person@example.org",
    "GIT_AUTHOR_DATE": "2026-01-02T03:04:05+00:00",
    "GIT_COMMITTER_DATE": "2026-01-02T03:04:05+00:00",
}


class Repo:
    """Runs the real git with a fixed identity and none of the machine's settings."""

    def __init__(self, root: Path, *, create: bool = True) -> None:
        self.root = root
        if create:
            root.mkdir(parents=True, exist_ok=True)
            self("init", "-q", "-b", "main")

    def __call__(self, *args: str, stdin: bytes = b"") -> str:
        env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(self.root), "GIT_CONFIG_NOSYSTEM": "1", **IDENTITY}
        # Otherwise every commit starts another process that looks for something to tidy up.
        command = ["git", "-c", "maintenance.auto=false", *args]
        done = subprocess.run(command, cwd=self.root, input=stdin, env=env, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def write(self, path: str, data: bytes | str) -> Path:
        """Write a file of the working tree."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data.encode() if isinstance(data, str) else data)
        return file

    def commit(self, files: dict[str, bytes | str], message: str = "a commit") -> str:
        """Write files and commit everything; returns the commit."""
        for path, data in files.items():
            self.write(path, data)
        self("add", "-A")
        self("commit", "-q", "--allow-empty", "-m", message)
        return self("rev-parse", "HEAD")
