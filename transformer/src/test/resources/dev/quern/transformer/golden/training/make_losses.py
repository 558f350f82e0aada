"""Makes losses.json: losses and their gradients from torch, in float64.

Needs numpy and torch; building and testing the project never runs it. `python make_losses.py` writes
the file beside itself.
"""

import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

rng = np.random.default_rng(11)
cases = []


def draw(*shape):
    return torch.tensor(np.round(rng.normal(size=shape), 6))


def plain(t):
    return {"shape": list(t.shape), "values": t.detach().numpy().ravel().tolist()}


def case(name, settings, prediction, target, loss, more=(), **extra):
    """loss: of prediction, target and what is in more; gradients for those that ask for one."""
    prediction = prediction.clone().requires_grad_()
    wants_target = extra.pop("target_gradient", False)
    target = target.clone().requires_grad_() if wants_target else target
    value = loss(prediction, target, *more)
    weight = torch.tensor(np.round(rng.normal(size=tuple(value.shape)), 6))
    (value * weight).sum().backward()
    c = {
        "name": name,
        "settings": settings,
        "prediction": plain(prediction),
        "target": plain(target),
        "loss": plain(value),
        "upstream": plain(weight),
        "gradient": plain(prediction.grad),
    }
    if wants_target:
        c["target_gradient"] = plain(target.grad)
    c.update({k: plain(v) if torch.is_tensor(v) else v for k, v in extra.items()})
    cases.append(c)


logits = draw(3, 4, 7) * 2
labels = torch.tensor(rng.integers(0, 7, size=(3, 4)))
labels[0, 1] = -100
labels[2, 3] = -100
weights = torch.tensor(np.round(rng.uniform(0.2, 2, size=7), 6))


def entropy(p, t, **kw):
    flat = F.cross_entropy(p.reshape(-1, p.shape[-1]), t.reshape(-1), **kw)
    return flat.reshape(t.shape) if kw.get("reduction") == "none" else flat


for reduction in ["none", "sum", "mean"]:
    case("cross_entropy", {}, logits, labels, lambda p, t: entropy(p, t, reduction=reduction), reduction=reduction)
case(
    "cross_entropy",
    {"label_smoothing": 0.1},
    logits,
    labels,
    lambda p, t: entropy(p, t, label_smoothing=0.1),
    reduction="mean",
)
case(
    "cross_entropy",
    {"label_smoothing": 0.2, "ignore_index": 3},
    logits,
    labels.clamp(min=0),
    lambda p, t: entropy(p, t, label_smoothing=0.2, weight=weights, ignore_index=3),
    reduction="mean",
    weights=weights,
)
case("masked_lm", {}, logits, labels, lambda p, t: entropy(p, t), reduction="mean")
case("causal_lm", {}, logits, labels, lambda p, t: entropy(p, t), reduction="mean")
case(
    "causal_lm",
    {"shift": 1, "label_smoothing": 0.05},
    logits,
    labels,
    lambda p, t: entropy(p[:, :-1], t[:, 1:], label_smoothing=0.05),
    reduction="mean",
)

x = draw(4, 5) * 3
x[0, 0] = 0.0
x[1, 1] = 60.0
x[2, 2] = -800.0
y = torch.tensor(np.round(rng.uniform(0, 1, size=(4, 5)), 6))
y[0, 1] = 0.0
y[2, 3] = 1.0
positive = torch.tensor(np.round(rng.uniform(0.5, 3, size=5), 6))
for reduction in ["none", "sum", "mean"]:
    case(
        "bce",
        {},
        x,
        y,
        lambda p, t: F.binary_cross_entropy_with_logits(p, t, reduction=reduction),
        reduction=reduction,
    )
case(
    "bce",
    {},
    x,
    y,
    lambda p, t: F.binary_cross_entropy_with_logits(p, t, pos_weight=positive),
    reduction="mean",
    weights=positive,
)

a = draw(4, 5)
b = draw(4, 5)
b[1, 2] = a[1, 2]  # a tie
for reduction in ["none", "sum", "mean"]:
    case("mse", {}, a, b, lambda p, t: F.mse_loss(p, t, reduction=reduction), reduction=reduction, target_gradient=True)
    case("l1", {}, a, b, lambda p, t: F.l1_loss(p, t, reduction=reduction), reduction=reduction, target_gradient=True)
for beta in [1.0, 0.3, 0.0]:
    case(
        "smooth_l1",
        {"beta": beta},
        a,
        b,
        lambda p, t: F.smooth_l1_loss(p, t, beta=beta),
        reduction="mean",
        target_gradient=True,
    )

logq = F.log_softmax(draw(4, 5), -1)
p = F.softmax(draw(4, 5), -1)
p[0, 0] = 0.0
for reduction, ours in [("none", "none"), ("sum", "sum"), ("mean", "mean"), ("batchmean", "batch_mean")]:
    case("kl", {}, logq, p, lambda q, t: F.kl_div(q, t, reduction=reduction), reduction=ours)
    case(
        "kl",
        {"log_target": 1},
        logq,
        F.log_softmax(a, -1),
        lambda q, t: F.kl_div(q, t, reduction=reduction, log_target=True),
        reduction=ours,
        target_gradient=True,
    )

signs = torch.tensor(rng.choice([-1.0, 1.0], size=(4, 5)))
for margin in [1.0, 0.4]:
    case(
        "hinge",
        {"margin": margin},
        a,
        signs,
        lambda s, t: torch.clamp(margin - t * s, min=0).mean(),
        reduction="mean",
    )


def nce(q, k, temperature, normalise, symmetric):
    if normalise:
        q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
    scores = q @ k.T / temperature
    own = torch.arange(q.shape[0])
    loss = F.cross_entropy(scores, own)
    return (loss + F.cross_entropy(scores.T, own)) / 2 if symmetric else loss


queries = draw(4, 6)
queries[2] = 0.0  # no direction
keys = draw(4, 6)
many = draw(7, 6)
case("info_nce", {}, queries, keys, lambda q, k: nce(q, k, 0.07, True, False), reduction="mean", target_gradient=True)
case(
    "info_nce",
    {"temperature": 0.5, "symmetric": 1},
    draw(4, 6),
    keys,
    lambda q, k: nce(q, k, 0.5, True, True),
    reduction="mean",
    target_gradient=True,
)
case(
    "info_nce",
    {"temperature": 2.0, "normalise": 0},
    draw(4, 6),
    many,
    lambda q, k: nce(q, k, 2.0, False, False),
    reduction="mean",
    target_gradient=True,
)

out = {"made_by": "make_losses.py, torch " + torch.__version__.split("+")[0], "cases": cases}
pathlib.Path(__file__).with_name("losses.json").write_text(json.dumps(out, indent=0) + "\n")
