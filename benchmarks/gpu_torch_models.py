"""Whole models for gpu_torch.py: decoding with a static cache, and training steps."""

import inspect
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn


def decode(lab):
    try:
        from transformers import LlamaConfig, LlamaForCausalLM, StaticCache
    except ImportError as e:
        lab.skip("Llama", "", e)
        return
    depth, steps = lab.size(512, 2), lab.size(128, 3)
    tiny = dict(hidden_size=256, intermediate_size=256, num_attention_heads=4, num_key_value_heads=2,
                num_hidden_layers=1, vocab_size=256, tie_word_embeddings=True)
    shapes = {
        "Llama 1B": dict(hidden_size=2048, intermediate_size=8192, num_attention_heads=32, num_key_value_heads=8,
                         num_hidden_layers=16, vocab_size=128256, tie_word_embeddings=True),
        "Llama 8B": dict(hidden_size=4096, intermediate_size=14336, num_attention_heads=32, num_key_value_heads=8,
                         num_hidden_layers=32, vocab_size=128256, tie_word_embeddings=False)}

    def new_cache(config, batch):
        given = dict(config=config, max_batch_size=batch, max_cache_len=depth + steps, device=lab.device,
                     dtype=torch.bfloat16)  # some versions take all of these, newer ones two
        known = inspect.signature(StaticCache.__init__).parameters
        return StaticCache(**{k: v for k, v in given.items() if k in known})

    @torch.no_grad()
    def measure(title, model, batch, compiled):
        cache = new_cache(model.config, batch)
        prompt = torch.randint(model.config.vocab_size, (batch, depth), device=lab.device)
        at = torch.arange(depth + steps, device=lab.device)

        def step(token, position):
            logits = model(token, past_key_values=cache, cache_position=position, position_ids=position[None],
                           logits_to_keep=1).logits
            return logits[:, -1].argmax(-1, keepdim=True)

        run = torch.compile(step, mode="reduce-overhead") if compiled else step

        def tokens(again):
            if again:
                cache.reset()
            token = step(prompt, at[:depth])
            lab.synchronize()
            begin = time.perf_counter_ns()
            for i in range(depth, depth + steps):
                token = run(token, at[i : i + 1]).clone()  # a graph's result lies where its next one will
            lab.synchronize()
            return (time.perf_counter_ns() - begin) / steps

        tokens(False)
        nanos = statistics.median(tokens(True) for _ in range(3))
        lab.report(f"{title} batch {batch}", ("compile" if compiled else "eager") + ", static cache", nanos, tokens=batch)

    for batch in (1, lab.size(64, 2)):
        for title, shape in shapes.items():
            title += " BF16"
            if not lab.has_time(f"{title} batch {batch}"):
                continue
            with lab.attempt(f"{title} batch {batch}"):
                torch.compiler.reset()
                config = LlamaConfig(max_position_embeddings=8192, **(tiny if lab.small else shape))
                torch.set_default_dtype(torch.bfloat16)
                try:
                    with lab.device:
                        model = LlamaForCausalLM(config).eval()
                finally:
                    torch.set_default_dtype(torch.float32)
                if lab.compiles:
                    with lab.attempt(f"{title} batch {batch}", "compile, static cache"):
                        measure(title, model, batch, True)
                if lab.has_time(f"{title} batch {batch}", "eager, static cache"):
                    measure(title, model, batch, False)
                del model


class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.c_attn, self.c_proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.up, self.down = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.c_attn(self.ln_1(x)).view(b, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.c_proj(y.transpose(1, 2).reshape(b, t, c))
        return x + self.down(F.gelu(self.up(self.ln_2(x)), approximate="tanh"))


class Gpt(nn.Module):
    def __init__(self, vocabulary, layers, heads, dim, context):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocabulary, dim), nn.Embedding(context, dim)
        self.blocks = nn.ModuleList(Block(dim, heads) for _ in range(layers))
        self.ln_f = nn.LayerNorm(dim)
        nn.init.normal_(self.wte.weight, 0, 0.02)

    def forward(self, ids, targets):
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1], device=ids.device))
        for block in self.blocks:
            x = block(x)
        logits = self.ln_f(x) @ self.wte.weight.T
        return F.cross_entropy(logits.float().view(-1, logits.shape[-1]), targets.reshape(-1))


def train(lab):
    name = f"GPT-2 BF16 {lab.size(32, 2)}x{lab.size(1024, 8)}"
    for compiled in (True, False) if lab.compiles else (False,):
        variant = ("compile" if compiled else "eager") + ", fused AdamW"
        if lab.has_time(name, variant):
            with lab.attempt(name, variant):
                train_steps(lab, name, variant, compiled)


def train_steps(lab, name, variant, compiled):
    vocabulary, dim, layers = lab.size(50304, 32), lab.size(768, 16), lab.size(12, 1)
    heads, context, batch = lab.size(12, 2), lab.size(1024, 8), lab.size(32, 2)
    torch.compiler.reset()
    torch.set_float32_matmul_precision("high")
    with lab.device:
        model = Gpt(vocabulary, layers, heads, dim, context)
        corpus = torch.randint(vocabulary, (1 << 20,))
    run = torch.compile(model, dynamic=False) if compiled else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True)

    def step():
        at = torch.randint(len(corpus) - context, (batch,)).tolist()
        x = torch.stack([corpus[i : i + context] for i in at])
        y = torch.stack([corpus[i + 1 : i + 1 + context] for i in at])
        with torch.autocast(lab.device.type, torch.bfloat16):
            loss = run(x, y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    for _ in range(lab.size(4, 1)):
        step()
    nanos = []
    for _ in range(lab.size(20, 2)):
        begin = time.perf_counter_ns()
        step()
        nanos.append(time.perf_counter_ns() - begin)
    lab.report(name, variant, statistics.median(nanos), tokens=batch * context)
