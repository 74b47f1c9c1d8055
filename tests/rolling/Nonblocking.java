// java Nonblocking HOST PORT RATE SECONDS: as blocking.c, with one Selector and SocketChannels that do not block.

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;

public class Nonblocking {
	static final long PATIENCE_MS = 5000;

	static class Visit {
		long startMs, untilMs;
		String stage = "connect";
		StringBuilder reply = new StringBuilder();
	}

	static String host;
	static int port, failed;
	static long beganMs, longestMs;
	static Selector selector;

	static long nowMs() {
		return System.nanoTime() / 1000000;
	}

	static void end(Visit visit, SocketChannel channel, String wrong) throws IOException {
		channel.close();
		longestMs = Math.max(longestMs, nowMs() - visit.startMs);
		if (wrong == null)
			return;
		failed++;
		System.out.println(visit.startMs - beganMs + " ms: " + visit.stage + ": " + wrong);
	}

	static void start() throws IOException {
		Visit visit = new Visit();
		visit.startMs = nowMs();
		visit.untilMs = visit.startMs + PATIENCE_MS;
		SocketChannel channel = SocketChannel.open();
		channel.configureBlocking(false);
		try {
			boolean made = channel.connect(new InetSocketAddress(host, port));
			SelectionKey key = channel.register(selector, SelectionKey.OP_CONNECT, visit);
			if (made)
				step(key);
		} catch (IOException error) {
			end(visit, channel, error.getMessage());
		}
	}

	static void step(SelectionKey key) throws IOException {
		Visit visit = (Visit) key.attachment();
		SocketChannel channel = (SocketChannel) key.channel();
		try {
			if (visit.stage.equals("connect")) {
				if (!channel.finishConnect())
					return;
				visit.stage = "reply";
				visit.untilMs = nowMs() + PATIENCE_MS;
				channel.write(ByteBuffer.wrap("GET /address HTTP/1.0\r\n\r\n".getBytes()));
				key.interestOps(SelectionKey.OP_READ);
				return;
			}
			ByteBuffer buffer = ByteBuffer.allocate(1024);
			if (channel.read(buffer) < 0)
				end(visit, channel, visit.reply.indexOf("\r\n\r\n") < 0 ? "none" : null);
			else
				visit.reply.append(StandardCharsets.US_ASCII.decode(buffer.flip()));
		} catch (IOException error) {
			end(visit, channel, error.getMessage());
		}
	}

	public static void main(String[] arguments) throws Exception {
		host = arguments[0];
		port = Integer.parseInt(arguments[1]);
		int rate = Integer.parseInt(arguments[2]);
		int total = rate * Integer.parseInt(arguments[3]), next = 0;
		selector = Selector.open();
		System.out.println("begins");
		beganMs = nowMs() + 100;
		while (next < total || !selector.keys().isEmpty()) {
			long wait = next < total ? beganMs + next * 1000L / rate - nowMs() : 50;
			if (wait > 0)
				selector.select(Math.min(wait, 50));
			else
				selector.selectNow();
			for (SelectionKey key : selector.selectedKeys())
				step(key);
			selector.selectedKeys().clear();
			for (SelectionKey key : new ArrayList<>(selector.keys())) {
				Visit visit = (Visit) key.attachment();
				if (key.isValid() && nowMs() >= visit.untilMs)
					end(visit, (SocketChannel) key.channel(), "timed out");
			}
			for (; next < total && nowMs() >= beganMs + next * 1000L / rate; next++)
				start();
		}
		System.out.println("made " + total + " failed " + failed + " longest " + longestMs + " ms");
	}
}
