/* The limit of reading: counts records of a topic with librdkafka, and does nothing else.
 *
 *     counting BOOTSTRAP TOPIC GROUP RECORDS
 *
 * Prints one JSON line: records, bytes of their values, and when the first and the last batch came (seconds since
 * 1970). Linked against the library that confluent-kafka's wheel brings, whose headers it does not bring: what is
 * used of them is declared here, as librdkafka's public interface has it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct {
    int err;
    void *topic;
    int32_t partition;
    void *payload;
    size_t len;
    void *key;
    size_t key_len;
    int64_t offset;
    void *private_;
} rd_kafka_message_t;

enum { CONSUMER = 1, ANY_PARTITION = -1, BATCH = 1000, WAIT_MS = 20, PATIENCE_S = 60 };

void *rd_kafka_conf_new(void);
int rd_kafka_conf_set(void *conf, const char *name, const char *value, char *error, size_t error_size);
void *rd_kafka_new(int type, void *conf, char *error, size_t error_size);
int rd_kafka_poll_set_consumer(void *client);
void *rd_kafka_topic_partition_list_new(int size);
void *rd_kafka_topic_partition_list_add(void *list, const char *topic, int32_t partition);
int rd_kafka_subscribe(void *client, void *topics);
void *rd_kafka_queue_get_consumer(void *client);
ssize_t rd_kafka_consume_batch_queue(void *queue, int timeout_ms, rd_kafka_message_t **messages, size_t size);
void rd_kafka_message_destroy(rd_kafka_message_t *message);
int rd_kafka_consumer_close(void *client);

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: counting BOOTSTRAP TOPIC GROUP RECORDS\n");
        return 2;
    }
    const char *settings[][2] = {
        {"bootstrap.servers", argv[1]},   {"group.id", argv[3]},           {"auto.offset.reset", "earliest"},
        {"enable.auto.commit", "false"},  {"fetch.queue.backoff.ms", "5"}, {"queued.max.messages.kbytes", "65536"},
    };
    char error[512];
    void *conf = rd_kafka_conf_new();
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], error, sizeof error) != 0) {
            fprintf(stderr, "%s\n", error);
            return 1;
        }
    void *client = rd_kafka_new(CONSUMER, conf, error, sizeof error);
    if (client == NULL) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    rd_kafka_poll_set_consumer(client);
    void *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, argv[2], ANY_PARTITION);
    if (rd_kafka_subscribe(client, topics) != 0)
        return 1;

    void *queue = rd_kafka_queue_get_consumer(client);
    rd_kafka_message_t *messages[BATCH];
    long long records = 0, bytes = 0;
    double first = 0, last = now();
    for (long long wanted = atoll(argv[4]); records < wanted;) {
        ssize_t count = rd_kafka_consume_batch_queue(queue, WAIT_MS, messages, BATCH);
        if (count < 0 || (count == 0 && now() - last > PATIENCE_S))
            return 1;
        if (count == 0)
            continue;
        last = now();
        if (first == 0)
            first = last;
        for (ssize_t i = 0; i < count; i++) {
            if (messages[i]->err == 0) {
                records++;
                bytes += (long long)messages[i]->len;
            }
            rd_kafka_message_destroy(messages[i]);
        }
    }
    rd_kafka_consumer_close(client);
    printf("{\"records\": %lld, \"bytes\": %lld, \"first\": %.6f, \"last\": %.6f}\n", records, bytes, first, last);
    return 0;
}
