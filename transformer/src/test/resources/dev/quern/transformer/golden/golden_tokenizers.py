"""The three tiny tokenizers of the goldens, trained on a few lines of text, and the cases that test them.

Every choice is made in a fixed order, so that the same library version gives the same ids each time.
"""

import re
from collections import Counter

from gguf import TokenType
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

VOCAB = 320

TEXTS = [
    "",
    " ",
    "The quern",
    "the miller pours the grain",
    "  two  blanks and a tail ",
    "The miller’s hand is slow.",
    "Flour: 3.14 kg, or 12 cups?",
    "naïve café, Grüße, 粉, 🌾",
    "line one\nline two\ttab",
    "don't STOP",
    "ends with </s> and [SEP] and <|endoftext|>",
]


def tokenizer_cases(tokenizer):
    """Ids without and with the special tokens that the model's template adds."""
    tokenizer.encode_special_tokens = True  # the text of a special token is plain text
    cases = []
    for text in TEXTS:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        cases.append({"text": text, "ids": ids})
    tokenizer.encode_special_tokens = False
    for case in cases:
        case["idsSpecial"] = tokenizer.encode(case["text"], add_special_tokens=True).ids
    return cases


def train_sentencepiece_style(corpus):
    """A byte-fallback BPE in the layout of Llama 2: specials, 256 bytes, merged pieces, characters.

    GGUF stores a score per piece, tokenizer.json a list of merges; both are derived from the same
    order of pieces, so both algorithms must give the same ids.
    """
    specials = ["<unk>", "<s>", "</s>"]
    byte_pieces = [f"<0x{b:02X}>" for b in range(256)]
    counts = Counter("".join(corpus).replace(" ", "▁"))
    alphabet = sorted(counts, key=lambda c: (-counts[c], c))[:30]  # the rest is spelled in bytes
    trainee = Tokenizer(models.BPE())
    trainee.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=True)
    room = VOCAB - len(specials) - len(byte_pieces)
    trainer = trainers.BpeTrainer(
        vocab_size=room, initial_alphabet=alphabet, limit_alphabet=len(alphabet), show_progress=False
    )
    trainee.train_from_iterator(corpus, trainer)
    by_id = sorted(trainee.get_vocab(), key=trainee.get_vocab().get)
    single = [piece for piece in by_id if len(piece) == 1]
    merged = [piece for piece in by_id if len(piece) > 1]
    learned = merged + single
    pieces = specials + byte_pieces + learned
    assert len(pieces) == VOCAB and len(set(pieces)) == VOCAB
    ids = {piece: i for i, piece in enumerate(pieces)}
    first = len(specials) + len(byte_pieces)
    scores = [0.0] * first + [-float(i) for i in range(len(learned))]
    types = [TokenType.UNKNOWN, TokenType.CONTROL, TokenType.CONTROL]
    types += [TokenType.BYTE] * 256 + [TokenType.NORMAL] * len(learned)

    merges = []
    for piece in merged:
        splits = [(piece[:i], piece[i:]) for i in range(1, len(piece))]
        splits = [s for s in splits if s[0] in ids and s[1] in ids]
        merges += sorted(splits, key=lambda s: (ids[s[0]], ids[s[1]]))
    tokenizer = Tokenizer(models.BPE(ids, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)]
    )
    tokenizer.add_special_tokens([AddedToken(s, normalized=False, special=True) for s in specials])
    return tokenizer, pieces, scores, types


def train_byte_level(corpus):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB - 1, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False
    )
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.add_special_tokens([AddedToken("<|endoftext|>", normalized=False, special=True)])
    assert tokenizer.get_vocab_size() == VOCAB
    return tokenizer


def train_word_piece(corpus):
    """The characters of the corpus, then the pieces that cover most of it (the library's own trainer
    numbers continuation pieces in hash order, another one in each run)."""
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = Counter(re.findall(r"\w+|[^\w\s]", " ".join(corpus).lower()))
    gains = Counter()
    for word, count in words.items():
        for start in range(len(word)):
            for end in range(start + 1, len(word) + 1):
                piece = word[start:end] if start == 0 else "##" + word[start:end]
                gains[piece] += count * (end - start - 1)
    letters = sorted(piece for piece in gains if gains[piece] == 0)
    longer = sorted((p for p in gains if gains[p] > 0), key=lambda p: (-gains[p], p))
    pieces = specials + letters + longer[: VOCAB // 2 - len(specials) - len(letters)]
    vocab = {piece: i for i, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    tokenizer.add_special_tokens([AddedToken(s, normalized=False, special=True) for s in specials])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    assert tokenizer.get_vocab_size() == VOCAB // 2
    return tokenizer
