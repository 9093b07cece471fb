"""The model families by name: an estimator for each task, the preprocessing it needs, the settings to search."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sklearn import dummy, ensemble, linear_model, tree

from inference.contract import Task
from training.errors import TrainingError

Needs = Literal["scaled", "complete", "anything"]
"""``scaled``: no nulls, one scale, one-hot. ``complete``: no nulls, one-hot. ``anything``: nulls and categories as
they are."""


@dataclass(frozen=True, slots=True)
class Family:
    """``estimators`` per task; ``settings`` ours where scikit-learn's default serves badly; ``space`` for --search."""

    name: str
    estimators: Mapping[str, Any]
    needs: Needs
    settings: Mapping[str, Any]
    space: Mapping[str, Sequence[Any]]

    def make(self, task: Task, seed: int, **settings: Any) -> Any:
        """An unfitted estimator, seeded where it draws.

        Raises:
            TrainingError: the family has no estimator for this task.
        """
        if task not in self.estimators:
            able = ", ".join(name for name, family in FAMILIES.items() if task in family.estimators)
            raise TrainingError(f"{self.name} does no {task}: choose --model among {able}.")
        estimator = self.estimators[task]()
        known = estimator.get_params()
        wanted = {**self.settings, **settings} | ({"random_state": seed} if "random_state" in known else {})
        return estimator.set_params(**{name: value for name, value in wanted.items() if name in known})

    def balanced(self, task: Task) -> dict[str, str]:
        """The settings that let a rare class weigh as much as a common one.

        Raises:
            TrainingError: the task has no classes, or the family takes no such weights.
        """
        if task == "regression":
            raise TrainingError("--class-weight is of classes, and a regression has none: leave it out.")
        if not self._takes_weights():
            able = ", ".join(name for name, family in FAMILIES.items() if family._takes_weights())
            raise TrainingError(f"{self.name} takes no --class-weight: choose --model among {able}.")
        return {"class_weight": "balanced"}

    def _takes_weights(self) -> bool:
        classifier = self.estimators.get("classification")
        return classifier is not None and "class_weight" in classifier().get_params()


def _both(classifier: Any, regressor: Any) -> dict[str, Any]:
    return {"classification": classifier, "regression": regressor}


_TREES: dict[str, Sequence[Any]] = {
    "max_depth": [None, 6, 10, 16],
    "min_samples_leaf": [1, 2, 5, 10],
    "max_features": ["sqrt", 0.3, 0.5, 1.0],
}
_BOOSTING: dict[str, Sequence[Any]] = {
    "learning_rate": [0.03, 0.1, 0.2],
    "max_depth": [2, 3, 5],
    "n_estimators": [100, 200, 300],
}
_HIST: dict[str, Sequence[Any]] = {
    "learning_rate": [0.03, 0.1, 0.2],
    "max_leaf_nodes": [7, 15, 31],
    "max_iter": [100, 200, 300],
}

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family(
            "random_forest",
            _both(ensemble.RandomForestClassifier, ensemble.RandomForestRegressor),
            "complete",
            {"n_estimators": 100},
            _TREES,
        ),
        Family(
            "extra_trees",
            _both(ensemble.ExtraTreesClassifier, ensemble.ExtraTreesRegressor),
            "complete",
            {"n_estimators": 100},
            _TREES,
        ),
        Family(
            "gradient_boosting",
            _both(ensemble.GradientBoostingClassifier, ensemble.GradientBoostingRegressor),
            "complete",
            {},
            _BOOSTING,
        ),
        Family(
            "hist_gradient_boosting",
            _both(ensemble.HistGradientBoostingClassifier, ensemble.HistGradientBoostingRegressor),
            "anything",
            {},
            _HIST,
        ),
        Family(
            "decision_tree",
            _both(tree.DecisionTreeClassifier, tree.DecisionTreeRegressor),
            "complete",
            {"min_samples_leaf": 5},
            _TREES,
        ),
        Family(
            "logistic_regression",
            {"classification": linear_model.LogisticRegression},
            "scaled",
            {"max_iter": 2000},
            {"C": [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0]},
        ),
        Family("linear_regression", {"regression": linear_model.LinearRegression}, "scaled", {}, {}),
        Family(
            "ridge",
            _both(linear_model.RidgeClassifier, linear_model.Ridge),
            "scaled",
            {},
            {"alpha": [0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0]},
        ),
        Family("dummy", _both(dummy.DummyClassifier, dummy.DummyRegressor), "complete", {}, {}),
    )
}
