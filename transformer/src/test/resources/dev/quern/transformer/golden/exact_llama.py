"""A Llama forward pass in float64, nothing rounded in between, one sequence, no cache.

Written out instead of taken from a library because the libraries compute norms, softmax and rotary
angles in float32 even for float64 weights.
"""

import numpy as np


def rms_norm(x, weight, eps):  # x: (T, C)
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * weight


def rotate(x, theta):  # x: (heads, T, D), the pairs being (i, i + D/2)
    _, length, dim = x.shape
    frequency = theta ** (-np.arange(0, dim, 2) / dim)
    angle = np.arange(length)[:, None] * frequency  # (T, D/2)
    cos, sin = np.cos(angle), np.sin(angle)
    first, second = x[..., : dim // 2], x[..., dim // 2 :]
    return np.concatenate([first * cos - second * sin, second * cos + first * sin], -1)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def forward(config, weights, ids):
    """Logits of every position: (T, vocab), float64. Weights are float64 under Hugging Face names."""
    heads, kv_heads, dim = (config[k] for k in ("num_attention_heads", "num_key_value_heads", "head_dim"))
    eps, length = config["rms_norm_eps"], len(ids)
    causal = np.where(np.tril(np.ones((length, length))) > 0, 0.0, -np.inf)
    x = weights["model.embed_tokens.weight"][ids]  # (T, C)
    for layer in range(config["num_hidden_layers"]):
        w = lambda part: weights[f"model.layers.{layer}.{part}.weight"]
        split = lambda y, n: y.reshape(length, n, dim).swapaxes(0, 1)  # (n, T, D)
        h = rms_norm(x, w("input_layernorm"), eps)
        q = rotate(split(h @ w("self_attn.q_proj").T, heads), config["rope_theta"])
        k = rotate(split(h @ w("self_attn.k_proj").T, kv_heads), config["rope_theta"])
        v = split(h @ w("self_attn.v_proj").T, kv_heads)
        k, v = (np.repeat(y, heads // kv_heads, axis=0) for y in (k, v))
        p = softmax(q @ k.swapaxes(1, 2) / np.sqrt(dim) + causal)  # (heads, T, T)
        x = x + (p @ v).swapaxes(0, 1).reshape(length, heads * dim) @ w("self_attn.o_proj").T
        h = rms_norm(x, w("post_attention_layernorm"), eps)
        gate = h @ w("mlp.gate_proj").T
        x = x + (gate / (1 + np.exp(-gate)) * (h @ w("mlp.up_proj").T)) @ w("mlp.down_proj").T
    return rms_norm(x, weights["model.norm.weight"], eps) @ weights["model.embed_tokens.weight"].T
