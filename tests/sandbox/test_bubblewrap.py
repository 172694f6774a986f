"""What the sandbox keeps apart: files, processes, network, keys."""

import socket
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from skillopt_ci.errors import CallFailedError, ConfigError
from skillopt_ci.sandbox.base import Command, Door, Limits, make_root
from skillopt_ci.sandbox.bubblewrap import Bubblewrap, preflight
from tests.sandbox.places import PATH, bubblewrap, run

SECRET = "sk-of-the-host-0123456789"


def test_nothing_of_the_host_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "root").mkdir()
    script = (
        f"cat {tmp_path}/secret.txt; ls -d {Path.home()}/.[a-z]* /home/* /var/* /etc/shadow /etc/ssh;"
        "cat /proc/*/environ /proc/*/cmdline | tr '\\0' '\\n'; mount"
    )
    done = run(bubblewrap(), tmp_path / "root", script)
    said = (done.stdout + done.stderr).decode("utf-8", "replace")
    assert SECRET not in said
    assert "/.ssh" not in said.replace("/.[a-z]*", "")
    assert said.count("No such file or directory") >= 5


def test_only_the_root_can_be_written(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    root = tmp_path / "root"
    root.mkdir()
    places = f"/ /usr /etc /run /dev /proc/sys/kernel {outside} {tmp_path} {Path(__file__).parent} /var /opt"
    script = f"for d in {places}; do touch $d/x-by-agent 2>/dev/null && echo wrote $d; done; touch /tmp/t ../home/h w"
    done = run(bubblewrap(), root, script)
    assert (done.returncode, done.stdout) == (0, b"")
    written = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())
    assert written == [f"root/{place}" for place in ("home/h", "tmp/t", "work/w")]


def test_shared_memory_is_small(tmp_path: Path) -> None:
    done = run(bubblewrap(), tmp_path, "head -c 200000000 /dev/zero > /dev/shm/x; stat -c %s /dev/shm/x")
    assert int(done.stdout) <= 64 * 1024 * 1024


def test_links_do_not_lead_out(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text(SECRET)
    root = tmp_path / "root"
    root.mkdir()
    done = run(bubblewrap(), root, f"ln -s {tmp_path} out; cat out/secret.txt; echo x > out/made")
    assert SECRET.encode() not in done.stdout
    assert not (tmp_path / "made").exists()


def test_no_other_process_can_be_seen(tmp_path: Path) -> None:
    done = run(bubblewrap(), tmp_path, "ls /proc | grep -c '^[0-9]'; id -u; hostname; kill -9 1; echo still here")
    count, user, host, still = done.stdout.decode().splitlines()
    assert int(count) <= 6
    assert (user, host, still) == ("1000", "sandbox", "still here")


def test_the_first_process_is_not_to_be_had(tmp_path: Path) -> None:
    """It has the same user as the command: its memory and its files must be closed all the same."""
    script = "for n in mem environ fd/3 fd/4 root; do cat /proc/1/$n >/dev/null 2>&1 && echo opened $n; done; echo done"
    assert run(bubblewrap(), tmp_path, script).stdout == b"done\n"


def test_memory_cannot_be_hidden_in_namespaces_or_segments(tmp_path: Path) -> None:
    sandbox = bubblewrap()
    if not preflight("bwrap", "--unshare-user", "--disable-userns"):  # bubblewrap 0.8
        done = run(sandbox, tmp_path, "unshare -rm mount -t tmpfs none /tmp && echo mounted")
        assert b"mounted" not in done.stdout
    program = (
        "import ctypes; c = ctypes.CDLL(None); c.shmat.restype = ctypes.c_void_p\n"
        "for _ in range(100):\n"
        "  a = c.shmat(c.shmget(0, 30 << 20, 0o1600), None, 0); ctypes.memset(a, 1, 30 << 20)\n"
        "  c.shmdt(ctypes.c_void_p(a))\n"
        "import time; time.sleep(20)"
    )
    (tmp_path / "fill").mkdir()
    (make_root(tmp_path / "fill") / "work" / "fill.py").write_text(program)
    limits = Limits(seconds=60, memory_mb=100)
    assert run(sandbox, tmp_path / "fill", "exec python3 fill.py", limits).ended == "memory"


def test_no_network(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        script = (
            f"exec 3<>/dev/tcp/127.0.0.1/{port} && echo reached; exec 3<>/dev/tcp/1.1.1.1/53 && echo out; "
            "grep -c : /proc/net/dev"
        )
        done = run(bubblewrap(), tmp_path, script)
    assert done.stdout.decode().split() == ["1"]  # the loopback device alone


def test_the_only_way_out_is_the_door(tmp_path: Path) -> None:
    root = make_root(tmp_path)
    path = tmp_path / "gw.sock"
    sandbox = bubblewrap()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def answer() -> None:
            for _ in range(3):
                client, _ = server.accept()
                with client:
                    client.sendall(client.recv(100).upper())

        thread = threading.Thread(target=answer)
        thread.start()
        script = (
            "for w in one two; do exec 3<>/dev/tcp/127.0.0.1/9100; echo $w >&3; cat <&3; done; "
            "exec 3<>/dev/tcp/127.0.0.1/9100; echo last >&3; cat <&3"
        )
        door = Door(socket=path, port=0)
        command = Command(argv=("bash", "-c", script), root=root, env={"PATH": PATH}, door=door)
        done = sandbox.run(command)
        thread.join()
    assert done.stdout == b"ONE\nTWO\nLAST\n"


def test_one_command_cannot_take_all_connections_of_the_gateway(tmp_path: Path) -> None:
    """The gateway's are for all rollouts; and no name of its socket is in the sandbox, nor a file that leads to it."""
    root = make_root(tmp_path / "root")
    (root / "work" / "many.py").write_text(
        "import os, select, socket, stat\n"
        "print([p for f in ('/run', '/tmp') for d, _, names in os.walk(f) for n in names\n"
        "       for p in [os.path.join(d, n)] if stat.S_ISSOCK(os.lstat(p).st_mode)])\n"
        "for n in range(3, 30):\n"
        "  try: os.stat(f'/proc/1/fd/{n}'); print('reached')\n"
        "  except OSError: pass\n"
        "ends = [socket.create_connection(('127.0.0.1', 9100)) for _ in range(60)]\n"
        "gone = set()\n"
        "while found := set(select.select(set(ends) - gone, [], [], 2)[0]): gone |= found\n"
        "print(len(gone))\n"
    )
    path, met = tmp_path / "gw.sock", []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(100)
        server.settimeout(0.2)
        over = threading.Event()

        def accept() -> None:
            while not over.is_set():
                with suppress(TimeoutError):
                    met.append(server.accept()[0])

        thread = threading.Thread(target=accept)
        thread.start()
        door = Door(socket=path, port=0)
        command = Command(argv=("python3", "many.py"), root=root, env={"PATH": PATH}, door=door)
        done = bubblewrap().run(command)
        over.set()
        thread.join()
    for end in met:
        end.close()
    assert (done.stdout.decode(), done.stderr) == ("[]\n12\n", b"")
    assert len(met) == 48


def test_a_gateway_that_is_not_there(tmp_path: Path) -> None:
    door = Door(socket=tmp_path / "gw.sock", port=0)
    with pytest.raises(CallFailedError, match=r"there is no gateway at .*gw\.sock: No such file") as caught:
        bubblewrap().run(Command(argv=("true",), root=make_root(tmp_path), env={"PATH": PATH}, door=door))
    assert caught.value.kind == "sandbox"


def test_the_name_of_a_process_is_no_line_of_its_status(tmp_path: Path) -> None:
    name = "\rRssAnon: \r x"
    program = f"import ctypes, time; ctypes.CDLL(None).prctl(15, {name!r}.encode()); time.sleep(1); print('counted')"
    (make_root(tmp_path) / "work" / "named.py").write_text(program)
    done = run(bubblewrap(), tmp_path, "exec python3 named.py")
    assert (done.ended, done.stdout) == ("exit", b"counted\n")


def test_a_door_that_nobody_opens(tmp_path: Path) -> None:
    root = make_root(tmp_path)
    path = tmp_path / "gw.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        door = Door(socket=path, port=0)
        script = "exec 3<>/dev/tcp/127.0.0.1/9100; echo x >&3; cat <&3; echo end"
        done = bubblewrap().run(Command(argv=("bash", "-c", script), root=root, env={"PATH": PATH}, door=door))
    assert done.stdout.decode().endswith("end\n")


def test_more_can_be_made_readable(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "greet").write_text("#!/bin/sh\necho hello\n")
    (tools / "greet").chmod(0o755)
    root = tmp_path / "root"
    root.mkdir()
    done = run(bubblewrap(), root, f"{tools}/greet; echo x > {tools}/greet; echo $?", readable=(tools,))
    assert done.stdout.decode().split() == ["hello", "1"]


def test_a_folder_of_the_root_can_be_made_read_only(tmp_path: Path) -> None:
    root = make_root(tmp_path)
    (root / "skills").mkdir()
    (root / "skills" / "SKILL.md").write_text("s")
    done = run(
        bubblewrap(), root, "cat ../skills/SKILL.md; rm ../skills/SKILL.md || echo kept", readable=(root / "skills",)
    )
    assert done.stdout == b"skept\n"


def test_what_cannot_be_mounted_is_a_failure_of_the_sandbox(tmp_path: Path) -> None:
    with pytest.raises(CallFailedError, match="the sandbox ended with code") as caught:
        run(bubblewrap(), tmp_path, "true", readable=(tmp_path / "missing",))
    assert caught.value.kind == "sandbox"


def test_the_view_is_the_same_for_every_root(tmp_path: Path) -> None:
    sandbox = bubblewrap()
    assert sandbox.view(tmp_path) == sandbox.view(tmp_path / "other") == Path("/rollout")
    assert sandbox.confined


def test_without_bubblewrap_it_is_refused() -> None:
    assert preflight("no-such-bwrap") == "bubblewrap (bwrap) is not installed"
    with pytest.raises(ConfigError) as caught:
        Bubblewrap(threading.Event(), "no-such-bwrap")
    said = str(caught.value)
    assert "bubblewrap (bwrap) is not installed" in said
    assert "sudo apt-get install -y bubblewrap" in said
    assert "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0" in said
    assert "sandbox: off" in said
    assert caught.value.exit_code == 2


def test_bubblewrap_that_may_not_make_namespaces_is_refused(tmp_path: Path) -> None:
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho 'bwrap: loopback: Failed RTM_NEWADDR' >&2\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(ConfigError, match=r"bubblewrap is refused \(bwrap: loopback: Failed RTM_NEWADDR\)"):
        Bubblewrap(threading.Event(), str(program))
    program.write_bytes(b"\x7fnothing")
    assert preflight(str(program)).startswith("bubblewrap does not run")
