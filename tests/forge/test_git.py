import subprocess
from pathlib import Path

import pytest

from skillopt_ci.errors import ConfigError, GitError
from skillopt_ci.forge.command import Refused, clean_env, run_git
from skillopt_ci.forge.git import Git
from skillopt_ci.forge.tree import bundled
from skillopt_ci.forge.worktree import WorkTree
from tests.forge.repo import Repo


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path / "repo")


def git_of(repo: Repo) -> Git:
    found = Git.discover(repo.root)
    assert found is not None
    return found


class TestDiscover:
    def test_from_a_subfolder(self, repo: Repo) -> None:
        repo.commit({"a/b/c.txt": "x"})
        found = Git.discover(repo.root / "a" / "b")
        assert found is not None
        assert found.root.resolve() == repo.root.resolve()

    def test_none_outside(self, tmp_path: Path) -> None:
        assert Git.discover(tmp_path) is None

    def test_none_in_a_bare_repository(self, tmp_path: Path) -> None:
        subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "bare.git")], check=True)
        assert Git.discover(tmp_path / "bare.git") is None

    def test_committed_files_that_look_like_a_repository_are_none(self, repo: Repo, tmp_path: Path) -> None:
        core = "[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = .\n"
        settings = f'{core}[filter "x"]\n\tclean = touch {tmp_path}/RAN; cat\n'
        decoy = {"config": settings, "HEAD": "ref: refs/heads/a\n", "refs/a": "", "objects/a": ""}
        repo.commit({f"docs/{name}": text for name, text in {**decoy, ".gitattributes": "* filter=x\n"}.items()})
        assert Git.discover(repo.root / "docs") is None
        with pytest.raises(GitError, match="cannot use bare repository"):
            run_git(repo.root / "docs", "update-index", "--add", "--", "config")
        assert not (tmp_path / "RAN").exists()

    def test_inherited_variables_do_not_move_the_repository(
        self, repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sha = repo.commit({"a": "1"})
        other = Repo(tmp_path / "other")
        other.commit({"b": "2"})
        monkeypatch.setenv("GIT_DIR", str(other.root / ".git"))
        monkeypatch.setenv("GIT_INDEX_FILE", str(other.root / ".git" / "index"))
        assert git_of(repo).resolve("HEAD") == sha
        assert "GIT_DIR" not in clean_env()

    def test_without_git_on_the_path(self, repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        assert Git.discover(tmp_path) is None
        with pytest.raises(GitError, match="git is not installed"):
            Git.discover(repo.root)
        with pytest.raises(GitError, match="is git installed"):
            run_git(repo.root, "status")

    def test_a_broken_repository_is_told(self, repo: Repo) -> None:
        repo.write(".git/config", "[core\nnonsense")
        with pytest.raises(GitError, match="bad config"):
            Git.discover(repo.root)


class TestRefs:
    def test_resolve(self, repo: Repo) -> None:
        sha = repo.commit({"a": "1"})
        repo("tag", "-a", "v1", "-m", "one")
        git = git_of(repo)
        assert git.resolve("HEAD") == git.resolve("main") == git.resolve("v1") == git.resolve(sha[:8]) == sha

    @pytest.mark.parametrize("ref", ["", "-n", "--all", "a b", "a\0b", "main\n", "\u202eniam x"])
    def test_no_name_of_a_commit(self, repo: Repo, ref: str) -> None:
        repo.commit({"a": "1"})
        with pytest.raises(GitError, match="is not a name of a commit") as told:
            git_of(repo).resolve(ref)
        assert "\n" not in str(told.value)
        assert told.value.exit_code == 5

    def test_unknown_ref(self, repo: Repo) -> None:
        repo.commit({"a": "1"})
        with pytest.raises(
            GitError, match=r"no commit 'nope' in this repository; `git fetch` brings what .* lists branches$"
        ):
            git_of(repo).resolve("nope")
        with pytest.raises(GitError, match="no commit 'HEAD:a'"):
            git_of(repo).resolve("HEAD:a")

    def test_a_remote_branch_is_suggested(self, repo: Repo) -> None:
        sha = repo.commit({"a": "1"})
        repo("update-ref", "refs/remotes/origin/topic", sha)
        with pytest.raises(GitError, match="perhaps 'origin/topic'"):
            git_of(repo).resolve("topic")

    def test_no_commit_yet(self, repo: Repo) -> None:
        with pytest.raises(GitError, match="no commit yet"):
            git_of(repo).resolve("HEAD")

    def test_a_tag_does_not_stand_for_a_branch(self, repo: Repo, tmp_path: Path) -> None:
        good = repo.commit({"a": "1"})
        bad = repo.commit({"a": "2"})
        repo("tag", "origin/main", bad)
        repo("tag", "origin/HEAD", bad)
        repo("tag", "main", bad)
        repo("tag", "v1", bad)
        repo("reset", "-q", "--hard", good)
        repo("clone", "-q", repo.root.as_uri(), str(tmp_path / "clone"))
        for root in (repo.root, tmp_path / "clone"):
            git = Git(root)
            assert git.resolve(git.default_branch()) == good
            assert git.resolve(git.branch("main")) == good
            assert git.resolve("main") == git.tree("main").sha == good
            assert git.merge_base("main", "HEAD") == good
            assert (git.resolve("v1"), git.resolve(bad[:12]), git.resolve("main^0")) == (bad, bad, good)
        assert Git(tmp_path / "clone").resolve("origin/main") == good
        # A branch that is called like a commit is not that commit.
        repo("branch", bad, good)
        assert git_of(repo).resolve(bad) == bad

    def test_merge_base(self, repo: Repo) -> None:
        base = repo.commit({"a": "1"})
        repo("checkout", "-q", "-b", "topic")
        repo.commit({"b": "1"})
        repo("checkout", "-q", "main")
        repo.commit({"c": "1"})
        assert git_of(repo).merge_base("main", "topic") == base

    def test_of_several_merge_bases_none_is_taken(self, repo: Repo) -> None:
        repo.commit({"a": "1"})
        repo("branch", "better")
        one = repo.commit({"b": "1"})
        repo("checkout", "-q", "better")
        two = repo.commit({"a": "2"})
        repo("checkout", "-q", "main")
        repo("merge", "-q", "--no-edit", "better")
        # A merge of the same two that leaves out what one of them brought.
        repo("branch", "evil", repo("commit-tree", "-p", one, "-p", two, "-m", "merge", f"{one}^{{tree}}").strip())
        assert set(repo("merge-base", "--all", "main", "evil").split()) == {one, two}
        assert git_of(repo).merge_base("main", "evil") == git_of(repo).resolve("main")
        assert git_of(repo).merge_base("evil", "main") == git_of(repo).resolve("evil")

    def test_no_merge_base(self, repo: Repo) -> None:
        repo.commit({"a": "1"})
        repo("checkout", "-q", "--orphan", "other")
        repo.commit({"b": "1"})
        with pytest.raises(GitError, match=r"'main' and 'other' have no common commit$"):
            git_of(repo).merge_base("main", "other")

    def test_shallow_clone_hints_at_fetch_depth(self, repo: Repo, tmp_path: Path) -> None:
        first = repo.commit({"a": "1"})
        repo.commit({"a": "2"})
        repo("clone", "-q", "--depth=1", repo.root.as_uri(), str(tmp_path / "shallow"))
        git = Git(tmp_path / "shallow")
        assert git.is_shallow()
        assert not git_of(repo).is_shallow()
        with pytest.raises(GitError, match="fetch-depth: 0"):
            git.resolve(first)
        git.root.joinpath(".git/HEAD").write_text(f"{git.resolve('HEAD')}\n", encoding="utf-8")
        for ref in ("refs/remotes/origin/HEAD", "refs/remotes/origin/main", "refs/heads/main"):
            repo("-C", str(git.root), "update-ref", "--no-deref", "-d", ref)
        with pytest.raises(GitError, match=r"no default branch found .*fetch-depth: 0"):
            git.default_branch()

    def test_default_branch(self, repo: Repo, tmp_path: Path) -> None:
        repo.commit({"a": "1"})
        repo("branch", "-m", "trunk")
        git = git_of(repo)
        with pytest.raises(GitError, match="name the base with --base"):
            git.default_branch()
        repo("branch", "master")
        assert git.default_branch() == "master"
        repo("branch", "main")
        assert git.default_branch() == "main"
        repo("update-ref", "refs/remotes/origin/main", "HEAD")
        assert git.default_branch() == "origin/main"
        repo("update-ref", "refs/remotes/origin/trunk", "HEAD")
        repo("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")
        assert git.default_branch() == "origin/trunk"
        assert git.resolve("origin/trunk") == repo("rev-parse", "HEAD")

    def test_dirty(self, repo: Repo) -> None:
        repo.commit({"a": "1", "b/c": "1", ".gitignore": "ignored\n"})
        git = git_of(repo)
        repo.write("ignored", "x")
        assert not git.is_dirty()
        repo.write("b/new", "x")
        assert git.is_dirty()

    def test_hooks_and_helpers_do_not_run(self, repo: Repo) -> None:
        repo.commit({"a": "1"})
        trace = repo.root / "ran"
        helper = repo.write("helper.sh", f"#!/bin/sh\ntouch '{trace}'\n")
        helper.chmod(0o755)
        repo("config", "core.fsmonitor", str(helper))
        repo.write("a", "2")
        git = git_of(repo)
        git.is_dirty()
        assert not trace.exists()


class TestCommitTree:
    def test_reads_the_commit_and_not_the_files(self, repo: Repo) -> None:
        sha = repo.commit({"skills/x/SKILL.md": b"one\r\n", "skills/x/references/a.md": "a", "top.md": "t"})
        repo.write("skills/x/SKILL.md", "changed")
        tree = git_of(repo).tree(sha)
        assert tree.read("skills/x/SKILL.md") == b"one\r\n"
        assert tree.glob("skills/*/SKILL.md") == ["skills/x/SKILL.md"]
        assert tree.glob("**/*.md") == ["skills/x/SKILL.md", "skills/x/references/a.md", "top.md"]
        assert tree.glob("top.md") == ["top.md"]
        assert tree.glob("none") == []

    @pytest.mark.parametrize("path", ["missing", "skills", "--help", "skills/a/b"])
    def test_not_there(self, repo: Repo, path: str) -> None:
        sha = repo.commit({"skills/a": "1"})
        with pytest.raises(ConfigError, match="no such file in commit"):
            git_of(repo).tree(sha).read(path)
        assert git_of(repo).tree(sha).glob(path) == []

    @pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "", "a/../../b", "a\nb"])
    def test_outside(self, repo: Repo, path: str) -> None:
        sha = repo.commit({"skills/a": "1"})
        for call in (git_of(repo).tree(sha).read, git_of(repo).tree(sha).glob):
            with pytest.raises(ConfigError, match=r"not a path"):
                call(path)

    def test_odd_names(self, repo: Repo) -> None:
        names = ["with space", "ünï", "-dash", "[x]", ":(top)y", '"quoted"']
        sha = repo.commit(dict.fromkeys(names, "content"))
        tree = git_of(repo).tree(sha)
        assert list(tree.glob("*")) == sorted(names)
        assert all(tree.read(n) == b"content" for n in names)
        assert list(git_of(repo).working_tree().glob("*")) == sorted(names)
        assert all(git_of(repo).working_tree().read(n) == b"content" for n in names)

    def test_symbolic_links_and_submodules_are_refused(self, repo: Repo) -> None:
        sha = repo.commit({"real/a": "1"})
        (repo.root / "link").symlink_to("real")
        (repo.root / "file").symlink_to("/etc/passwd")
        repo("add", "-A")
        repo("update-index", "--add", "--cacheinfo", f"160000,{sha},sub")
        repo("commit", "-q", "-m", "links")
        tree = git_of(repo).tree("HEAD")
        for path in ("file", "link"):
            with pytest.raises(ConfigError, match="is a symbolic link"):
                tree.read(path)
        with pytest.raises(ConfigError, match="'link' is a symbolic link"):
            tree.read("link/a")
        with pytest.raises(ConfigError, match="is a submodule"):
            tree.read("sub")
        assert tree.glob("**") == ["real/a"]
        assert [tree.glob(p) for p in ("file", "link/a", "sub")] == [["file"], ["link/a"], ["sub"]]

    def test_lfs_pointers_are_refused(self, repo: Repo) -> None:
        sha = repo.commit({"a": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"})
        with pytest.raises(ConfigError, match="Git LFS"):
            git_of(repo).tree(sha).read("a")

    def test_patterns_mean_the_same_everywhere(self, repo: Repo) -> None:
        files = ["a.md", ".hidden.md", ".github/x.md", "s/.cache/y.md", "s/b.md", "s/t/c.md", "s/t/c.txt", "s/[x].md"]
        sha = repo.commit(dict.fromkeys(files, "x"))
        commit, stored, disk = git_of(repo).tree(sha), git_of(repo).working_tree(), WorkTree(repo.root)
        for pattern in ("**/*.md", "*", "s/**", "s/*/*.md", ".github/*.md", "s/[x].md", "s/?.md", "**", "**/.cache/*"):
            assert commit.glob(pattern) == stored.glob(pattern) == disk.glob(pattern)
        assert commit.glob("s/**") == ["s/[x].md", "s/b.md", "s/t/c.md", "s/t/c.txt"]
        assert commit.glob("./s//b.md") == ["s/b.md"]

    def test_replace_refs_change_nothing(self, repo: Repo) -> None:
        good = repo.commit({"a": "good"})
        bad = repo.commit({"a": "bad"})
        repo("replace", good, bad)
        assert git_of(repo).tree(good).read("a") == b"good"


class TestWorkTree:
    def test_as_git_would_store_it(self, repo: Repo) -> None:
        repo.commit({".gitattributes": "*.md text\n", "a.md": "one\ntwo\n"})
        repo.write("a.md", b"one\r\ntwo\r\n")
        assert git_of(repo).working_tree().read("a.md") == b"one\ntwo\n"

    def test_what_was_read_stays_while_somebody_edits_it(self, repo: Repo) -> None:
        repo.commit({"a.md": "one", "b.md": "one"})
        tree = git_of(repo).working_tree()
        assert tree.read("a.md") == b"one"
        for name in ("a.md", "b.md"):
            repo.write(name, "two")
        assert (tree.read("./a.md"), tree.read("b.md")) == (b"one", b"two")

    def test_clean_filters_apply(self, repo: Repo) -> None:
        repo("config", "filter.up.clean", "tr a-z A-Z")
        repo.commit({".gitattributes": "*.md filter=up\n"})
        repo.write("a.md", "loud")
        assert git_of(repo).working_tree().read("a.md") == b"LOUD"

    def test_an_untouched_file_is_the_committed_one(self, repo: Repo) -> None:
        """CRLF that was committed stays, also where autocrlf would normalise a new file."""
        sha = repo.commit({"a.md": b"one\r\n"})
        repo("config", "core.autocrlf", "true")
        git = git_of(repo)
        assert git.working_tree().read("a.md") == git.tree(sha).read("a.md") == b"one\r\n"
        repo.write("new.md", b"one\r\n")
        assert git.working_tree().read("new.md") == b"one\n"

    def test_index_and_status_stay(self, repo: Repo) -> None:
        repo.commit({"a": "1"})
        repo.write("a", "2")
        repo.write("new", "x")
        before = (repo("status", "--porcelain"), (repo.root / ".git/index").read_bytes())
        tree = git_of(repo).working_tree()
        assert (tree.read("a"), tree.read("new")) == (b"2", b"x")
        index = (repo.root / ".git/index").read_bytes()
        assert (repo("status", "--porcelain"), index) == before

    def test_ignored_and_deleted_files(self, repo: Repo) -> None:
        repo.commit({"a": "1", "gone": "1", ".gitignore": "*.log\n"})
        (repo.root / "gone").unlink()
        repo.write("x.log", "log")
        tree = git_of(repo).working_tree()
        assert tree.glob("*") == ["a"]
        assert tree.glob("x.log") == ["x.log"]
        assert tree.read("x.log") == b"log"
        with pytest.raises(ConfigError, match="gone: no such file"):
            tree.read("gone")

    def test_before_the_first_commit(self, repo: Repo) -> None:
        repo.write("a", "1")
        assert git_of(repo).working_tree().read("a") == b"1"

    @pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../b", "", "a\0b"])
    def test_outside(self, repo: Repo, path: str) -> None:
        repo.commit({"a/x": "1"})
        with pytest.raises(ConfigError, match=r"not a path"):
            git_of(repo).working_tree().read(path)

    def test_links_and_folders(self, repo: Repo) -> None:
        repo.commit({"real/a": "1"})
        (repo.root / "link").symlink_to("real")
        (repo.root / "file").symlink_to("/etc/passwd")
        tree = git_of(repo).working_tree()
        for path in ("file", "link/a"):
            with pytest.raises(ConfigError, match="symbolic link"):
                tree.read(path)
        with pytest.raises(ConfigError, match="is a folder"):
            tree.read("real")
        assert tree.glob("**") == ["real/a"]

    def test_git_itself_is_not_readable(self, repo: Repo) -> None:
        repo.commit({"a": "1"})
        with pytest.raises(ConfigError, match="git cannot store it"):
            git_of(repo).working_tree().read(".git/config")

    def test_a_failing_filter_is_told(self, repo: Repo) -> None:
        repo("config", "filter.no.clean", "false")
        repo("config", "filter.no.required", "true")
        repo.write(".gitattributes", "*.md filter=no\n")
        repo.write("a.md", "x")
        with pytest.raises(ConfigError, match=r"a\.md: git cannot store it"):
            git_of(repo).working_tree().read("a.md")


def test_bundled_files_have_the_same_digests_in_both_trees(repo: Repo) -> None:
    files = {"s/x/SKILL.md": "s", "s/x/references/a.md": "a", "s/x/scripts/run.sh": "r", "s/y/SKILL.md": "other"}
    sha = repo.commit(files)
    git = git_of(repo)
    stored = bundled(git.tree(sha), "s/x/SKILL.md")
    assert sorted(stored) == ["references/a.md", "scripts/run.sh"]
    assert bundled(git.working_tree(), "s/x/SKILL.md") == stored
    repo.write("s/x/scripts/run.sh", "changed")
    changed = bundled(git.working_tree(), "s/x/SKILL.md")
    assert changed["scripts/run.sh"] != stored["scripts/run.sh"]
    assert changed["references/a.md"] == stored["references/a.md"]


def test_a_skill_at_the_root_bundles_its_own_folders_only(repo: Repo) -> None:
    sha = repo.commit({"SKILL.md": "s", "references/a.md": "a", "evals/t.jsonl": "t"})
    assert list(bundled(git_of(repo).tree(sha), "SKILL.md")) == ["references/a.md"]


def test_refused_says_what_git_said(repo: Repo) -> None:
    with pytest.raises(Refused, match="git cat-file failed: Not a valid object name nope"):
        run_git(repo.root, "cat-file", "blob", "nope")
    with pytest.raises(GitError, match="could not be started"):
        run_git(repo.root, "show", "a\0b")
    with pytest.raises(Refused, match="exit code 1"):
        run_git(repo.root, "config", "--get", "no.such")


def test_a_repository_of_another_user_is_told_with_what_git_advises(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "r")
    env = clean_env({"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1", "HOME": str(tmp_path)})
    done = subprocess.run(["git", "rev-parse"], cwd=repo.root, env=env, capture_output=True, text=True, check=False)
    said = str(Refused("rev-parse", done.returncode, done.stderr))
    assert said.startswith("git rev-parse failed: detected dubious ownership in repository at '")
    assert said.endswith(f"; if it is yours: `git config --global --add safe.directory {repo.root}`")
