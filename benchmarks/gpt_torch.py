"""The training recipes of benchmarks/RESULTS.md in PyTorch, for comparison: time per step, and the loss after training.

    python benchmarks/gpt_torch.py --text tinyshakespeare.txt --recipe small --steps 2000 --seed 1337
    python benchmarks/gpt_torch.py --text tinyshakespeare.txt --recipe large --steps 30 --bf16 --compile

small: 4 layers, 4 heads, width 128, context 64, batch 12; large: 6 layers, 6 heads, width 384, context 256, batch 16.
Characters, 90/10 split, fused AdamW, clipping at 1, warm-up of 100 steps and a cosine from 1e-3 to 1e-4.
"""

import argparse
import math
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn

RECIPES = {"small": (4, 4, 128, 64, 12), "large": (6, 6, 384, 256, 16)}


class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.ln_1 = nn.LayerNorm(dim)
        self.c_attn = nn.Linear(dim, 3 * dim)
        self.c_proj = nn.Linear(dim, dim)
        self.ln_2 = nn.LayerNorm(dim)
        self.c_fc = nn.Linear(dim, 4 * dim)
        self.down = nn.Linear(4 * dim, dim)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.c_attn(self.ln_1(x)).view(b, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.c_proj(y.transpose(1, 2).reshape(b, t, c))
        return x + self.down(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))


class Gpt(nn.Module):
    def __init__(self, vocabulary, layers, heads, dim, context):
        super().__init__()
        self.wte = nn.Embedding(vocabulary, dim)
        self.wpe = nn.Embedding(context, dim)
        self.blocks = nn.ModuleList(Block(dim, heads) for _ in range(layers))
        self.ln_f = nn.LayerNorm(dim)
        for name, p in self.named_parameters():
            if p.dim() > 1:
                residual = name.endswith(("c_proj.weight", "down.weight"))
                nn.init.normal_(p, 0, 0.02 / math.sqrt(2 * layers) if residual else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(p)

    def forward(self, ids, targets):
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        logits = self.ln_f(x) @ self.wte.weight.T
        return F.cross_entropy(logits.float().view(-1, logits.shape[-1]), targets.reshape(-1))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--text", required=True)
    parser.add_argument("--recipe", choices=RECIPES, default="small")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--schedule-steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1337)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--no-evaluation", action="store_true")
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    layers, heads, dim, context, batch = RECIPES[a.recipe]
    text = open(a.text, encoding="utf-8").read()
    characters = sorted(set(text))
    ids = torch.tensor([characters.index(c) for c in text])
    cut = int(0.9 * len(ids))
    train, validation = ids[:cut], ids[cut:]
    model = Gpt(len(characters), layers, heads, dim, context)
    run = torch.compile(model) if a.compile else model
    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
        lr=1e-3, betas=(0.9, 0.99), fused=True)
    times = []
    for step in range(a.steps):
        warm, total = 100, a.schedule_steps
        rate = 1e-3 * step / warm if step < warm else 1e-4 + 0.5 * 9e-4 * (
            1 + math.cos(math.pi * min(1.0, (step - warm) / (total - warm))))
        for group in optimizer.param_groups:
            group["lr"] = rate
        begin = time.perf_counter()
        at = torch.randint(len(train) - context, (batch,))
        x = torch.stack([train[i : i + context] for i in at])
        y = torch.stack([train[i + 1 : i + 1 + context] for i in at])
        with torch.autocast("cpu", torch.bfloat16, enabled=a.bf16):
            loss = run(x, y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        float(loss)
        times.append(time.perf_counter() - begin)
    skipped = times[min(10, len(times) // 3) :]
    print(f"torch {torch.__version__} {a.recipe} bf16={a.bf16} compile={a.compile}: "
          f"{1000 * statistics.median(skipped):.1f} ms a step, {sum(times):.1f} s, loss {loss.item():.4f}")
    if not a.no_evaluation:
        model.eval()
        total = count = 0
        with torch.no_grad():
            for i in range(0, len(validation) - 1, context):
                x = validation[i : i + context][: len(validation) - 1 - i][None]
                y = validation[i + 1 : i + 1 + x.shape[1]][None]
                total += model(x, y).item() * y.numel()
                count += y.numel()
        print(f"validation loss {total / count:.4f} over {count} tokens")


main()
