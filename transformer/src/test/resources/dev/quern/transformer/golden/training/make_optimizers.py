"""Makes optimizers.json: parameters after some steps of many optimisers, in float64.

Needs numpy, torch and transformers; building and testing the project never runs it. All cases start
from the same three parameters and use the same gradients, a list per step, so that only the rules
differ. `python make_optimizers.py` writes the file beside itself.
"""

import json
import pathlib

import numpy as np
import torch
from transformers.optimization import Adafactor

STEPS = 12
SHAPES = {"w": [3, 4], "b": [4], "k": [2, 3, 2]}
KEEP = [1, 2, 3, 12]


def numbers(rng, shape, scale):
    return np.round(rng.normal(size=shape) * scale, 6)


rng = np.random.default_rng(5)
start = {n: numbers(rng, s, 0.7) for n, s in SHAPES.items()}
gradients = [{n: numbers(rng, s, 0.5 + 0.3 * (t % 4)) for n, s in SHAPES.items()} for t in range(STEPS)]
for g in gradients:
    g["b"][1] = 0.0  # a gradient that is never there
    g["w"][2] = 0.3  # and some that never change


def torch_run(make):
    p = {n: torch.nn.Parameter(torch.tensor(v)) for n, v in start.items()}
    optimizer = make(list(p.values()))
    kept = {}
    for t, g in enumerate(gradients, 1):
        for n in p:
            p[n].grad = torch.tensor(g[n])
        optimizer.step()
        if t in KEEP:
            kept[t] = {n: v.detach().numpy().ravel().tolist() for n, v in p.items()}
    return kept


def lion_run(rate, b1, b2, decay):
    p = {n: v.copy() for n, v in start.items()}
    m = {n: np.zeros_like(v) for n, v in start.items()}
    kept = {}
    for t, g in enumerate(gradients, 1):
        for n in p:
            direction = np.sign(b1 * m[n] + (1 - b1) * g[n])
            p[n] = p[n] - rate * (direction + decay * p[n])
            m[n] = b2 * m[n] + (1 - b2) * g[n]
        if t in KEEP:
            kept[t] = {n: v.ravel().tolist() for n, v in p.items()}
    return kept


o = torch.optim
cases = []


def case(name, rate, settings, kept, note=""):
    cases.append({"name": name, "note": note, "rate": rate, "settings": settings, "after": kept})


case("sgd", 0.1, {}, torch_run(lambda p: o.SGD(p, lr=0.1)))
case("sgd", 0.1, {"weight_decay": 0.05}, torch_run(lambda p: o.SGD(p, lr=0.1, weight_decay=0.05)))
case(
    "sgd",
    0.05,
    {"momentum": 0.9, "dampening": 0.3},
    torch_run(lambda p: o.SGD(p, lr=0.05, momentum=0.9, dampening=0.3)),
)
case(
    "sgd",
    0.05,
    {"momentum": 0.9, "nesterov": 1, "weight_decay": 0.05},
    torch_run(lambda p: o.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.05)),
)
case("adam", 0.01, {}, torch_run(lambda p: o.Adam(p, lr=0.01)))
case(
    "adam",
    0.02,
    {"beta1": 0.8, "beta2": 0.95, "eps": 1e-3, "weight_decay": 0.1},
    torch_run(lambda p: o.Adam(p, lr=0.02, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1)),
)
case(
    "adam",
    0.02,
    {"beta2": 0.7, "amsgrad": 1},
    torch_run(lambda p: o.Adam(p, lr=0.02, betas=(0.9, 0.7), amsgrad=True)),
)
case("adamw", 0.01, {}, torch_run(lambda p: o.AdamW(p, lr=0.01)))
case(
    "adamw",
    0.02,
    {"beta1": 0.85, "beta2": 0.7, "eps": 1e-2, "weight_decay": 0.3, "amsgrad": 1},
    torch_run(
        lambda p: o.AdamW(p, lr=0.02, betas=(0.85, 0.7), eps=1e-2, weight_decay=0.3, amsgrad=True)
    ),
)
case("adagrad", 0.1, {}, torch_run(lambda p: o.Adagrad(p, lr=0.1)))
case(
    "adagrad",
    0.1,
    {"rate_decay": 0.2, "initial": 0.1, "eps": 1e-3, "weight_decay": 0.1},
    torch_run(
        lambda p: o.Adagrad(
            p, lr=0.1, lr_decay=0.2, initial_accumulator_value=0.1, eps=1e-3, weight_decay=0.1
        )
    ),
)
case("rmsprop", 0.01, {}, torch_run(lambda p: o.RMSprop(p, lr=0.01)))
case(
    "rmsprop",
    0.01,
    {"alpha": 0.9, "momentum": 0.8, "eps": 1e-3},
    torch_run(lambda p: o.RMSprop(p, lr=0.01, alpha=0.9, momentum=0.8, eps=1e-3)),
)
case(
    "rmsprop",
    0.01,
    {"alpha": 0.9, "centered": 1},
    torch_run(lambda p: o.RMSprop(p, lr=0.01, alpha=0.9, centered=True)),
)
case(
    "rmsprop",
    0.01,
    {"alpha": 0.95, "centered": 1, "momentum": 0.5, "weight_decay": 0.1},
    torch_run(
        lambda p: o.RMSprop(
            p, lr=0.01, alpha=0.95, centered=True, momentum=0.5, weight_decay=0.1
        )
    ),
)
case(
    "adafactor",
    0.01,
    {},
    torch_run(lambda p: Adafactor(p)),
    "transformers, relative step",
)
case(
    "adafactor",
    0.02,
    {
        "relative_step": 0,
        "scale_parameter": 0,
        "beta1": 0.9,
        "weight_decay": 0.1,
        "clip": 0.7,
        "decay": 0.6,
        "eps": 1e-4,
    },
    torch_run(
        lambda p: Adafactor(
            p,
            lr=0.02,
            relative_step=False,
            scale_parameter=False,
            beta1=0.9,
            weight_decay=0.1,
            clip_threshold=0.7,
            decay_rate=-0.6,
            eps=(1e-4, 1e-3),
        )
    ),
    "transformers, a rate of one's own",
)
case(
    "adafactor",
    0.5,
    {"eps": 1e-30, "scale_eps": 0.9},
    torch_run(lambda p: o.Adafactor(p, lr=0.5, eps=(1e-15, 0.9))),
    "torch, whose eps bounds the estimate instead: the same where it is tiny",
)
case("lion", 0.01, {}, lion_run(0.01, 0.9, 0.99, 0), "numpy")
case(
    "lion",
    0.02,
    {"beta1": 0.7, "beta2": 0.8, "weight_decay": 0.5},
    lion_run(0.02, 0.7, 0.8, 0.5),
    "numpy",
)

out = {
    "made_by": "make_optimizers.py, torch " + torch.__version__.split("+")[0],
    "start": {n: {"shape": SHAPES[n], "values": v.ravel().tolist()} for n, v in start.items()},
    "gradients": [{n: v.ravel().tolist() for n, v in g.items()} for g in gradients],
    "cases": cases,
}
pathlib.Path(__file__).with_name("optimizers.json").write_text(json.dumps(out, indent=0) + "\n")
