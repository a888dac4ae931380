import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.net.ServerSocket;
import java.net.Socket;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.LongStream;

/** Threads, a child process, files, a socket, the security providers. */
public class Work {
    public static void main(String[] args) throws Exception {
        System.out.println("stream " + LongStream.rangeClosed(1, 1_000_000).parallel().sum());
        var pool = Executors.newFixedThreadPool(4);
        Future<Integer> answer = pool.submit(() -> 6 * 7);
        System.out.println("pool " + answer.get());

        var process = new ProcessBuilder("sh", "-c", "echo child").start();
        System.out.print(new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
        process.waitFor();

        Path file = Files.createTempFile("work", ".txt");
        Files.writeString(file, "text");
        System.out.println("file " + Files.readString(file));

        try (var server = new ServerSocket(0)) {
            pool.submit(() -> {
                try (var client = server.accept()) {
                    client.getOutputStream().write("socket\n".getBytes(StandardCharsets.UTF_8));
                }
                return null;
            });
            try (var client = new Socket("localhost", server.getLocalPort())) {
                System.out.print(new String(client.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
            }
        }
        pool.shutdown();
        byte[] hash = MessageDigest.getInstance("SHA-256").digest("x".getBytes(StandardCharsets.UTF_8));
        System.out.println("sha256 " + HexFormat.of().formatHex(hash).substring(0, 8));
    }
}
