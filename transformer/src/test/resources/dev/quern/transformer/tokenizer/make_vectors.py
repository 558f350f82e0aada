"""Makes the small tokenizers of this folder and what Hugging Face's tokenizers library does with them.

Each NAME.json is a file of the library's own format, trained on generated text; each NAME.cases.json holds, per text:
[text, ids without special tokens, ids with everything, text decoded from the former].

Run: python make_vectors.py   (tokenizers 0.23.2; the output is the same on every run)
"""

import collections
import json
import pathlib
import random

from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).parent
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
ALPHABETS = [
    "abcdefghijklmnopqrstuvwxyz   ", "ABC DEF 'x", "0123456789 .,", "\t\n\r  \u00a0\u2003", "'s't're'veS'LL",
    "!?.,;:-_()[]<>@#$%&*+=~\\/", "\u00e9\u00e8\u00fc\u00f1\u00c0\u00c9\u00df", "\u043f\u0440\u0438\u0432\u0435\u0442",
    "\u4f60\u597d\u4e16\u754c", "\u3053\u3093\u306b\u3061\u306f", "\uc548\ub155", "\u0645\u0631\u062d\u0628\u0627",
    "\u0928\u092e\u0938\u094d\u0924\u0947", "\U0001f600\U0001f44d\U0001f3fd\u200d", "e\u0301a\u0308", "\u2160\u00bd\u00b2",
]
WORDS = [
    "the", " the", " rain", " in", " Spain", "don't", " we've", " 12345", "\n\n", "   ", "foo_bar", " stra\u00dfe",
    " caf\u00e9", "Hello", ", world", "!", "<s>", "</s>", " <mask> ", "<tool>", "a<tool>b", " <tool> ", "\u2581x", "<0x41>",
]


def texts(seed, count):
    rng = random.Random(seed)
    result = ["", " ", "a", "\n", "  two  spaces  "]
    while len(result) < count:
        parts = []
        for _ in range(rng.randint(1, 7)):
            if rng.random() < 0.5:
                parts.append(rng.choice(WORDS))
            else:
                alphabet = rng.choice(ALPHABETS)
                parts.append("".join(rng.choice(alphabet) for _ in range(rng.randint(1, 6))))
        result.append("".join(parts))
    return result


def add_tokens(tokenizer):
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False)])
    tokenizer.add_tokens([AddedToken("<tool>", single_word=True, normalized=False)])


def write(name, tokenizer, cases):
    (HERE / f"{name}.json").write_text(json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=True, separators=(",", ":")))
    rows = []
    for text in cases:
        tokenizer.encode_special_tokens = True
        plain = tokenizer.encode(text, add_special_tokens=False).ids
        tokenizer.encode_special_tokens = False
        everything = tokenizer.encode(text).ids
        rows.append(json.dumps([text, plain, everything, tokenizer.decode(plain)], ensure_ascii=True, separators=(",", ":")))
    (HERE / f"{name}.cases.json").write_text("[\n" + ",\n".join(rows) + "\n]\n")


def pairs_with_suffix(words, count):
    """Byte-pair encoding over characters with a suffix at the end of words; ties go by spelling (the library's don't)."""
    splits = [list(word[:-1]) + [word[-1] + "</w>"] for word in words]
    vocab = {"<unk>": 0}
    for symbol in sorted({s for split in splits for s in split}):
        vocab[symbol] = len(vocab)
    merges = []
    for _ in range(count):
        pairs = collections.Counter(pair for split in splits for pair in zip(split, split[1:]))
        left, right = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append((left, right))
        vocab.setdefault(left + right, len(vocab))
        for split in splits:
            i = 0
            while i + 1 < len(split):
                if split[i] == left and split[i + 1] == right:
                    split[i : i + 2] = [left + right]
                i += 1
    return vocab, merges


def main():
    corpus = texts(1, 400)
    cases = texts(2, 60)

    byte_level = Tokenizer(models.BPE(ignore_merges=True))
    byte_level.normalizer = normalizers.NFC()
    byte_level.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(LLAMA3), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    byte_level.decoder = decoders.ByteLevel()
    byte_level.train_from_iterator(corpus, trainers.BpeTrainer(
        vocab_size=360, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=["<s>", "</s>"], show_progress=False))
    byte_level.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 0)])
    add_tokens(byte_level)
    write("byte-level", byte_level, cases)

    pieces = Tokenizer(models.BPE(unk_token="<unk>"))
    pieces.pre_tokenizer = pre_tokenizers.Metaspace()
    pieces.train_from_iterator([t for t in corpus if all(ord(c) < 0x250 for c in t)], trainers.BpeTrainer(
        vocab_size=380, special_tokens=["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)],
        show_progress=False))
    file = json.loads(pieces.to_str())
    file["model"].update(byte_fallback=True, fuse_unk=True)
    file["added_tokens"] = [t for t in file["added_tokens"] if not t["content"].startswith("<0x")]
    file["pre_tokenizer"] = None
    sentence_piece = Tokenizer.from_str(json.dumps(file))
    sentence_piece.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    sentence_piece.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    sentence_piece.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A $B", special_tokens=[("<s>", 1), ("</s>", 2)])
    add_tokens(sentence_piece)
    write("sentence-piece", sentence_piece, cases)

    common = " ".join(text.lower() for text in corpus if all(ord(c) < 0x250 for c in text)).split()
    parts = collections.Counter(w[a:b] for w in common for a in range(len(w)) for b in range(a + 2, min(a + 5, len(w)) + 1))
    frequent = [part for part, _ in sorted(parts.items(), key=lambda item: (-item[1], item[0]))[:60]]
    letters = sorted(set("".join(common)))
    names = ["[UNK]", "[CLS]", "[SEP]"] + letters + ["##" + c for c in letters] + frequent[:30] + ["##" + p for p in frequent[30:]]
    word_piece = Tokenizer(models.WordPiece(
        vocab={name: i for i, name in enumerate(names)}, unk_token="[UNK]", max_input_chars_per_word=12))
    word_piece.normalizer = normalizers.BertNormalizer()
    word_piece.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    word_piece.decoder = decoders.WordPiece()
    word_piece.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    add_tokens(word_piece)
    write("word-piece", word_piece, cases)

    vocab, merges = pairs_with_suffix(common, 60)
    suffixes = Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", end_of_word_suffix="</w>"))
    suffixes.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    suffixes.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.Punctuation("contiguous")])
    suffixes.decoder = decoders.BPEDecoder()
    add_tokens(suffixes)
    write("suffixes", suffixes, cases)

    metaspace = Tokenizer.from_str(json.dumps(file))
    metaspace.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    metaspace.decoder = decoders.Metaspace(prepend_scheme="first")
    add_tokens(metaspace)
    write("metaspace", metaspace, cases[:30])


main()
