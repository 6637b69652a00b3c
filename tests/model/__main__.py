"""Play a history again, or search for one.

python -m tests.model 12ab.34.56…                      this history, step by step
python -m tests.model --histories 20000 [--seed 7]     the smallest that fails, if one does
python -m tests.model --without "date in the key"      the smallest that fails without a rule
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

from tests.model.history import Failed, from_text, play
from tests.model.mutants import AS_IT_IS, BROKEN, HARMLESS
from tests.model.search import failure
from tests.model.soundness import KINDS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("history", nargs="?")
    parser.add_argument("--histories", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--without", choices=[*BROKEN, *HARMLESS], metavar="RULE")
    parser.add_argument("--watch", choices=KINDS, action="append", metavar="KIND")
    given = parser.parse_args()
    mutant = {**BROKEN, **HARMLESS}[given.without] if given.without else AS_IT_IS
    if given.watch:
        mutant = replace(mutant, watch=frozenset(given.watch))
    if given.history:
        try:
            print(*play(from_text(given.history), mutant).story, sep="\n")
        except Failed as error:
            print(error)
            return 1
        return 0
    error = failure(mutant, given.histories, seed=given.seed, shrink=True)
    print(error or f"{given.histories} histories, and none fails")
    return 1 if error else 0


if __name__ == "__main__":
    sys.exit(main())
