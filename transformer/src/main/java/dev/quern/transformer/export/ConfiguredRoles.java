package dev.quern.transformer.export;

import dev.quern.transformer.families.Checkpoint;
import dev.quern.transformer.families.Settings;
import dev.quern.transformer.tokenizer.SpecialRole;
import java.util.EnumMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/** The special tokens that {@code config.json} and {@code generation_config.json} name by id. */
final class ConfiguredRoles {
  private static final Map<SpecialRole, String> KEYS =
      Map.of(
          SpecialRole.BOS, "bos_token_id",
          SpecialRole.EOS, "eos_token_id",
          SpecialRole.PAD, "pad_token_id",
          SpecialRole.SEP, "sep_token_id",
          SpecialRole.CLS, "cls_token_id",
          SpecialRole.MASK, "mask_token_id");

  private ConfiguredRoles() {}

  /**
   * The roles of a folder. Of several end tokens the first ends a sequence, the others a turn and a
   * message: readers stop at each of them.
   */
  static Map<SpecialRole, Integer> of(Checkpoint checkpoint) {
    Map<SpecialRole, Integer> roles = new EnumMap<>(SpecialRole.class);
    KEYS.forEach(
        (role, key) -> {
          for (Settings s : List.of(checkpoint.generationSettings(), checkpoint.settings())) {
            List<Integer> ids = s.integers(key);
            if (!ids.isEmpty() && ids.getFirst() >= 0) {
              roles.put(role, ids.getFirst()); // config.json has the last word
            }
          }
        });
    TreeSet<Integer> ends = new TreeSet<>(checkpoint.endTokens());
    Integer end = roles.get(SpecialRole.EOS);
    if (end != null) {
      ends.remove(end);
    }
    Iterator<Integer> more = ends.iterator();
    for (SpecialRole role : List.of(SpecialRole.EOT, SpecialRole.EOM)) {
      if (more.hasNext()) {
        roles.put(role, more.next());
      }
    }
    return roles;
  }
}
