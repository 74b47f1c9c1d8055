// java Web HOW URL: for each line N on standard input N requests, each with a connection of its own; prints what they get.
// HOW: url (HttpURLConnection) or client (java.net.http.HttpClient, which uses NIO).

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;

public class Web {
	private static final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

	private static String byUrl(URI uri) throws IOException {
		try (InputStream body = uri.toURL().openStream()) {
			return new String(body.readAllBytes());
		}
	}

	private static String byClient(URI uri) throws IOException, InterruptedException {
		return client.send(HttpRequest.newBuilder(uri).build(), BodyHandlers.ofString()).body();
	}

	public static void main(String[] arguments) throws Exception {
		URI uri = URI.create(arguments[1]);
		BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
		for (String line = lines.readLine(); line != null; line = lines.readLine()) {
			for (int i = 0; i < Integer.parseInt(line); i++) {
				System.out.print(arguments[0].equals("url") ? byUrl(uri) : byClient(uri));
			}
			System.out.flush();
		}
		System.exit(0);
	}
}
