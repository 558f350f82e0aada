package dev.quern.transformer.train.config;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.common.ScalarStyle;
import org.snakeyaml.engine.v2.events.Event;
import org.snakeyaml.engine.v2.events.MappingStartEvent;
import org.snakeyaml.engine.v2.events.NodeEvent;
import org.snakeyaml.engine.v2.events.ScalarEvent;
import org.snakeyaml.engine.v2.events.SequenceStartEvent;
import org.snakeyaml.engine.v2.exceptions.Mark;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.parser.ParserImpl;
import org.snakeyaml.engine.v2.scanner.StreamReader;

/**
 * Reads a document into {@link Yaml} from the parser's events, one after the other: no object is
 * ever made because a file names its class, nothing is expanded, and nesting ends where it is
 * noticed.
 */
final class YamlReader {
  static final int MOST_BYTES = 1 << 20;
  private static final int MOST_LEVELS = 16;

  private final String origin;
  private final boolean lines;
  private final Iterator<Event> events;

  private YamlReader(String origin, boolean lines, Iterator<Event> events) {
    this.origin = origin;
    this.lines = lines;
    this.events = events;
  }

  /**
   * Reads one document.
   *
   * @param origin the file's name, for messages
   * @param lines whether messages tell the line as well
   */
  static Yaml read(String origin, boolean lines, String text) {
    LoadSettings settings =
        LoadSettings.builder().setLabel(origin).setCodePointLimit(MOST_BYTES).build();
    try {
      Iterator<Event> events = new ParserImpl(settings, new StreamReader(settings, text));
      return new YamlReader(origin, lines, events).document();
    } catch (MarkedYamlEngineException e) {
      String place = lines ? at(origin, e.getProblemMark()) : origin;
      throw new ConfigException(place + ": not valid YAML: " + e.getProblem(), e);
    } catch (YamlEngineException e) {
      throw new ConfigException(origin + ": not valid YAML: " + e.getMessage(), e);
    }
  }

  private static String at(String origin, Optional<Mark> mark) {
    return mark.map(m -> origin + ":" + (m.getLine() + 1)).orElse(origin);
  }

  private String place(Event event) {
    return lines ? at(origin, event.getStartMark()) : origin;
  }

  private Yaml document() {
    expect(Event.ID.StreamStart);
    Event event = events.next();
    if (event.getEventId() == Event.ID.StreamEnd) {
      return new Yaml.Mapping(origin, Map.of());
    }
    Yaml root = node(events.next(), 0);
    expect(Event.ID.DocumentEnd);
    Event next = events.next();
    if (next.getEventId() != Event.ID.StreamEnd) {
      throw new ConfigException(
          place(next) + ": a second document begins; a configuration is one, remove the '---'");
    }
    return root;
  }

  private void expect(Event.ID id) {
    Event event = events.next();
    if (event.getEventId() != id) {
      throw new IllegalStateException("the parser gave " + event + " instead of " + id);
    }
  }

  private Yaml node(Event event, int level) {
    String place = place(event);
    if (level > MOST_LEVELS) {
      throw new ConfigException(place + ": more than " + MOST_LEVELS + " levels; nest less");
    }
    refuseSharing(event, place);
    return switch (event) {
      case ScalarEvent scalar -> scalar(scalar, place);
      case SequenceStartEvent list -> sequence(list, place, level);
      case MappingStartEvent map -> mapping(map, place, level);
      default -> throw new IllegalStateException("the parser gave " + event + " for a value");
    };
  }

  private static void refuseSharing(Event event, String place) {
    if (event.getEventId() == Event.ID.Alias) {
      throw new ConfigException(place + ": aliases (*name) are not supported; write the value out");
    }
    if (event instanceof NodeEvent node && node.getAnchor().isPresent()) {
      throw new ConfigException(place + ": anchors (&name) are not supported; remove it");
    }
  }

  private static void refuseTag(Optional<String> tag, String place) {
    if (tag.isPresent()) {
      throw new ConfigException(
          place + ": tags (" + Scalars.shown(tag.get()) + ") are not supported; remove it");
    }
  }

  private static Yaml.Scalar scalar(ScalarEvent event, String place) {
    refuseTag(event.getTag(), place);
    String text = event.getValue();
    if (text.codePoints().anyMatch(c -> Character.getType(c) == Character.SURROGATE)) {
      throw new ConfigException(place + ": half of a surrogate pair; it stands for no character");
    }
    return new Yaml.Scalar(place, text, event.getScalarStyle() == ScalarStyle.PLAIN);
  }

  private Yaml sequence(SequenceStartEvent start, String place, int level) {
    refuseTag(start.getTag(), place);
    List<Yaml> elements = new ArrayList<>();
    for (Event e = events.next(); e.getEventId() != Event.ID.SequenceEnd; e = events.next()) {
      elements.add(node(e, level + 1));
    }
    return new Yaml.Sequence(place, elements);
  }

  private Yaml mapping(MappingStartEvent start, String place, int level) {
    refuseTag(start.getTag(), place);
    Map<String, Yaml.Entry> entries = new LinkedHashMap<>();
    for (Event e = events.next(); e.getEventId() != Event.ID.MappingEnd; e = events.next()) {
      String where = place(e);
      refuseSharing(e, where);
      if (!(e instanceof ScalarEvent key)) {
        throw new ConfigException(where + ": a list or a section can't be a key");
      }
      String name = scalar(key, where).text();
      Yaml value = node(events.next(), level + 1);
      if (entries.put(name, new Yaml.Entry(where, name, value)) != null) {
        throw new ConfigException(
            where + ": the key '" + Scalars.shown(name) + "' is there twice; keep one");
      }
    }
    return new Yaml.Mapping(place, entries);
  }
}
