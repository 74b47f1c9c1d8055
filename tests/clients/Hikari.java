import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Hikari HOST SIZE: a HikariCP pool of SIZE connections of pgjdbc, with the shortest maxLifetime there is, 30 s. For the
 * first line on stdin: what the server at the other end of each says of itself. For each line after it: the same, as
 * soon as all have been replaced.
 */
class Hikari {
	private static Set<String> sessions = new HashSet<>();
	private static List<String> servers = new ArrayList<>();

	private static void look(HikariDataSource pool, int size) throws Exception {
		List<Connection> all = new ArrayList<>();
		sessions = new HashSet<>();
		servers = new ArrayList<>();
		for (int i = 0; i < size; i++)
			all.add(pool.getConnection());
		for (Connection connection : all) {
			try (Statement statement = connection.createStatement();
			     ResultSet answer = statement.executeQuery(
				     "SELECT current_setting('cluster_name'), pg_backend_pid()")) {
				answer.next();
				servers.add(answer.getString(1));
				sessions.add(answer.getString(1) + " " + answer.getString(2));
			}
		}
		for (Connection connection : all)
			connection.close();
	}

	public static void main(String[] args) throws Exception {
		int size = Integer.parseInt(args[1]);
		HikariConfig config = new HikariConfig();
		config.setJdbcUrl("jdbc:postgresql://" + args[0] + "/postgres");
		config.setUsername("postgres");
		config.setMaximumPoolSize(size);
		config.setMaxLifetime(30000);
		config.setConnectionTimeout(60000);
		BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
		try (HikariDataSource pool = new HikariDataSource(config)) {
			while (lines.readLine() != null) {
				Set<String> before = sessions;
				look(pool, size);
				while (sessions.stream().anyMatch(before::contains)) {
					Thread.sleep(200);
					look(pool, size);
				}
				for (String server : servers)
					System.out.println(server);
			}
		}
	}
}
