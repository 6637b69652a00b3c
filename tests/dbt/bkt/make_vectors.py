"""Make vectors.csv anew: what pyBKT, a published implementation, says of some answers.

    python -m venv bkt && bkt/bin/pip install pyBKT==1.4.3 "scikit-learn<1.6" "numpy<2" "pandas<3"
    bkt/bin/python tests/dbt/bkt/make_vectors.py > tests/dbt/bkt/vectors.csv

It is no part of the environment: it would double its size, and does not load beside the current scikit-learn.
Histories are short of the length at which pyBKT's own arithmetic saturates.
"""

import csv
import sys
from random import Random

import numpy as np
import pandas as pd
from pyBKT.models import Model

#: prior, learn, guess, slip, as in seed bkt_parameters.
PARAMETERS = {"skill-00": (0.4, 0.15, 0.2, 0.1), "skill-01": (0.3, 0.25, 0.25, 0.05)}
#: Answers, and the share of right ones.
LEARNERS = ((1, 1.0), (1, 0.0), (12, 0.5), (40, 0.8), (40, 0.0), (15, 1.0), (150, 0.2), (150, 0.5))


def answers(skill: str) -> pd.DataFrame:
    random = Random(skill)  # noqa: S311
    rows = [
        (skill, f"learner-{learner}", number, int(random.random() < share))
        for learner, (count, share) in enumerate(LEARNERS)
        for number in range(count)
    ]
    return pd.DataFrame(rows, columns=["skill_name", "user_id", "order_id", "correct"])


def set_parameters(model: dict, prior: float, learn: float, guess: float, slip: float) -> None:
    zero = np.array([0.0])
    model |= {"prior": prior, "learns": zero + learn, "guesses": zero + guess, "slips": zero + slip, "forgets": zero}
    model["pi_0"] = np.array([[1 - prior], [prior]])
    model["As"] = np.array([[[1 - learn, 0.0], [learn, 1.0]]])
    model["emissions"] = np.array([[[1 - guess, guess], [slip, 1 - slip]]])


def after_each_answer(skill: str) -> pd.DataFrame:
    """pyBKT tells what it believes before an answer: one more answer shows what it believes after the last."""
    given = answers(skill)
    more = given.groupby("user_id").tail(1).assign(order_id=lambda last: last.order_id + 1)
    asked = pd.concat([given, more]).sort_values(["user_id", "order_id"]).reset_index(drop=True)
    model = Model(seed=1, num_fits=1)
    model.fit(data=given)
    set_parameters(model.fit_model[skill], *PARAMETERS[skill])
    told = model.predict(data=asked).sort_values(["user_id", "order_id"])
    told["mastery"] = told.groupby("user_id")["state_predictions"].shift(-1)
    return told.dropna(subset=["mastery"])


def main() -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["skill_id", "learner_id", "answer", "correct", "mastery"])
    for skill in PARAMETERS:
        for row in after_each_answer(skill).itertuples():
            writer.writerow([skill, row.user_id, row.order_id, row.correct, row.mastery])


if __name__ == "__main__":
    main()
