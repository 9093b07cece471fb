"""A classifier of two classes that predicts the second from a probability on, in place of the more probable class."""

from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import Pipeline

from training.errors import TrainingError
from training.fitting import Fitted, measure


def with_threshold(fitted: Fitted, threshold: float) -> Fitted:
    """The same model, decided by ``threshold`` and measured so.

    The last step becomes scikit-learn's own FixedThresholdClassifier, so that the pipeline, its graph and its golden
    rows all decide alike.

    Raises:
        TrainingError: it is no classifier of two classes with probabilities.
    """
    classes, (name, model) = fitted.seen.classes, fitted.pipeline.steps[-1]
    if len(classes) != 2:
        what = f"this model has {len(classes)}" if classes else "this model predicts a number"
        raise TrainingError(f"--threshold is of a classifier of two classes, and {what}: leave it out.")
    if not hasattr(model, "predict_proba"):
        raise TrainingError(
            f"--threshold needs probabilities, which {type(model).__name__} does not give: leave it out, or choose "
            "another model, such as logistic_regression or random_forest."
        )
    decided = FixedThresholdClassifier(
        model, threshold=threshold, pos_label=model.classes_[1], response_method="predict_proba"
    )
    decided.estimator_ = model  # fitted already
    for fact in ("n_features_in_", "feature_names_in_"):
        if hasattr(model, fact):
            setattr(decided, fact, getattr(model, fact))
    pipeline = Pipeline([*fitted.pipeline.steps[:-1], (name, decided)])
    holdout = fitted.seen if fitted.elsewhere else fitted.holdout
    return measure(pipeline, fitted.seen, holdout, fitted.seconds)
