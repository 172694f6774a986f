"""Stand-ins for the outside world, passed in where the real thing would be."""

from collections.abc import Mapping, Sequence

from skillopt_ci.errors import ConfigError, Problem
from skillopt_ci.forge.globs import matches, split_path


class MemoryTree:
    """A `Tree` of files in a dict: path -> bytes (or text, stored as UTF-8). `reads` lists the paths read."""

    def __init__(self, files: Mapping[str, bytes | str] | None = None) -> None:
        self.files: dict[str, bytes | str] = dict(files or {})
        self.reads: list[str] = []

    def read(self, path: str, /) -> bytes:
        name = "/".join(split_path(path))
        if name not in self.files:
            raise ConfigError([Problem(path, 0, 0, "no such file")])
        self.reads.append(name)
        data = self.files[name]
        return data.encode() if isinstance(data, str) else data

    def glob(self, pattern: str, /) -> Sequence[str]:
        parts = split_path(pattern)
        return sorted(name for name in self.files if matches(parts, name.split("/")))
