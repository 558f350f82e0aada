"""Makes the event files beside this script with TensorBoard's own code: run.tfevents, as a run that
starts anew writes it, and resumed.tfevents, as one that goes on from a checkpoint does.

TensorBoardLogTest makes the same events in Java and compares the bytes.

Needs tensorboard (which brings protobuf and numpy). Run it without arguments; it replaces the files.
"""

from pathlib import Path

import numpy as np
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.histogram.summary_v2 import histogram_pb
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.summary.writer.record_writer import RecordWriter

HERE = Path(__file__).resolve().parent
WALL_TIME = 1700000000.25
CONFIGURATION = "    # The rate.\n    rate: 0.001\n"
CONFUSION = (
    "| true \\ predicted |   0 |   1 |\n"
    "| :--------------- | --: | --: |\n"
    "| 0                |   9 |   1 |\n"
    "| 1                |   2 |   8 |\n"
)


def scalar_pb(tag, value):
    return summary_pb2.Summary(value=[summary_pb2.Summary.Value(tag=tag, simple_value=value)])


def event(step, *summaries, **fields):
    made = event_pb2.Event(wall_time=WALL_TIME, step=step, **fields)
    for summary in summaries:
        made.summary.MergeFrom(summary)
    return made


def started(number):
    return event(number, session_log=event_pb2.SessionLog(status=event_pb2.SessionLog.START))


def step(number, loss, rate, norm, speed, memory):
    return event(
        number,
        scalar_pb("train/loss", loss),
        scalar_pb("train/rate", rate),
        scalar_pb("train/gradient_norm", norm),
        scalar_pb("train/tokens_per_second", speed),
        scalar_pb("train/memory_bytes", memory),
    )


def write(name, events):
    with open(HERE / name, "wb") as file:
        writer = RecordWriter(file)
        for made in events:
            writer.write(made.SerializeToString(deterministic=True))
        writer.flush()


write(
    "run.tfevents",
    [
        event_pb2.Event(wall_time=WALL_TIME, file_version="brain.Event:2"),
        started(1),
        event(0, text_pb("model", "**nano**: gpt2, 4 layers, 10646784 parameters, 300 steps")),
        event(0, text_pb("configuration", CONFIGURATION)),
        step(1, 4.25, 1e-3, 2.5, 1024, 52428800),
        step(200, float("nan"), 5e-4, float("inf"), 2048, 3e10),
        event(
            200,
            scalar_pb("validation/loss", 1.875),
            scalar_pb("validation/accuracy", 0.85),
            text_pb("validation/confusion", CONFUSION),
        ),
        event(200, histogram_pb("gradient/h", np.array([-1.5, 0, 0.25, 0.25, 7, 3.3], np.float32))),
        event(
            200,
            histogram_pb("gradient/broken", np.array([2, 2], np.float32)),
            scalar_pb("gradient/broken/not_finite", 3),
        ),
        event(200, histogram_pb("gradient/none", np.zeros(0, np.float32), buckets=30)),
        event(200, text_pb("sample", "ROMEO: **é**")),
    ],
)
write(
    "resumed.tfevents",
    [
        event_pb2.Event(wall_time=WALL_TIME, file_version="brain.Event:2"),
        started(101),
        event(100, text_pb("model", "**nano**: gpt2, 4 layers, 10646784 parameters, 300 steps")),
        event(100, text_pb("configuration", CONFIGURATION)),
        step(101, 2.5, 1e-3, 1.5, 1024, 52428800),
        event(101, text_pb("end", "all steps made\n\n    loss: 1.875")),
    ],
)
