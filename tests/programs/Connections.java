// java Connections URL N: N requests with HttpURLConnection, one after another, in one JVM.

import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URL;

public class Connections {
	public static void main(String[] arguments) throws Exception {
		URL url = new URL(arguments[0]);
		for (int i = 0; i < Integer.parseInt(arguments[1]); i++) {
			HttpURLConnection connection = (HttpURLConnection) url.openConnection();
			try (InputStream body = connection.getInputStream()) {
				System.out.write(body.readAllBytes());
			}
		}
		System.out.flush();
	}
}
