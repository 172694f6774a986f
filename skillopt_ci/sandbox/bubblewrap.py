"""The sandbox of Linux: namespaces by bubblewrap. Nothing of the host but its programs, no network but the gateway."""

import shutil
import subprocess
import sys
from pathlib import Path

from skillopt_ci.errors import ConfigError
from skillopt_ci.sandbox import running
from skillopt_ci.sandbox.base import TMP, WORK, Command, Door, Finished, Stop

_ROOT = Path("/rollout")
_PORT = 9100
_ETC = Path(__file__).with_name("etc")
_SHARED_MEMORY_BYTES = 64 * 1024 * 1024
# Programs and libraries. Nothing below /home, /root, /var, /opt, /mnt, /srv or the host's /tmp and /run.
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_SETTINGS = (
    "alternatives",
    "ca-certificates",
    "fonts",
    "java-11-openjdk",
    "java-17-openjdk",
    "java-21-openjdk",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "magic",
    "mime.types",
    "perl",
    "python3",
    "ssl/certs",
    "ssl/openssl.cnf",
)
STEP = (
    "on ubuntu runners: `sudo apt-get install -y bubblewrap` and "
    "`sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` in a step before"
)
HELP = (
    "agents, set-up commands and script graders run in a sandbox, and there is none here: {why}; {step}. Where the "
    "machine itself may be thrown away, `sandbox: off` in skillopt.yml runs them unconfined"
)
_PREFLIGHT = ("--unshare-all", "--ro-bind", "/", "/")
# In a namespace of its own a command could mount memory that nobody counts. Bubblewrap 0.8 can forbid it.
_NO_NAMESPACES = ("--unshare-user", "--disable-userns")


def preflight(program: str = "bwrap", *options: str) -> str:
    """Why bubblewrap cannot make a sandbox here (with these options); empty when it can."""
    found = shutil.which(program)
    if found is None:
        return "bubblewrap (bwrap) is not installed"
    try:
        done = subprocess.run([found, *_PREFLIGHT, *options, "true"], capture_output=True, timeout=20, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not run: {error}"
    said = " ".join(done.stderr.decode("utf-8", "replace").split())[:200]
    return "" if done.returncode == 0 else f"bubblewrap is refused ({said or f'code {done.returncode}'})"


class Bubblewrap:
    """Runs commands in namespaces of their own, below `/rollout`, as user 1000."""

    confined = True

    def __init__(self, stop: Stop, program: str = "bwrap") -> None:
        """Make sure that there is a sandbox. Raises `ConfigError` when there is not: never a weaker one instead."""
        why = preflight(program)
        if why:
            raise ConfigError(HELP.format(why=why, step=STEP))
        self._program = str(shutil.which(program))
        self._stop = stop
        self._namespaces = () if preflight(program, *_NO_NAMESPACES) else _NO_NAMESPACES[1:]
        self._modules = running.inside()
        self._python = Path(getattr(sys, "_base_executable", sys.executable)).resolve()

    def view(self, _root: Path, /) -> Path:
        """The same for every root, so that prompts which name it are the same too."""
        return _ROOT

    def gateway_url(self, _door: Door, /) -> str:
        """A port in the sandbox's own network."""
        return f"http://127.0.0.1:{_PORT}"

    def run(self, command: Command, /) -> Finished:
        """As `Sandbox.run`."""
        python = (str(self._python), "-I", "-S", "-B")
        plan = running.Plan(
            launch=(self._program, *self._options(command), "--", *python),
            modules=self._modules,
            root=str(_ROOT),
            cwd=str(_ROOT / WORK),
            alone=True,
            port=_PORT,
        )
        return running.run(plan, command, self._stop)

    def _options(self, command: Command) -> list[str]:
        root = command.root.resolve()
        options = ["--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
        options += ["--unshare-cgroup-try", "--die-with-parent", "--new-session", "--as-pid-1", "--cap-drop", "ALL"]
        options += self._namespaces
        options += ["--uid", "1000", "--gid", "1000", "--hostname", "sandbox"]
        options += _system()
        for name in sorted(p.name for p in _ETC.iterdir()):
            options += ["--ro-bind", str(_ETC / name), f"/etc/{name}"]
        for name in _SETTINGS:
            options += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
        options += ["--proc", "/proc", "--dev", "/dev", "--size", str(_SHARED_MEMORY_BYTES), "--tmpfs", "/dev/shm"]  # noqa: S108
        options += ["--remount-ro", "/dev"]
        options += ["--bind", str(root), str(_ROOT), "--bind", str(root / TMP), "/tmp"]  # noqa: S108
        if not self._python.is_relative_to("/usr"):
            options += ["--ro-bind", sys.base_prefix, sys.base_prefix]
        for path in command.readable:
            options += ["--ro-bind", str(path), str(self._inside(path, root))]
        return [*options, "--remount-ro", "/", "--chdir", "/"]

    def _inside(self, path: Path, root: Path) -> Path:
        full = path.absolute()
        return _ROOT / full.relative_to(root) if full.is_relative_to(root) else full


def _system() -> list[str]:
    options: list[str] = []
    for name in SYSTEM:
        path = Path(name)
        if path.is_symlink():
            options += ["--symlink", str(path.readlink()), name]
        elif path.is_dir():
            options += ["--ro-bind", name, name]
    return options
