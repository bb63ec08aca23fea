import io.debezium.engine.ChangeEvent;
import io.debezium.engine.DebeziumEngine;
import io.debezium.engine.format.Json;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The rate of Debezium's embedded engine with JSON of each row.  Run twice: with 0 rows
 * it notes the schema and where the binlog stands (and prints nothing); then, when the
 * rows are there, it goes on from that place and prints rows and seconds, from the
 * first row to the last.
 *
 * Decode PORT DIRECTORY ROWS
 */
public class Decode {
	public static void main(String[] args) throws Exception {
		final String dir = args[1];
		final long wanted = Long.parseLong(args[2]);
		Properties p = new Properties();
		p.setProperty("name", "decode");
		p.setProperty("connector.class", "io.debezium.connector.mysql.MySqlConnector");
		p.setProperty("offset.storage", "org.apache.kafka.connect.storage.FileOffsetBackingStore");
		p.setProperty("offset.storage.file.filename", dir + "/offsets");
		p.setProperty("offset.flush.interval.ms", "100");
		p.setProperty("schema.history.internal", "io.debezium.storage.file.history.FileSchemaHistory");
		p.setProperty("schema.history.internal.file.filename", dir + "/history");
		p.setProperty("topic.prefix", "bench");
		p.setProperty("database.hostname", "127.0.0.1");
		p.setProperty("database.port", args[0]);
		p.setProperty("database.user", "root");
		p.setProperty("database.password", "");
		p.setProperty("database.server.id", "4000001");
		p.setProperty("database.include.list", "bench");
		p.setProperty("snapshot.mode", "no_data");
		p.setProperty("include.schema.changes", "false");
		p.setProperty("key.converter.schemas.enable", "false");
		p.setProperty("value.converter.schemas.enable", "false");
		// what its documentation advises for throughput
		p.setProperty("max.batch.size", "20480");
		p.setProperty("max.queue.size", "81920");
		p.setProperty("poll.interval.ms", "10");

		final AtomicLong rows = new AtomicLong();
		final AtomicLong first = new AtomicLong();
		final AtomicLong last = new AtomicLong();
		final CountDownLatch done = new CountDownLatch(1);
		final CountDownLatch streaming = new CountDownLatch(1);
		DebeziumEngine<ChangeEvent<String, String>> engine = DebeziumEngine.create(Json.class).using(p)
			.using(new DebeziumEngine.ConnectorCallback() {
				@Override
				public void pollingStarted() {
					streaming.countDown();
				}
			})
			.notifying((List<ChangeEvent<String, String>> records,
					DebeziumEngine.RecordCommitter<ChangeEvent<String, String>> committer) -> {
				first.compareAndSet(0, System.nanoTime());
				for (ChangeEvent<String, String> r : records) {
					if (r.destination().startsWith("bench.bench.") && r.value() != null) {
						rows.incrementAndGet();
					}
					committer.markProcessed(r);
				}
				committer.markBatchFinished();
				last.set(System.nanoTime());
				if (wanted > 0 ? rows.get() >= wanted : rows.get() > 0) {
					done.countDown();
				}
			}).build();
		ExecutorService executor = Executors.newSingleThreadExecutor();
		executor.execute(engine);
		boolean ok = done.await(wanted > 0 ? 600 : 60, TimeUnit.SECONDS);
		engine.close();
		executor.shutdown();
		executor.awaitTermination(30, TimeUnit.SECONDS);
		if (!ok) {
			System.err.println("only " + rows.get() + " rows");
			System.exit(1);
		}
		System.out.println(rows.get() + " " + (last.get() - first.get()) / 1e9);
		System.exit(0);
	}
}
