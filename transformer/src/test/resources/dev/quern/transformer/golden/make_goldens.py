"""Makes the tiny models, tokenizers and golden outputs that stand beside this script.

Four models of three families, all of them small enough to live in the repository:

  llama/   a trained two-layer model as GGUF F32, GGUF Q8_0 and a Hugging Face folder (BF16: the same
           numbers, since the trained weights are rounded to BF16 first), and a one-layer model whose
           rows are 256 long as GGUF Q4_K
  gpt2/    a seeded random GPT-2 as a Hugging Face folder
  bert/    a seeded random BERT with its masked-language head as a Hugging Face folder
  classifier/  a seeded random BERT with a classifier of sequences as a Hugging Face folder

Golden outputs come from float64 arithmetic over the weights that the files hold (dequantised where
they are quantised) and are stored as float32. README.md beside this script lists the files and the
tolerances.

Needs numpy, torch, transformers, tokenizers, gguf, safetensors. Run it without arguments; it replaces
what it made before. Training runs on one thread from a fixed seed: the same library versions on the
same kind of processor give the same bytes, others give other, equally valid, models.
"""

import json
import os
import sys

sys.dont_write_bytecode = True  # the folder holds test resources

import numpy as np
import torch
import transformers
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter, LlamaFileType
from gguf.quants import dequantize, quantize
from safetensors.torch import load_file

from block_formats import quantize_q4_k, quantize_q6_k
from exact_llama import forward as exact_llama_forward
from golden_files import HERE, fresh_folder, randomise, save_weights, write_cases, write_json, write_safetensors, write_tokenizer
from golden_tokenizers import VOCAB, tokenizer_cases, train_byte_level, train_sentencepiece_style, train_word_piece

CORPUS = (HERE / "corpus.txt").read_text(encoding="utf-8").splitlines()
SEED = 2025

# ---------------------------------------------------------------------------------------------
# llama


def llama_config(hidden, layers, feed_forward):
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": hidden,
        "intermediate_size": feed_forward,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "vocab_size": VOCAB,
        "max_position_embeddings": 256,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        "attention_bias": False,
        "mlp_bias": False,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "torch_dtype": "bfloat16",
    }


def train_llama(config, tokenizer, seed, steps=400):
    """Learns the corpus by heart, so that greedy decoding has wide margins. Returns BF16 weights."""
    torch.manual_seed(seed)
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**config)).float()
    sequences = [tokenizer.encode(line).ids + [2] for line in CORPUS]
    longest = max(map(len, sequences))
    ids = torch.full((len(sequences), longest), 2)
    labels = torch.full((len(sequences), longest), -100)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.tensor(sequence)
        labels[row, : len(sequence)] = torch.tensor(sequence)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        optimizer.step()
        schedule.step()
    print(f"llama hidden={config['hidden_size']}: loss {loss.item():.4f}")
    state = {k: v.detach().to(torch.bfloat16).contiguous() for k, v in model.state_dict().items()}
    del state["lm_head.weight"]  # tied
    return state


GGUF_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def gguf_name(name):
    if name == "model.embed_tokens.weight":
        return "token_embd.weight"
    if name == "model.norm.weight":
        return "output_norm.weight"
    _, _, layer, rest = name.split(".", 3)
    return f"blk.{layer}.{GGUF_NAMES[rest.removesuffix('.weight')]}.weight"


def interleave_rotary_rows(weight, heads):
    """Hugging Face keeps a head's rotary pairs (i, i + d/2); GGUF's llama keeps them side by side."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns).copy()


def separate_rotary_rows(weight, heads):
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns).copy()


def gguf_weights(config, state):
    weights = {}
    for name, value in state.items():
        array = value.float().numpy()
        if "q_proj" in name:
            array = interleave_rotary_rows(array, config["num_attention_heads"])
        if "k_proj" in name:
            array = interleave_rotary_rows(array, config["num_key_value_heads"])
        weights[gguf_name(name)] = array
    return weights


def choose_type(name, array, wanted):
    """Norms stay F32. Rows that are no multiple of 256 can't be Q4_K: Q8_0. Values in Q6_K, as is usual."""
    if array.ndim == 1 or wanted == "F32":
        return "F32"
    if wanted == "Q4_K":
        if array.shape[-1] % 256 != 0:
            return "Q8_0"
        return "Q6_K" if "attn_v" in name else "Q4_K"
    return wanted


def write_gguf(path, config, weights, wanted, pieces, scores, types):
    writer = GGUFWriter(path, "llama")
    writer.add_name("quern-golden-llama")
    writer.add_file_type(
        {"F32": LlamaFileType.ALL_F32, "Q8_0": LlamaFileType.MOSTLY_Q8_0, "Q4_K": LlamaFileType.MOSTLY_Q4_K_M}[wanted]
    )
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(VOCAB)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(pieces)
    writer.add_token_scores(scores)
    writer.add_token_types([int(t) for t in types])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(True)
    writers = {
        "Q8_0": lambda a: quantize(a, GGMLQuantizationType.Q8_0),
        "Q4_K": quantize_q4_k,
        "Q6_K": quantize_q6_k,
    }
    for name, array in weights.items():
        kind = choose_type(name, array, wanted)
        if kind == "F32":
            writer.add_tensor(name, array)
        else:
            writer.add_tensor(name, writers[kind](array), raw_dtype=GGMLQuantizationType[kind])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def read_gguf_weights(path, config):
    """The file's weights, dequantised, under their Hugging Face names and in their row order."""
    names = {gguf_name(n): n for n in llama_names(config)}
    weights = {}
    for tensor in GGUFReader(path).tensors:
        shape = tuple(reversed([int(d) for d in tensor.shape]))
        array = dequantize(tensor.data, tensor.tensor_type).reshape(shape).astype(np.float64)
        name = names[tensor.name]
        if "q_proj" in name:
            array = separate_rotary_rows(array, config["num_attention_heads"])
        if "k_proj" in name:
            array = separate_rotary_rows(array, config["num_key_value_heads"])
        weights[name] = array
    return weights


def llama_names(config):
    names = ["model.embed_tokens.weight", "model.norm.weight"]
    for layer in range(config["num_hidden_layers"]):
        names += [f"model.layers.{layer}.{part}.weight" for part in GGUF_NAMES]
    return names


def check_against_transformers(config, weights, ids, logits):
    """The exact forward pass and the transformers library must agree (the latter norms in float32)."""
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**config)).double().eval()
    state = {k: torch.from_numpy(v) for k, v in weights.items()}
    missing = model.load_state_dict(state, strict=False)
    assert missing.missing_keys == ["lm_head.weight"] and not missing.unexpected_keys
    model.tie_weights()
    with torch.no_grad():
        other = model(input_ids=torch.tensor([ids])).logits[0].double().numpy()
    error = np.abs(other - logits).max() / np.abs(logits).max()
    assert error < 1e-5, error
    return error


def greedy(forward, prompt, count, stop, least):
    """Greedy ids, and the smallest gap between the two best logits relative to the largest logit."""
    ids, gaps = list(prompt), []
    while len(ids) - len(prompt) < count:
        logits = forward(ids)[-1]
        best = np.sort(logits)[-2:]
        gaps.append((best[1] - best[0]) / np.abs(logits).max())
        ids.append(int(np.argmax(logits)))
        if ids[-1] == stop:
            break
    assert min(gaps) > least, min(gaps)
    return ids[len(prompt) :], min(gaps)


def make_llama():
    folder = fresh_folder("llama")
    tokenizer, pieces, scores, types = train_sentencepiece_style(CORPUS)
    write_cases(folder / "tokenizer_cases.json", tokenizer_cases(tokenizer))
    small = llama_config(hidden=64, layers=2, feed_forward=32)
    wide = llama_config(hidden=256, layers=1, feed_forward=256)
    small_state = train_llama(small, tokenizer, SEED)
    wide_state = train_llama(wide, tokenizer, SEED + 1)

    hf = folder / "hf"
    hf.mkdir()
    write_json(hf / "config.json", small)
    write_json(hf / "generation_config.json", {"bos_token_id": 1, "eos_token_id": 2, "do_sample": False})
    write_json(
        hf / "tokenizer_config.json",
        {
            "tokenizer_class": "LlamaTokenizer",
            "bos_token": "<s>",
            "eos_token": "</s>",
            "unk_token": "<unk>",
            "add_bos_token": True,
            "add_eos_token": False,
            "legacy": True,
            "model_max_length": 256,
            "clean_up_tokenization_spaces": False,
        },
    )
    write_tokenizer(tokenizer, hf)
    write_safetensors(small_state, hf / "model.safetensors")

    cases = []
    tokens = tokenizer.encode("A hand’s song").ids
    for wanted, config, state in (("F32", small, small_state), ("Q8_0", small, small_state), ("Q4_K", wide, wide_state)):
        name = f"llama-{wanted}"
        write_gguf(folder / f"{name}.gguf", config, gguf_weights(config, state), wanted, pieces, scores, types)
        weights = read_gguf_weights(folder / f"{name}.gguf", config)
        forward = lambda ids: exact_llama_forward(config, weights, ids)
        logits = forward(tokens)
        error = check_against_transformers(config, weights, tokens, logits)
        np.save(folder / f"{name}.logits.npy", logits.astype(np.float32))
        for prompt in ("The quern", "The miller’s", "In the morning the children"):
            prompt_ids = tokenizer.encode(prompt).ids
            ids, gap = greedy(forward, prompt_ids, 64, stop=2, least=0.05)
            cases.append(
                {
                    "model": f"{name}.gguf",
                    "prompt": prompt,
                    "promptIds": prompt_ids,
                    "ids": ids,
                    "text": tokenizer.decode(prompt_ids + ids)[len(prompt) :],
                    "smallestGap": float(f"{gap:.3g}"),
                }
            )
            print(f"{name}: gap {gap:.3g}, transformers within {error:.1e}:{cases[-1]['text']}")
    write_cases(folder / "greedy.json", cases)
    write_json(folder / "tokens.json", tokens)
    from_hf = {k: v.double().numpy() for k, v in load_file(hf / "model.safetensors").items()}
    from_gguf = read_gguf_weights(folder / "llama-F32.gguf", small)
    assert all(np.array_equal(from_hf[k], from_gguf[k]) for k in from_gguf)


# ---------------------------------------------------------------------------------------------
# gpt2 and bert


def make_gpt2():
    folder = fresh_folder("gpt2")
    tokenizer = train_byte_level(CORPUS)
    end = tokenizer.token_to_id("<|endoftext|>")
    config = {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "n_embd": 32,
        "n_layer": 2,
        "n_head": 4,
        "n_inner": None,
        "n_positions": 48,
        "n_ctx": 48,
        "vocab_size": VOCAB,
        "layer_norm_epsilon": 1e-5,
        "activation_function": "gelu_new",
        "tie_word_embeddings": True,
        "bos_token_id": end,
        "eos_token_id": end,
        "torch_dtype": "float16",
    }
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**config)).eval()
    randomise(model, SEED + 2)
    model.tie_weights()
    hf = folder / "hf"
    hf.mkdir()
    write_json(hf / "config.json", config)
    write_json(hf / "generation_config.json", {"bos_token_id": end, "eos_token_id": end})
    write_json(
        hf / "tokenizer_config.json",
        {
            "tokenizer_class": "GPT2Tokenizer",
            "add_prefix_space": False,
            "bos_token": "<|endoftext|>",
            "eos_token": "<|endoftext|>",
            "unk_token": "<|endoftext|>",
            "model_max_length": 48,
        },
    )
    write_tokenizer(tokenizer, hf)
    save_weights(model, hf / "model.safetensors", {"lm_head.weight"})
    write_cases(folder / "tokenizer_cases.json", tokenizer_cases(tokenizer))
    model = model.double()

    def forward(ids):
        with torch.no_grad():
            return model(input_ids=torch.tensor([ids])).logits[0].numpy()

    tokens = tokenizer.encode("A hand’s song").ids
    np.save(folder / "gpt2.logits.npy", forward(tokens).astype(np.float32))
    write_json(folder / "tokens.json", tokens)
    prompt = tokenizer.encode("The quern").ids
    ids, gap = greedy(forward, prompt, 24, stop=end, least=2e-3)
    case = {"model": "hf", "prompt": "The quern", "promptIds": prompt, "ids": ids, "smallestGap": float(f"{gap:.3g}")}
    write_cases(folder / "greedy.json", [case])


def make_bert():
    folder = fresh_folder("bert")
    tokenizer = train_word_piece(CORPUS)
    config = {
        "architectures": ["BertForMaskedLM"],
        "model_type": "bert",
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": 48,
        "type_vocab_size": 2,
        "vocab_size": tokenizer.get_vocab_size(),
        "layer_norm_eps": 1e-12,
        "hidden_act": "gelu",
        "position_embedding_type": "absolute",
        "pad_token_id": 0,
        "torch_dtype": "float16",
    }
    model = transformers.BertForMaskedLM(transformers.BertConfig(**config)).eval()
    randomise(model, SEED + 3)
    model.tie_weights()
    hf = folder / "hf"
    hf.mkdir()
    write_json(hf / "config.json", config)
    write_json(
        hf / "tokenizer_config.json",
        {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": True,
            "unk_token": "[UNK]",
            "sep_token": "[SEP]",
            "pad_token": "[PAD]",
            "cls_token": "[CLS]",
            "mask_token": "[MASK]",
            "model_max_length": 48,
        },
    )
    write_tokenizer(tokenizer, hf)
    save_weights(model, hf / "model.safetensors", {"cls.predictions.decoder.weight", "cls.predictions.decoder.bias"})
    write_cases(folder / "tokenizer_cases.json", tokenizer_cases(tokenizer))
    tokens = tokenizer.encode("The miller’s [MASK] is slow, the stone sings.").ids
    assert tokens.count(tokenizer.token_to_id("[MASK]")) == 1
    model = model.double()
    with torch.no_grad():
        output = model(input_ids=torch.tensor([tokens]), output_hidden_states=True)
    np.save(folder / "bert.hidden.npy", output.hidden_states[-1][0].numpy().astype(np.float32))
    np.save(folder / "bert.logits.npy", output.logits[0].numpy().astype(np.float32))
    write_json(folder / "tokens.json", tokens)


def make_classifier():
    folder = fresh_folder("classifier")
    tokenizer = train_word_piece(CORPUS)
    config = {
        "architectures": ["BertForSequenceClassification"],
        "model_type": "bert",
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": 48,
        "type_vocab_size": 2,
        "vocab_size": tokenizer.get_vocab_size(),
        "layer_norm_eps": 1e-12,
        "hidden_act": "gelu",
        "position_embedding_type": "absolute",
        "pad_token_id": 0,
        "id2label": {"0": "grain", "1": "stone", "2": "song"},
        "label2id": {"grain": 0, "stone": 1, "song": 2},
        "torch_dtype": "float16",
    }
    model = transformers.BertForSequenceClassification(transformers.BertConfig(**config)).eval()
    randomise(model, SEED + 5)
    hf = folder / "hf"
    hf.mkdir()
    write_json(hf / "config.json", config)
    write_json(
        hf / "tokenizer_config.json",
        {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": True,
            "unk_token": "[UNK]",
            "sep_token": "[SEP]",
            "pad_token": "[PAD]",
            "cls_token": "[CLS]",
            "mask_token": "[MASK]",
            "model_max_length": 48,
        },
    )
    write_tokenizer(tokenizer, hf)
    save_weights(model, hf / "model.safetensors", set())
    texts = ["The miller pours the grain.", "a song", "The stone sings, and the children in the morning turn the quern slowly."]
    rows = [tokenizer.encode(text).ids for text in texts]
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    model = model.double()
    with torch.no_grad():
        logits = model(input_ids=ids, attention_mask=mask).logits.numpy()
    assert len(set(logits.argmax(axis=1))) > 1, logits
    np.save(folder / "classifier.logits.npy", logits.astype(np.float32))
    write_cases(folder / "cases.json", [{"text": text, "ids": row} for text, row in zip(texts, rows)])


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    transformers.logging.set_verbosity_error()
    os.chdir(HERE)
    make_llama()
    make_gpt2()
    make_bert()
    make_classifier()
    total = sum(f.stat().st_size for f in HERE.rglob("*") if f.is_file() and "__pycache__" not in f.parts)
    print(f"{total} bytes in all")
    assert total <= 1_000_000
