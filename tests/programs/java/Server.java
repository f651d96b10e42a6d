import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Counts its visitors: the number is kept in the data directory, the answer goes by way of a temporary file. */
public class Server {
    private static final Path VISITS = Path.of("/var/lib/counter/visits");

    public static void main(String[] arguments) throws IOException {
        Path answer = Files.createTempFile("answer", ".txt");
        int port = Integer.parseInt(System.getenv("PORT"));
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
        server.createContext("/", exchange -> {
            Files.writeString(VISITS, "x", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
            Files.writeString(answer, "visit " + Files.size(VISITS) + "\n");
            byte[] body = Files.readAllBytes(answer);
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
    }
}
