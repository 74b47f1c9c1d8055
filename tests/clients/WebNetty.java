// java WebNetty URL: for each line N on standard input N connections of Netty (NIO) that ask for URL; prints what they get.

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.nio.NioSocketChannel;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.nio.charset.StandardCharsets;

public class WebNetty {
	private static class Response extends SimpleChannelInboundHandler<ByteBuf> {
		private final StringBuilder text = new StringBuilder();

		@Override
		protected void channelRead0(ChannelHandlerContext context, ByteBuf data) {
			text.append(data.toString(StandardCharsets.US_ASCII));
		}

		@Override
		public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
			cause.printStackTrace();
			context.close();
		}
	}

	private static String get(Bootstrap bootstrap, URI uri) throws InterruptedException {
		Response response = new Response();
		String request = "GET " + uri.getPath() + " HTTP/1.1\r\nHost: " + uri.getAuthority() + "\r\n\r\n";
		Channel channel = bootstrap.clone().handler(response).connect(uri.getHost(), uri.getPort()).sync().channel();
		channel.writeAndFlush(Unpooled.copiedBuffer(request, StandardCharsets.US_ASCII));
		channel.closeFuture().sync();
		return response.text.substring(response.text.indexOf("\r\n\r\n") + 4);
	}

	public static void main(String[] arguments) throws Exception {
		URI uri = URI.create(arguments[0]);
		Bootstrap bootstrap = new Bootstrap().group(new NioEventLoopGroup(1)).channel(NioSocketChannel.class);
		BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
		for (String line = lines.readLine(); line != null; line = lines.readLine()) {
			for (int i = 0; i < Integer.parseInt(line); i++) {
				System.out.print(get(bootstrap, uri));
			}
			System.out.flush();
		}
		System.exit(0);
	}
}
