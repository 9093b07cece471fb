"""The first schema: predictions, feedback, models."""

import sqlalchemy as sa
from alembic import op

from service.records.database.tables import Scalar, Timestamp

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "predictions",
        sa.Column("prediction_id", sa.String(64)),
        sa.Column("row_index", sa.Integer),
        sa.Column("request_id", sa.String(128), nullable=False),
        sa.Column("time", Timestamp, nullable=False),
        sa.Column("model_version", sa.String(128), nullable=False),
        sa.Column("role", sa.String(16)),
        sa.Column("features", sa.JSON, nullable=False),
        sa.Column("prediction", Scalar),
        sa.Column("probability", sa.Double),
        sa.Column("probabilities", sa.JSON),
        sa.Column("latency_ms", sa.Double, nullable=False),
        sa.Column("client", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("prediction_id", "row_index", "role", name="predictions_key"),
    )
    op.create_index("predictions_time", "predictions", ["time"])
    op.create_table(
        "feedback",
        sa.Column("prediction_id", sa.String(64)),
        sa.Column("row_index", sa.Integer),
        sa.Column("outcome", Scalar, nullable=False),
        sa.Column("time", Timestamp, nullable=False),
        sa.Column("client", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("prediction_id", "row_index", name="feedback_key"),
    )
    op.create_index("feedback_time", "feedback", ["time"])
    op.create_table(
        "models",
        sa.Column("model_version", sa.String(128), primary_key=True),
        sa.Column("contract", sa.JSON, nullable=False),
        sa.Column("classes", sa.JSON, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables and their rows."""
    for table in ("predictions", "feedback", "models"):
        op.drop_table(table)
