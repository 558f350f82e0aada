"""What the golden models are written with: folders, JSON, safetensors, and weights in half precision."""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent


def fresh_folder(name):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def write_cases(path, cases):
    """One case per line, so that a difference can be read."""
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    path.write_text("[\n" + lines + "\n]\n", encoding="utf-8")


def write_safetensors(state, path):
    save_file(state, path, metadata={"format": "pt"})
    path.chmod(0o644)  # the library makes it unreadable for others


def write_tokenizer(tokenizer, folder):
    """tokenizer.json without the blanks and line ends that `Tokenizer.save` puts in."""
    write_json(folder / "tokenizer.json", json.loads(tokenizer.to_str()))


def save_weights(model, path, tied):
    state = {k: v.half().contiguous() for k, v in model.state_dict().items() if k not in tied}
    write_safetensors(state, path)


def randomise(model, seed):
    """Gaussian matrices, norm weights 1 +- 0.1, biases +- 0.1, all from one seed."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.dim() == 1 and name.endswith("bias"):
                value = 0.1 * noise
            elif parameter.dim() == 1:
                value = 1 + 0.1 * noise
            else:
                value = noise * (0.5 if "embed" in name or ".wte." in name or ".wpe." in name else 0.2)
            parameter.copy_(value.half())  # stored as F16, computed with in float64
