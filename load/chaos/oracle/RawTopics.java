import java.io.BufferedWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Writes what a read_committed consumer of Kafka's own client sees of whole topics to a file, tab separated, bytes in base64, "-" for null:
 *
 *   P topic partition first end committed    one line for each partition, first
 *   R topic partition offset timestamp key value headers
 *   X topic partition stable end    a transaction is still open after the time in which the broker should have ended it
 *
 * Headers are name:value pairs, both in base64, divided by commas. Arguments: bootstrap, file, partitions, seconds to wait for open
 * transactions, then TOPIC or TOPIC=GROUP for each topic, in the order in which they are read.
 */
public class RawTopics {
  public static void main(String[] args) throws Exception {
    String bootstrap = args[0];
    int partitions = Integer.parseInt(args[2]);
    long waitMs = 1000L * Integer.parseInt(args[3]);
    List<String> topics = new ArrayList<>();
    Map<String, String> groups = new HashMap<>();
    for (int i = 4; i < args.length; i++) {
      String[] parts = args[i].split("=", 2);
      topics.add(parts[0]);
      if (parts.length > 1) groups.put(parts[0], parts[1]);
    }
    Properties common = new Properties();
    common.put("bootstrap.servers", bootstrap);
    try (BufferedWriter out = Files.newBufferedWriter(Path.of(args[1]), StandardCharsets.US_ASCII);
        Admin admin = Admin.create(common);
        KafkaConsumer<byte[], byte[]> consumer = consumer(common)) {
      Map<String, Map<TopicPartition, Long>> ends = new HashMap<>();
      for (String topic : topics) {
        List<TopicPartition> all = partitionsOf(topic, partitions);
        Map<TopicPartition, Long> end = settledEnds(admin, all, waitMs, out);
        Map<TopicPartition, Long> first = consumer.beginningOffsets(all);
        Map<TopicPartition, OffsetAndMetadata> committed =
            groups.containsKey(topic)
                ? admin.listConsumerGroupOffsets(groups.get(topic)).partitionsToOffsetAndMetadata().get()
                : Map.of();
        for (TopicPartition place : all) {
          OffsetAndMetadata offset = committed.get(place);
          line(out, "P", topic, place.partition(), first.get(place), end.get(place), offset == null ? "-" : offset.offset());
        }
        ends.put(topic, end);
      }
      for (String topic : topics) dump(consumer, ends.get(topic), out);
    }
  }

  static KafkaConsumer<byte[], byte[]> consumer(Properties common) {
    Properties settings = new Properties();
    settings.putAll(common);
    settings.put("isolation.level", "read_committed");
    settings.put("enable.auto.commit", "false");
    settings.put("auto.offset.reset", "none");
    settings.put("max.poll.records", "5000");
    settings.put("allow.auto.create.topics", "false");
    return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  static List<TopicPartition> partitionsOf(String topic, int partitions) {
    List<TopicPartition> all = new ArrayList<>();
    for (int partition = 0; partition < partitions; partition++) all.add(new TopicPartition(topic, partition));
    return all;
  }

  /** The ends for committed reads, once nothing is open below the end. */
  static Map<TopicPartition, Long> settledEnds(Admin admin, List<TopicPartition> all, long waitMs, BufferedWriter out)
      throws Exception {
    long until = System.currentTimeMillis() + waitMs;
    while (true) {
      Map<TopicPartition, Long> stable = latest(admin, all, IsolationLevel.READ_COMMITTED);
      Map<TopicPartition, Long> end = latest(admin, all, IsolationLevel.READ_UNCOMMITTED);
      if (stable.equals(end)) return stable;
      if (System.currentTimeMillis() > until) {
        for (TopicPartition place : all) {
          if (stable.get(place).equals(end.get(place))) continue;
          line(out, "X", place.topic(), place.partition(), stable.get(place), end.get(place));
        }
        return stable;
      }
      Thread.sleep(200);
    }
  }

  static Map<TopicPartition, Long> latest(Admin admin, List<TopicPartition> all, IsolationLevel level) throws Exception {
    Map<TopicPartition, OffsetSpec> wanted = new HashMap<>();
    for (TopicPartition place : all) wanted.put(place, OffsetSpec.latest());
    Map<TopicPartition, Long> found = new HashMap<>();
    admin.listOffsets(wanted, new ListOffsetsOptions(level)).all().get().forEach((place, info) -> found.put(place, info.offset()));
    return found;
  }

  static void dump(KafkaConsumer<byte[], byte[]> consumer, Map<TopicPartition, Long> ends, BufferedWriter out)
      throws Exception {
    consumer.assign(ends.keySet());
    consumer.seekToBeginning(ends.keySet());
    long idleSince = System.currentTimeMillis();
    while (!ends.entrySet().stream().allMatch((entry) -> consumer.position(entry.getKey()) >= entry.getValue())) {
      int seen = 0;
      for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
        seen++;
        if (record.offset() >= ends.get(new TopicPartition(record.topic(), record.partition()))) continue;
        line(out, "R", record.topic(), record.partition(), record.offset(), record.timestamp(),
            text(record.key()), text(record.value()), headers(record));
      }
      if (seen > 0) idleSince = System.currentTimeMillis();
      if (System.currentTimeMillis() - idleSince > 60_000) throw new Exception("nothing came for a minute: " + ends);
    }
  }

  static String headers(ConsumerRecord<byte[], byte[]> record) {
    StringBuilder all = new StringBuilder();
    for (Header header : record.headers()) {
      if (all.length() > 0) all.append(',');
      all.append(text(header.key().getBytes(StandardCharsets.UTF_8))).append(':').append(text(header.value()));
    }
    return all.length() == 0 ? "-" : all.toString();
  }

  /** An empty string is "=", which base64 never is. */
  static String text(byte[] bytes) {
    if (bytes == null) return "-";
    return bytes.length == 0 ? "=" : Base64.getEncoder().encodeToString(bytes);
  }

  static void line(BufferedWriter out, Object... parts) throws Exception {
    for (int i = 0; i < parts.length; i++) {
      if (i > 0) out.write('\t');
      out.write(String.valueOf(parts[i]));
    }
    out.write('\n');
  }
}
