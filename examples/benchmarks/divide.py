"""Divide native tasks into splits of the wanted sizes, or as a list of ids says.

    skillopt-ci import data/... -o all.jsonl
    python divide.py all.jsonl tasks.jsonl --sizes 400 200 1400
    python divide.py all.jsonl tasks.jsonl --manifest data/searchqa_id_split

Without a manifest tasks are drawn by a hash of their ids, so that the same tasks give the same splits. A manifest is a
folder with {train,val,test}/items.json, lists of {"id": ...}. Tasks that are in no split are left out.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

SPLITS = ("train", "val", "test")


def by_size(tasks: list[dict], sizes: list[int]) -> dict[str, str]:
    """Split of every task that is drawn, by id."""
    drawn = sorted((t["id"] for t in tasks), key=lambda i: hashlib.sha256(i.encode()).hexdigest())
    names = [split for split, size in zip(SPLITS, sizes, strict=True) for _ in range(size)]
    if len(names) > len(drawn):
        sys.exit(f"{len(names)} tasks are wanted and there are {len(drawn)}")
    return dict(zip(drawn, names, strict=False))


def by_manifest(tasks: list[dict], folder: Path) -> dict[str, str]:
    """Split of every task that the manifest names, by id."""
    wanted = {
        str(item["id"]): split
        for split in SPLITS
        for item in json.loads((folder / split / "items.json").read_text(encoding="utf-8"))
    }
    missing = wanted.keys() - {t["id"] for t in tasks}
    if missing:
        sys.exit(f"{len(missing)} tasks of the manifest are not among the tasks, for example {min(missing)!r}")
    return wanted


def main() -> None:
    """Read, divide, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--sizes", type=int, nargs=3, metavar=("TRAIN", "VAL", "TEST"))
    how.add_argument("--manifest", type=Path)
    given = parser.parse_args()
    tasks = [json.loads(line) for line in given.source.read_text(encoding="utf-8").splitlines() if line.strip()]
    splits = by_size(tasks, given.sizes) if given.sizes else by_manifest(tasks, given.manifest)
    kept = [{**t, "split": splits[t["id"]]} for t in tasks if t["id"] in splits]
    given.target.write_text("".join(json.dumps(t, ensure_ascii=False) + "\n" for t in kept), encoding="utf-8")
    print(", ".join(f"{sum(t['split'] == s for t in kept)} {s}" for s in SPLITS))


if __name__ == "__main__":
    main()
